"""The embedded database: one SQLite file, one writer, many readers.

Every transaction is one hop to a thread and runs there with the synchronous driver. Measured: nine statements in one
transaction take 0.8 ms so, and 5 to 6 ms with a hop for each (docs/decisions/0002).
"""

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from telwerkd.application.ports import Snapshot, Standing, Transaction
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.domain.ids import AccountId
from telwerkd.storage.across import AcrossAccounts
from telwerkd.storage.tables import accounts
from telwerkd.storage.transaction import AccountTransaction

T = TypeVar("T")
log = logging.getLogger(__name__)

READERS = 4
_BUSY_SECONDS = 10.0
_RETRY_SECONDS = 1.0


_STANDING = (
    "SELECT (SELECT version FROM accounts WHERE account_id = :account), "
    "(SELECT min(due) FROM conversations WHERE account_id = :account AND due IS NOT NULL)"
)


class SqliteStore(AcrossAccounts):
    """`telwerkd.application.ports.Store` over a SQLite file that has its tables."""

    merges_accounts = True
    writes_at_once = 1

    def __init__(self, path: Path) -> None:
        self._writer = _engine(path, writes=True)
        self._reader = _engine(path, writes=False)
        self._glances = self._reader.raw_connection()
        self._write_thread = ThreadPoolExecutor(1, "sqlite-writer")
        self._read_threads = ThreadPoolExecutor(READERS, "sqlite-reader")
        # Of its own: slow queries must not make limits late, or the database seem away.
        self._upkeep_thread = ThreadPoolExecutor(1, "sqlite-upkeep")

    async def read(self, account: AccountId, work: Callable[[Snapshot], T]) -> T:
        """Runs `work` on one consistent view."""

        def run() -> T:
            with _unavailable(), self._reader.begin() as connection:
                return work(AccountTransaction(connection, account))

        return await asyncio.get_running_loop().run_in_executor(self._read_threads, run)

    async def write(self, works: Sequence[tuple[AccountId, Callable[[Transaction], T]]]) -> list[T]:
        """Runs all of `works` and commits them together."""

        def run() -> list[T]:
            with _unavailable(), self._writer.begin() as connection:
                return [work(AccountTransaction(connection, account)) for account, work in works]

        # A caller that goes away must not leave the thread's result without an owner: the commit runs to its end.
        return await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._write_thread, run))

    async def upkeep(self, account: AccountId, work: Callable[[Transaction], T]) -> T | None:
        """Runs `work` as `write` does: the file has one server, and nobody else to wait for."""
        [result] = await self.write([(account, work)])
        return result

    async def standing(self, account: AccountId) -> Standing:
        """Where an account stands: two look-ups by key, on the event loop, for a hop to a thread would take longer."""
        with _unavailable():
            cursor = self._glances.cursor()
            cursor.execute(_STANDING, {"account": account})
            [(version, due)] = cursor.fetchall()
        return Standing(version or 0, due)

    async def versions(self, accounts_: Collection[AccountId]) -> dict[AccountId, int]:
        """The versions of accounts."""
        c = accounts.c
        query = sa.select(c.account_id, c.version).where(c.account_id.in_(sorted(accounts_)))
        return {AccountId(row.account_id): row.version for row in await self._scan(query)}

    async def _scan(self, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """What a query across accounts gives, in the thread that keeps such queries apart."""

        def run() -> Sequence[Any]:
            with _unavailable(), self._reader.begin() as connection:
                return connection.execute(query).all()

        return await asyncio.get_running_loop().run_in_executor(self._upkeep_thread, run)

    def close(self) -> None:
        """Lets running transactions end, and closes the file."""
        self._write_thread.shutdown()
        self._read_threads.shutdown()
        self._upkeep_thread.shutdown()
        self._glances.close()
        self._reader.dispose()
        self._writer.dispose()


def _engine(path: Path, *, writes: bool) -> sa.Engine:
    engine = sa.create_engine(
        sa.URL.create("sqlite+pysqlite", database=str(path)),
        poolclass=sa.QueuePool,
        pool_size=1 if writes else READERS + 2,
        max_overflow=0,
        connect_args={"check_same_thread": False, "timeout": _BUSY_SECONDS},
    )

    @sa.event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # transactions begin below, not by the driver's guess
        connection.execute("PRAGMA journal_mode = WAL")
        # Under NORMAL a power loss takes every acknowledged row since the last checkpoint.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{49_152 if writes else 8_192}")
        connection.execute("PRAGMA temp_store = MEMORY")
        if not writes:
            connection.execute("PRAGMA query_only = ON")

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # Asked directly, the driver takes a tenth of the time.
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101  # the engine has no other
        driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


@contextmanager
def _unavailable() -> Iterator[None]:
    """A database that is locked, full or gone is a matter of now, not of the request."""
    try:
        yield
    except (sa.exc.OperationalError, sqlite3.OperationalError) as error:
        log.warning("the database did not answer", exc_info=error)
        raise UnavailableError(
            Reason.DATABASE_UNAVAILABLE, "the database does not answer: send it again later", _RETRY_SECONDS
        ) from error
