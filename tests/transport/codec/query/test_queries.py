"""A query is read as it was asked; what cannot be one is refused by the first field that is wrong."""

import math
from datetime import date
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import event_pb2, kpi_service_pb2 as pb
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
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.service_times import SERVICE_TIMES
from telwerkd.domain.catalogue.specs import Dimension, Kpi, ValueKind
from telwerkd.domain.catalogue.values import answer_value, stars_value
from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import DateRange, QuarterHourRange, Range
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.errors import described
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.query.queries import (
    KPIS_MAX,
    PAGE_SIZE_MAX,
    PERCENTILES_MAX,
    TOP_MAX,
    QueryRequest,
    decode_filter,
    decode_query,
    decode_range,
)

READER = FieldReader(id_bytes_max=8, url_bytes_max=20)
START = 1_767_600_000
"""2026-01-05T08:00:00Z: on a quarter of an hour."""
NOW = Micros(START * 1_000_000)
FEEDBACK, SCORE, RATE = "feedback_count", "satisfaction_score", "goal_rate"
STARS = pb.Value(stars=5)


def instants(start: int | Timestamp | None, end: int | Timestamp | None) -> pb.TimeRange:
    bounds = [Timestamp(seconds=bound) if isinstance(bound, int) else bound for bound in (start, end)]
    return pb.TimeRange(instants=pb.InstantRange(start_time=bounds[0], end_time=bounds[1]))


def dates(start: tuple[int, int, int], end: tuple[int, int, int]) -> pb.TimeRange:
    first, last = (pb.CalendarDate(year=day[0], month=day[1], day=day[2]) for day in (start, end))
    return pb.TimeRange(dates=pb.DateRange(start_date=first, end_date=last))


def totals(**fields: Any) -> pb.QueryTotalsRequest:
    """A good query, but for `fields`; None leaves one out."""
    good: dict[str, Any] = {"account_id": "acme", "kpi_ids": [FEEDBACK], "range": instants(START, START + 900)}
    return pb.QueryTotalsRequest(**good | fields)


def series(**fields: Any) -> pb.QueryTimeSeriesRequest:
    good: dict[str, Any] = {"account_id": "acme", "kpi_ids": [FEEDBACK], "range": instants(START, START + 900)}
    return pb.QueryTimeSeriesRequest(**good | {"granularity": pb.GRANULARITY_DAY} | fields)


def decoded(request: QueryRequest) -> Query:
    return decode_query(request, READER, NOW)


def refused(request: QueryRequest) -> tuple[list[str], str, str]:
    """The fields at fault, the reason and the text."""
    with pytest.raises(InvalidArgumentError) as caught:
        decoded(request)
    told = described(caught.value)
    return [str(of.field) for of in caught.value.violations], told.reason, told.message


