"""Service time over the wire, on both databases, of chats small enough to count by hand."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import kpi_service_pb2 as kpi, settings_service_pb2 as settings
from telwerkd.application.audit import examine
from telwerkd.domain.ids import AccountId
from telwerkd.storage.location import Location
from telwerkd.storage.open_store import opened
from tests.chats import at
from tests.conftest import ALL_KPI_IDS, CALL_SECONDS, Server, started

pytestmark = pytest.mark.asyncio(loop_scope="module")

FIRST, RESPONSE, WHOLE = "first_response_service_time", "response_service_time", "conversation_service_time"
SERVICE_TIMES = (FIRST, RESPONSE, WHOLE)
TWELFTH_NIGHT = kpi.CalendarDate(year=2026, month=1, day=6)

# Monday the 5th in Amsterdam, an hour ahead: open from 9 to 17 on weekdays, on Tuesday the 6th from 10 to 11 only.
HOURS = settings.OpeningHours(
    time_zone="Europe/Amsterdam",
    week=[
        settings.WeeklyStretch(weekday=day, stretch=settings.OpenStretch(open_minute=540, close_minute=1_020))
        for day in range(1, 6)
    ],
    exceptions=[
        settings.DatedStretches(date=TWELFTH_NIGHT, stretches=[settings.OpenStretch(open_minute=600, close_minute=660)])
    ],
)

# Answered after a night and a short day: 10 minutes of Monday, one hour of Tuesday, 5 minutes of Wednesday.
OVERNIGHT = """
    15:50:00 contact: message
    56:05:00 anna: message
    56:10:00 contact: message
    56:11:00 anna: message
"""
LIVE = """
    10:00:00 goes live
    10:00:10 contact: message
    10:00:40 anna: message
    10:30:00 ends
"""

ALL_WEEK = kpi.TimeRange(
    instants=kpi.InstantRange(
        start_time=Timestamp(seconds=at("00:00:00") // 1_000_000),
        end_time=Timestamp(seconds=at("96:00:00") // 1_000_000),
    )
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(either: Location) -> AsyncIterator[Server]:
    """One for all tests, each with an account of its own; after all of them every counter is what the logs say."""
    async with started(either) as server:
        yield server
    async with opened(either) as store:
        accounts = ("web", "default", "none", "later", "gone")
        for account in accounts:
            audit = await store.read(AccountId(account), lambda view: examine(lambda _done, _total: None, view))
            assert audit.conversations
            assert audit.clean, (account, audit)


async def open_hours(
    server: Server, account: str, hours: settings.OpeningHours | None, since: str = "00:00:00"
) -> None:
    version = settings.WidgetSettings(
        widget_id="web", effective_time=Timestamp(seconds=at(since) // 1_000_000), opening_hours=hours
    )
    request = settings.SetWidgetSettingsRequest(account_id=account, settings=version)
    await server.settings.SetWidgetSettings(request, timeout=CALL_SECONDS)


async def told(server: Server, account: str, *kpi_ids: str, **fields: Any) -> dict[str, tuple[int, int]]:
    """Count and sum by KPI."""
    rows = (await server.totals(account, *kpi_ids, **fields)).totals
    return {row.kpi_id: (row.count, row.sum) for row in rows}


async def test_a_service_time_is_asked_for_as_any_kpi_of_durations(server: Server) -> None:
    """Beside its KPI: counts, sums, means, percentiles, histograms, groups, and buckets (R-SERVICE-1)."""
    await open_hours(server, "web", HOURS)
    await server.ingest_chat("web", OVERNIGHT, "c1")
    await server.ingest_chat("web", LIVE, "c2")
    wanted = {
        "response_time": (3, ((40 * 60 + 15) * 60 + 60 + 30) * 1_000),
        RESPONSE: (3, (75 * 60 + 60 + 30) * 1_000),
        FIRST: (1, 30_000),
        WHOLE: (1, 1_790_000),
    }
    assert await told(server, "web", *wanted) == wanted
    by = {"group_by": [kpi.DIMENSION_WIDGET, kpi.DIMENSION_WEEKDAY], "percentiles": [0.5, 1.0]}
    order = kpi.OrderBy(measure=kpi.ORDER_MEASURE_MEAN, descending=True)
    answer = await server.totals("web", RESPONSE, include_histogram=True, order_by=order, range=ALL_WEEK, **by)
    [about] = answer.answers
    assert [(row.key.weekday, row.count, row.mean) for row in answer.totals] == [
        (3, 2, (75 * 60 + 60) * 500),
        (1, 1, 30_000),
    ]
    assert [sum(of.count for of in row.histogram) for row in answer.totals] == [2, 1]
    assert abs(about.percentiles[0].value - 60_000) <= 600
    assert abs(about.percentiles[1].value - 75 * 60_000) <= 45_000
    span = kpi.InstantRange(start_time=Timestamp(seconds=at("09:00:00") // 1_000_000), end_time=about_noon())
    request = kpi.QueryTimeSeriesRequest(
        account_id="web",
        kpi_ids=SERVICE_TIMES,
        range=kpi.TimeRange(instants=span),
        granularity=kpi.GRANULARITY_HOUR,
    )
    lines = (await server.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)).series
    assert {line.kpi_id: list(line.sums) for line in lines} == {
        FIRST: [0, 30_000, 0],
        RESPONSE: [0, 30_000, 0],
        WHOLE: [0, 1_790_000, 0],
    }
    assert not about.unscheduled_widget_ids


def about_noon() -> Timestamp:
    return Timestamp(seconds=at("12:00:00") // 1_000_000)


async def test_the_default_of_the_account_holds_for_widgets_without_hours(server: Server) -> None:
    """The account's hours, and a first version from the beginning of time (R-SERVICE-2)."""
    request = settings.SetAccountSettingsRequest(
        account_id="default", settings=settings.AccountSettings(opening_hours=HOURS)
    )
    await server.settings.SetAccountSettings(request, timeout=CALL_SECONDS)
    await server.ingest_chat("default", OVERNIGHT)
    assert (await told(server, "default", RESPONSE))[RESPONSE] == (2, 76 * 60_000)
    about = (await server.totals("default", "inactivity_actions")).answers[0]
    assert not about.not_enabled_widget_ids, "the account is no widget"


