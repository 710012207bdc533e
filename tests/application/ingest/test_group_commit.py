"""Group commit leaves nobody waiting for ever, whatever becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from telwerkd.application.batches import IngestLimits, Submitted, Verdict
from telwerkd.application.ingest.group_commit import Ingest
from telwerkd.application.ingest.waiting_room import WaitingRoom
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.chats import chat
from tests.conftest import committing, eventually, locked

ACME, OTHER = AccountId("acme"), AccountId("other")
SECONDS = 30
"""No test takes as long, unless somebody waits for ever."""


def rated(conversation: str = "c") -> list[Submitted]:
    script = "09:00:00 anna assigned in sales\n09:01:00 contact rates 4"
    return [Submitted(ConversationId(conversation), event) for event in chat(script)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    prepare(tmp_path / "telwerk.db")
    store = SqliteStore(tmp_path / "telwerk.db")
    try:
        yield store
    finally:
        await store.close()


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