def test_what_a_query_leaves_open_is_not_asked_for() -> None:
    """No condition, no group, no page, the account's own zone; and a total has one bucket."""
    bare = Query(
        AccountId("acme"),
        (CATALOGUE[Kpi.FEEDBACK_COUNT],),
        QuarterHourRange(START // 900, START // 900 + 1),
        None,
        None,
        Filter(),
        (),
    )
    assert decoded(totals()) == bare
    assert decoded(series()) == bare._replace(granularity=Granularity.DAY)


def test_what_a_query_asks_for_beside_its_kpis_is_read() -> None:
    """Names, percentiles in their order, a histogram and a zone."""
    asked = decoded(
        totals(time_zone="UTC", include_names=True, percentiles=[1, 0.5, 0], include_histogram=True),
    )
    assert (asked.time_zone, asked.include_names, asked.percentiles) == ("UTC", True, (1, 0.5, 0))
    assert asked.include_histogram


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        (instants(START, START + 1_800), QuarterHourRange(START // 900, START // 900 + 2)),
        (dates((2026, 1, 1), (2026, 2, 1)), DateRange(date(2026, 1, 1), date(2026, 2, 1))),
        (dates((2000, 1, 1), (2199, 12, 31)), DateRange(date(2000, 1, 1), date(2199, 12, 31))),
    ],
)
def test_a_range_is_of_quarter_hours_or_of_dates(message: pb.TimeRange, wanted: Range) -> None:
    assert decode_range(message) == wanted


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        (pb.TimeRange(), "", "instants or dates"),
        (instants(None, START), ".instants.start_time", "is required"),
        (instants(START, None), ".instants.end_time", "is required"),
        (instants(START, START), ".instants.end_time", "later than the start"),
        (instants(START + 1, START + 900), ".instants.start_time", "on a quarter of an hour"),
        (instants(START, Timestamp(seconds=START + 900, nanos=1_000)), ".instants.end_time", "on a quarter"),
        (instants(0, START), ".instants.start_time", "is not from 2000"),
        (dates((2026, 1, 1), (2026, 1, 1)), ".dates.end_date", "later than the start"),
        (dates((2026, 2, 29), (2026, 3, 1)), ".dates.start_date", "is not a date"),
        (dates((2026, 1, 1), (2200, 1, 1)), ".dates.end_date", "is not from 2000"),
    ],
)
@pytest.mark.parametrize("path", ["range", "compare_to.range"])
def test_a_range_that_is_none_is_refused_by_its_bound(wrong: pb.TimeRange, field: str, words: str, path: str) -> None:
    """The same of the period that is compared with, under its own path."""
    with pytest.raises(InvalidArgumentError, match=words) as caught:
        decode_range(wrong, path)
    assert [of.field for of in caught.value.violations] == [path + field]


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"kpi_ids": []}, "kpi_ids", "at least one"),
        ({"kpi_ids": [FEEDBACK] * 2}, "kpi_ids", "named once"),
        ({"kpi_ids": [f"k{n}" for n in range(KPIS_MAX + 1)]}, "kpi_ids", f"names {KPIS_MAX + 1}, at most {KPIS_MAX}"),
        ({"account_id": ""}, "account_id", "is required"),
        ({"compare_to": pb.Comparison()}, "compare_to", "is required"),
        ({"compare_to": pb.Comparison(previous_period=False)}, "compare_to.previous_period", "must be true"),
        ({"compare_to": pb.Comparison(range=pb.TimeRange())}, "compare_to.range", "are required"),
        ({"group_by": [2, 99]}, "group_by[1]", "99 is not one of DIMENSION_OPERATOR"),
        ({"group_by": [0]}, "group_by[0]", "0 is not one of"),
        ({"group_by": [2, 2]}, "group_by[1]", "OPERATOR_GROUP is there twice"),
        ({"group_by": [4, 5]}, "group_by", "value and topic exclude"),
        ({"group_by": [6, 4]}, "group_by", "value and question exclude"),
        ({"top": pb.Top()}, "top.count", f"from 1 to {TOP_MAX}, is 0"),
        ({"top": pb.Top(count=TOP_MAX + 1)}, "top.count", f"is {TOP_MAX + 1}"),
        ({"top": pb.Top(count=1, min_below=-1)}, "top.min_below", "negative"),
        ({"top": pb.Top(count=1, min_below=1)}, "top.min_below", "feedback_count is none"),
        ({"top": pb.Top(count=1), "page_size": 1}, "top", "excludes paging"),
        ({"page_size": -1}, "page_size", f"from 1 to {PAGE_SIZE_MAX}"),
        ({"page_size": PAGE_SIZE_MAX + 1}, "page_size", f"is {PAGE_SIZE_MAX + 1}"),
        ({"order_by": pb.OrderBy(kpi_id=SCORE)}, "order_by.kpi_id", "those asked for: feedback_count"),
        ({"order_by": {"measure": 99}}, "order_by.measure", "99 is not one of ORDER_MEASURE_KEY"),
        ({"order_by": {"measure": 2, "percentile": 0.5}}, "order_by.percentile", "belongs to the measure"),
        ({"order_by": {"percentile": 0.5}}, "order_by.percentile", "belongs to the measure"),
        ({"order_by": {"measure": 8}}, "order_by.percentile", "is required with it"),
        ({"percentiles": [0.5, 0.5]}, "percentiles", "named once"),
    ],
)
@pytest.mark.parametrize("ask", [totals, series])
def test_what_contradicts_itself_or_its_bounds_is_refused_by_its_field(
    ask: Any, fields: dict[str, Any], field: str, words: str
) -> None:
    """With what would be right; of series and of totals alike."""
    wrong, reason, text = refused(ask(**fields))
    assert (wrong, reason) == ([field], "INVALID_REQUEST")
    assert words in text


