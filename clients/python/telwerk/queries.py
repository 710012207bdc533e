"""Queries, from plain Python values.

    from datetime import date
    from telwerk import Telwerk, queries

    january = {"start": date(2026, 1, 1), "end": date(2026, 2, 1)}
    with Telwerk() as telwerk:
        busiest, ratings = telwerk.batch("acme", [
            queries.totals("feedback_count", **january, group_by=["operator"], order_by="-count", top=3),
            queries.series("satisfaction_score", **january, compare_to="previous"),
        ])

The options of a query are the same wherever one is asked: `Telwerk.series`, `totals`, their `_pages`, `watch`, `batch`.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Final, Literal, TypeAlias, TypedDict, Unpack

from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1.kpi_service_pb2 import (
    BatchedQuery,
    BatchQueryRequest,
    CalendarDate,
    Comparison,
    DateRange,
    Dimension,
    ExplainCountRequest,
    Filter,
    Granularity,
    InstantRange,
    ListDimensionValuesRequest,
    OrderBy,
    OrderMeasure,
    QueryTimeSeriesRequest,
    QueryTimeSeriesResponse,
    QueryTotalsRequest,
    TimeRange,
    Top,
)

Moment: TypeAlias = date | datetime
"""A date, which begins in the query's time zone; or an instant with a time zone, on a quarter of an hour."""

GranularityName: TypeAlias = Literal["quarter_hour", "hour", "day", "week", "month", "quarter", "year"]
"""The width of a bucket."""

AskedGranularity: TypeAlias = Literal["quarter_hour", "hour", "day", "week", "month", "quarter", "year", "auto"]
"""The same, or that it follows from the length of the range: the answer's `granularity` says which it is."""

DimensionName: TypeAlias = Literal[
    "operator", "operator_group", "widget", "value", "topic", "question", "weekday", "hour_of_day",
]  # fmt: skip
"""What KPIs can be grouped by; by the last two in totals only."""

OrderName: TypeAlias = Literal[
    "key", "count", "sum", "mean", "count_delta", "count_change", "mean_delta", "rate", "rate_delta",
    "-key", "-count", "-sum", "-mean", "-count_delta", "-count_change", "-mean_delta",
    "-rate", "-rate_delta", "percentile", "-percentile",
]  # fmt: skip
"""By what rows are ordered; with a minus the largest comes first. See `OrderMeasure`."""

Query: TypeAlias = QueryTimeSeriesRequest | QueryTotalsRequest
"""One question of a batch."""


class RangeOptions(TypedDict):
    """From `start` up to, not including, `end`: two dates or two instants."""

    start: Moment
    end: Moment


class SliceOptions(RangeOptions, total=False):
    """What is counted: when, in which time zone (an IANA name; absent: the account's), and of whom."""

    time_zone: str
    where: Filter | None


class ExplainOptions(SliceOptions, total=False):
    """`page_size`: conversations that are asked for at once, 1 to 1,000. `include_names`: with display names."""

    page_size: int
    include_names: bool


class TotalsOptions(SliceOptions, total=False):
    """Beyond the slice: a row for each combination that is grouped by.

    - `compare_to`: "previous" for the period just before, or another period's start and end.
    - `order_by`: "-count" for the largest first; `order_kpi` says whose numbers decide among several KPIs.
    - `top`: only so many rows, 1 to 1,000, and with `include_rest` one more for all the others. Of a rate, `min_below`
      leaves out rows with fewer below the line.
    - `page_size` and `page_token`: one page, and which; to have them all, see `totals_pages` and `series_pages`.
    - `include_names`: the answer carries the display names of its ids; `telwerk.names.Names` looks them up.
    - `percentiles`, 0.5 for the median, and `include_histogram`: of KPIs with durations, in milliseconds.
      `order_percentile` says which one `order_by="percentile"` means.
    - `as_of`: what was known at that instant, from the log of events; not of a watch.
    """

    group_by: Iterable[DimensionName]
    compare_to: "ComparedTo | None"
    order_by: OrderName | None
    order_kpi: str
    top: int | None
    include_rest: bool
    min_below: int
    percentiles: Iterable[float]
    page_size: int
    page_token: str
    include_names: bool
    include_histogram: bool
    order_percentile: float
    as_of: datetime | None


