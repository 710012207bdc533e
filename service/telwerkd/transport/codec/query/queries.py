"""From `telwerk.v1` queries to the application's: every field is validated, and the first that is wrong is named."""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.application.query.question import (
    Automatic,
    Filter,
    Ids,
    Order,
    OrderMeasure,
    Page,
    PreviousPeriod,
    Query,
    RowPosition,
    Top,
    Topics,
)
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.rates import RateInfo, asked_by_id
from telwerkd.domain.catalogue.specs import TIMES_OF_WEEK, Dimension, ValueKind
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError, Reason
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS, Granularity
from telwerkd.domain.time.ranges import DateRange, QuarterHourRange, Range
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.fields import FieldError, FieldReader, calendar_date, checked, choices, instant
from telwerkd.transport.codec.values import decode_topics, decode_value

QueryRequest: TypeAlias = pb.QueryTimeSeriesRequest | pb.QueryTotalsRequest

KPIS_MAX = 40
"""More than there are KPIs and rates: each may be asked for once."""

PAGE_SIZE_MAX = 1_000
TOP_MAX = 1_000
PERCENTILES_MAX = 10


def decode_query(request: QueryRequest, fields: FieldReader, now: Micros) -> Query:
    """Returns the query of a time series or of totals, which is asked at `now`.

    Raises:
        InvalidArgumentError: a field is wrong.
    """
    kpis = _kpis(request.kpi_ids)
    order = _order(request, kpis)
    query = Query(
        AccountId(fields.id("account_id", request.account_id)),
        kpis,
        decode_range(request.range),
        _granularity(request),
        request.time_zone or None,
        decode_filter(request.filter, fields),
        _group_by(request.group_by, totals=isinstance(request, pb.QueryTotalsRequest)),
        _comparison(request),
        order,
        _top(request.top, kpis[order.kpi]) if request.HasField("top") else None,
        _page(request),
        request.include_names,
        _percentiles(request.percentiles),
        request.include_histogram,
        _as_of(request, now),
    )
    if query.top and query.page:
        raise FieldError("top", "excludes paging: ask for the largest, or for one page after the other")
    return query


def _as_of(request: QueryRequest, now: Micros) -> Micros | None:
    if not request.HasField("as_of"):
        return None
    as_of = instant("as_of", request.as_of)
    if as_of > now:
        raise FieldError("as_of", "must not lie in the future: what will be known by then is not known yet")
    return as_of


def _granularity(request: QueryRequest) -> Granularity | Automatic | None:
    if isinstance(request, pb.QueryTotalsRequest):
        return None
    if request.granularity == pb.GRANULARITY_AUTO:
        return Automatic.AUTOMATIC
    try:
        return Granularity(request.granularity)
    except ValueError:
        raise FieldError(
            "granularity", f"{request.granularity} is not one of {choices(pb.Granularity.keys())}"
        ) from None


def _comparison(request: QueryRequest) -> Range | PreviousPeriod | None:
    if not request.HasField("compare_to"):
        return None
    if isinstance(request, pb.QueryTimeSeriesRequest) and request.sparse:
        raise FieldError("sparse", "excludes `compare_to`: bucket is compared with bucket, so every one is needed")
    match request.compare_to.WhichOneof("period"):
        case "previous_period":
            if not request.compare_to.previous_period:
                raise FieldError("compare_to.previous_period", "must be true, or left out with all of `compare_to`")
            return PreviousPeriod.PREVIOUS
        case "range":
            return decode_range(request.compare_to.range, "compare_to.range")
        case _:
            raise FieldError("compare_to", "`previous_period` or a `range` is required")


def _order(request: QueryRequest, kpis: Sequence[KpiInfo]) -> Order:
    message = request.order_by
    index = 0
    if message.kpi_id:
        ids = [info.id for info in kpis]
        if message.kpi_id not in ids:
            raise FieldError("order_by.kpi_id", f"must be one of those asked for: {', '.join(ids)}")
        index = ids.index(message.kpi_id)
    percentile = _percentile_of_order(message)
    if not message.measure:
        if request.HasField("top"):
            largest = OrderMeasure.RATE if isinstance(kpis[index], RateInfo) else OrderMeasure.COUNT
            return Order(largest, descending=True, kpi=index)
        return Order(OrderMeasure.KEY, message.descending, index)
    try:
        measure = OrderMeasure(message.measure)
    except ValueError:
        known = choices(pb.OrderMeasure.keys())
        raise FieldError("order_by.measure", f"{message.measure} is not one of {known}") from None
    return Order(measure, message.descending, index, percentile)


