"""Questions beyond counts over the wire, on days small enough to count by hand: buckets by the length of the
range, times of the week, rates."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from telwerk.queries import (
    GRANULARITIES,
    Moment,
    batch_request,
    explain_request,
    granularity_of,
    series_request,
    timestamp,
    totals as queries_totals,
    totals_request,
)
from telwerk.v1 import event_pb2, kpi_service_pb2 as kpi
from tests.conftest import Server, refusal, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

FEEDBACK = "feedback_count"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    async with started(tmp_path_factory.mktemp("questions") / "telwerk.db") as server:
        yield server


async def asked(server: Server, start: date, end: date, **options: Any) -> kpi.QueryTimeSeriesResponse:
    request = series_request("acme", FEEDBACK, {"start": start, "end": end, "granularity": "auto", **options})
    return await server.kpis.QueryTimeSeries(request)


@pytest.mark.parametrize(
    ("days", "name", "buckets"),
    [(7, "hour", 7 * 24 - 1), (8, "day", 8), (62, "day", 62), (63, "month", 3), (5 * 365 + 1, "month", 60)],
)
async def test_the_answer_says_which_width_the_length_of_the_range_means(server, days, name, buckets):
    """AUTO: a week in which the clocks go forward is still seven days, and has an hour less."""
    start = date(2026, 3, 26) if days < 100 else date(2022, 1, 1)
    response = await asked(server, start, start + timedelta(days), time_zone="Europe/Berlin")
    assert granularity_of("auto", response) == name
    assert len(response.bucket_start_seconds) == buckets


async def test_a_compared_period_has_the_buckets_of_the_range(server):
    """AUTO goes by the range asked about, whatever it is compared with."""
    year = (date(2025, 1, 1), date(2026, 1, 1))
    response = await asked(server, date(2026, 5, 1), date(2026, 5, 15), compare_to=year)
    assert response.granularity == kpi.GRANULARITY_DAY
    assert len(response.compared_period.bucket_start_seconds) == 365


async def test_an_answer_says_its_width_only_where_it_was_left_open(server):
    """What old clients get stays the same to the byte."""
    response = await asked(server, date(2026, 5, 1), date(2026, 5, 15), granularity="week")
    assert response.granularity == kpi.GRANULARITY_UNSPECIFIED


async def test_auto_goes_by_the_days_of_the_querys_zone(server):
    """A week by the clock of Berlin is an hour more or less than one of UTC; both are told by their own clocks."""
    zone = "Europe/Berlin"
    start = datetime.fromisoformat("2026-10-22T00:00:00+02:00")
    end = datetime.fromisoformat("2026-10-29T00:00:00+01:00")
    assert (await asked(server, start, end, time_zone=zone)).granularity == GRANULARITIES["hour"]
    assert (await asked(server, start, end, time_zone="UTC")).granularity == GRANULARITIES["day"]


# --- by time of the week ---------------------------------------------------------------------------------------------

WEEK = "week"
"""An account."""

BERLIN = "Europe/Berlin"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def week(server: Server) -> Server:
    """Feedback about the night of 2025-10-26, in which Berlin's clocks show 02:00 to 03:00 twice, and on a Monday."""
    times = ["2025-10-26T00:10Z", "2025-10-26T00:40Z", "2025-10-26T01:20Z", "2025-10-27T08:05Z", "2025-10-27T08:50Z"]
    events = [
        event_pb2.Event(
            event_id=f"f{n}",
            conversation_id="c1",
            widget_id="web",
            occur_time=timestamp(datetime.fromisoformat(time)),
            feedback_left=event_pb2.FeedbackLeft(),
        )
        for n, time in enumerate(times)
    ]
    assigned = event_pb2.Event(
        event_id="a",
        conversation_id="c1",
        widget_id="web",
        occur_time=timestamp(datetime.fromisoformat("2025-10-25T12:00Z")),
        operator_assigned=event_pb2.OperatorAssigned(operator_id="anna"),
    )
    response = await server.ingest(WEEK, [assigned, *events])
    assert response.accepted_count == len(times) + 1
    return server