@pytest.mark.parametrize(
    ("fields", "field", "words"),
    [
        ({"granularity": pb.GRANULARITY_UNSPECIFIED}, "granularity", "0 is not one of GRANULARITY_QUARTER_HOUR"),
        ({"granularity": 99}, "granularity", "99 is not one of"),
        ({"group_by": [7]}, "group_by[0]", "WEEKDAY is for totals"),
        ({"group_by": [1, 8]}, "group_by[1]", "HOUR_OF_DAY is for totals"),
        ({"sparse": True, "compare_to": pb.Comparison(previous_period=True)}, "sparse", "excludes `compare_to`"),
    ],
)
def test_what_only_a_series_cannot_ask_is_refused(fields: dict[str, Any], field: str, words: str) -> None:
    """It has buckets of its own, each of which is compared."""
    wrong, reason, text = refused(series(**fields))
    assert (wrong, reason) == ([field], "INVALID_REQUEST")
    assert words in text


def test_totals_are_grouped_by_times_of_the_week() -> None:
    asked = decoded(totals(group_by=[pb.DIMENSION_WEEKDAY, pb.DIMENSION_OPERATOR, pb.DIMENSION_HOUR_OF_DAY]))
    assert asked.group_by == (Dimension.WEEKDAY, Dimension.OPERATOR, Dimension.HOUR_OF_DAY)


def test_the_first_field_that_is_wrong_is_the_only_one_that_is_named() -> None:
    """Not all of them: what comes after it may be wrong for its sake."""
    assert refused(totals(kpi_ids=[], account_id="", page_size=-1))[0] == ["kpi_ids"]


@pytest.mark.parametrize(
    ("percentiles", "field", "reason"),
    [
        ([1.000001], "percentiles[0]", "INVALID_PERCENTILE"),
        ([0.5, -0.000001], "percentiles[1]", "INVALID_PERCENTILE"),
        ([math.nan], "percentiles[0]", "INVALID_PERCENTILE"),
        ([math.inf], "percentiles[0]", "INVALID_PERCENTILE"),
        ([n / 20 for n in range(PERCENTILES_MAX + 1)], "percentiles", "LIMIT_EXCEEDED"),
    ],
)
def test_what_is_no_percentile_has_a_reason_of_its_own(percentiles: list[float], field: str, reason: str) -> None:
    assert refused(totals(percentiles=percentiles))[:2] == ([field], reason)
    if len(percentiles) == 1:
        order = pb.OrderBy(measure=pb.ORDER_MEASURE_PERCENTILE, percentile=percentiles[0])
        assert refused(totals(order_by=order))[:2] == (["order_by.percentile"], reason)


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, Order()),
        ({"order_by": pb.OrderBy(descending=True)}, Order(OrderMeasure.KEY, descending=True)),
        ({"top": pb.Top(count=1)}, Order(OrderMeasure.COUNT, descending=True)),
        ({"top": pb.Top(count=1), "kpi_ids": [RATE, FEEDBACK]}, Order(OrderMeasure.RATE, descending=True)),
        (
            {"top": pb.Top(count=1), "kpi_ids": [RATE, FEEDBACK], "order_by": pb.OrderBy(kpi_id=FEEDBACK)},
            Order(OrderMeasure.COUNT, descending=True, kpi=1),
        ),
        ({"top": pb.Top(count=1), "order_by": {"measure": 1}}, Order(OrderMeasure.KEY)),
        ({"order_by": {"measure": 8, "percentile": 0}}, Order(OrderMeasure.PERCENTILE, percentile=0)),
        ({"order_by": {"measure": 8, "percentile": 1}}, Order(OrderMeasure.PERCENTILE, percentile=1)),
    ],
)
def test_rows_come_by_key_and_the_largest_by_count_or_rate(fields: dict[str, Any], wanted: Order) -> None:
    """Unless an order is asked for; the first KPI decides, unless one is named."""
    assert decoded(totals(**fields)).order == wanted


