"""Checks that a query suits the catalogue, before anything else is done."""

from collections.abc import Iterator

from telwerkd.application.query.question import NEEDS_COMPARISON, NEEDS_MEAN, NEEDS_RATE, Filter, OrderMeasure, Query
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.rates import RateInfo
from telwerkd.domain.catalogue.specs import TIMES_OF_WEEK, Dimension
from telwerkd.domain.counting.measures import has_durations
from telwerkd.domain.errors import InvalidArgumentError, Part, Reason


def check(query: Query) -> None:
    """Checks that every KPI has the dimensions and the kind of values that the query uses, and the order its numbers.

    Raises:
        InvalidArgumentError: one has not.
    """
    for info in query.kpis:
        _check_kpi(query, info)
    chosen = query.top or query.page or query.order.measure is not OrderMeasure.KEY
    if chosen and Dimension.VALUE in query.group_by and len({info.value_kind for info in query.kpis}) > 1:
        raise InvalidArgumentError.of(
            Part.GROUPING,
            "the KPIs have values of different kinds, which have no order in common: ask for each by itself, or in the "
            "order of keys",
        )
    measure, decisive = query.order.measure, query.kpis[query.order.kpi]
    if measure in NEEDS_COMPARISON and query.compare_to is None:
        raise InvalidArgumentError.of(Part.ORDER_MEASURE, f"{measure.name.lower()} needs `compare_to`")
    if measure in NEEDS_MEAN and not decisive.has_mean:
        raise InvalidArgumentError.of(
            Part.ORDER_MEASURE, f"{decisive.id} has no mean: order by key, count, count_delta or count_change"
        )
    if measure in NEEDS_RATE and not isinstance(decisive, RateInfo):
        raise InvalidArgumentError.of(
            Part.ORDER_MEASURE, f"{decisive.id} is no rate: order by key, count, count_delta or count_change"
        )
    if measure is OrderMeasure.PERCENTILE:
        _check_durations(decisive, Part.ORDER_MEASURE)


def _check_durations(info: KpiInfo, part: Part) -> None:
    if not has_durations(info.kpi):
        raise InvalidArgumentError.of(
            part,
            f"{info.id} counts no durations, so it has no percentiles and no histogram: ask for it without",
            Reason.NO_DURATIONS,
        )


def _check_kpi(query: Query, info: KpiInfo) -> None:
    if query.percentiles:
        _check_durations(info, Part.PERCENTILES)
    if query.include_histogram:
        _check_durations(info, Part.HISTOGRAM)
    used = {*query.group_by, *_filtered(query.filter)}
    missing = sorted(dimension.name.lower() for dimension in used - set(info.dimensions) - TIMES_OF_WEEK)
    if missing:
        has = ", ".join(dimension.name.lower() for dimension in info.dimensions)
        raise InvalidArgumentError.of(
            Part.GROUPING if set(query.group_by) - set(info.dimensions) - TIMES_OF_WEEK else Part.FILTER,
            f"{info.id} has no dimension {', '.join(missing)}; it has {has}",
            Reason.UNKNOWN_DIMENSION,
        )
    foreign = query.filter.value_kinds - {info.value_kind}
    if foreign:
        raise InvalidArgumentError.of(
            Part.FILTERED_VALUES,
            f"{info.id} has values of the kind {info.value_kind.name.lower()}, "
            f"not {', '.join(sorted(kind.name.lower() for kind in foreign))}",
        )


def _filtered(conditions: Filter) -> Iterator[Dimension]:
    for condition, dimension in (
        (conditions.operators, Dimension.OPERATOR),
        (conditions.groups, Dimension.OPERATOR_GROUP),
        (conditions.widgets, Dimension.WIDGET),
        (conditions.values, Dimension.VALUE),
        (conditions.topics, Dimension.TOPIC),
        (conditions.questions, Dimension.QUESTION),
    ):
        if condition:
            yield dimension