async def totals(server: Server, start: Moment, end: Moment, **options: Any) -> kpi.QueryTotalsResponse:
    request = totals_request(WEEK, FEEDBACK, {"start": start, "end": end, "time_zone": BERLIN, **options})
    return await server.kpis.QueryTotals(request)


NIGHT = (date(2025, 10, 26), date(2025, 10, 28))


async def test_cells_of_the_week_count_by_the_clock_on_the_wall(week):
    """Both hours that the clock shows as 02:00 are one cell, of two hours of time; Monday is 1 (R-WEEK-1, R-WEEK-2)."""
    response = await totals(week, *NIGHT, group_by=["weekday", "hour_of_day"])
    rows = [(row.key.weekday, row.key.hour_of_day, row.count, row.hours) for row in response.totals]
    assert rows == [(1, 9, 2, 1.0), (7, 2, 3, 2.0)]
    [answer] = response.answers
    cells = {(cell.weekday, cell.hour_of_day): cell.hours for cell in answer.week_cells}
    assert len(cells) == 48
    assert cells == dict.fromkeys(cells, 1.0) | {(7, 2): 2.0}


async def test_a_cell_is_a_part_of_the_key_as_any_other(week):
    """With other dimensions, the largest and the rest, and compared: the hour that the clock skips has nothing."""
    spring = (date(2025, 3, 30), date(2025, 3, 31))
    response = await totals(
        week, *NIGHT, group_by=["hour_of_day", "operator"], top=1, include_rest=True, compare_to=spring
    )
    first, rest = response.totals
    assert (first.key.operator_id, first.key.hour_of_day, first.count, first.hours) == ("anna", 2, 3, 3.0)
    assert (first.comparison.hours, first.HasField("share"), rest.count, rest.HasField("hours")) == (
        0.0,
        True,
        2,
        False,
    )
    cells = {cell.hour_of_day: cell.compared_hours for cell in response.answers[0].week_cells}
    assert cells == dict.fromkeys(range(24), 1.0) | {2: 0.0}


async def test_hours_end_where_the_answer_is_complete(week):
    """Of what is yet to come no time has passed; the answer is not kept for later either (R-WEEK-3)."""
    now = datetime.now(UTC)
    day = now.date()
    for _ in range(2):
        response = await totals(week, day - timedelta(1), day + timedelta(7), group_by=["weekday"], time_zone="UTC")
        until = response.complete_until.ToDatetime(UTC)
        passed = (until - datetime(day.year, day.month, day.day, tzinfo=UTC)) / timedelta(hours=1) + 24
        assert sum(cell.hours for cell in response.answers[0].week_cells) == pytest.approx(passed, abs=1e-6)


@pytest.mark.parametrize("name", ["weekday", "hour_of_day"])
async def test_a_time_series_has_no_times_of_the_week(server, name):
    """It has buckets of its own."""
    wrong = await refusal(asked(server, *NIGHT, group_by=["operator", name], granularity="hour"))
    assert (wrong.reason, wrong.fields) == ("INVALID_REQUEST", ["group_by[1]"])
    assert f"{name.upper()} is for totals" in wrong.text


async def test_the_hours_of_a_week_are_bounded_as_buckets_are(week):
    """A hundred years of hours are not read, and the limit is named."""
    wrong = await refusal(totals(week, date(2025, 1, 1), date(2125, 1, 1), group_by=["weekday"]))
    assert (wrong.reason, wrong.fields) == ("LIMIT_EXCEEDED", ["group_by"])
    assert "(buckets_max)" in wrong.text


# --- rates -----------------------------------------------------------------------------------------------------------

RATES = "rates"
"""An account."""

DAY = (date(2026, 1, 5), date(2026, 1, 6))

