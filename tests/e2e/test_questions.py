"""Questions beyond counts over the wire, on days small enough to count by hand: buckets by the length of the range."""

from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from telwerk.queries import GRANULARITIES, granularity_of, series_request
from telwerk.v1 import kpi_service_pb2 as kpi
from tests.conftest import Server, started

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
