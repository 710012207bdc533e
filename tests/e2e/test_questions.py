"""Questions beyond counts over the wire, on days small enough to count by hand: buckets by the length of the
range, times of the week."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from telwerk.queries import GRANULARITIES, Moment, granularity_of, series_request, timestamp, totals_request
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
    """Both hours that the clock shows as 02:00 are one cell, of two hours of time; Monday is 1."""
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
    """Of what is yet to come no time has passed; the answer is not kept for later either."""
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