async def test_widgets_without_hours_have_no_second_number_and_are_named(server: Server) -> None:
    """Those with durations in the range and slice that no hours held for (R-SERVICE-7)."""
    await open_hours(server, "none", HOURS)
    await server.ingest_chat("none", LIVE, "c1")
    await server.ingest_chat("none", "\n".join(f"{line} on shop" for line in LIVE.strip().splitlines()), "c2")
    answer = await server.totals("none", *SERVICE_TIMES, group_by=[kpi.DIMENSION_WIDGET])
    assert {(row.kpi_id, row.key.widget_id, row.count) for row in answer.totals} == {
        (service_time, "web", 1) for service_time in SERVICE_TIMES
    }
    assert [list(about.unscheduled_widget_ids) for about in answer.answers] == [["shop"]] * 3
    only_web = kpi.Filter(widgets=kpi.IdFilter(any_of=["web"]))
    [about] = (await server.totals("none", RESPONSE, filter=only_web)).answers
    assert not about.unscheduled_widget_ids
    for kpi_id, widgets in (("response_time", ["shop", "web"]), (RESPONSE, ["web"])):
        listed = kpi.ListDimensionValuesRequest(account_id="none", dimension=kpi.DIMENSION_WIDGET, kpi_ids=[kpi_id])
        answer = await server.kpis.ListDimensionValues(listed, timeout=CALL_SECONDS)
        assert [value.id for value in answer.values] == widgets, "a filter offers what has service times"


async def test_settings_that_come_later_change_nothing_that_was_accepted(server: Server) -> None:
    """Hours are found when an event is accepted, and kept with it (R-SERVICE-2)."""
    await server.ingest_chat("later", LIVE, "c1")
    await open_hours(server, "later", HOURS)
    await server.ingest_chat("later", LIVE, "c2")
    await open_hours(server, "later", None)
    await server.ingest_chat("later", "10:31:00 anna: message #more", "c2")
    answer = await server.totals("later", RESPONSE)
    assert [(row.count, row.sum) for row in answer.totals] == [(1, 30_000)]
    assert list(answer.answers[0].unscheduled_widget_ids) == ["web"]


async def test_what_is_taken_back_or_comes_late_is_counted_exactly(server: Server) -> None:
    """As if it had always been so; an explanation shows each duration, and why another has none (R-BACK-1)."""
    await open_hours(server, "gone", HOURS)
    await server.ingest_chat("gone", OVERNIGHT)
    await server.ingest_chat("gone", "56:12:00 takes back 02 #back")
    assert (await told(server, "gone", RESPONSE))[RESPONSE] == (1, 81 * 60_000)
    await server.ingest_chat("gone", "16:30:00 anna: message #late")
    assert (await told(server, "gone", RESPONSE))[RESPONSE] == (2, 11 * 60_000)
    now = Timestamp()
    now.GetCurrentTime()
    assert (await told(server, "gone", RESPONSE, as_of=now))[RESPONSE] == (2, 11 * 60_000)
    await server.ingest_chat("gone", "12:00:00 contact: message on shop\n12:00:30 anna: message", "c2")
    request = kpi.ExplainCountRequest(account_id="gone", kpi_id=RESPONSE, range=ALL_WEEK)
    page = await server.kpis.ExplainCount(request, timeout=CALL_SECONDS)
    facts = [fact.duration_ms for each in page.conversations for fact in each.counted]
    assert sorted(facts) == [60_000, 600_000]
    assert "NO_OPENING_HOURS" in {event.rule for each in page.conversations for event in each.left_out}


async def test_the_catalogue_lists_service_times_beside_the_kpis(server: Server) -> None:
    """With texts of their own; the 20 stay what they are."""
    for code, word in (("en", "opening hours"), ("de", "Öffnungszeiten"), ("nl", "openingstijden")):
        catalogue = await server.kpis.ListKpis(kpi.ListKpisRequest(language_code=code), timeout=CALL_SECONDS)
        assert len(catalogue.kpis) == len(ALL_KPI_IDS)
        assert [each.kpi_id for each in catalogue.service_times] == list(SERVICE_TIMES)
        assert [each.number for each in catalogue.service_times] == [14, 15, 17]
        assert all(word in each.display_name for each in catalogue.service_times)
        assert all(each.what and each.unit and each.when and each.why for each in catalogue.service_times)