class SeriesOptions(TotalsOptions, total=False):
    """Beyond totals: the width of a bucket (a day), whether empty buckets are left out, and stars one by one."""

    granularity: AskedGranularity
    sparse: bool
    include_distribution: bool


ComparedTo: TypeAlias = Literal["previous"] | tuple[Moment, Moment]
"""The period that numbers are compared with."""

GRANULARITIES: Final[Mapping[AskedGranularity, "Granularity.ValueType"]] = {
    "quarter_hour": Granularity.GRANULARITY_QUARTER_HOUR,
    "hour": Granularity.GRANULARITY_HOUR,
    "day": Granularity.GRANULARITY_DAY,
    "week": Granularity.GRANULARITY_WEEK,
    "month": Granularity.GRANULARITY_MONTH,
    "quarter": Granularity.GRANULARITY_QUARTER,
    "year": Granularity.GRANULARITY_YEAR,
    "auto": Granularity.GRANULARITY_AUTO,
}
"""The contract's constants."""

DIMENSIONS: Final[Mapping[DimensionName, "Dimension.ValueType"]] = {
    "operator": Dimension.DIMENSION_OPERATOR,
    "operator_group": Dimension.DIMENSION_OPERATOR_GROUP,
    "widget": Dimension.DIMENSION_WIDGET,
    "value": Dimension.DIMENSION_VALUE,
    "topic": Dimension.DIMENSION_TOPIC,
    "question": Dimension.DIMENSION_QUESTION,
    "weekday": Dimension.DIMENSION_WEEKDAY,
    "hour_of_day": Dimension.DIMENSION_HOUR_OF_DAY,
}
"""The contract's constants."""

ORDERS: Final[Mapping[str, "OrderMeasure.ValueType"]] = {
    OrderMeasure.Name(measure).removeprefix("ORDER_MEASURE_").lower(): measure
    for measure in OrderMeasure.values()
    if measure
}
"""The contract's constants."""

EXPLAINED_AT_ONCE: Final = 200
"""Conversations on a page of an explanation."""

PAGE_SIZE_MAX: Final = 1_000
"""Names, or ids, on a page."""

ROWS_AT_ONCE: Final = 500
"""Rows on a page of totals or series, where all pages are read."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def series(kpis: str | Iterable[str], **options: Unpack[SeriesOptions]) -> QueryTimeSeriesRequest:
    """One or several KPIs over time, as a question of a batch."""
    return series_request("", kpis, options)


def totals(kpis: str | Iterable[str], **options: Unpack[TotalsOptions]) -> QueryTotalsRequest:
    """One or several KPIs over a whole range, as a question of a batch."""
    return totals_request("", kpis, options)


def series_request(account_id: str, kpis: str | Iterable[str], options: SeriesOptions) -> QueryTimeSeriesRequest:
    """The contract's request."""
    return QueryTimeSeriesRequest(
        account_id=account_id,
        kpi_ids=_listed(kpis),
        range=time_range(options["start"], options["end"]),
        granularity=GRANULARITIES[options.get("granularity", "day")],
        time_zone=options.get("time_zone", ""),
        filter=options.get("where"),
        group_by=_dimensions(options),
        sparse=options.get("sparse", False),
        include_distribution=options.get("include_distribution", False),
        compare_to=_comparison(options.get("compare_to")),
        order_by=_order(options),
        top=_top(options),
        page_size=options.get("page_size", 0),
        page_token=options.get("page_token", ""),
        percentiles=options.get("percentiles", ()),
        include_names=options.get("include_names", False),
        include_histogram=options.get("include_histogram", False),
        as_of=_instant(options.get("as_of")),
    )


def totals_request(account_id: str, kpis: str | Iterable[str], options: TotalsOptions) -> QueryTotalsRequest:
    """The contract's request."""
    return QueryTotalsRequest(
        account_id=account_id,
        kpi_ids=_listed(kpis),
        range=time_range(options["start"], options["end"]),
        time_zone=options.get("time_zone", ""),
        filter=options.get("where"),
        group_by=_dimensions(options),
        compare_to=_comparison(options.get("compare_to")),
        order_by=_order(options),
        top=_top(options),
        page_size=options.get("page_size", 0),
        page_token=options.get("page_token", ""),
        percentiles=options.get("percentiles", ()),
        include_names=options.get("include_names", False),
        include_histogram=options.get("include_histogram", False),
        as_of=_instant(options.get("as_of")),
    )


