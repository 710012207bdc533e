"""Taking data out without taking the counts' truth away: erasure, purges, retention; and checking and repairing it."""

import asyncio
import os
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

import grpc
import pytest
import pytest_asyncio
from typer.testing import CliRunner

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
)
from telwerkd.cli.app import app
from telwerkd.domain.ids import SECOND, Micros
from telwerkd.storage.location import PostgresUrl
from tests.chats import at
from tests.conftest import (
    ALL_KPI_IDS as KPI_IDS,
    CALL_SECONDS,
    Server,
    compacted,
    eventually,
    refusal,
    rows,
    started,
    timestamp,
    wired,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(either) -> AsyncIterator[Server]:
    """One for all tests that do not stop it: each uses an account of its own."""
    async with started(either) as server:
        yield server


@pytest.fixture
def account(request) -> str:
    """An account of the test's own."""
    return request.node.name


async def erase(
    server: Server, account: str, conversation: str = "c1", *, keep_counts: bool = False
) -> admin.EraseConversationResponse:
    request = admin.EraseConversationRequest(account_id=account, conversation_id=conversation, keep_counts=keep_counts)
    return await admin_grpc.AdminServiceStub(server.channel).EraseConversation(request, timeout=CALL_SECONDS)


async def purge(server: Server, account: str, before: Micros) -> int:
    request = admin.PurgeEventsRequest(account_id=account, before_time=timestamp(before))
    response = await admin_grpc.AdminServiceStub(server.channel).PurgeEvents(request, timeout=CALL_SECONDS)
    return response.purged_event_count


async def answers(server: Server, account: str) -> list[bytes]:
    """All that can be asked about an account, to the byte; but for up to when it is complete."""
    found: list[bytes] = []
    for kpi_id in KPI_IDS:
        for by in ([], [kpi.DIMENSION_OPERATOR], [kpi.DIMENSION_OPERATOR_GROUP, kpi.DIMENSION_WIDGET]):
            response = await server.totals(account, kpi_id, group_by=by)
            response.ClearField("complete_until")
            found.append(response.SerializeToString(deterministic=True))
    return found


async def reasons(server: Server, account: str, events: list[pb.Event]) -> list[str]:
    """For each event, in order: why it was refused, or how it was taken."""
    response = await server.ingest(account, events)
    refused = {rejection.index: rejection.reason for rejection in response.rejections}
    names = [ingestion.Verdict.Name(verdict).removeprefix("VERDICT_") for verdict in response.verdicts]
    return [refused.get(index, name) for index, name in enumerate(names)]


NOT_BESIDE = {"live_conversations_answered"}
"""No conversation is answered in its limit that has let it pass."""

EVERYTHING = """
    09:00:00 pre-chat survey reason=order
    09:00:00 goes live, sends limit 60s
    09:00:05 contact: message
    09:00:10 anna assigned in sales
    09:01:30 action inactivity_message_sent
    09:02:00 topics price
    09:03:00 contact reaches order
    09:04:00 ends
    09:05:00 contact rates 4
    09:06:00 contact leaves feedback
    09:07:00 post-chat survey helped=yes
    10:00:00 contact resumes
    10:00:30 action resumed_conversation_reassigned
    10:01:00 bram assigned in support
    10:01:10 goes live, sends limit 60s
    10:01:20 contact: message
    10:01:30 bram: message
    10:02:00 topics delivery price
    10:03:00 contact rates 5
    10:04:00 ends
"""


async def everything(server: Server, account: str, *conversations: str) -> None:
    """Chats in which all KPIs count that one conversation can have, with every limit settled."""
    for conversation in conversations:
        await server.ingest_chat(account, EVERYTHING, conversation)
    await server.complete(account)
    assert {kpi_id for kpi_id in KPI_IDS if not await server.total(account, kpi_id)} == NOT_BESIDE


# --- erasure ---------------------------------------------------------------------------------------------------------


async def test_an_erased_conversation_takes_its_counts_with_it(server, account):
    """Every KPI is as if it had never been; what other conversations and accounts counted stays (R-KEEP-4)."""
    other = f"{account}-other"
    await everything(server, account, "c1")
    await everything(server, other, "c2")
    alone, untouched = await server.counted(account, KPI_IDS), await answers(server, other)
    await everything(server, account, "c2")
    erased = await erase(server, account, "c2")
    assert erased.erased_event_count == len(wired(EVERYTHING))
    assert erased.fact_count == len(alone)
    assert await server.counted(account, KPI_IDS) == alone
    assert await answers(server, other) == untouched


async def test_an_erased_conversation_may_leave_its_counts(server, account):
    """As facts that no event explains: every answer is the same to the byte (R-KEEP-4)."""
    await everything(server, account, "c1", "c2")
    before = await answers(server, account)
    erased = await erase(server, account, "c1", keep_counts=True)
    assert erased.fact_count == len(await server.counted(account, KPI_IDS)) / 2
    assert await answers(server, account) == before
    request = kpi.ExplainCountRequest(account_id=account, kpi_id="feedback_count")
    request.range.dates.start_date.CopyFrom(kpi.CalendarDate(year=2026, month=1, day=1))
    request.range.dates.end_date.CopyFrom(kpi.CalendarDate(year=2026, month=2, day=1))
    explained = await server.kpis.ExplainCount(request, timeout=CALL_SECONDS)
    assert explained.unexplainable_count == 1
    assert [conversation.conversation_id for conversation in explained.conversations] == ["c2"]


@pytest.mark.parametrize("keep_counts", [False, True])
async def test_what_was_held_back_is_erased_for_good(server, account, keep_counts):
    """No message can release it any more, so it is not shown as held back either; it never was a count (R-KEEP-5)."""
    await server.ingest_chat(account, "09:00:00 pre-chat survey reason=order\n09:00:01 topics price")
    await erase(server, account, keep_counts=keep_counts)
    found = await server.totals(account, "pre_chat_survey_results", "conversation_topics")
    assert [answer.held_back_count for answer in found.answers] == [0, 0]
    assert await server.counted(account) == []


@pytest.mark.parametrize("keep_counts", [False, True])
async def test_what_was_erased_cannot_come_again(server, account, keep_counts):
    """A resend is refused, event by event, as are new events of it; its neighbours in the batch are taken.

    R-KEEP-6.
    """
    await everything(server, account, "c1")
    await erase(server, account, keep_counts=keep_counts)
    before = await server.counted(account)
    assert set(await reasons(server, account, wired(EVERYTHING))) == {"CONVERSATION_ERASED"}
    new = wired("11:00:00 contact: message #new")
    beside = wired("11:00:00 contact: message #new", "c9")
    assert await reasons(server, account, [*new, *beside]) == ["CONVERSATION_ERASED", "ACCEPTED"]
    assert await server.counted(account) == before


async def test_erasing_is_safe_to_repeat_and_comes_before_its_events(server, account):
    """Never seen, of another account, or erased already: nothing is there to erase, and its events are refused.

    R-KEEP-6.
    """
    await everything(server, account, "c1")
    await erase(server, account, "c1")
    for where, conversation in ((account, "c2"), (f"{account}-other", "c1"), (account, "c1")):
        erased = await erase(server, where, conversation)
        assert (erased.erased_event_count, erased.fact_count) == (0, 0)
        late = wired("11:00:00 contact: message #late", conversation)
        assert await reasons(server, where, late) == ["CONVERSATION_ERASED"]
    assert (await refusal(erase(server, account, ""))).fields == ["conversation_id"]
    assert (await refusal(erase(server, "", "c1"))).fields == ["account_id"]


async def test_an_erased_limit_does_not_pass(tmp_path):
    """A limit that runs goes with its conversation, and holds no answer open."""
    async with started(tmp_path / "telwerk.db") as server:
        now = Micros(time.time_ns() // 1_000)
        common = {"conversation_id": "c1", "widget_id": "web", "occur_time": timestamp(Micros(now - SECOND))}
        live = pb.Event(event_id="live", went_live=pb.WentLive(), **common)
        live.went_live.live_limit.FromSeconds(2)
        await server.ingest("a", [live, pb.Event(event_id="m", message_sent=pb.MessageSent(sender=1), **common)])
        await erase(server, "a")
        await server.complete("a", Micros(now + 2 * SECOND))
        assert await server.total("a", "unanswered_live_conversations") == 0


# --- purges ----------------------------------------------------------------------------------------------------------

NOON = at("12:00:00")
HALF_PAST_NINE = at("09:30:00")


@pytest.mark.parametrize("horizon", [at("08:00:00"), at("09:04:00"), HALF_PAST_NINE, at("10:02:00.000001"), NOON])
async def test_a_purge_changes_no_count(server, account, horizon):
    """Wherever the horizon lies in the chats: every answer is the same to the byte. Repeating it purges nothing.

    R-KEEP-1.
    """
    await everything(server, account, "c1", "c2")
    before = await answers(server, account)
    old = sum(event.occur_time.ToMicroseconds() < horizon for event in wired(EVERYTHING))
    assert await purge(server, account, horizon) == 2 * old
    assert await answers(server, account) == before
    assert await purge(server, account, horizon) == 0
    assert await answers(server, account) == before


async def test_what_was_purged_is_refused_when_it_comes_again(server, account):
    """BEFORE_HORIZON for all before it, known or new; what lies on it or after is a duplicate. Nothing counts twice.

    R-KEEP-2.
    """
    await everything(server, account, "c1")
    before = await answers(server, account)
    await purge(server, account, at("09:05:00"))
    events = wired(EVERYTHING)
    wanted = [
        "BEFORE_HORIZON" if event.occur_time.ToMicroseconds() < at("09:05:00") else "DUPLICATE" for event in events
    ]
    assert await reasons(server, account, events) == wanted
    assert await reasons(server, account, wired("09:04:59 contact rates 1 #late", "c9")) == ["BEFORE_HORIZON"]
    assert await answers(server, account) == before


async def test_the_horizon_never_runs_backwards(server, account):
    """An earlier purge after a later one purges nothing, and lets nothing in."""
    await everything(server, account, "c1")
    await purge(server, account, NOON)
    assert await purge(server, account, at("09:00:00")) == 0
    assert await reasons(server, account, wired("11:00:00 contact rates 1 #late")) == ["BEFORE_HORIZON"]


async def test_another_account_is_not_purged(server, account):
    """Its events stay, and older ones are still taken."""
    other = f"{account}-other"
    await everything(server, account, "c1")
    await everything(server, other, "c1")
    await purge(server, account, NOON)
    assert set(await reasons(server, other, wired(EVERYTHING))) == {"DUPLICATE"}


AFTER_A_PURGE = {
    "ended again is not counted again": (
        "09:00:00 contact: message\n09:01:00 ends",
        "10:00:00 contact resumes #later1\n10:01:00 ends #later2",
        ["unanswered_ended_conversations nobody/- web"],
        ["unanswered_ended_conversations nobody/- web"],
    ),
    "unanswered live again is not counted again": (
        "09:00:00 goes live, sends limit 5s\n09:00:01 contact: message\n09:01:00 leaves live",
        "10:00:00 goes live, sends limit 5s #later1\n10:01:00 leaves live #later2",
        ["unanswered_live_conversations nobody/- web"],
        ["unanswered_live_conversations nobody/- web"],
    ),
    "who had answered has answered": (
        "09:00:00 contact: message\n09:00:30 anna: message",
        "10:00:00 goes live, sends limit 5s #later1\n10:01:00 ends #later2",
        [],
        [],
    ),
    "who was assigned is assigned": (
        "09:00:00 anna assigned in sales",
        "10:00:00 contact rates 4 #later1",
        [],
        ["satisfaction_score 4 anna/sales web"],
    ),
    "new topics take back those that were purged": (
        "09:00:00 contact: message\n09:01:00 topics price",
        "10:00:00 topics delivery #later1",
        ["conversation_topics price nobody/- web"],
        ["conversation_topics delivery nobody/- web"],
    ),
    "no topics take back those that were purged": (
        "09:00:00 contact: message\n09:01:00 topics price",
        "10:00:00 no topics #later1",
        ["conversation_topics price nobody/- web"],
        [],
    ),
    "equal topics change nothing": (
        "09:00:00 contact: message\n09:01:00 topics price",
        "10:00:00 topics price #later1",
        ["conversation_topics price nobody/- web"],
        ["conversation_topics price nobody/- web"],
    ),
    "what was held back is released": (
        "09:00:00 pre-chat survey reason=order\n09:01:00 topics price",
        "10:00:00 contact: message #later1",
        [],
        ["conversation_topics price nobody/- web", "pre_chat_survey_results reason=order nobody/- web"],
    ),
    "a goal needs the message that was purged": (
        "09:00:00 anna assigned\n09:01:00 contact: message",
        "10:00:00 contact reaches order #later1",
        [],
        ["goals_reached order anna/- web"],
    ),
    "a purged end still stands": (
        "09:00:00 anna assigned\n09:01:00 anna: message\n09:02:00 ends",
        "10:00:00 contact reaches order #later1",
        [],
        [],
    ),
    "a purged retraction takes back what comes later": (
        "09:00:00 takes back later1",
        "10:00:00 action inactivity_message_sent #later1\n10:00:01 action inactivity_message_sent #later2",
        [],
        ["inactivity_actions inactivity_message_sent nobody/- web"],
    ),
    "what a later retraction took back stays so": (
        "09:00:00 action inactivity_message_sent #wrong\n10:00:00 takes back wrong",
        "10:30:00 action inactivity_message_sent #later1",
        [],
        ["inactivity_actions inactivity_message_sent nobody/- web"],
    ),
    "a retraction takes back what is not purged": (
        "09:00:00 contact: message\n10:00:00 action inactivity_message_sent #kept",
        "10:30:00 takes back kept #later1",
        ["inactivity_actions inactivity_message_sent nobody/- web"],
        [],
    ),
}


@pytest.mark.parametrize(("old", "new", "before", "after"), AFTER_A_PURGE.values(), ids=AFTER_A_PURGE)
async def test_a_conversation_goes_on_after_a_purge(server, account, old, new, before, after):
    """What the purged events led to still holds; what came before the horizon counts once (R-KEEP-3)."""
    await server.ingest_chat(account, old)
    await server.complete(account)
    assert await server.counted(account) == before
    assert await purge(server, account, HALF_PAST_NINE)
    assert await server.counted(account) == before
    await server.ingest_chat(account, new)
    await server.complete(account)
    assert await server.counted(account) == after
    # And once more, now that the base state is purged on.
    await purge(server, account, NOON)
    assert await server.counted(account) == after


async def test_a_horizon_in_the_future_is_refused(server, account):
    """And one that is missing; nothing is purged."""
    await everything(server, account, "c1")
    future = Micros(time.time_ns() // 1_000 + 3_600 * SECOND)
    refused = await refusal(purge(server, account, future))
    assert (refused.code, refused.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["before_time"])
    assert "future" in refused.text
    stub = admin_grpc.AdminServiceStub(server.channel)
    refused = await refusal(stub.PurgeEvents(admin.PurgeEventsRequest(account_id=account)))
    assert refused.fields == ["before_time"]
    assert set(await reasons(server, account, wired(EVERYTHING))) == {"DUPLICATE"}


async def test_a_horizon_is_shown_and_taken_back_beside_the_server(server, either, account):
    """From then on events are taken again, at once. It says how far back it could go; the audit log has it."""
    await server.ingest_chat(account, "10:00:00 contact rates 4")
    await purge(server, account, NOON)
    later = wired("11:00:00 contact rates 1 #later")
    assert await reasons(server, account, later) == ["BEFORE_HORIZON"]
    database = either.dsn if isinstance(either, PostgresUrl) else str(either)
    command = [sys.executable, "-m", "telwerkd.cli", "horizon", "--account", account, "--database", database]

    def said(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run([*command, *arguments], capture_output=True, text=True, timeout=120, check=False)
        return done.returncode, done.stdout, done.stderr

    code, shown, recorded = await asyncio.to_thread(said, "--lower-to", "2026-01-05T11:00:00Z")
    assert (code, shown.splitlines()) == (
        0,
        [
            f"{account}: events before 2026-01-05T11:00:00Z are refused",
            "  it can be taken back to 2026-01-05T10:00:01Z or later",
        ],
    )
    [line] = recorded.splitlines()
    assert f"horizon key=- account={account!r} taken back from 2026-01-05T12:00:00Z to 2026-01-05T11:00:00Z" in line
    assert await reasons(server, account, later) == ["ACCEPTED"]
    code, shown, refused = await asyncio.to_thread(said, "--lower-to", "2026-01-05T10:00:00Z")
    assert (code, shown) == (1, "")
    assert "events up to the newest purged one must stay refused" in refused


async def test_many_conversations_are_purged_in_turns(server, account):
    """More than one transaction takes; all of them go, and every count stays."""
    for start in range(0, 450, 150):
        batch = [
            event
            for n in range(start, start + 150)
            for event in wired("09:00:00 contact: message\n09:01:00 ends", f"c{n}")
        ]
        await server.ingest(account, batch)
    assert await purge(server, account, NOON) == 900
    assert await server.total(account, "unanswered_ended_conversations") == 450


async def test_retention_purges_by_itself(tmp_path):
    """With retention_days set, old events are gone soon after the start; the counts stay, and young events too."""
    path = tmp_path / "telwerk.db"
    young = pb.Event(
        event_id="young",
        conversation_id="c2",
        widget_id="web",
        occur_time=timestamp(Micros(time.time_ns() // 1_000)),
        inactivity_action_performed=pb.InactivityActionPerformed(action=4),
    )
    async with started(path) as server:
        await everything(server, "a", "c1")
        await server.ingest("a", [young])
        before = await answers(server, "a")
    async with started(path, retention_days=1) as server:

        async def gone() -> bool:
            return rows(path, "SELECT event_id FROM events") == [("young",)]

        await eventually(gone)
        assert await answers(server, "a") == before
        assert set(await reasons(server, "a", wired(EVERYTHING))) == {"BEFORE_HORIZON"}
        assert await reasons(server, "a", [young]) == ["DUPLICATE"]
        assert await answers(server, "a") == before


# --- verify and rebuild ----------------------------------------------------------------------------------------------


class Done(NamedTuple):
    """A command that has ended."""

    exit_code: int
    text: str


async def telwerkd(command: str, database: Path) -> Done:
    """`telwerkd verify` or `rebuild`, as its users run it."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    arguments = [sys.executable, "-m", "telwerkd.cli", command, "--database", str(database)]

    def run() -> Done:
        done = subprocess.run(
            arguments, capture_output=True, encoding="utf-8", timeout=120, check=False, env=environment
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout)

    return await asyncio.to_thread(run)


async def in_process(command: str, database: Path) -> Done:
    """The same in this process, where no server runs: what it says is the same, and to import it takes a second."""

    def run() -> Done:
        done = CliRunner().invoke(app, [command, "--database", str(database)], catch_exceptions=False)
        return Done(done.exit_code, done.stdout)

    return await asyncio.to_thread(run)


def damage(database: Path, measure: int, by: int = 3) -> None:
    """Somebody changes the total of a KPI by hand."""
    connection = sqlite3.connect(database, timeout=30, isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        chunk, cells = connection.execute(
            "SELECT chunk, cells FROM counters WHERE account_id = 'a' AND measure = ? AND grouping = 0", (measure,)
        ).fetchone()
        slot, n = struct.unpack_from("<HH", cells)
        connection.execute(
            "UPDATE counters SET cells = ? WHERE account_id = 'a' AND measure = ? AND grouping = 0 AND chunk = ?",
            (struct.pack("<HH", slot, n + by) + cells[4:], measure, chunk),
        )
        connection.execute("COMMIT")
    finally:
        connection.close()


async def test_verify_is_content_after_all_of_it(tmp_path):
    """Erased, purged, gone on, erased after a purge, restarted: exit code 0, beside the server and without it."""
    path = tmp_path / "telwerk.db"
    async with started(path) as server:
        await everything(server, "a", "c1", "c2", "c3", "c4", "c5")
        await everything(server, "b", "c1")
        await erase(server, "a", "c1")
        await erase(server, "a", "c2", keep_counts=True)
        await purge(server, "a", HALF_PAST_NINE)
        await server.ingest_chat("a", "11:00:00 topics returns #l1\n11:01:00 ends #l2", "c3")
        await erase(server, "a", "c4")
        await purge(server, "a", at("10:30:00"))
        await erase(server, "a", "c5", keep_counts=True)
        beside = await telwerkd("verify", path)
        counted = await server.counted("a")
    assert (await telwerkd("verify", path)).exit_code == beside.exit_code == 0, beside
    assert "Every counter equals the log." in beside.text
    done = await telwerkd("rebuild", path)
    assert done.exit_code == 0, done
    async with started(path) as server:
        assert await server.counted("a") == counted


async def test_verify_names_a_damaged_counter_and_rebuild_repairs_it(tmp_path):
    """Exit code 1, with KPI, slice, days and by how much; rebuild says what it corrected; then all is as it was."""
    path = tmp_path / "telwerk.db"
    async with started(path) as server:
        await everything(server, "a", "c1", "c2")
        await purge(server, "a", HALF_PAST_NINE)
        await compacted(path)
        before = await answers(server, "a")
    damage(path, measure=2)
    done = await in_process("verify", path)
    assert done.exit_code == 1
    assert "1 counters and the states of 0 conversations differ" in done.text
    assert "feedback_count (total), 32 days from 2025-" in done.text
    assert "0 too few, 3 too many" in done.text
    assert "Some counters differ from the log." in done.text
    async with started(path) as server:
        assert await answers(server, "a") != before, "nothing was damaged"
    done = await in_process("rebuild", path)
    assert done.exit_code == 0
    assert "corrected 1 counters, 0 states" in done.text
    assert (await in_process("verify", path)).exit_code == 0
    async with started(path) as server:
        assert await answers(server, "a") == before


async def test_rebuild_repairs_beside_a_server_that_takes_events_in(tmp_path):
    """The damage goes, and nothing of what is counted meanwhile."""
    path, numbers = tmp_path / "telwerk.db", count()

    def action(number: int) -> pb.Event:
        return pb.Event(
            event_id=f"e{number}",
            conversation_id=f"c{number % 40}",
            widget_id="web",
            occur_time=timestamp(Micros(at("09:00:00") + number * SECOND // 10)),
            inactivity_action_performed=pb.InactivityActionPerformed(action=1 + number % 8),
        )

    async with started(path) as server:
        await server.ingest("a", [action(next(numbers)) for _ in range(500)])
        await compacted(path)
        stopped = asyncio.Event()

        async def ingesting() -> None:
            while not stopped.is_set():
                await server.ingest("a", [action(next(numbers)) for _ in range(10)])
                await asyncio.sleep(0.02)

        sending = asyncio.create_task(ingesting())
        try:
            await asyncio.to_thread(damage, path, 5)
            assert (await telwerkd("verify", path)).exit_code == 1
            done = await telwerkd("rebuild", path)
            assert done.exit_code == 0, done
            assert "corrected 1 counters" in done.text
        finally:
            stopped.set()
            await sending
        assert await server.total("a", "inactivity_actions") == next(numbers)
    assert (await telwerkd("verify", path)).exit_code == 0


async def test_damage_is_named_and_the_rest_is_checked(tmp_path):
    """Not a traceback: account, table and row; other accounts are examined, and repaired as far as the log goes."""
    path = tmp_path / "telwerk.db"
    async with started(path) as server:
        for account in ("bad", "good"):
            await everything(server, account, "c1", "c2")
        await compacted(path)
    execute = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "UPDATE events SET body = x'c1' WHERE account_id = 'bad' AND conversation_id = 'c1' AND event_id = '03'",
        "UPDATE conversations SET state = 'text' WHERE account_id = 'bad' AND conversation_id = 'c2'",
        "UPDATE counters SET cells = x'01' WHERE account_id = 'bad' AND measure = 1 AND grouping = 0",
        "UPDATE counters SET cells = x'01' WHERE account_id = 'good' AND measure = 2 AND grouping = 0",
    ):
        assert execute.execute(statement).rowcount == 1
    execute.close()
    done = await in_process("verify", path)
    assert done.exit_code == 1
    for named in (
        "damaged: table events, row 'c1', '03': ",
        "damaged: table conversations, row 'c2': ",
        "damaged: table counters, row 1, 0, ",
        "damaged: table counters, row 2, 0, ",
    ):
        assert named in done.text, done.text
    assert len(done.text.splitlines()) < 60
    done = await in_process("rebuild", path)
    assert done.exit_code == 1
    assert "can come from a backup only" in done.text
    done = await in_process("verify", path)
    assert [line for line in done.text.splitlines() if "damaged: " in line] == [
        line for line in done.text.splitlines() if "damaged: table events, row 'c1', '03'" in line
    ]
    assert "good: 40 events of 2 conversations: clean" in done.text


async def test_an_account_whose_row_is_lost_or_whose_id_is_none_is_named(tmp_path):
    """The others are examined. Where only the row is lost, counters and log still agree, and yet not all is well."""
    path = tmp_path / "telwerk.db"
    async with started(path) as server:
        for account in ("lost", "bad", "good"):
            await server.ingest_chat(account, "09:00:00 contact rates 4")
        await compacted(path)
    execute = sqlite3.connect(path, isolation_level=None)
    for statement in (
        "DELETE FROM accounts WHERE account_id = 'lost'",
        "UPDATE accounts SET account_id = x'ff' WHERE account_id = 'bad'",
        "UPDATE conversations SET account_id = x'fe' WHERE account_id = 'bad'",
    ):
        assert execute.execute(statement).rowcount == 1
    execute.close()
    done = await in_process("verify", path)
    assert done.exit_code == 1
    for named in (
        "table accounts: the row of lost is lost",
        r"table accounts: b'\xff' where an account's id belongs",
        r"table conversations: b'\xfe' where an account's id belongs",
        "good: 1 events of 1 conversations: clean",
    ):
        assert named in done.text, done.text


@pytest.mark.parametrize("seed", range(2))
async def test_a_file_with_torn_pages_is_examined_as_far_as_it_can_be_read(tmp_path, seed):
    """Whichever page is overwritten, `verify` and `rebuild` end by themselves, say what is wrong, and exit with 1."""
    path = tmp_path / "telwerk.db"
    async with started(path) as server:
        await everything(server, "a", *(f"c{n}" for n in range(30)))
    random = Random(seed)  # noqa: S311  # any will do
    torn = bytearray(path.read_bytes())
    for page in random.sample(range(2, len(torn) // 4_096), 3):
        torn[page * 4_096 : page * 4_096 + 4_096] = random.randbytes(4_096)
    path.write_bytes(torn)
    for command in ("verify", "rebuild"):
        done = await in_process(command, path)
        assert done.exit_code == 1, done.text
