"""What the service does by itself: one account's damage is its own, and a wrong clock purges nothing recent."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.compact import Compact, Compacted
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.upkeep.freeing import NameKeeper
from telwerkd.application.upkeep.upkeep import COMPACT_ANYWAY_AT, DAY, Compaction, purge_old, settle_due
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import (
    ActionPerformed,
    Event,
    InactivityAction,
    Kind,
    Message,
    PostChatSurveyAnswered,
    Sender,
    SurveyAnswer,
    WentLive,
)
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.ids import SECOND, AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore

BROKEN, WHOLE = AccountId("a-broken"), AccountId("b-whole")
START = Micros(1_767_225_600 * SECOND)
LIMIT = Micros(60 * SECOND)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    prepare(tmp_path / "telwerk.db")
    return tmp_path / "telwerk.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(path)
    yield opened
    await opened.close()


def event(event_id: str, seconds: int, kind: Kind) -> Submitted:
    instant = Micros(START + seconds * SECOND)
    return Submitted(ConversationId("c"), Event(EventId(event_id), instant, 0, WidgetId("web"), kind))


async def put(store: SqliteStore, account: AccountId, *events: Submitted) -> None:
    await store.write([(account, IngestBatch([events], IngestLimits()))])


def damage(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        assert connection.execute(statement, (BROKEN,)).rowcount > 0
    connection.close()


async def test_a_damaged_account_does_not_keep_the_limits_of_others_waiting(path: Path, store: SqliteStore) -> None:
    """KPI 3 of every other account is counted in time."""
    for account in (BROKEN, WHOLE):
        await put(store, account, event("live", 0, WentLive(LIMIT, LIMIT)), event("hello", 0, Message(Sender.CONTACT)))
    damage(path, "UPDATE conversations SET state = x'00' WHERE account_id = ?")
    assert not await settle_due(store, Micros(START + LIMIT))
    entries = await store.read(WHOLE, lambda view: view.deltas(COUNTED[Kpi.UNANSWERED_LIVE_CONVERSATIONS]))
    assert [n for *_, n in entries] == [1]


async def test_a_damaged_account_does_not_keep_the_compaction_of_others_waiting(path: Path, store: SqliteStore) -> None:
    """What cannot be packed stays filed; the rest is packed once it is quiet."""
    for account in (BROKEN, WHOLE):
        await put(store, account, event("late", 0, ActionPerformed(InactivityAction.INACTIVITY_MESSAGE_SENT)))
    damage(path, "UPDATE deltas SET leaves = x'00' WHERE account_id = ?")
    compaction = Compaction(store)
    for _ in range(2):
        await compaction.run_once()
    assert [account for account, _, _ in await store.compactable()] == [BROKEN]


async def test_a_measure_rests_after_its_compaction_until_it_is_quiet_or_too_much_waits(store: SqliteStore) -> None:
    """Chunks that take long to write are written less often; what waits is bounded, and is packed once it is quiet."""
    compaction, waiting = Compaction(store, compact_at=2, compact_anyway_at=5, rest_times=10**9), []
    for n in range(12):
        await put(store, WHOLE, event(f"e{n}", n, ActionPerformed(InactivityAction.INACTIVITY_MESSAGE_SENT)))
        await compaction.run_once()
        waiting.append(sum(size for _, _, size in await store.compactable()))
    assert waiting == [1, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0]
    await put(store, WHOLE, event("last", 99, ActionPerformed(InactivityAction.INACTIVITY_MESSAGE_SENT)))
    for _ in range(2):
        await compaction.run_once()
    assert await store.compactable() == []


async def test_while_an_account_gets_events_its_measures_with_few_entries_wait_too(store: SqliteStore) -> None:
    """Each compaction of a few entries would write as many chunks as one of many: what is rare is packed with the rest,
    once nothing is filed for the account between two looks. Another account's events do not keep it waiting."""
    compaction = Compaction(store)

    async def waiting(account: AccountId) -> int:
        await compaction.run_once()
        return sum(size for one, _, size in await store.compactable() if one == account)

    for account in (BROKEN, WHOLE):
        await put(store, account, event("rare", 0, PostChatSurveyAnswered((SurveyAnswer("how", "well"),))))
    assert await waiting(WHOLE) == 1
    for n in range(4):
        await put(store, WHOLE, event(f"often{n}", n, ActionPerformed(InactivityAction.INACTIVITY_MESSAGE_SENT)))
        assert await waiting(WHOLE) > 1
    assert await waiting(BROKEN) == 0
    assert await waiting(WHOLE) == 0


@pytest.mark.parametrize("compact_anyway_at", [COMPACT_ANYWAY_AT, 5])
async def test_while_accounts_share_the_server_a_measure_is_compacted_little_by_little_from_the_first_on(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, compact_anyway_at: int
) -> None:
    """2,000 entries at once and no more, though it is not known yet how long a measure takes: others wait meanwhile.

    The writer is left to them in between, but not by a measure that has fallen behind: what waits would become more and
    more, and questions slower and slower.
    """
    for n in range(6):
        await put(store, WHOLE, event(f"e{n}", n, Message(Sender.CONTACT)))
    most = max(size for *_, size in await store.compactable())
    steps, pauses, upkeep = list[int](), list[float](), store.upkeep

    async def noted(account: AccountId, command: Compact) -> Compacted | None:
        step = await upkeep(account, command)
        steps.append(command.entries_max)
        return step

    async def slept(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr(store, "upkeep", noted)
    compaction = Compaction(store, compact_at=1, compact_anyway_at=compact_anyway_at, is_shared=lambda: True)
    with monkeypatch.context() as patched:
        patched.setattr("telwerkd.application.upkeep.upkeep.asyncio.sleep", slept)
        await compaction.run_once()
    assert steps
    assert max(steps) <= 2_000
    assert (min(pauses) == 0) == (most >= compact_anyway_at)


async def test_a_clock_that_is_years_ahead_purges_no_recent_event(store: SqliteStore) -> None:
    """The retention counts back from the newest event when the clock is further ahead."""
    day = DAY // SECOND
    await put(store, WHOLE, event("old", 0, Message(Sender.CONTACT)), event("new", 40 * day, Message(Sender.BOT)))
    await purge_old(store, NameKeeper(store), Micros(START + 3_000 * DAY), retention_days=30)
    log = await store.read(WHOLE, lambda view: view.log(ConversationId("c")))
    assert [kept.event_id for kept in log] == ["new"]
    assert (await store.read(WHOLE, lambda view: view.account().horizon)) == START + 11 * DAY


async def test_a_compaction_may_take_no_time_at_all(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As far as its clock can tell, which may say the same twice."""
    batch = [event("a", 1, ActionPerformed(InactivityAction(1)))]
    await store.write([(WHOLE, IngestBatch([batch], IngestLimits()))])
    monkeypatch.setattr(monotonic, "read", lambda: 1.0)
    compaction = Compaction(store)
    for _ in range(2):
        await compaction.run_once()
    assert await store.compactable() == []
    assert caplog.messages == []
