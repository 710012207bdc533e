"""All of an account is compacted by transactions of bounded size, before the one that ends a repair or a recount."""

import sqlite3
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest

from telwerkd.application.audit import examine, repair
from telwerkd.application.batches import IngestLimits, Submitted
from telwerkd.application.commands.compact import Compact
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.ports import Command
from telwerkd.application.recounting import recount
from telwerkd.application.upkeep.packing import compact_account
from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.chats import chat

T = TypeVar("T")

ACME, OTHER = AccountId("acme"), AccountId("other")
CHAT = """
    09:00:00 anna assigned in sales
    09:00:05 contact: message
    09:01:00 anna: message
    09:02:00 contact rates 4
"""


class NotingStore(SqliteStore):
    """Notes how many delta entries of an account wait for each transaction but compactions."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.waiting: list[int] = []
        self.compactions = 0

    async def write(self, commands: Sequence[tuple[AccountId, Command[T]]]) -> list[T]:
        if isinstance(commands[0][1], Compact):
            self.compactions += 1
        else:
            self.waiting.append(await entries_of(self, commands[0][0]))
        return await super().write(commands)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[NotingStore]:
    prepare(tmp_path / "telwerk.db")
    store = NotingStore(tmp_path / "telwerk.db")
    for account in (ACME, OTHER):
        for n in range(20):
            batch = [Submitted(ConversationId(f"c{n}"), event) for event in chat(CHAT)]
            await store.write([(account, IngestBatch([batch], IngestLimits()))])
    store.waiting.clear()
    yield store
    await store.close()


async def entries_of(store: SqliteStore, account: AccountId) -> int:
    return sum(size for of, _, size in await store.compactable() if of == account)


async def test_an_account_is_compacted_in_steps_and_no_other(store: NotingStore) -> None:
    waiting = await entries_of(store, ACME)
    await compact_account(store, ACME, entries_max=5)
    assert await entries_of(store, ACME) == 0
    assert store.compactions >= waiting / 10  # each reads whole rows, of up to six entries here
    assert await entries_of(store, OTHER) == waiting


_OF_ONE_ROW = " WHERE account_id = 'acme' AND measure = 1 AND version = 3"


@pytest.mark.parametrize("damage", ["size = 'x'", "version = 'v'", "measure = 9999", "leaves = x''"])
async def test_damaged_rows_stay_for_the_audit_to_name(store: NotingStore, tmp_path: Path, damage: str) -> None:
    """A recount passes over them, and what is not damaged is compacted."""
    with sqlite3.connect(tmp_path / "telwerk.db") as connection:
        assert connection.execute("UPDATE deltas SET " + damage + _OF_ONE_ROW).rowcount == 1  # noqa: S608  # our own
    await recount(store, ACME, lambda _done, _total: None, "ten")
    await compact_account(store, ACME)
    with sqlite3.connect(tmp_path / "telwerk.db") as connection:
        left = connection.execute("SELECT DISTINCT measure FROM deltas WHERE account_id = 'acme'").fetchall()
    assert left in ([(1,)], [(9999,)])


async def test_a_recount_ends_when_nothing_waits_any_more(store: NotingStore) -> None:
    await recount(store, ACME, lambda _done, _total: None, "ten")
    assert store.waiting[0] > 0
    assert store.waiting[-1] == 0


async def test_a_repair_corrects_when_nothing_waits_any_more(store: NotingStore, tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "telwerk.db") as connection:
        connection.execute("DELETE FROM deltas WHERE account_id = 'acme' AND version = 3")
    audit = await store.read(ACME, partial(examine, lambda _done, _total: None))
    assert audit.cells
    await repair(store, ACME, audit)
    assert store.waiting == [0]
    assert (await store.read(ACME, partial(examine, lambda _done, _total: None))).clean
