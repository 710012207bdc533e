"""Group commit leaves nobody waiting for ever, and holds nothing uncounted, whatever becomes of it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from telwerkd.application.batches import IngestLimits, Submitted, Verdict
from telwerkd.application.ingest.group_commit import Ingest
from telwerkd.application.ingest.waiting_room import WaitingRoom
from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.storage.sqlite.store import SqliteStore
from tests.chats import chat
from tests.conftest import committing, eventually, locked

ACME, OTHER = AccountId("acme"), AccountId("other")
SECONDS = 30
"""No test takes as long, unless somebody waits for ever."""


def rated(conversation: str = "c") -> list[Submitted]:
    script = "09:00:00 anna assigned in sales\n09:01:00 contact rates 4"
    return [Submitted(ConversationId(conversation), event) for event in chat(script)]


async def stored_in(store: SqliteStore) -> list[str]:
    """The conversations of ACME that are stored."""
    return await store.read(ACME, lambda view: sorted(filed.conversation for filed in view.every_conversation()))


async def refused(submitting: "asyncio.Task[object]") -> Reason:
    async with asyncio.timeout(SECONDS):
        with pytest.raises(UnavailableError) as error:
            await submitting
    return error.value.reason


@pytest.mark.parametrize("taken", [False, True], ids=["as it begins", "with batches in hand"])
async def test_who_waits_is_told_when_group_commit_dies(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, *, taken: bool
) -> None:
    """A defect in it: those that wait, and those that come later, are answered with UNAVAILABLE."""
    take = WaitingRoom.take

    def defect(*arguments: Any, **options: Any) -> None:
        if taken:
            take(*arguments, **options)
        raise ZeroDivisionError

    ingest = Ingest(store, IngestLimits())
    waiting = [asyncio.create_task(ingest.submit(account, rated())) for account in (ACME, OTHER)]
    await asyncio.sleep(0)
    monkeypatch.setattr(WaitingRoom, "take", defect)
    with pytest.raises(ZeroDivisionError):
        await ingest.run()
    assert [await refused(each) for each in waiting] == [Reason.SHUTTING_DOWN] * 2
    assert await refused(asyncio.create_task(ingest.submit(ACME, rated()))) is Reason.SHUTTING_DOWN
    assert ingest.unstored_events == 0


async def test_what_is_in_a_transaction_when_it_dies_is_still_answered(store: SqliteStore, tmp_path: Path) -> None:
    """A commit runs to its end, and its callers hear what came of it; what waits behind it is turned away."""
    ingest = Ingest(store, IngestLimits())
    running = asyncio.create_task(ingest.run())
    with locked(tmp_path / "telwerk.db"):
        first = asyncio.create_task(ingest.submit(ACME, rated()))
        await eventually(committing)
        second = asyncio.create_task(ingest.submit(ACME, rated("c2")))
        await asyncio.sleep(0.1)
        running.cancel()
        assert await refused(second) is Reason.SHUTTING_DOWN
        assert not first.done()
    assert await first == [Verdict.ACCEPTED] * 2


async def test_a_commit_that_is_cancelled_tells_those_who_wait_for_it(
    store: SqliteStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever cancels it: its callers are told that the outcome is unknown, and the next batches are stored."""
    ingest = Ingest(store, IngestLimits())
    running = asyncio.create_task(ingest.run())
    with locked(tmp_path / "telwerk.db"):
        first = asyncio.create_task(ingest.submit(ACME, rated()))
        await eventually(committing)
        [commit] = [task for task in asyncio.all_tasks() if task.get_name() == "commit"]
        commit.cancel()
        assert await refused(first) is Reason.DATABASE_UNAVAILABLE
    assert "a commit did not come to its end" in caplog.text
    async with asyncio.timeout(SECONDS):
        assert await ingest.submit(OTHER, rated()) == [Verdict.ACCEPTED] * 2
        ingest.close()
        await running


async def test_what_waits_for_its_account_to_have_rested_is_stored_then(store: SqliteStore, tmp_path: Path) -> None:
    """By itself, though nobody sends anything more."""
    ingest = Ingest(store, IngestLimits())
    running = asyncio.create_task(ingest.run())
    async with asyncio.timeout(SECONDS):
        await ingest.submit(OTHER, rated())
        with locked(tmp_path / "telwerk.db"):
            long = asyncio.create_task(ingest.submit(ACME, rated("c1")))
            await eventually(committing)
            await asyncio.sleep(0.5)  # which makes it a transaction after which the account rests
        await long
        assert ingest._waiting._throttle.left_seconds(ACME)
        await ingest.submit(ACME, rated("c2"))
        assert await stored_in(store) == ["c1", "c2"]
        ingest.close()
        await running


async def left(submitting: "asyncio.Task[object]") -> None:
    submitting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await submitting
    await asyncio.sleep(0)


