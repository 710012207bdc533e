"""The embedded database: one SQLite file, one writer, many readers.

Every transaction is one hop, and runs with the synchronous driver: one that reads in a thread, or if it is short in the
event loop (docs/decisions/0011); one that writes in a process of its own, or in a thread where no server runs
(docs/decisions/0010). Measured: nine statements in one transaction take 0.8 ms so, and 5 to 6 ms with a hop for each
(docs/decisions/0002). What is a single statement, across accounts, is awaited by itself, through aiosqlite.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from pathlib import Path
from typing import Any, Protocol, TypeVar

from telwerkd.application.ports import AnswerVersion, Command, Snapshot, StoreFigures, WriteScheduling
from telwerkd.domain.ids import AccountId
from telwerkd.storage.sql.across import AcrossAccounts, AsyncStatement
from telwerkd.storage.sql.transaction import AccountTransaction
from telwerkd.storage.sqlite.async_engine import make_async_engine
from telwerkd.storage.sqlite.engine import READERS, READING, make_engine, unavailable
from telwerkd.storage.sqlite.writer.connection import Commands, WriterThread

T = TypeVar("T")

_ANSWER_VERSION = (
    "SELECT (SELECT version FROM accounts WHERE account_id = :account), "
    "(SELECT min(due) FROM conversations WHERE account_id = :account AND due IS NOT NULL)"
)


class Writer(Protocol):
    """Runs write transactions: in a thread of this process (`WriterThread`), or in its own (`WriterProcess`)."""

    async def write(self, commands: Commands) -> list[Any]:
        """Runs all of `commands` and commits them together, after all that was written before."""

    async def prove(self) -> None:
        """Returns if what is written now would be committed, and be there afterwards."""

    async def close(self) -> None:
        """Waits for running transactions, and stops the writer."""


class SqliteStore(AcrossAccounts):
    """`telwerkd.application.ports.Store` over a SQLite file that has its tables; it is also `ReadsInline`."""

    # A commit takes as long as a hundred events: a sixth of a transaction of 500, and a larger part of smaller ones.
    scheduling = WriteScheduling(merges_accounts=True, writes_at_once=2, ahead_weight_min=500)
    reads_at_once = READERS

    def __init__(self, path: Path, writer: Writer | None = None, figures: StoreFigures | None = None) -> None:
        """`figures` are the counts to which the writer adds."""
        super().__init__(self._run_across)
        self.figures = figures or StoreFigures()
        self._writer = writer or WriterThread(path)
        # Where no server runs, it is for looking after the file.
        self._reader = make_engine(path, writes=False, any_text=writer is None)
        self._inline = self._reader.connect()
        self._read_threads = ThreadPoolExecutor(READERS, "sqlite-reader")
        self._across = make_async_engine(path, any_text=writer is None)

    async def read(self, account: AccountId, work: Callable[[Snapshot], T]) -> T:
        """Runs `work` on one consistent view."""

        def run() -> T:
            with unavailable(), self._reader.begin() as connection, AccountTransaction(connection, account) as view:
                return work(view)

        return await asyncio.get_running_loop().run_in_executor(self._read_threads, copy_context().run, run)

    @contextmanager
    def inline_view(self, account: AccountId) -> Iterator[Snapshot]:
        """Opens one consistent view in the event loop, on a connection of its own."""
        with unavailable(), self._inline.begin(), AccountTransaction(self._inline, account) as view:
            yield view

    async def write(self, commands: Sequence[tuple[AccountId, Command[T]]]) -> list[T]:
        """Runs all of `commands` and commits them together."""
        return await self._writer.write(commands) if commands else []

    async def upkeep(self, account: AccountId, command: Command[T]) -> T | None:
        """Runs `command` as `write` does: the file has one server (`telwerkd.storage.sqlite.file`)."""
        [result] = await self.write([(account, command)])
        return result

    async def answer_version(self, account: AccountId) -> AnswerVersion:
        """Returns the account's version and earliest open limit, read in the event loop: a thread hop takes longer."""
        with unavailable():
            # Asked directly: one statement needs no transaction.
            driver: Any = self._inline.connection.driver_connection
            [(version, due)] = driver.execute(_ANSWER_VERSION, {"account": account}).fetchall()
        return AnswerVersion(version or 0, due)

    async def ping(self) -> None:
        """Returns if the file can be read, and takes what is written."""
        await super().ping()
        await self._writer.prove()
        READING.over()

    async def _run_across(self, look: AsyncStatement) -> Sequence[Any]:
        with unavailable():
            async with self._across.connect() as connection:
                return await look(connection)

    async def close(self) -> None:
        """Waits for running transactions, and closes the file."""
        self._read_threads.shutdown()
        await self._across.dispose()
        self._inline.close()
        self._reader.dispose()
        # Last, so that the file is left whole, without its journal.
        await self._writer.close()