# Anna answers c1 in time and c3 without a limit; Bram lets c2 wait, which ends unanswered; nobody has c4.
CHATS = {
    "c1": """
        09:00:00 goes live, sends limit 60s
        09:00:01 contact: message
        09:00:02 anna assigned in sales
        09:00:30 anna: message
        09:05:00 contact rates 5
        09:05:01 contact rates 4
        09:06:00 ends
    """,
    "c2": """
        09:10:00 goes live, sends limit 60s
        09:10:00 bram assigned in support
        09:10:01 contact: message
        09:30:00 action resumed_conversation_reassigned
        09:31:00 action resumed_conversation_not_reassigned
        09:40:00 ends
    """,
    "c3": """
        10:00:00 contact: message
        10:00:01 anna assigned in sales
        10:00:02 anna: message
        10:01:00 contact reaches order
        10:02:00 contact reaches order
        10:03:00 contact reaches quote
        10:04:00 topics price delivery
        10:30:00 ends
        11:00:00 contact resumes
        11:00:01 ends
    """,
    "c4": """
        12:00:00 contact: message
        12:00:01 ends
    """,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def rates(server: Server) -> Server:
    for conversation, script in CHATS.items():
        await server.ingest_chat(RATES, script, conversation)
    await server.complete(RATES)
    return server


async def rated(server: Server, *ids: str, **options: Any) -> kpi.QueryTotalsResponse:
    request = totals_request(RATES, ids, {"start": DAY[0], "end": DAY[1], "time_zone": "UTC", **options})
    return await server.kpis.QueryTotals(request)


def counts_of(row: kpi.Total) -> tuple[int, int]:
    return row.count, row.below_count


async def test_each_rate_is_the_kpi_above_by_those_below(rates):
    """R-RATE-1, R-RATE-3: counted by hand, both counts with the rate; mixed with KPIs, in the order asked for."""
    wanted = {
        "live_answer_rate": (1, 2),
        "unanswered_ended_rate": (2, 4),
        "offline_reassignment_rate": (1, 2),
        "rating_rate": (2, 3),
        "feedback_rate": (0, 3),
        "goal_rate": (3, 3),
        "topic_rate": (1, 4),
    }
    response = await rated(rates, *wanted, "conversations_ended")
    assert {row.kpi_id: counts_of(row) for row in response.totals[:-1]} == wanted
    assert [row.rate for row in response.totals[:-1]] == [above / below for above, below in wanted.values()]
    assert (response.totals[-1].count, response.totals[-1].HasField("rate")) == (5, False)
    assert [(one.count, one.below_count) for one in response.answers] == [*wanted.values(), (5, 0)]


async def test_without_anything_below_the_line_a_rate_is_absent(rates):
    """R-RATE-2: never 0; in a time series it is NaN, and with nothing above it is 0."""
    options = {"where": operators("nobody-at-all")}
    [row] = (await rated(rates, "rating_rate", **options)).totals
    assert (row.HasField("rate"), row.HasField("below_count"), row.below_count) == (False, True, 0)
    request = series_request(
        RATES, "feedback_rate", {"start": DAY[0], "end": DAY[1], "time_zone": "UTC", "granularity": "hour"}
    )
    [line] = (await rates.kpis.QueryTimeSeries(request)).series
    assert list(line.below_counts) == [0] * 9 + [2, 1] + [0] * 13
    assert [n for n, rate in enumerate(line.rates) if rate == 0] == [9, 10]
    assert all(math.isnan(rate) for n, rate in enumerate(line.rates) if n not in {9, 10})
    request.sparse = True
    [line] = (await rates.kpis.QueryTimeSeries(request)).series
    assert (list(line.bucket_indexes), list(line.counts), list(line.below_counts)) == ([9, 10], [0, 0], [2, 1])


def operators(*names: str) -> kpi.Filter:
    return kpi.Filter(operators=kpi.IdFilter(any_of=names))


async def test_an_operator_with_nothing_above_the_line_has_a_row(rates):
    """Bram received a conversation and got no rating: that is 0 of 1. Ordered by the rate, and the largest by it."""
    response = await rated(rates, "rating_rate", group_by=["operator"], order_by="rate")
    assert [(row.key.operator_id, *counts_of(row)) for row in response.totals] == [("bram", 0, 1), ("anna", 2, 2)]
    [largest] = (await rated(rates, "rating_rate", group_by=["operator"], top=1)).totals
    assert largest.key.operator_id == "anna"


async def test_the_best_need_enough_below_the_line(rates):
    """`min_below`: 1 of 1 is not the best; those with less are among the rest."""
    options: dict[str, Any] = {"group_by": ["operator"], "top": 5, "include_rest": True}
    first, rest = (await rated(rates, "goal_rate", min_below=2, **options)).totals
    assert (first.key.operator_id, *counts_of(first)) == ("anna", 3, 2)
    assert (rest.rest, *counts_of(rest), rest.rate) == (True, 0, 1, 0.0)


async def test_what_only_the_kpi_above_has_splits_it_alone(rates):
    """R-RATE-6: by goal, each goal is divided by all conversations of the row; so is the rest."""
    rows = (await rated(rates, "goal_rate", group_by=["operator", "value"])).totals
    assert [(r.key.operator_id, r.key.value.goal_id, *counts_of(r)) for r in rows] == [
        ("anna", "order", 2, 2),
        ("anna", "quote", 1, 2),
    ]
    first, rest = (await rated(rates, "goal_rate", group_by=["value"], top=1, include_rest=True)).totals
    assert (first.key.value.goal_id, counts_of(first), counts_of(rest)) == ("order", (2, 3), (1, 3))
    one = kpi.Filter(values=kpi.ValueFilter(any_of=[kpi.Value(goal_id="quote")]))
    [row] = (await rated(rates, "goal_rate", where=one)).totals
    assert counts_of(row) == (1, 3)
    topics = (await rated(rates, "topic_rate", group_by=["topic"])).totals
    assert [(row.key.topic_id, *counts_of(row)) for row in topics] == [("delivery", 1, 4), ("price", 1, 4)]


async def test_rates_are_compared_by_their_difference(rates):
    """0.05 is five percentage points; absent, or NaN, where one period has nothing below."""
    nine, ten, eleven = (datetime(2026, 1, 5, hour, tzinfo=UTC) for hour in (9, 10, 11))
    options: dict[str, Any] = {"start": ten, "end": eleven, "compare_to": (nine, ten)}
    [row] = (await rated(rates, "rating_rate", **options)).totals
    assert (counts_of(row), row.comparison.count, row.comparison.below_count) == ((0, 1), 2, 2)
    assert (row.comparison.rate, row.comparison.rate_delta) == (1.0, -1.0)
    noon = {"start": nine + timedelta(hours=3), "end": nine + timedelta(hours=4)}
    [row] = (await rated(rates, "unanswered_ended_rate", **options | noon)).totals
    assert (row.rate, row.comparison.rate, row.comparison.rate_delta) == (1.0, 0.5, 0.5), "no change by a factor"
    [row] = (
        await rated(rates, "rating_rate", **options | {"start": eleven, "end": eleven + timedelta(hours=1)})
    ).totals
    assert (row.HasField("rate"), row.comparison.rate, row.comparison.HasField("rate_delta")) == (False, 1.0, False)
    by_delta = {"group_by": ["operator"], "order_by": "rate_delta"}
    rows = (await rated(rates, "rating_rate", **options, **by_delta)).totals
    assert [row.key.operator_id for row in rows] == ["anna", "bram"]
    request = series_request(RATES, "rating_rate", {**options, "granularity": "hour"})
    [line] = (await rates.kpis.QueryTimeSeries(request)).series
    assert (list(line.comparison.below_counts), list(line.comparison.rate_deltas)) == ([2], [-1.0])


async def test_rates_by_time_of_the_week_and_by_pages(rates):
    """As any KPI: cells of the week, pages one after the other, a batch."""
    rows = (await rated(rates, "rating_rate", group_by=["hour_of_day"])).totals
    assert [(row.key.hour_of_day, *counts_of(row), row.hours) for row in rows] == [(9, 2, 2, 1.0), (10, 0, 1, 1.0)]
    options: dict[str, Any] = {"group_by": ["hour_of_day"], "order_by": "-rate", "page_size": 1}
    first = await rated(rates, "rating_rate", **options)
    second = await rated(rates, "rating_rate", **options, page_token=first.next_page_token)
    assert [page.totals[0].key.hour_of_day for page in (first, second)] == [9, 10]
    assert second.next_page_token == ""
    queries = [
        queries_totals("rating_rate", start=DAY[0], end=DAY[1], time_zone="UTC"),
        queries_totals("live_answer_rate", start=DAY[0], end=DAY[1], time_zone="UTC", group_by=["value"]),
    ]
    batch = await rates.kpis.BatchQuery(batch_request(RATES, queries))
    assert counts_of(batch.answers[0].totals.totals[0]) == (2, 3)
    assert batch.answers[1].error.reason == "UNKNOWN_DIMENSION"


async def test_the_catalogue_has_rates_beside_the_kpis(rates):
    """Old clients, which ask for all of `kpis`, get what they got; texts in three languages say it all (R-RATE-5)."""
    for code in ("en", "de", "nl"):
        catalogue = await rates.kpis.ListKpis(kpi.ListKpisRequest(language_code=code))
        assert [one.kpi_id for one in catalogue.kpis if one.kpi_id.endswith("_rate")] == []
        assert len(catalogue.rates) == 7
        assert all(one.display_name and one.what and one.unit and one.when and one.why for one in catalogue.rates)
    ended = next(one for one in catalogue.rates if one.rate_id == "unanswered_ended_rate")
    assert (ended.above.kpi_id, ended.below[0].kpi_id) == ("unanswered_ended_conversations", "conversations_ended")
    assert ended.below[0].value.conversation_end == kpi.CONVERSATION_END_FIRST
    exceeding = {one.rate_id for one in catalogue.rates if one.may_exceed_one}
    assert exceeding == {"rating_rate", "feedback_rate", "goal_rate", "topic_rate"}
    everything = [one.kpi_id for one in catalogue.kpis] + [one.rate_id for one in catalogue.rates]
    assert len((await rated(rates, *everything)).answers) == len(everything)


@pytest.mark.parametrize(
    ("ids", "options", "field", "words"),
    [
        (["goal_rate"], {"group_by": ["operator"], "order_by": "mean"}, "order_by.measure", "has no mean"),
        ([FEEDBACK], {"group_by": ["operator"], "order_by": "rate"}, "order_by.measure", "is no rate"),
        (["goal_rate"], {"group_by": ["operator"], "order_by": "rate_delta"}, "order_by.measure", "compare_to"),
        (["goal_rate"], {"group_by": ["operator"], "top": 1, "min_below": -1}, "top.min_below", "negative"),
        ([FEEDBACK], {"group_by": ["operator"], "top": 1, "min_below": 1}, "top.min_below", "is for rates"),
        (["offline_reassignment_rate"], {"group_by": ["value"]}, "group_by", "no dimension value"),
        (["goal_rate"] * 2, {}, "kpi_ids", "once"),
        ([f"kpi{n}" for n in range(41)], {}, "kpi_ids", "40"),
        (["goal_rat"], {}, "kpi_ids", "did you mean 'goal_rate'"),
    ],
)
async def test_what_is_wrong_with_a_rate_is_named(rates, ids, options, field, words):
    """The field, and what would be right."""
    wrong = await refusal(rated(rates, *ids, **options))
    assert (wrong.fields, words in wrong.text) == ([field], True), wrong.text


async def test_a_rate_is_explained_by_its_kpis(rates):
    """It has no facts of its own: the error names what to explain."""
    request = explain_request(RATES, "live_answer_rate", {"start": DAY[0], "end": DAY[1]})
    wrong = await refusal(rates.kpis.ExplainCount(request))
    assert wrong.fields == ["kpi_id"]
    assert "`live_conversations_answered` and `unanswered_live_conversations`" in wrong.text


async def test_a_watch_tells_when_only_what_is_below_the_line_changes(rates):
    """Another conversation that is received changes the rate, though nothing is rated."""
    account = "watched-rates"
    await rates.ingest_chat(account, CHATS["c1"], "c1")
    request = series_request(account, "rating_rate", {"start": DAY[0], "end": DAY[1], "time_zone": "UTC"})
    watch = rates.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id=account, query=request))
    assert list((await watch.read()).snapshot.series[0].below_counts) == [1]
    await rates.ingest_chat(account, CHATS["c3"], "c3")
    [line] = (await watch.read()).snapshot.series
    assert (list(line.counts), list(line.below_counts), list(line.rates)) == ([2], [2], [1.0])
    watch.cancel()