def _percentile_of_order(message: pb.OrderBy) -> float | None:
    if (message.measure == pb.ORDER_MEASURE_PERCENTILE) != message.HasField("percentile"):
        raise FieldError("order_by.percentile", "belongs to the measure `percentile`, and is required with it")
    if not message.HasField("percentile"):
        return None
    return _percentile("order_by.percentile", message.percentile)


def _percentiles(wanted: Sequence[float]) -> tuple[float, ...]:
    """Returns the requested percentiles, checked.

    Raises:
        InvalidArgumentError: one is no percentile, or repeated.
        LimitExceededError: there are too many.
    """
    if len(wanted) > PERCENTILES_MAX:
        raise LimitExceededError("percentiles", f"at most {PERCENTILES_MAX} percentiles are answered at once")
    checked_ = tuple(_percentile(f"percentiles[{i}]", percentile) for i, percentile in enumerate(wanted))
    if len(set(checked_)) < len(checked_):
        raise FieldError("percentiles", "each percentile may be named once")
    return checked_


def _percentile(field: str, percentile: float) -> float:
    if not 0 <= percentile <= 1:  # NaN is neither
        what = f"must be from 0 to 1 (0.9 is the ninetieth percentile), is {percentile}"
        raise InvalidArgumentError.of(field, what, Reason.INVALID_PERCENTILE)
    return percentile


def _top(message: pb.Top, decisive: KpiInfo) -> Top:
    if not 1 <= message.count <= TOP_MAX:
        raise FieldError("top.count", f"must be from 1 to {TOP_MAX}, is {message.count}")
    if message.min_below < 0:
        raise FieldError("top.min_below", f"must not be negative, is {message.min_below}")
    if message.min_below and not isinstance(decisive, RateInfo):
        raise FieldError("top.min_below", f"is for rates, which have something below the line; {decisive.id} is none")
    return Top(message.count, message.include_rest, message.min_below)


def _page(request: QueryRequest) -> Page | None:
    size = decode_page_size(request.page_size)
    if not request.page_token:
        return Page(size) if size else None
    after = page_tokens.decode(request, request.page_token, RowPosition)
    if len(after.key) != len(request.group_by):
        raise page_tokens.refused("is not a token of this server")
    return Page(size or PAGE_SIZE_MAX, after)


def decode_page_size(size: int) -> int:
    """Returns the page size, checked; 0 where the request has none.

    Raises:
        FieldError: it is out of range.
    """
    if not 0 <= size <= PAGE_SIZE_MAX:
        raise FieldError("page_size", f"must be from 1 to {PAGE_SIZE_MAX}, is {size}")
    return size


def _kpis(ids: Sequence[str]) -> tuple[KpiInfo, ...]:
    """Returns the KPIs of a query.

    Raises:
        InvalidArgumentError: there are none, or one is unknown or repeated.
    """
    if not ids:
        raise FieldError("kpi_ids", "at least one KPI is required")
    if len(ids) > KPIS_MAX:
        raise FieldError("kpi_ids", f"names {len(ids)}, at most {KPIS_MAX} are answered at once")
    if len(set(ids)) < len(ids):
        raise FieldError("kpi_ids", "each KPI may be named once")
    return tuple(asked_by_id(kpi_id) for kpi_id in ids)


def decode_range(message: pb.TimeRange, field: str = "range") -> Range:
    """Returns a range of time; `field` is its path in the request.

    Raises:
        InvalidArgumentError: the bounds are no valid range.
    """
    match message.WhichOneof("bounds"):
        case "instants":
            start = _quarter_hour(field, message.instants, "start_time")
            end = _quarter_hour(field, message.instants, "end_time")
            if end <= start:
                raise FieldError(f"{field}.instants.end_time", "must be later than the start")
            return QuarterHourRange(start, end)
        case "dates":
            first = calendar_date(f"{field}.dates.start_date", message.dates.start_date)
            last = calendar_date(f"{field}.dates.end_date", message.dates.end_date)
            if last <= first:
                raise FieldError(f"{field}.dates.end_date", "must be later than the start")
            return DateRange(first, last)
        case _:
            raise FieldError(field, "instants or dates are required")