def granularity_of(asked: AskedGranularity, answer: QueryTimeSeriesResponse) -> GranularityName:
    """The width of an answer's buckets, where it was left open too; the narrowest for one that is not known here."""
    if asked != "auto":
        return asked
    widths: dict[int, GranularityName] = {number: name for name, number in GRANULARITIES.items() if name != "auto"}
    return widths.get(answer.granularity, "quarter_hour")


def batch_request(account_id: str, asked: Iterable[Query]) -> BatchQueryRequest:
    """The contract's request."""
    queries = [
        BatchedQuery(totals=one) if isinstance(one, QueryTotalsRequest) else BatchedQuery(time_series=one)
        for one in asked
    ]
    return BatchQueryRequest(account_id=account_id, queries=queries)


def explain_request(account_id: str, kpi: str, options: ExplainOptions) -> ExplainCountRequest:
    """The contract's request."""
    return ExplainCountRequest(
        account_id=account_id,
        kpi_id=kpi,
        range=time_range(options["start"], options["end"]),
        time_zone=options.get("time_zone", ""),
        filter=options.get("where"),
        page_size=options.get("page_size", EXPLAINED_AT_ONCE),
        include_names=options.get("include_names", False),
    )


def dimension_values_request(
    account_id: str, dimension: DimensionName, kpis: str | Iterable[str], prefix: str, question: str
) -> ListDimensionValuesRequest:
    """The contract's request."""
    return ListDimensionValuesRequest(
        account_id=account_id,
        dimension=DIMENSIONS[dimension],
        kpi_ids=_listed(kpis),
        prefix=prefix,
        question_id=question,
    )


def time_range(start: date | datetime, end: date | datetime) -> TimeRange:
    """From `start` up to, not including, `end`: two dates (local days of the query's time zone) or two instants.

    Raises:
        TypeError: one is a date and the other an instant.
        ValueError: an instant has no time zone.
    """
    if isinstance(start, datetime) and isinstance(end, datetime):
        return TimeRange(instants=InstantRange(start_time=timestamp(start), end_time=timestamp(end)))
    if isinstance(start, datetime) or isinstance(end, datetime):
        raise TypeError("a range is from a date to a date, or from an instant to an instant")
    return TimeRange(dates=DateRange(start_date=_calendar_date(start), end_date=_calendar_date(end)))


def timestamp(instant: datetime) -> Timestamp:
    """The instant, exact to the microsecond.

    Raises:
        ValueError: it has no time zone, so that nobody can know which instant it is.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone: is it datetime.now(UTC) that was meant?")
    since = instant - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def _calendar_date(day: date) -> CalendarDate:
    return CalendarDate(year=day.year, month=day.month, day=day.day)


def _listed(kpis: str | Iterable[str]) -> list[str]:
    """One id, or several: a string alone is never taken for its letters."""
    return [kpis] if isinstance(kpis, str) else list(kpis)


def _dimensions(options: TotalsOptions) -> list["Dimension.ValueType"]:
    return [DIMENSIONS[name] for name in options.get("group_by", ())]


def _instant(moment: datetime | None) -> Timestamp | None:
    return None if moment is None else timestamp(moment)


def _comparison(compared: ComparedTo | None) -> Comparison | None:
    if compared is None:
        return None
    return Comparison(previous_period=True) if compared == "previous" else Comparison(range=time_range(*compared))


def _order(options: TotalsOptions) -> OrderBy | None:
    name = options.get("order_by")
    if name is None:
        return None
    measure = ORDERS[name.removeprefix("-")]
    return OrderBy(
        measure=measure,
        descending=name.startswith("-"),
        kpi_id=options.get("order_kpi", ""),
        percentile=options.get("order_percentile"),
    )


def _top(options: TotalsOptions) -> Top | None:
    """`include_rest` or `min_below` alone is passed on as well: the server says what is wrong with it."""
    count, include_rest = options.get("top"), options.get("include_rest", False)
    floor = options.get("min_below", 0)
    if count is None and not include_rest and not floor:
        return None
    return Top(count=count or 0, include_rest=include_rest, min_below=floor)