@pytest.mark.parametrize("number", [of for of in OrderMeasure if of is not OrderMeasure.PERCENTILE])
def test_every_measure_of_the_contract_orders(number: OrderMeasure) -> None:
    """By the number that both have for it."""
    assert decoded(totals(order_by={"measure": int(number)})).order.measure is number
    assert f"ORDER_MEASURE_{number.name}" == pb.OrderMeasure.Name(pb.OrderMeasure.ValueType(int(number)))


def test_the_largest_may_need_enough_below_the_line() -> None:
    """Of a rate, where it is what decides."""
    top = pb.Top(count=TOP_MAX, include_rest=True, min_below=7)
    assert decoded(totals(kpi_ids=[RATE], top=top)).top == Top(TOP_MAX, rest=True, min_below=7)
    other = totals(kpi_ids=[RATE, FEEDBACK], top=top, order_by=pb.OrderBy(kpi_id=FEEDBACK))
    assert refused(other)[0] == ["top.min_below"]


def test_a_comparison_is_with_the_period_before_or_with_any_other() -> None:
    other = instants(START - 900, START)
    assert decoded(totals()).compare_to is None
    assert decoded(totals(compare_to=pb.Comparison(previous_period=True))).compare_to is PreviousPeriod.PREVIOUS
    assert decoded(totals(compare_to=pb.Comparison(range=other))).compare_to == decode_range(other)


@pytest.mark.parametrize(
    ("granularity", "wanted"),
    [
        (pb.GRANULARITY_QUARTER_HOUR, Granularity.QUARTER_HOUR),
        (pb.GRANULARITY_YEAR, Granularity.YEAR),
        (pb.GRANULARITY_AUTO, Automatic.AUTOMATIC),
    ],
)
def test_a_series_has_a_width_or_leaves_it_open(
    granularity: pb.Granularity.ValueType, wanted: Granularity | Automatic
) -> None:
    assert decoded(series(granularity=granularity)).granularity is wanted


def test_what_was_known_is_asked_of_no_later_instant_than_now() -> None:
    """Of now itself it may be."""
    present = Timestamp(seconds=START)
    assert decoded(totals(as_of=present)).as_of == NOW
    assert decoded(totals()).as_of is None
    assert refused(totals(as_of=Timestamp(seconds=START, nanos=1_000)))[0] == ["as_of"]
    assert refused(totals(as_of=Timestamp()))[0] == ["as_of"]


def test_a_page_goes_on_after_the_row_that_its_token_names() -> None:
    """With its own size, or with the largest that there is."""
    after = RowPosition(absent=False, number=-2.0, key=("anna", "web"))
    asked = totals(group_by=[pb.DIMENSION_OPERATOR, pb.DIMENSION_WIDGET])
    assert decoded(asked).page is None
    asked.page_token = page_tokens.encode(asked, after)
    assert decoded(asked).page == Page(PAGE_SIZE_MAX, after)
    asked.page_size = 3
    assert decoded(asked).page == Page(3, after)


@pytest.mark.parametrize("key", [(), ("anna",), ("anna", "web", "x")])
def test_a_token_whose_row_has_other_dimensions_is_none(key: tuple[str, ...]) -> None:
    """A token can be made by hand."""
    asked = totals(group_by=[pb.DIMENSION_OPERATOR, pb.DIMENSION_WIDGET])
    asked.page_token = page_tokens.encode(asked, RowPosition(absent=False, number=0.0, key=key))
    assert refused(asked)[:2] == (["page_token"], "PAGE_TOKEN_INVALID")


