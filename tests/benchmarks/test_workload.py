"""The benchmarks' events: the same for all sides, and what they say they are."""

from collections import Counter
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from benchmarks.questions import Numbers, YearByDay
from benchmarks.workload import ACCOUNT, CHAT_EVENTS, GOAL_URL, LIVE_LIMIT_SECONDS, WIDGETS, Part, Workload, raw_events
from telwerk.v1 import (
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from tests.conftest import ALL_KPI_IDS, CALL_SECONDS, Server, eventually, started

CONVERSATIONS = 120
CHATS = Workload(conversations_per_day=CONVERSATIONS / 300)


def sent(part: Part) -> list[ingestion.IngestEventsRequest]:
    calls = [call for lane in range(part.lanes) for call in part.lane(lane)]
    return [ingestion.IngestEventsRequest.FromString(call) for call in calls]


@pytest.mark.parametrize("spread", [False, True])
@pytest.mark.parametrize(("lanes", "call_events"), [(1, 1_000), (4, 100), (64, 1)])
def test_a_part_sends_every_event_of_its_conversations_once_and_each_conversation_in_order(
    lanes: int, call_events: int, *, spread: bool
):
    part = Part(CHATS, 30, 200, lanes, call_events, spread=spread)
    calls = sent(part)
    assert all(len(call.events) <= call_events for call in calls)
    found = [(event.conversation_id, event.event_id) for call in calls for event in call.events]
    wanted = [(e.conversation_id, e.event_id) for n in range(30, 230) for e in CHATS.conversation(n)]
    assert len(found) == part.events == 200 * CHAT_EVENTS
    assert sorted(found) == wanted
    times = [(e.conversation_id, e.occur_time.ToNanoseconds()) for call in calls for e in call.events]
    for conversation in {name for name, _ in times}:
        of_conversation = [at for name, at in times if name == conversation]
        assert of_conversation == sorted(of_conversation)


def test_spread_calls_have_each_conversation_once():
    part = Part(CHATS, 0, 100, 1, 100, spread=True)
    assert [set(Counter(e.conversation_id for e in call.events).values()) for call in sent(part)] == [{1}] * CHAT_EVENTS


@pytest.mark.parametrize("length", [10, 13, 100])
def test_a_conversation_is_as_long_as_it_is_said_to_be_and_has_distinct_event_ids(length: int):
    workload = Workload(conversation_events=length)
    for number in range(30):
        events = workload.conversation(number)
        assert len({event.event_id for event in events}) == length


def test_ids_without_order_are_as_distinct_as_those_that_count_up():
    names = [Workload(random_ids=True).conversation(n)[0].conversation_id for n in range(500)]
    assert len(set(names)) == 500
    assert names != sorted(names)


async def test_all_kpis_are_counted_and_the_rows_for_the_peers_say_what_telwerk_says(tmp_path: Path):
    """The rows tell the operator; Telwerk finds it out. A year by day by operator must be the same of both."""
    async with started(tmp_path / "telwerk.db") as server:
        await stored(server, Part(CHATS, 0, CONVERSATIONS, 1))

        async def all_counted() -> bool:
            totals = (await server.totals(ACCOUNT, *ALL_KPI_IDS)).totals
            return all(row.count for row in totals)

        await eventually(all_counted)
        question = YearByDay("Asia/Kathmandu", 0, by_operator=True)
        request = kpi.QueryTimeSeriesRequest.FromString(question.request())
        answer = await server.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)
    numbers = question.numbers(answer)
    assert len({operator for _, operator in numbers}) > 1
    assert numbers == counted_by_hand(CHATS, question.zone)


async def stored(server: Server, part: Part) -> None:
    for widget in WIDGETS:
        version = settings.WidgetSettings(widget_id=widget)
        version.live_limit.seconds = LIVE_LIMIT_SECONDS
        version.goals.add(goal_id="order", url=GOAL_URL)
        request = settings.SetWidgetSettingsRequest(account_id=ACCOUNT, settings=version)
        await server.settings.SetWidgetSettings(request, timeout=CALL_SECONDS)
    for call in sent(part):
        response = await server.ingestion.IngestEvents(call, timeout=CALL_SECONDS)
        assert response.accepted_count == len(call.events)


def counted_by_hand(workload: Workload, zone: str) -> Numbers:
    numbers: dict[tuple[date, str], tuple[int, int]] = {}
    for raw in raw_events(workload, 0, CONVERSATIONS):
        if raw.kind == "conversation_rated" and raw.operator_id:
            day = datetime.fromtimestamp(raw.occur_micros / 1e6, ZoneInfo(zone)).date()
            n, stars = numbers.get((day, raw.operator_id), (0, 0))
            numbers[day, raw.operator_id] = (n + 1, stars + raw.stars)
    return numbers
