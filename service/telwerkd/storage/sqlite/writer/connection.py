"""The one connection that writes to a SQLite file, and a thread to run it in."""

import asyncio
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from telwerkd.application.ports import Command, Written
from telwerkd.domain.ids import AccountId
from telwerkd.process.futures import retrieve_exception
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.storage.sql.memory import Memory
from telwerkd.storage.sql.transaction import AccountTransaction
from telwerkd.storage.sqlite.engine import make_engine, unavailable
from telwerkd.storage.sqlite.file import OpenedFile, empty_log, length, prove_write
from telwerkd.storage.unavailable import Outage

log = logging.getLogger(__name__)

_LOG_BYTES_MAX = 32 * 2**20
"""Size of the `-wal` from which on it is emptied once nobody reads.

SQLite begins it anew where a writer finds everything copied and nobody reading; with questions all the time that is
seldom, and the file stays as large as it ever was.
"""
_EMPTIED_AFTER_SECONDS = 1.0
"""How long after an attempt to empty it the next one is made."""

Commands = Sequence[tuple[AccountId, Command[Any]]]
"""The commands of a transaction, each with its account."""


class SqliteWriter:
    """Runs write transactions on a file that has its tables. For one thread at a time.

    A server says which file it has opened; else it is the one that is there at the first transaction.
    """

    def __init__(self, path: Path, file: OpenedFile | None = None, log_bytes_max: int = _LOG_BYTES_MAX) -> None:
        self._path = path
        self._log_path = Path(f"{path.resolve()}-wal")
        self._log_bytes_max = log_bytes_max
        self._log_looked_at = 0.0
        self._file = file
        self._engine = make_engine(path, writes=True)
        self._connection: sa.Connection | None = None
        self._memory = Memory()
        self._outage = Outage(log, "writing")

    def write(self, commands: Commands) -> Written:
        """Runs all of `commands` and commits them together; returns their results.

        Raises:
            UnavailableError: the database did not take it; whether it was stored is unknown.
        """
        begun = monotonic()
        with unavailable(self._outage):
            file = self._checked()
            with self._begun() as connection:
                txs = [
                    AccountTransaction(connection, account, recalled=self._memory.of(account))
                    for account, _ in commands
                ]
                results = []
                for tx, (_, command) in zip(txs, commands, strict=True):
                    with tx:
                        tx.check_rules()
                        results.append(command.run(tx))
            # It may have been deleted meanwhile.
            file.check(self._length)
        for tx, (account, _) in zip(txs, commands, strict=True):
            self._memory.keep(account, *tx.remembered)
        self._bound_log()
        return Written(results, monotonic() - begun, [events for tx in txs for events in tx.refolded])

    def prove(self) -> None:
        """Checks that a write would be committed now, and to the file that was opened. It changes nothing.

        Raises:
            UnavailableError: it would not.
        """
        with unavailable(self._outage):
            file = self._checked()
            file.check_writable()
            with self._driver() as driver:
                prove_write(driver)
            file.check(self._length)
        self._outage.over()

    def close(self) -> None:
        """Closes the file."""
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()

    def _checked(self) -> OpenedFile:
        """Returns the file, checked not to have been replaced or truncated."""
        if self._file is None:
            with self._opened():
                self._file = OpenedFile(self._path)
        self._file.check(self._length)
        return self._file

    @contextmanager
    def _opened(self) -> Iterator[sa.Connection]:
        """Provides the connection, which is kept between transactions and returned to its pool only after an error.

        To check it out and in for each transaction is much of what a single event costs.
        """
        if self._connection is None:
            self._connection = self._engine.connect()
        connection = self._connection
        try:
            yield connection
        except BaseException:
            if self._connection is connection:
                self._connection = None
            connection.close()
            raise

    @contextmanager
    def _begun(self) -> Iterator[sa.Connection]:
        with self._opened() as connection, connection.begin():
            yield connection

    @contextmanager
    def _driver(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)  # noqa: S101  # the engine has no other
            yield driver

    def _bound_log(self) -> None:
        """Truncates a log that has grown too large, if no reader uses it; waits for nobody."""
        now = monotonic()
        if now - self._log_looked_at < _EMPTIED_AFTER_SECONDS:
            return
        self._log_looked_at = now
        # What was committed stays so, whatever this meets: the next transaction meets it too, and says so.
        with suppress(OSError, sqlite3.Error, sa.exc.SQLAlchemyError):
            if self._log_path.stat().st_size > self._log_bytes_max:
                with self._driver() as driver:
                    empty_log(driver)

    def _length(self) -> int:
        with self._driver() as driver:
            return length(driver)


class WriterThread:
    """Writes in a thread of this process, one transaction after the other."""

    def __init__(self, path: Path) -> None:
        self._writer = SqliteWriter(path)
        self._thread = ThreadPoolExecutor(1, "sqlite-writer")

    async def write(self, commands: Commands) -> list[Any]:
        """Runs `SqliteWriter.write` in the thread, and returns the results. Cancelling the caller does not stop it."""
        # Nor must it leave the thread's result without an owner.
        writing = asyncio.get_running_loop().run_in_executor(self._thread, self._writer.write, commands)
        writing.add_done_callback(retrieve_exception)
        return (await asyncio.shield(writing)).results

    async def prove(self) -> None:
        """Runs `SqliteWriter.prove` in the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._writer.prove)

    async def close(self) -> None:
        """Waits for running transactions, and closes the file."""
        self._thread.shutdown()
        self._writer.close()
