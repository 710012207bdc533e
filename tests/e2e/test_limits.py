"""Limits that pass without an event (KPI 3), what is held back (8, 9), and up to when an answer is complete.

Limits are short here and real: the server's own clock notices them. What is asked for is asked for until it holds.
"""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration

from telwerk.v1 import event_pb2 as pb, kpi_service_pb2 as kpi, settings_service_pb2 as settings
from telwerkd.domain.ids import SECOND, Micros
from tests.chats import at
from tests.conftest import Server, connected, eventually, serving, started, timestamp

pytestmark = pytest.mark.asyncio(loop_scope="module")
table = pytest.mark.parametrize

LIVE_KPI, ENDED_KPI = "unanswered_live_conversations", "unanswered_ended_conversations"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(either) -> AsyncIterator[Server]:
    """One for all tests that do not stop it: each uses an account of its own."""
    async with started(either) as server:
        yield server


@pytest.fixture
def account(request) -> str:
    """An account of the test's own."""
    return request.node.name


def now() -> Micros:
    """This machine's present, which is the server's too."""
    return Micros(time.time_ns() // 1_000)


def goes_live_now(limit_seconds: float, conversation: str = "c1") -> tuple[list[pb.Event], Micros]:
    """A live conversation in which the contact has just written, and the instant of its limit."""
    began = now()
    common = {"conversation_id": conversation, "widget_id": "web", "occur_time": timestamp(began)}
    limit = Micros(round(limit_seconds * SECOND))
    live_limit = Duration(seconds=limit // SECOND, nanos=limit % SECOND * 1_000)
    events = [
        pb.Event(event_id="assigned", operator_assigned=pb.OperatorAssigned(operator_id="anna"), **common),
        pb.Event(event_id="live", went_live=pb.WentLive(live_limit=live_limit), **common),
        pb.Event(event_id="message", message_sent=pb.MessageSent(sender=pb.SENDER_CONTACT), **common),
    ]
    return events, Micros(began + limit)


async def noticed(server: Server, account: str, count: int = 1) -> None:
    """Returns when so many unanswered live conversations are counted."""

    async def counted() -> bool:
        return await server.total(account, LIVE_KPI) == count

    await eventually(counted)


def quarter_hour(instant: Micros) -> kpi.TimeRange:
    """The quarter of an hour that an instant is in."""
    start = instant - instant % (900 * SECOND)
    return kpi.TimeRange(
        instants=kpi.InstantRange(start_time=timestamp(Micros(start)), end_time=timestamp(Micros(start + 900 * SECOND)))
    )


# --- the service itself notices --------------------------------------------------------------------------------------


async def test_a_limit_that_passes_is_noticed_without_an_event(server, account):
    """Nobody sends anything, and within moments it is counted, at the limit, for whoever was assigned then.

    R-KPI3-14.
    """
    events, limit = goes_live_now(1)
    await server.ingest(account, events)
    await noticed(server, account)
    assert now() > limit
    assert await server.counted(account) == [f"{LIVE_KPI} anna/- web"]
    assert (await server.totals(account, LIVE_KPI, range=quarter_hour(limit))).totals[0].count == 1


async def test_a_limit_is_never_counted_early(server, account):
    """As long as the limit lies ahead, there is no count (R-KPI3-13)."""
    events, limit = goes_live_now(3_600)
    await server.ingest(account, events)
    await asyncio.sleep(1)
    assert await server.total(account, LIVE_KPI) == 0
    assert now() < limit


async def test_every_one_of_many_limits_is_noticed(server, account):
    """More than one transaction settles at once, all due at the same instant."""
    events = [event for n in range(1_200) for event in goes_live_now(0.5, f"c{n}")[0]]
    await server.ingest(account, events)
    await noticed(server, account, 1_200)


@table("restart", ["at once", "after the limit"])
async def test_a_limit_is_noticed_after_a_restart(tmp_path, restart):
    """Whether it passes while no server runs, or after the next one has started (R-KPI3-14)."""
    path = tmp_path / "telwerk.db"
    events, limit = goes_live_now(2 if restart == "at once" else 0.7)
    async with started(path) as server:
        await server.ingest("a", events)
    if restart == "after the limit":
        await asyncio.sleep(max(0.0, (limit - now()) / SECOND) + 0.1)
    async with started(path) as server:
        await noticed(server, "a")
        assert await server.counted("a") == [f"{LIVE_KPI} anna/- web"]
        assert (await server.totals("a", LIVE_KPI, range=quarter_hour(limit))).totals[0].count == 1


async def test_a_limit_that_passed_unnoticed_is_counted_once(tmp_path):
    """However often the server restarts, and although the events come again."""
    path = tmp_path / "telwerk.db"
    events, _ = goes_live_now(0.2)
    for _ in range(3):
        async with started(path) as server:
            await server.ingest("a", events)
            await noticed(server, "a")


# --- late, and too late ----------------------------------------------------------------------------------------------

LIVE = """
    09:00:00 anna assigned in sales
    09:00:00 goes live, sends limit 60s
    09:00:10 contact: message
"""
COUNTED = [f"{LIVE_KPI} anna/sales web"]


async def test_a_late_answer_from_before_the_limit_takes_the_count_back(server, account):
    """It was answered in time, though the service could not know (R-FROZEN-4)."""
    await server.ingest_chat(account, LIVE)
    await server.complete(account)
    assert await server.counted(account) == COUNTED
    await server.ingest_chat(account, "09:01:10 anna: message #at-the-limit-is-in-time")
    assert await server.counted(account) == []


async def test_an_answer_after_the_limit_takes_nothing_back(server, account):
    """The count is frozen against what happened later (R-FROZEN-1)."""
    await server.ingest_chat(account, LIVE)
    await server.ingest_chat(account, "09:01:10.000001 anna: message #too-late")
    await server.complete(account)
    assert await server.counted(account) == COUNTED


@table("what", ["leaves live", "ends"])
async def test_what_stops_the_limit_may_arrive_late(server, account, what):
    """Leaving live, or the end: at the limit they are in time, and the count goes."""
    await server.ingest_chat(account, LIVE)
    await server.complete(account)
    assert await server.counted(account) == COUNTED
    await server.ingest_chat(account, f"09:01:10 {what} #late")
    ended = [f"{ENDED_KPI} anna/sales web"] if what == "ends" else []
    assert await server.counted(account) == ended


async def test_retracting_the_answer_brings_the_count(server, account):
    """Without it nobody has answered, and the limit has passed long ago."""
    await server.ingest_chat(account, LIVE + "09:00:30 anna: message #answer")
    await server.complete(account)
    assert await server.counted(account) == []
    await server.ingest_chat(account, "09:30:00 takes back answer #undo")
    await server.complete(account)
    assert await server.counted(account) == COUNTED


async def test_a_late_reassignment_moves_the_count(server, account):
    """The fact goes to whoever is assigned at the limit (R-KPI3-10)."""
    await server.ingest_chat(account, LIVE)
    await server.complete(account)
    await server.ingest_chat(account, "09:00:40 bram assigned in support #late")
    assert await server.counted(account) == [f"{LIVE_KPI} bram/support web"]


# --- complete until --------------------------------------------------------------------------------------------------


async def test_without_an_open_limit_an_answer_is_complete_until_now(server, account):
    """Also of an account of which nothing is known; and series say the same as totals (R-NUM-6)."""
    await server.ingest_chat(account, "09:00:00 contact: message")
    for one in (account, f"{account}-unknown"):
        before = now()
        totals = await server.totals(one, LIVE_KPI)
        series = await server.kpis.QueryTimeSeries(
            kpi.QueryTimeSeriesRequest(
                account_id=one, kpi_ids=[LIVE_KPI], range=quarter_hour(before), granularity=kpi.GRANULARITY_HOUR
            )
        )
        after = now()
        assert before <= totals.complete_until.ToMicroseconds() <= series.complete_until.ToMicroseconds() <= after


async def test_an_answer_is_complete_until_the_earliest_open_limit(server, account):
    """While a limit is due and not counted, no answer says that it is complete beyond it; afterwards it is.

    R-NUM-6.
    """
    events, limit = goes_live_now(1)
    later, _ = goes_live_now(3_600, "c2")
    await server.ingest(account, [*later, *events])
    seen = set()
    while 1 not in seen:
        answer = await server.totals(account, LIVE_KPI)
        count, until = answer.totals[0].count, answer.complete_until.ToMicroseconds()
        assert until <= now()
        assert until <= limit or count == 1, "complete beyond the limit, and yet it is not counted"
        seen.add(count)
        await asyncio.sleep(0.02)
    assert seen == {0, 1}
    await server.complete(account, Micros(limit + 1))


async def test_a_limit_of_another_account_makes_no_answer_incomplete(server, account):
    """Each account is complete by itself."""
    events, limit = goes_live_now(0.3)
    await server.ingest(f"{account}-other", events)
    await server.complete(account, limit)


# --- held back -------------------------------------------------------------------------------------------------------

HELD = """
    09:00:00 pre-chat survey reason=order size=big
    09:00:00 topics price on help
    09:10:00 anna assigned in sales
    09:20:00 topics delivery
"""


def held(answer: kpi.QueryTotalsResponse | kpi.QueryTimeSeriesResponse) -> dict[str, int]:
    return {one.kpi_id: one.held_back_count for one in answer.answers}


HELD_KPIS = ("conversation_topics", "pre_chat_survey_results", "post_chat_survey_results")


async def test_what_waits_for_a_message_is_shown_as_held_back(server, account):
    """Survey answers and topics count with the first message; until then the answer says how many there are.

    R-NUM-7.
    """
    await server.ingest_chat(account, HELD)
    answer = await server.totals(account, *HELD_KPIS)
    assert [row.count for row in answer.totals] == [0, 0, 0]
    assert held(answer) == {HELD_KPIS[0]: 1, HELD_KPIS[1]: 2, HELD_KPIS[2]: 0}
    await server.ingest_chat(account, "09:30:00 bot: message #first")
    answer = await server.totals(account, *HELD_KPIS)
    assert [row.count for row in answer.totals] == [1, 2, 0]
    assert held(answer) == dict.fromkeys(HELD_KPIS, 0)


async def test_held_back_is_that_of_the_range_and_slice(server, account):
    """Filtered as the counts are: by time, by operator, by widget, by value (R-NUM-7)."""
    await server.ingest_chat(account, HELD)
    answers = {
        "the quarter-hour": {"range": quarter_hour(at("09:00:00"))},
        "another": {"range": quarter_hour(at("09:15:00"))},
        "anna's": {"filter": kpi.Filter(operators={"any_of": ["anna"]})},
        "nobody's": {"filter": kpi.Filter(operators={"any_of": [""]})},
        "not the widget's": {"filter": kpi.Filter(widgets={"none_of": ["web"]})},
    }
    found = {
        what: tuple(held(await server.totals(account, *HELD_KPIS[:2], **fields)).values())
        for what, fields in answers.items()
    }
    assert found == {
        "the quarter-hour": (0, 2),
        "another": (1, 0),
        "anna's": (1, 0),
        "nobody's": (0, 2),
        "not the widget's": (0, 0),
    }
    one_answer = kpi.Value(answer=pb.SurveyAnswer(question_id="size", option_id="big"))
    sliced = await server.totals(account, HELD_KPIS[1], filter=kpi.Filter(values={"any_of": [one_answer]}))
    assert held(sliced) == {HELD_KPIS[1]: 1}
    tagged = await server.totals(account, HELD_KPIS[0], filter=kpi.Filter(topics={"none_of": ["delivery"]}))
    assert held(tagged) == {HELD_KPIS[0]: 0}


async def test_a_retracted_survey_is_held_back_no_more(server, account):
    """It is as if it had never been."""
    await server.ingest_chat(account, HELD + "09:25:00 takes back 01 #undo")
    assert held(await server.totals(account, *HELD_KPIS[:2])) == {HELD_KPIS[0]: 1, HELD_KPIS[1]: 0}


# --- whether there can be data ---------------------------------------------------------------------------------------


async def set_actions(server: Server, account: str, widget: str, time: str, *actions: int) -> None:
    version = settings.WidgetSettings(widget_id=widget, effective_time=timestamp(at(time)), enabled_actions=actions)
    await server.settings.SetWidgetSettings(settings.SetWidgetSettingsRequest(account_id=account, settings=version))


async def test_a_widget_without_actions_says_so(server, account):
    """KPI 5 of widgets that are all known to have none enabled is NOT_ENABLED; anything else is AVAILABLE.

    R-KPI5-3.
    """
    await set_actions(server, account, "none", "00:00:00")
    await set_actions(server, account, "none-too", "00:00:00")
    await set_actions(server, account, "some", "00:00:00", pb.INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT)

    async def availability(*widgets: str, kpi_id: str = "inactivity_actions") -> str:
        answer = await server.totals(account, kpi_id, filter=kpi.Filter(widgets={"any_of": widgets}))
        return kpi.Availability.Name(answer.answers[0].availability).removeprefix("AVAILABILITY_")

    assert await availability("none") == "NOT_ENABLED"
    assert await availability("none", "none-too") == "NOT_ENABLED"
    assert await availability("some") == "AVAILABLE"
    assert await availability("none", "some") == "AVAILABLE"
    assert await availability("none", "never heard of") == "AVAILABLE"
    assert await availability() == "AVAILABLE"
    assert await availability("none", kpi_id="feedback_count") == "AVAILABLE"


async def test_availability_is_that_of_the_range(server, account):
    """Enabled at noon, an action can have data from then on; the first version holds from the beginning of time.

    R-SET-2, R-KPI5-3.
    """
    await set_actions(server, account, "web", "06:00:00")
    await set_actions(server, account, "web", "12:00:00", pb.INACTIVITY_ACTION_INACTIVITY_MESSAGE_SENT)
    await set_actions(server, account, "web", "18:00:00")

    async def enabled(start: str, end: str) -> bool:
        span = kpi.TimeRange(instants=kpi.InstantRange(start_time=timestamp(at(start)), end_time=timestamp(at(end))))
        answer = await server.totals(
            account, "inactivity_actions", range=span, filter=kpi.Filter(widgets={"any_of": ["web"]})
        )
        return bool(answer.answers[0].availability == kpi.AVAILABILITY_AVAILABLE)

    spans = [("00:00:00", "12:00:00"), ("00:00:00", "12:15:00"), ("12:00:00", "18:00:00"), ("17:45:00", "24:00:00")]
    assert [await enabled(*span) for span in spans] == [False, True, True, True]
    assert not await enabled("18:00:00", "24:00:00")


async def test_the_server_as_its_users_start_it_notices_too(tmp_path):
    """`telwerkd serve`, in a process of its own, killed while the limit runs: the next one counts it (R-KPI3-14)."""
    path = tmp_path / "telwerk.db"
    events, _ = goes_live_now(1.5)
    with serving(path) as first:
        async with connected(first.address) as server:
            await server.ingest("a", events)
        first.process.kill()
    with serving(path) as second:
        async with connected(second.address) as server:
            await noticed(server, "a")