def test_each_condition_of_a_filter_is_read_into_its_own() -> None:
    """An operator and a group may be nobody."""

    def ids(prefix: str) -> pb.IdFilter:
        return pb.IdFilter(any_of=[f"{prefix}1"], none_of=[f"{prefix}2"])

    message = pb.Filter(
        operators=pb.IdFilter(any_of=["", "o1"]),
        operator_groups=pb.IdFilter(none_of=[""]),
        widgets=ids("w"),
        values=pb.ValueFilter(any_of=[STARS], none_of=[pb.Value(stars=1)]),
        topics=pb.TopicFilter(any_of=["a"], all_of=["b"], none_of=["c"]),
        questions=ids("q"),
    )
    assert decode_filter(message, READER) == Filter(
        Ids(frozenset({"", "o1"})),
        Ids(none_of=frozenset({""})),
        Ids(frozenset({"w1"}), frozenset({"w2"})),
        Ids(frozenset({stars_value(5)}), frozenset({stars_value(1)})),
        frozenset({ValueKind.STARS}),
        Topics(frozenset("a"), frozenset("b"), frozenset("c")),
        Ids(frozenset({"q1"}), frozenset({"q2"})),
    )
    exactly = pb.TopicFilter(exactly=pb.TopicSet(topic_ids=["b", "a"]))
    assert decode_filter(pb.Filter(topics=exactly), READER).topics == Topics(exactly=frozenset("ab"))


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"operators": {"any_of": ["a", "b"], "none_of": ["b"]}}, "operators"),
        ({"operator_groups": {"any_of": [""], "none_of": [""]}}, "operator_groups"),
        ({"widgets": {"any_of": ["w"], "none_of": ["w"]}}, "widgets"),
        ({"questions": {"any_of": ["q"], "none_of": ["q"]}}, "questions"),
        ({"values": {"any_of": [STARS], "none_of": [STARS]}}, "values"),
        ({"topics": {"any_of": ["a"], "none_of": ["a"]}}, "topics"),
        ({"topics": {"all_of": ["a"], "none_of": ["a"]}}, "topics"),
        ({"operators": {"any_of": ["x" * 9]}}, "operators.any_of[0]"),
        ({"widgets": {"any_of": ["w", ""]}}, "widgets.any_of[1]"),
        ({"questions": {"none_of": [""]}}, "questions.none_of[0]"),
        ({"topics": {"all_of": ["a", ""]}}, "topics.all_of[1]"),
        ({"topics": {"exactly": {}}}, "topics.exactly"),
        ({"topics": {"exactly": {"topic_ids": ["a", ""]}}}, "topics.exactly.topic_ids[1]"),
        *(({"topics": {"exactly": {"topic_ids": ["a"]}, of: ["b"]}}, "topics.exactly") for of in ("any_of", "none_of")),
        ({"topics": {"exactly": {"topic_ids": ["a"]}, "all_of": ["a"]}}, "topics.exactly"),
        ({"values": {"none_of": [STARS, {}]}}, "values.none_of[1]"),
    ],
)
def test_a_condition_that_nothing_can_meet_is_refused_by_its_field(message: dict[str, Any], field: str) -> None:
    """What is wanted and unwanted; and what no widget, question or topic can be: only a person can be nobody."""
    with pytest.raises(InvalidArgumentError) as caught:
        decode_filter(pb.Filter(**message), READER)
    assert [of.field for of in caught.value.violations] == [f"filter.{field}"]


def test_values_of_two_kinds_are_not_taken_for_one() -> None:
    """Five stars are no fifth action, though both are kept as `5`; the KPI that has neither is found later."""
    action = pb.Value(action=event_pb2.InactivityAction.ValueType(5))
    read = decode_filter(pb.Filter(values=pb.ValueFilter(any_of=[STARS], none_of=[action])), READER)
    assert read.value_kinds == {ValueKind.STARS, ValueKind.INACTIVITY_ACTION}
    answer = pb.Value(answer=event_pb2.SurveyAnswer(question_id="q", option_id="o"))
    read = decode_filter(pb.Filter(values=pb.ValueFilter(none_of=[answer])), READER)
    assert read.values == Ids(none_of=frozenset({answer_value("q", "o")}))


def test_there_may_be_as_many_kpis_as_there_are() -> None:
    """Each may be asked for once, in one query."""
    every = [info.id for info in CATALOGUE.values()] + [*SERVICE_TIMES, *RATES]
    assert [info.id for info in decoded(totals(kpi_ids=every)).kpis] == every