async def test_what_a_caller_left_counts_in_memory_until_it_is_stored(store: SqliteStore, tmp_path: Path) -> None:
    """What was reserved for a large call stays reserved; a small one, which counted nothing, counts from then on."""
    budget = MemoryBudget(10**6)
    ingest = Ingest(store, IngestLimits(), budget=budget)
    running = asyncio.create_task(ingest.run())
    with locked(tmp_path / "telwerk.db"):
        with budget.reserve(700, "the request") as call:
            large = asyncio.create_task(ingest.submit(ACME, rated("large"), call.split(500)))
            small = asyncio.create_task(ingest.submit(ACME, rated("small")))
            await asyncio.sleep(0.1)
            assert budget.bytes_reserved == 700
            await left(large)
        assert budget.bytes_reserved == 500
        await left(small)
        assert budget.bytes_reserved > 500 + 2 * 1_000
    ingest.close()
    await running
    assert budget.bytes_reserved == 0
    assert await stored_in(store) == ["large", "small"]


async def test_what_callers_left_is_dropped_where_memory_has_no_room_for_it(store: SqliteStore, tmp_path: Path) -> None:
    """So that those who send and go cannot hold more than the bound; what is in a transaction already is stored."""
    budget = MemoryBudget(10_000)
    ingest = Ingest(store, IngestLimits(), budget=budget)
    running = asyncio.create_task(ingest.run())
    with locked(tmp_path / "telwerk.db"):
        calls = [asyncio.create_task(ingest.submit(ACME, rated(f"c{n}"))) for n in range(20)]
        await asyncio.sleep(0.1)  # the first transaction waits for the file, and has some of them
        later = [asyncio.create_task(ingest.submit(ACME, rated(f"d{n}"))) for n in range(20)]
        await asyncio.sleep(0)
        for call in (*calls, *later):
            await left(call)
        assert 5_000 < budget.bytes_reserved <= 10_000
        assert ingest.unstored_events == 2 * 20
    ingest.close()
    await running
    assert budget.bytes_reserved == 0
    assert await stored_in(store) == sorted(f"c{n}" for n in range(20))


async def test_what_was_dropped_does_not_come_back_from_a_transaction(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that a transaction postponed wait again; not those for which memory had no room when their caller went."""
    write, may_end = store.write, asyncio.Event()

    async def postponing(commands: Any) -> list[Any]:
        monkeypatch.setattr(store, "write", write)
        await may_end.wait()
        return [[[None] * len(batch) for batch in command.batches] for _, command in commands]

    budget = MemoryBudget(1_000)
    ingest = Ingest(store, IngestLimits(), budget=budget)
    monkeypatch.setattr(store, "write", postponing)
    running = asyncio.create_task(ingest.run())
    call = asyncio.create_task(ingest.submit(ACME, rated()))
    await asyncio.sleep(0.01)
    with budget.reserve(1_000, "another call"):
        await left(call)
    may_end.set()
    ingest.close()
    await running
    assert ingest.unstored_events == 0
    assert await stored_in(store) == []


async def test_what_was_dropped_as_it_was_taken_does_not_change_what_others_are_told(store: SqliteStore) -> None:
    """Its caller goes between the choice of what is stored next and its storing: the others' events are stored once."""
    budget = MemoryBudget(1_000)
    ingest = Ingest(store, IngestLimits(), budget=budget)
    gone, other = (asyncio.create_task(ingest.submit(ACME, rated(conversation))) for conversation in ("gone", "other"))
    await asyncio.sleep(0)
    with budget.reserve(1_000, "another call"):
        running = asyncio.create_task(ingest.run())
        gone.cancel()  # told of in the next iteration of the loop: after `run` has taken both, before they are stored
        assert await other == [Verdict.ACCEPTED] * 2
    ingest.close()
    await running
    assert await stored_in(store) == ["other"]


@pytest.mark.parametrize("why", ["nothing in it", "stopping", "no room"])
async def test_what_is_not_let_in_keeps_no_memory(store: SqliteStore, why: str) -> None:
    """Whatever is reserved for a batch is released where the batch does not wait."""
    budget = MemoryBudget(10**6)
    ingest = Ingest(store, IngestLimits(waiting_events_max=3), budget=budget)
    if why == "stopping":
        ingest.close()
    elif why == "no room":
        waiting = asyncio.create_task(ingest.submit(OTHER, rated()))
        await asyncio.sleep(0)
    memory = budget.reserve(500, "the request")
    if why == "nothing in it":
        assert await ingest.submit(ACME, [], memory) == []
    else:
        with pytest.raises(UnavailableError):
            await ingest.submit(ACME, rated(), memory)
    assert budget.bytes_reserved == 0
    if why == "no room":
        await left(waiting)