def _quarter_hour(range_field: str, message: pb.InstantRange, name: Literal["start_time", "end_time"]) -> int:
    field = f"{range_field}.instants.{name}"
    if not message.HasField(name):
        raise FieldError(field, "is required")
    quarter_hour, rest = divmod(instant(field, getattr(message, name)), QUARTER_HOUR_MICROS)
    if rest:
        raise FieldError(field, "must lie on a quarter of an hour: that is the resolution of the counters")
    return quarter_hour


def _group_by(numbers: Sequence[int], *, totals: bool) -> tuple[Dimension, ...]:
    dimensions: list[Dimension] = []
    for i, number in enumerate(numbers):
        try:
            dimension = Dimension(number)
        except ValueError:
            raise FieldError(f"group_by[{i}]", f"{number} is not one of {choices(pb.Dimension.keys())}") from None
        if dimension in TIMES_OF_WEEK and not totals:
            raise FieldError(
                f"group_by[{i}]",
                f"{dimension.name} is for totals: a time series has buckets of its own, by its granularity",
            )
        if dimension in dimensions:
            raise FieldError(f"group_by[{i}]", f"{dimension.name} is there twice")
        dimensions.append(dimension)
    if {Dimension.VALUE, Dimension.TOPIC} <= set(dimensions):
        raise FieldError("group_by", "value and topic exclude each other: exact sets add up, single topics overlap")
    if {Dimension.VALUE, Dimension.QUESTION} <= set(dimensions):
        raise FieldError("group_by", "value and question exclude each other: a value names its question")
    return tuple(dimensions)


def decode_filter(message: pb.Filter, fields: FieldReader) -> Filter:
    """Returns the filter of a query.

    Raises:
        FieldError: a condition is wrong, or contradicts another.
    """
    values, kinds = _values("filter.values", message.values, fields)
    return Filter(
        _ids("filter.operators", message.operators, fields.optional_id),
        _ids("filter.operator_groups", message.operator_groups, fields.optional_id),
        _ids("filter.widgets", message.widgets, fields.id),
        values,
        kinds,
        _topics("filter.topics", message.topics, fields),
        _ids("filter.questions", message.questions, fields.id),
    )


def _ids(field: str, message: pb.IdFilter, check: Callable[[str, str], str]) -> Ids:
    """Returns the condition on ids. The empty id is "nobody" where `check` accepts it."""
    any_of = checked(f"{field}.any_of", message.any_of, check)
    none_of = checked(f"{field}.none_of", message.none_of, check)
    _check_disjoint(field, "any_of", any_of, none_of)
    return Ids(frozenset(any_of), frozenset(none_of))


def _topics(field: str, message: pb.TopicFilter, fields: FieldReader) -> Topics:
    any_of = checked(f"{field}.any_of", message.any_of, fields.id)
    all_of = checked(f"{field}.all_of", message.all_of, fields.id)
    none_of = checked(f"{field}.none_of", message.none_of, fields.id)
    _check_disjoint(field, "any_of", any_of, none_of)
    _check_disjoint(field, "all_of", all_of, none_of)
    exactly: list[str] = []
    if message.HasField("exactly"):
        exactly = decode_topics(f"{field}.exactly", message.exactly, fields)
        if any_of or all_of or none_of:
            raise FieldError(f"{field}.exactly", "excludes the other conditions on topics")
    return Topics(frozenset(any_of), frozenset(all_of), frozenset(none_of), frozenset(exactly))


def _values(field: str, message: pb.ValueFilter, fields: FieldReader) -> tuple[Ids, frozenset[ValueKind]]:
    """Returns the condition on values, and the kinds of value in it."""
    kinds: set[ValueKind] = set()

    def decode(path: str, value: pb.Value) -> str:
        kind, decoded = decode_value(path, value, fields)
        kinds.add(kind)
        return decoded

    any_of = checked(f"{field}.any_of", message.any_of, decode)
    none_of = checked(f"{field}.none_of", message.none_of, decode)
    if len(kinds) == 1:  # else what looks equal may be of two kinds, which is refused later
        _check_disjoint(field, "any_of", any_of, none_of)
    return Ids(frozenset(any_of), frozenset(none_of)), frozenset(kinds)


def _check_disjoint(field: str, name: str, wanted: Sequence[str], unwanted: Sequence[str]) -> None:
    if both := set(wanted) & set(unwanted):
        raise FieldError(field, f"{min(both)!r} is both wanted ({name}) and unwanted (none_of)")
