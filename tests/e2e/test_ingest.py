"""Taking events in, through the real server: what is counted, what is refused; nothing acknowledged is lost."""

import asyncio
import logging
import random
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration

from telwerk.v1 import (
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from tests import chats
from tests.chats import at, chat
from tests.conftest import (
    KPI_IDS,
    Server,
    connected,
    eventually,
    locked,
    refusal,
    rows,
    serving,
    started,
    timestamp,
    wired,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCEPTED, DUPLICATE, REJECTED = (
    ingestion.VERDICT_ACCEPTED,
    ingestion.VERDICT_DUPLICATE,
    ingestion.VERDICT_REJECTED,
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(either) -> AsyncIterator[Server]:
    """One for all tests that change no setting of it: each uses an account of its own."""
    async with started(either) as server:
        yield server


@pytest.fixture
def account(request) -> str:
    """An account of the test's own."""
    return request.node.name


WARMED_UP = 1
"""Batches that a warm server has taken in."""


@asynccontextmanager
async def started_warm(database: Path, **settings_: Any) -> AsyncIterator[Server]:
    """A server that has written to its database before, so that a lock meets a transaction, not a first connection."""
    async with started(database, **settings_) as server:
        await server.ingest("warm-up", wired(RATED))
        yield server


# --- what is counted -------------------------------------------------------------------------------------------------

TEN_KPIS = """
    09:00:00 pre-chat survey reason=order
    09:00:00 goes live, sends limit 60s
    09:00:05 contact: message
    09:00:10 anna assigned in sales
    09:01:30 action inactivity_message_sent
    09:02:00 bot: message
    09:03:00 contact reaches order
    09:03:30 topics delivery price
    09:04:00 ends
    09:05:00 contact resumes
    09:05:00 action resumed_conversation_reassigned
    09:05:00 bram assigned in support
    09:06:00 contact rates 4
    09:06:30 contact leaves feedback
    09:07:00 post-chat survey solved=yes again=no
"""

TEN_KPIS_COUNTED = """
    conversation_topics delivery+price anna/sales web
    feedback_count bram/support web
    goals_reached order anna/sales web
    inactivity_actions inactivity_message_sent anna/sales web
    inactivity_actions resumed_conversation_reassigned anna/sales web
    offline_assignments assigned anna/sales web
    post_chat_survey_results again=no bram/support web
    post_chat_survey_results solved=yes bram/support web
    pre_chat_survey_results reason=order nobody/- web
    satisfaction_score 4 bram/support web
    unanswered_ended_conversations anna/sales web
    unanswered_live_conversations anna/sales web
"""


def lines(text: str) -> list[str]:
    return sorted(line.strip() for line in text.splitlines() if line.strip())


async def test_one_chat_counts_in_all_ten_kpis(server, account):
    """A chat goes in, the ten numbers come out; those of the operator who was assigned just before."""
    await server.ingest_chat(account, TEN_KPIS)
    await server.complete(account)
    assert await server.counted(account) == lines(TEN_KPIS_COUNTED)
    assert {line.split()[0] for line in lines(TEN_KPIS_COUNTED)} == set(KPI_IDS)


@pytest.mark.parametrize("seed", range(5))
async def test_arrival_never_matters(server, account, seed):
    """In any order, in any batches, some of them sent twice: the same counts (R-ORDER-8)."""
    chance = random.Random(seed)  # noqa: S311 -- an order, not a secret
    arriving = wired(TEN_KPIS) * 2
    chance.shuffle(arriving)
    while arriving:
        size = chance.randint(1, 5)
        await server.ingest(account, arriving[:size])
        del arriving[:size]
    await server.complete(account)
    assert await server.counted(account) == lines(TEN_KPIS_COUNTED)


async def test_accounts_know_nothing_of_each_other(server, account):
    """The same ids in two accounts are two conversations (R-DUP-2)."""
    for one in (f"{account}-1", f"{account}-2"):
        await server.ingest_chat(one, TEN_KPIS)
    await server.complete(f"{account}-2")
    assert await server.counted(f"{account}-2") == lines(TEN_KPIS_COUNTED)
    assert await server.counted(account) == []


# --- duplicates and reused ids ---------------------------------------------------------------------------------------

RATED = """
    09:00:00 anna assigned in sales
    09:01:00 contact rates 4
"""


async def test_a_duplicate_within_a_batch_counts_once(server, account):
    """The first is accepted, the second is a duplicate (R-DUP-1)."""
    response = await server.ingest(account, wired(RATED) * 2)
    assert response.verdicts == [ACCEPTED, ACCEPTED, DUPLICATE, DUPLICATE]
    assert (response.accepted_count, response.duplicate_count) == (2, 2)
    assert await server.total(account, "satisfaction_score") == 1


async def test_a_duplicate_of_an_earlier_call_counts_once(server, account):
    """Sending a batch again is harmless, and says so (R-DUP-1)."""
    await server.ingest(account, wired(RATED))
    response = await server.ingest(account, wired(RATED))
    assert response.verdicts == [DUPLICATE, DUPLICATE]
    assert await server.total(account, "satisfaction_score") == 1


async def test_of_concurrent_duplicates_one_is_accepted(server, account):
    """However many send the same at the same time, each event is accepted once (R-DUP-1)."""
    responses = await asyncio.gather(*(server.ingest(account, wired(RATED)) for _ in range(20)))
    verdicts = Counter(verdict for response in responses for verdict in response.verdicts)
    assert verdicts == {ACCEPTED: 2, DUPLICATE: 38}
    assert await server.total(account, "satisfaction_score") == 1


OTHER_CONTENTS: dict[str, dict[str, Any]] = {
    "another value": {"conversation_rated": pb.ConversationRated(stars=5)},
    "another kind": {"feedback_left": pb.FeedbackLeft()},
    "another time": {"occur_time": timestamp(at("09:01:01"))},
    "another sequence": {"sequence": 7},
    "another widget": {"widget_id": "help"},
}


@pytest.mark.parametrize("change", OTHER_CONTENTS.values(), ids=OTHER_CONTENTS)
async def test_an_id_with_another_content_changes_nothing(server, account, change):
    """EVENT_ID_REUSED, in the same batch or later; the first content stays, and can still be sent again (R-DUP-3)."""
    first = wired(RATED)
    other = pb.Event(**{name.name: value for name, value in first[1].ListFields()})
    other.MergeFrom(pb.Event(**change))
    for batch, expected in (
        ([*first, other], [ACCEPTED, ACCEPTED, REJECTED]),
        ([other, *first], [REJECTED, DUPLICATE, DUPLICATE]),
    ):
        response = await server.ingest(account, batch)
        assert response.verdicts == expected
        [rejection] = response.rejections
        assert (rejection.reason, rejection.field) == ("EVENT_ID_REUSED", "event_id")
        assert rejection.index == expected.index(REJECTED)
    assert await server.counted(account) == ["satisfaction_score 4 anna/sales web"]


async def test_an_id_may_be_taken_in_another_conversation(server, account):
    """Ids of events are unique in their conversation, not beyond it (R-DUP-2)."""
    response = await server.ingest(account, [*wired(RATED, "c1"), *wired(RATED, "c2")])
    assert response.verdicts == [ACCEPTED] * 4
    assert await server.total(account, "satisfaction_score") == 2


async def test_what_is_cut_from_a_time_makes_no_difference(server, account):
    """An `occur_time` is cut to microseconds: nanoseconds beyond them are the same content (R-ORDER-1)."""
    batch = wired(RATED)
    await server.ingest(account, batch)
    for event in batch:
        event.occur_time.nanos += 999
    assert (await server.ingest(account, batch)).duplicate_count == 2


# --- late events and retractions -------------------------------------------------------------------------------------


async def test_a_late_assignment_moves_what_was_counted(server, account):
    """What happened earlier but arrives late corrects the count."""
    await server.ingest_chat(account, "09:01:00 contact: message #m \n 09:05:00 action inactivity_message_sent #a")
    assert await server.counted(account) == ["inactivity_actions inactivity_message_sent nobody/- web"]
    await server.ingest_chat(account, "09:02:00 anna assigned in sales #late")
    assert await server.counted(account) == ["inactivity_actions inactivity_message_sent anna/sales web"]


async def test_a_late_message_releases_what_was_held_back(server, account):
    """Topics wait for the first message, and then count at the instant of tagging."""
    await server.ingest_chat(account, "09:02:00 topics price #t")
    assert await server.counted(account) == []
    await server.ingest_chat(account, "09:01:00 contact: message #late")
    assert await server.counted(account) == ["conversation_topics price nobody/- web"]


async def test_a_late_operator_message_corrects_a_frozen_count(server, account):
    """KPI 4 is frozen against what happened later, not against what arrives late (R-FROZEN-4)."""
    await server.ingest_chat(account, "09:01:00 contact: message #m \n 09:05:00 ends #e")
    assert await server.counted(account) == ["unanswered_ended_conversations nobody/- web"]
    await server.ingest_chat(account, "09:06:00 anna: message #after")
    assert await server.counted(account) == ["unanswered_ended_conversations nobody/- web"]
    await server.ingest_chat(account, "09:04:00 anna: message #before")
    assert await server.counted(account) == []


@pytest.mark.parametrize("order", ["the retraction last", "the retraction first", "in one batch"])
async def test_a_retraction_takes_back_in_either_order(server, account, order):
    """It is then as if the event had never been, whichever of the two arrives first (R-BACK-2)."""
    script = RATED + "09:02:00 contact rates 1 #slip \n 09:03:00 takes back slip #undo"
    events = wired(script)
    batches = {
        "the retraction last": [events[:3], events[3:]],
        "the retraction first": [events[3:], events[:3]],
        "in one batch": [events],
    }[order]
    for batch in batches:
        await server.ingest(account, batch)
    assert await server.counted(account) == ["satisfaction_score 4 anna/sales web"]


async def test_a_retraction_can_be_retracted(server, account):
    """The event is then counted again."""
    await server.ingest_chat(account, RATED + "09:02:00 contact rates 1 #slip \n 09:03:00 takes back slip #undo")
    await server.ingest_chat(account, "09:04:00 takes back undo #redo")
    assert await server.counted(account) == [
        "satisfaction_score 1 anna/sales web",
        "satisfaction_score 4 anna/sales web",
    ]


async def test_a_retraction_is_of_its_own_conversation(server, account):
    """Another conversation may have an event of the same id: it stands, whichever comes first (R-BACK-5)."""
    for batch in (
        wired(RATED + "09:02:00 contact rates 1 #slip", "c1"),
        wired("09:03:00 takes back slip #undo", "c2"),
        wired(RATED + "09:02:00 contact rates 2 #slip", "c2"),
    ):
        await server.ingest(account, batch)
    assert await server.counted(account) == [
        "satisfaction_score 1 anna/sales web",
        "satisfaction_score 4 anna/sales web",
        "satisfaction_score 4 anna/sales web",
    ]


# --- settings are resolved at acceptance -----------------------------------------------------------------------------


async def set_widget(server: Server, account: str, **version: Any) -> None:
    request = settings.SetWidgetSettingsRequest(
        account_id=account, settings=settings.WidgetSettings(**{"widget_id": "web", **version})
    )
    await server.settings.SetWidgetSettings(request)


def goals(**urls: str) -> list[settings.Goal]:
    return [settings.Goal(goal_id=goal_id, url=url) for goal_id, url in urls.items()]


VISIT = """
    09:00:00 anna assigned in sales #assigned
    09:00:10 contact: message #message
    09:10:00 contact visits https://shop.example/thanks?order=7#top #visit
"""


async def test_a_visited_page_is_matched_with_the_goals_of_its_instant(server, account):
    """By the version that is effective at the event's `occur_time`; the first holds from the beginning of time.

    R-SET-1, R-SET-2.
    """
    thanks = "https://SHOP.example:443/thanks/"
    await set_widget(server, account, effective_time=timestamp(at("12:00:00")), goals=goals(first=thanks))
    await set_widget(
        server, account, effective_time=timestamp(at("13:00:00")), goals=goals(second=thanks, third=thanks)
    )
    await server.ingest_chat(account, VISIT)
    for time in ("12:30:00", "13:00:00"):
        await server.ingest_chat(account, f"{time} contact visits https://shop.example/thanks #{time}")
    assert await server.counted(account) == lines("""
        goals_reached first anna/sales web
        goals_reached first anna/sales web
        goals_reached second anna/sales web
        goals_reached third anna/sales web
    """)


async def test_accepted_events_keep_their_goals(server, account):
    """A version that comes later changes nothing of what is accepted, not even when a late event folds it again.

    R-DUP-4, R-SET-1.
    """
    await server.ingest_chat(account, VISIT)
    assert await server.counted(account) == []
    await set_widget(
        server, account, effective_time=timestamp(at("00:00:00")), goals=goals(order="https://shop.example/thanks")
    )
    assert (await server.ingest(account, wired(VISIT))).duplicate_count == 3
    await server.ingest_chat(account, "09:05:00 anna: message #late")
    assert await server.counted(account) == []
    await server.ingest_chat(account, "09:11:00 contact visits https://shop.example/thanks #another")
    assert await server.counted(account) == ["goals_reached order anna/sales web"]


async def test_the_page_itself_tells_contents_apart(server, account):
    """Only a digest of the URL is kept, and the same id with another URL is still refused."""
    await server.ingest_chat(account, VISIT)
    other = wired(VISIT.replace("order=7", "order=8"))
    assert (await server.ingest(account, other)).verdicts == [DUPLICATE, DUPLICATE, REJECTED]


async def test_of_a_visited_page_only_a_digest_is_stored(tmp_path):
    """Neither the page nor what stands behind its question mark is in the database, goal or not (R-KEEP-7)."""
    path = tmp_path / "telwerk.db"
    async with started(path) as server:
        await set_widget(server, "a", goals=goals(order="https://shop.example/thanks"))
        await server.ingest_chat("a", VISIT + "09:11:00 contact visits https://other.example/?mail=jo@home.example")
        assert await server.total("a", "goals_reached") == 1
        await server.complete("a")
    stored = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"shop.example/thanks" in stored  # the goal's, which is a setting
    assert [text for text in (b"order=7", b"other.example", b"jo@home") if text in stored] == []


async def test_no_log_line_names_an_operator(databases, caplog, capfd):
    """Whatever is ingested, refused and asked, and however much is logged (R-KEEP-8)."""
    caplog.set_level(logging.DEBUG, "telwerkd")
    with databases() as database:
        async with started(database, names_max=2) as server:
            await server.ingest_chat("a", TEN_KPIS.replace("bram", "anna").replace("anna", "anna-pseudonym"))
            script = "09:00:00 anna-pseudonym-2 assigned\n09:00:00 anna-pseudonym-3 assigned #x"
            assert (await server.ingest("a", wired(script, "c2"))).rejections
            await server.complete("a")
            asked = kpi.Filter(operators=kpi.IdFilter(any_of=["anna-pseudonym", "x" * 999]))
            await refusal(server.kpis.QueryTotals(kpi.QueryTotalsRequest(account_id="a", kpi_ids=["x"], filter=asked)))
            assert any("anna-pseudonym" in line for line in await server.counted("a"))
    # The process that writes to a SQLite file logs to the standard error.
    logged = [record.getMessage() for record in caplog.records] + capfd.readouterr().err.splitlines()
    assert [line for line in logged if "anna-pseudonym" in line] == []


LIVE = """
    09:00:00 goes live #live
    09:00:00 contact: message #message
"""
UNANSWERED = ["unanswered_live_conversations nobody/- web"]


async def live_minute(server: Server, account: str, minutes: int) -> None:
    """The widget's limit from now on."""
    await set_widget(
        server, account, effective_time=timestamp(at("00:00:00")), live_limit=Duration(seconds=60 * minutes)
    )


async def test_accepted_events_keep_their_limit(server, account):
    """Without a limit there is no timer, and a limit that is set later does not reach back (R-KPI3-12)."""
    await server.ingest_chat(account, LIVE)
    await live_minute(server, account, 1)
    assert (await server.ingest(account, wired(LIVE))).duplicate_count == 2
    await server.ingest_chat(account, "08:59:00 bot: message #late")
    await server.ingest_chat(account, LIVE, "c2")
    await server.complete(account)
    assert await server.counted(account) == UNANSWERED


async def test_the_limit_is_that_of_acceptance(server, account):
    """An event accepted under one minute keeps it when ten minutes are set, and an answer after two is too late.

    R-SET-1.
    """
    await live_minute(server, account, 1)
    await server.ingest_chat(account, LIVE)
    await live_minute(server, account, 10)
    await server.ingest_chat(account, LIVE, "c2")
    for conversation in ("c1", "c2"):
        await server.ingest_chat(account, "09:02:00 anna: message #answer", conversation)
    await server.complete(account)
    assert await server.counted(account) == UNANSWERED


async def test_the_producers_limit_wins(server, account):
    """A limit that comes with the event counts, whatever the widget's settings say (R-KPI3-11)."""
    await live_minute(server, account, 1)
    answered = LIVE.replace("goes live", "goes live, sends limit 600s") + "09:02:00 anna: message"
    await server.ingest_chat(account, answered, "in time by the producer's")
    await server.ingest_chat(account, LIVE + "09:02:00 anna: message", "too late by the settings'")
    await server.complete(account)
    assert await server.counted(account) == UNANSWERED


async def test_a_limit_that_is_sent_is_content(server, account):
    """The same id with another limit is another content; the settings' limit is not part of it (R-DUP-4)."""
    await live_minute(server, account, 1)
    await server.ingest_chat(account, LIVE)
    sent = wired(LIVE.replace("goes live", "goes live, sends limit 60s"))
    assert (await server.ingest(account, sent)).verdicts == [REJECTED, DUPLICATE]


async def test_settings_come_back_as_they_were_set(server, account):
    """All versions, oldest first; one with the same instant is replaced; the list shows the newest of each widget."""
    for minutes, time in ((1, "09:00:00"), (3, "08:00:00"), (2, "09:00:00")):
        await set_widget(server, account, live_limit=Duration(seconds=60 * minutes), effective_time=timestamp(at(time)))
    await set_widget(server, account, widget_id="help", goals=goals(a="http://é.example/"), enabled_actions=[7, 1, 7])
    versions = await server.settings.GetWidgetSettings(
        settings.GetWidgetSettingsRequest(account_id=account, widget_id="web")
    )
    assert [version.live_limit.seconds for version in versions.versions] == [180, 120]
    newest = await server.settings.ListWidgetSettings(settings.ListWidgetSettingsRequest(account_id=account))
    assert [(one.widget_id, one.live_limit.seconds) for one in newest.settings] == [("help", 0), ("web", 120)]
    helpful = newest.settings[0]
    assert not helpful.HasField("live_limit")
    assert helpful.effective_time.seconds > 0
    assert (list(helpful.goals), list(helpful.enabled_actions)) == (goals(a="http://é.example/"), [1, 7])


# --- limits ----------------------------------------------------------------------------------------------------------


async def test_too_many_names_reject_alone(tmp_path):
    """At `names_max` distinct operators a new one is refused, those known go on; after a restart too."""
    path = tmp_path / "telwerk.db"
    batch = [
        pb.Event(
            event_id=f"e{n}",
            conversation_id=f"c{n}",
            widget_id="web",
            occur_time=timestamp(at("09:00:00")),
            operator_assigned=pb.OperatorAssigned(operator_id=f"o{n % 4}", operator_group_id="sales"),
        )
        for n in range(8)
    ]
    async with started(path, names_max=3) as server:
        response = await server.ingest("a", batch)
        assert [rejection.index for rejection in response.rejections] == [3, 7]
        assert {rejection.reason for rejection in response.rejections} == {"TOO_MANY_VALUES"}
        assert all("names_max" in rejection.message for rejection in response.rejections)
        assert response.accepted_count == 6
        assert (await server.ingest("b", batch[3:4])).accepted_count == 1, "another account has names of its own"
    async with started(path, names_max=3) as server:
        response = await server.ingest("a", batch)
        assert (response.duplicate_count, len(response.rejections)) == (6, 2)
    async with started(path, names_max=4) as server:
        assert (await server.ingest("a", batch)).accepted_count == 2


FAMILIES = {
    "operators": ("{} assigned", "operators"),
    "groups": ("unassigned, stays in {}", "operator groups"),
    "goals": ("contact reaches {}", "goals"),
    "sets of topics": ("topics {}", "sets of topics"),
    "pre-chat answers": ("pre-chat survey q={}", "pre-chat survey answers"),
    "post-chat answers": ("post-chat survey q={}", "post-chat survey answers"),
    "widgets": ("contact: message on {}", "widgets"),
}


async def test_each_family_of_names_has_the_limit(tmp_path):
    """So that a runaway id, whichever it is, cannot fill the counters."""
    async with started(tmp_path / "telwerk.db", names_max=2) as server:
        for account, (sentence, text) in FAMILIES.items():
            script = "\n".join(f"09:00:00 {sentence.format(name)}" for name in ("x", "y", "z", "x"))
            response = await server.ingest(account, wired(script))
            assert response.verdicts == [ACCEPTED, ACCEPTED, REJECTED, ACCEPTED], account
            assert text in response.rejections[0].message


async def test_a_refused_event_takes_no_name(tmp_path):
    """A survey whose second answer is one too many leaves room for the first."""
    async with started(tmp_path / "telwerk.db", names_max=2) as server:
        script = """
            09:00:00 post-chat survey q=1
            09:00:00 post-chat survey q=2 q=3
            09:00:00 post-chat survey q=4
        """
        assert (await server.ingest("a", wired(script))).verdicts == [ACCEPTED, REJECTED, ACCEPTED]


async def test_a_server_that_has_too_much_waiting_says_when_to_come_back(tmp_path):
    """UNAVAILABLE with a RetryInfo; those that waited are stored, and the resend is too."""
    path = tmp_path / "telwerk.db"
    async with started_warm(path, waiting_events_max=3) as server:
        with locked(path):
            # One batch is in the transaction that waits for the database, one has room to wait for the next.
            calls = [asyncio.create_task(server.ingest("a", wired(RATED, f"c{n}"))) for n in range(10)]

            async def all_others_are_refused() -> bool:
                return sum(call.done() for call in calls) >= 8

            await eventually(all_others_are_refused)
            turned_away = [n for n, call in enumerate(calls) if call.done()]
        for n in turned_away:
            refused = await refusal(calls[n])
            assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "OVERLOADED")
            assert refused.retry_seconds is not None
            assert refused.retry_seconds > 0
        assert [(await call).accepted_count for n, call in enumerate(calls) if n not in turned_away] == [2, 2]
        for n in turned_away:
            assert (await server.ingest("a", wired(RATED, f"c{n}"))).accepted_count == 2
        assert await server.total("a", "satisfaction_score") == 10


# --- nothing acknowledged is lost ------------------------------------------------------------------------------------


class Caller(NamedTuple):
    """One of many who send at the same time."""

    server: Server
    number: int

    async def send_and_see(self) -> None:
        """Sends ratings one after the other, and looks after each."""
        account, operator = "callers", f"o{self.number}"
        for n in range(5):
            script = f"09:00:00 {operator} assigned \n 09:00:01 contact rates {n + 1}"
            await self.server.ingest_chat(account, script, f"c{self.number}-{n}")
            seen = await self.server.total(account, "satisfaction_score", operators={"any_of": [operator]})
            assert seen == n + 1


async def test_what_is_acknowledged_is_seen_by_the_very_next_query(server):
    """With fifty callers at once: each finds its own event in the answer that it asks for next."""
    await asyncio.gather(*(Caller(server, number).send_and_see() for number in range(50)))
    assert await server.total("callers", "satisfaction_score") == 250


@pytest.mark.parametrize("how", ["deadline", "cancel"])
async def test_a_caller_that_goes_away_mid_commit_loses_nothing(tmp_path, how, submitted):
    """Whether its batch was stored is unknown to it; sending it again is safe, and counts once."""
    path = tmp_path / "telwerk.db"
    async with started_warm(path) as server:
        request = ingestion.IngestEventsRequest(account_id="a", events=wired(RATED))
        with locked(path):
            call = server.ingestion.IngestEvents(request, timeout=2 if how == "deadline" else 30)
            await submitted(WARMED_UP + 1)
            if how == "deadline":
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call
                assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
            else:
                call.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await call
            assert rows(path, "SELECT count(*) FROM events WHERE account_id = 'a'") == [(0,)]
        again = await server.ingest("a", wired(RATED))
        assert again.duplicate_count + again.accepted_count == 2
        assert await server.counted("a") == ["satisfaction_score 4 anna/sales web"]


async def test_a_batch_whose_caller_went_away_while_it_waited_is_stored(tmp_path, submitted):
    """What was taken in is stored, whoever still listens: here nobody sends it again."""
    path = tmp_path / "telwerk.db"
    async with started_warm(path) as server:
        with locked(path):
            calls = [server.ingest("a", wired(RATED, f"c{n}")) for n in range(3)]
            tasks = [asyncio.create_task(call) for call in calls]
            await submitted(WARMED_UP + 3)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        async def stored() -> bool:
            return await server.total("a", "satisfaction_score") == 3

        await eventually(stored)


async def test_a_database_that_stays_locked_is_unavailable_and_nothing_is_half_done(tmp_path):
    """After ten seconds the call ends with UNAVAILABLE and a RetryInfo; the resend is accepted whole."""
    path = tmp_path / "telwerk.db"
    async with started_warm(path) as server:
        with locked(path):
            refused = await refusal(server.ingest("a", wired(RATED)))
        assert (refused.code, refused.reason) == (grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE")
        assert refused.retry_seconds is not None
        assert (await server.ingest("a", wired(RATED))).verdicts == [ACCEPTED, ACCEPTED]


async def test_one_broken_account_does_not_sink_those_beside_it(tmp_path, monkeypatch, submitted):
    """A state that cannot be read is a defect for its own conversation's batch alone, though both commit together."""
    monkeypatch.setattr(logging.getLogger("telwerkd.transport.grpc.errors"), "disabled", True)  # this defect is meant
    path = tmp_path / "telwerk.db"
    async with started_warm(path) as server:
        await server.ingest("broken", wired(RATED))
        connection = sqlite3.connect(path)
        with connection:
            connection.execute("UPDATE conversations SET state = x'c1' WHERE account_id = 'broken'")
            # As who changes something does; else the server had no need to read it again.
            connection.execute("UPDATE accounts SET version = version + 1 WHERE account_id = 'broken'")
        connection.close()
        with locked(path):
            filler = asyncio.create_task(server.ingest("filler", wired(RATED)))
            await submitted(WARMED_UP + 2)
            broken = asyncio.create_task(server.ingest("broken", wired("09:02:00 contact rates 1 #new")))
            good = asyncio.create_task(server.ingest("good", wired(RATED)))
            await submitted(WARMED_UP + 4)
        assert (await filler).accepted_count == 2
        assert (await good).accepted_count == 2
        assert (await refusal(broken)).reason == "INTERNAL"


async def test_concurrent_chats_count_as_the_fold_does(server):
    """Fifty chats, each event in a call of its own, all at once: the sum of what each counts by itself."""
    chance = random.Random(7)  # noqa: S311 -- an order, not a secret
    events = [event for n in range(50) for event in wired(TEN_KPIS, f"c{n}")]
    chance.shuffle(events)
    gate = asyncio.Semaphore(50)

    async def send(event: pb.Event) -> None:
        async with gate:
            await server.ingest("fold", [event])

    await asyncio.gather(*map(send, events))
    await server.complete("fold")
    expected = Counter(line.split(" ", 1)[1] for line in chats.facts(chat(TEN_KPIS)))
    assert Counter(await server.counted("fold")) == Counter({line: 50 * n for line, n in expected.items()})


async def test_many_callers_on_one_connection_are_all_answered(tmp_path):
    """Whose calls are answered together by a group commit, and who all call again at once: none is refused."""

    async def caller(client: Server, name: int) -> None:
        for n in range(10):
            await client.ingest_chat("acme", f"09:00:00 contact: message #{n}", f"caller-{name}")

    # A server of its own: in one process with its callers it would take turns with them.
    with serving(tmp_path / "telwerk.db") as process:
        async with connected(process.address) as client:
            await asyncio.gather(*(caller(client, name) for name in range(64)))
