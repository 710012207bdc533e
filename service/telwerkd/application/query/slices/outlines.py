"""Outlines: the slices of each KPI, with the selectors of their chunks, derived from the query alone."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

from telwerkd.application.ports import ChunkSelector
from telwerkd.application.query.question import Filter, Ids, Query
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.rates import SPLITS_ABOVE_ALONE, Term, above_value, below_the_line
from telwerkd.domain.catalogue.service_times import ServiceTimeInfo
from telwerkd.domain.catalogue.specs import Dimension
from telwerkd.domain.counting.cells import chunks_within
from telwerkd.domain.counting.counters import BY_GROUP, BY_OPERATOR, BY_VALUE, BY_WIDGET
from telwerkd.domain.counting.measures import COUNTED, HELD_BACK, SERVICE_TIME, Measure, has_open_values, measure_of
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.domain.time.week import WeekSpan

_LOOK_UPS_MAX = 1_000
"""Keys looked up in each chunk. Three lists of a thousand ids each would be a thousand million."""


class SliceOutline(NamedTuple):
    """A slice of one measure of one KPI in one period, with the selector of its chunks."""

    info: KpiInfo
    period: int
    """The index of its span."""
    selector: ChunkSelector
    """Without its limit on rows."""
    by_value: bool
    """Whether it is divided by open values, which producers choose."""
    conditions: Filter
    """The filter of the slice."""

    @property
    def names_ids(self) -> bool:
        """Whether chunks are looked up by the ids that the filter names."""
        return bool(self.selector.operators or self.selector.groups or self.selector.widgets or self.selector.values)


class KpiOutline(NamedTuple):
    """The slices of one KPI."""

    info: KpiInfo
    slices: tuple[SliceOutline, ...]
    """One for each period."""
    held_back: tuple[SliceOutline, ...]
    """The slices of held back facts in the first period; empty where the KPI holds nothing back."""
    below: tuple["KpiOutline", ...] = ()
    """For a rate: the slices of the denominator's KPIs."""
    by_widget: tuple[SliceOutline, ...] = ()
    """For a service time: the slices of it and its KPI in the first period, by widget."""

    def all_slices(self) -> Iterator[SliceOutline]:
        """Yields all slices, those of denominators included."""
        yield from self.slices
        yield from self.held_back
        yield from self.by_widget
        for kpi in self.below:
            yield from kpi.all_slices()


class Outline(NamedTuple):
    """The slices of a query, independent of the account's data."""

    query: Query
    zone: ZoneInfo
    spans: list[QuarterHourRange]
    granularity: Granularity | None
    """The width of the buckets of all spans; None for totals."""
    bucket_counts: list[int]
    """An upper bound of the number of buckets of each span."""
    week: tuple[WeekSpan, ...]
    """The stretches of the week's cells in each span; empty for a query without time of the week."""
    kpis: list[KpiOutline]
    names_ids: bool
    """Whether any chunks are looked up by the ids that the filter names."""
    by_value: bool
    """Whether anything is read by values that producers choose, of which there may be thousands."""
    reads_settings: bool
    """Whether the settings of all widgets are read."""
    cost: int
    """What the query costs whatever its account holds (`cost`)."""


def kpi_outline(query: Query, info: KpiInfo, spans: Sequence[QuarterHourRange]) -> KpiOutline:
    """Returns what a query reads of a KPI in each of the spans."""
    query = _of_value(query, above_value(info))
    by_value = has_open_values(info.kpi) and _uses_values(query)

    def slice_outline(measure: Measure, period: int) -> SliceOutline:
        selector = _selector(query, measure, spans[period], by_value=by_value)
        return SliceOutline(info, period, selector, by_value, query.filter)

    held_back = (slice_outline(HELD_BACK[info.kpi], 0),) if info.is_held_back else ()
    slices = tuple(slice_outline(measure_of(info), period) for period in range(len(spans)))
    below = tuple(kpi_outline(_below_of(query, term), term.info, spans) for term in below_the_line(info))
    return KpiOutline(info, slices, held_back, below, _by_widget(query, info, spans[0]))


def _by_widget(query: Query, info: KpiInfo, span: QuarterHourRange) -> tuple[SliceOutline, ...]:
    """Returns the slices that show which widgets have durations without service time (R-SERVICE-7)."""
    if not isinstance(info, ServiceTimeInfo):
        return ()
    query = query._replace(group_by=(Dimension.WIDGET,))
    selectors = [
        _selector(query, measure, span, by_value=False) for measure in (SERVICE_TIME[info.kpi], COUNTED[info.kpi])
    ]
    return tuple(SliceOutline(info, 0, selector, by_value=False, conditions=query.filter) for selector in selectors)


def _of_value(query: Query, value: str) -> Query:
    """Returns the query restricted to one value; unchanged for an empty one."""
    return query._replace(filter=query.filter._replace(values=Ids(frozenset({value})))) if value else query


def _below_of(query: Query, term: Term) -> Query:
    """Returns the query of a denominator's KPI, without the filters and groupings that only the numerator has."""
    conditions = query.filter
    shared = Filter(conditions.operators, conditions.groups, conditions.widgets)
    group_by = tuple(dimension for dimension in query.group_by if dimension not in SPLITS_ABOVE_ALONE)
    return _of_value(query._replace(filter=shared, group_by=group_by), term.value)


_VALUE_DIMENSIONS = frozenset({Dimension.VALUE, Dimension.TOPIC, Dimension.QUESTION})


def _uses_values(query: Query) -> bool:
    conditions = query.filter
    filters = bool(conditions.values or conditions.topics or conditions.questions)
    return filters or not _VALUE_DIMENSIONS.isdisjoint(query.group_by)


def _selector(query: Query, measure: Measure, span: QuarterHourRange, *, by_value: bool) -> ChunkSelector:
    conditions = query.filter
    operators, groups, widgets, values = _looked_up(
        conditions.operators.any_of,
        conditions.groups.any_of,
        conditions.widgets.any_of,
        conditions.values.any_of if by_value else frozenset(),
    )
    grouping = _grouping(conditions, query.group_by) | (BY_VALUE if by_value else 0)
    chunks = chunks_within(span.start, span.end)
    return ChunkSelector(measure, grouping, chunks.start, chunks.stop - 1, operators, groups, widgets, values)


def _looked_up(*lists: frozenset[str]) -> list[frozenset[str]]:
    """Returns the lists of ids that are looked up by key: each id of one with each of the others, if not too many.

    The other lists come out empty. They are not forgotten: the conditions hold for every row that is read.
    """
    combinations, kept = 1, [frozenset[str]()] * len(lists)
    for index, ids in sorted(enumerate(lists), key=lambda placed: len(placed[1])):
        if ids and combinations * len(ids) <= _LOOK_UPS_MAX:
            combinations *= len(ids)
            kept[index] = ids
    return kept


_BITS = {Dimension.OPERATOR: BY_OPERATOR, Dimension.OPERATOR_GROUP: BY_GROUP, Dimension.WIDGET: BY_WIDGET}


def _grouping(conditions: Filter, group_by: Sequence[Dimension]) -> int:
    filtered = (
        (Dimension.OPERATOR, conditions.operators),
        (Dimension.OPERATOR_GROUP, conditions.groups),
        (Dimension.WIDGET, conditions.widgets),
    )
    return sum(_BITS[dimension] for dimension, condition in filtered if condition or dimension in group_by)
