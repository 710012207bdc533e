"""The one connection that writes to a SQLite file, and the thread that it may run in."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from telwerkd.application.ports import Transaction
from telwerkd.domain.ids import AccountId
from telwerkd.storage.memory import Memory
from telwerkd.storage.sqlite_engine import make_engine, unavailable
from telwerkd.storage.transaction import AccountTransaction

Works = Sequence[tuple[AccountId, Callable[[Transaction], Any]]]
"""What a transaction is to do, each for an account."""


class SqliteWriter:
    """Writes to a file that has its tables. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._engine = make_engine(path, writes=True)
        self._memory = Memory()

    def write(self, works: Works) -> list[Any]:
        """Runs all of `works` and commits them together; what they gave.

        Raises:
            UnavailableError: the database did not take it; whether it was stored is unknown.
        """
        with unavailable(), self._engine.begin() as connection:
            txs = [AccountTransaction(connection, account, recalled=self._memory.of(account)) for account, _ in works]
            results = [work(tx) for tx, (_, work) in zip(txs, works, strict=True)]
        for tx, (account, _) in zip(txs, works, strict=True):
            self._memory.keep(account, *tx.remembered)
        return results

    def close(self) -> None:
        """Closes the file."""
        self._engine.dispose()


class WriterThread:
    """Writes in a thread of this process, one transaction after the other."""

    def __init__(self, path: Path) -> None:
        self._writer = SqliteWriter(path)
        self._thread = ThreadPoolExecutor(1, "sqlite-writer")

    async def write(self, works: Works) -> list[Any]:
        """What `SqliteWriter.write` gives. A caller that goes away does not stop it."""
        # Nor must it leave the thread's result without an owner.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._thread, self._writer.write, works))

    async def close(self) -> None:
        """Lets what was begun end, and closes the file."""
        self._thread.shutdown()
        self._writer.close()
