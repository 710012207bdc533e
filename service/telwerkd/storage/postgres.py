"""PostgreSQL, shared by any number of servers.

Writers of one account are serialised by the row lock on its account: each takes it first, and then sees all that the
one before has committed (READ COMMITTED takes a new view with every statement). Nothing else is ever waited for, so
there is no order of locks to get wrong. A transaction is of one account, so that the tables can be sharded by account.

A transaction's work is an ordinary function, which runs in a greenlet that SQLAlchemy suspends whenever a statement is
under way, on the event loop; one that reads runs in a thread (`postgres_threads`).
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from telwerkd.application.ports import Account, Snapshot, Standing, Transaction
from telwerkd.domain.ids import AccountId
from telwerkd.storage.across import AcrossAccounts
from telwerkd.storage.bulk_postgres import PostgresBulk
from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.memory import Memory
from telwerkd.storage.postgres_engine import make_engine
from telwerkd.storage.postgres_errors import DATABASE_ERRORS, Fate, aborted_for_sure, fate_of, is_standby, said
from telwerkd.storage.postgres_threads import StatementsInLoop
from telwerkd.storage.tables import accounts
from telwerkd.storage.transaction import ACCOUNT, AccountTransaction
from telwerkd.storage.unavailable import database_unavailable

T = TypeVar("T")
log = logging.getLogger(__name__)

WRITERS = 4
READERS = 4
STANDINGS = 2
"""Connections of one server process: those that write, those that read for answers, those that look where an account
stands; one more looks across accounts."""

_ATTEMPTS_MAX = 6
_PAUSE_SECONDS = 0.02
"""Before the second attempt; twice as long before each further one, and by chance up to half of it."""

_TRY_UPKEEP = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:account, 0))")


class PostgresStore(AcrossAccounts):
    """`telwerkd.application.ports.Store` over a PostgreSQL database that has its tables."""

    merges_accounts = False
    writes_at_once = WRITERS
    reads_at_once = READERS

    def __init__(self, url: PostgresUrl) -> None:
        self._writers = make_engine(url, WRITERS, "READ COMMITTED")
        self._readers = _reading(url, READERS)
        self._threads = ThreadPoolExecutor(READERS, "postgres-reader")
        self._standings = _reading(url, STANDINGS)
        # Of its own: slow queries must not make limits late, or the database seem away.
        self._upkeep = make_engine(url, 1, "READ COMMITTED", read_only=True)
        self._writing: set[asyncio.Task[Any]] = set()
        self._memory = Memory()

    async def read(self, account: AccountId, work: Callable[[Snapshot], T]) -> T:
        """Runs `work` on one consistent view, in a thread."""

        def run(connection: sa.Connection) -> T:
            return work(AccountTransaction(connection, account))

        # A caller that goes away must not take the connection from under a thread that uses it.
        return await self._shielded(_answered(self._readers, run, self._threads))

    async def glance(self, _account: AccountId, _work: Callable[[Snapshot], T]) -> T | None:
        """Nothing: what computes must not run in a greenlet (`postgres_threads`)."""
        return None

    async def write(self, works: Sequence[tuple[AccountId, Callable[[Transaction], T]]]) -> list[T]:
        """Runs the works, which are all of one account, and commits them together."""
        if not works:
            return []
        account = works[0][0]
        if any(other != account for other, _ in works):
            raise ValueError("a transaction is of one account")

        def run(connection: sa.Connection) -> tuple[list[T], Any]:
            first, recalled = _locked(connection, account), self._memory.of(account)
            results = []
            for place, (_, work) in enumerate(works):
                tx = AccountTransaction(connection, account, None if place else first, recalled)
                results.append(work(tx))
                recalled = tx.remembered or recalled
            return results, recalled

        async def written() -> list[T]:
            results, remembered = await _answered(self._writers, run)
            self._memory.keep(account, remembered)
            return results

        return await self._shielded(written())

    async def upkeep(self, account: AccountId, work: Callable[[Transaction], T]) -> T | None:
        """Runs `work` as `write` does; None if another server is at the account's upkeep just now."""

        def run(connection: sa.Connection) -> T | None:
            if not connection.scalar(_TRY_UPKEEP, {"account": account}):
                return None
            return work(AccountTransaction(connection, account, _locked(connection, account)))

        return await self._shielded(_answered(self._writers, run))

    async def standing(self, account: AccountId) -> Standing:
        """Where an account stands."""

        def work(connection: sa.Connection) -> Standing:
            view = AccountTransaction(connection, account)
            return Standing(view.account().version, view.earliest_due())

        return await _answered(self._standings, work)

    async def versions(self, accounts_: Collection[AccountId]) -> dict[AccountId, int]:
        """The versions of accounts."""
        c = accounts.c
        asked = sa.bindparam("asked", sorted(accounts_), sa.ARRAY(sa.Text))
        query = sa.select(c.account_id, c.version).where(c.account_id == sa.any_(asked))
        return {AccountId(row.account_id): row.version for row in await self._scan(query)}

    async def close(self) -> None:
        """Lets running transactions end, and closes the connections."""
        await asyncio.gather(*self._writing, return_exceptions=True)
        self._threads.shutdown()
        for engine in (self._writers, self._readers, self._standings, self._upkeep):
            await engine.dispose()

    async def _scan(self, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """What a query across accounts gives."""
        return await _answered(self._upkeep, lambda connection: connection.execute(query).all())

    async def _shielded(self, writing: Awaitable[T]) -> T:
        """A caller that goes away does not stop a transaction half-way: the commit runs to its end."""
        task = asyncio.ensure_future(writing)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        return await asyncio.shield(task)


def _reading(url: PostgresUrl, connections: int) -> AsyncEngine:
    return make_engine(url, connections, "REPEATABLE READ", read_only=True)


def _locked(connection: sa.Connection, account: AccountId) -> Account:
    """The account's row, which nobody else can lock before this transaction ends; made if it is not there."""
    query = sa.select(*ACCOUNT).where(accounts.c.account_id == account).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        PostgresBulk(connection, account).insert(accounts, ("version", "high_water"), [(0, 0)], replacing=())
        row = connection.execute(query).one()
    return Account(*row)


async def _answered(
    engine: AsyncEngine, work: Callable[[sa.Connection], T], threads: ThreadPoolExecutor | None = None
) -> T:
    """What `work` gives, run in a transaction until one of them comes through; in a thread where there are some.

    Raises:
        UnavailableError: none did, or what became of one is unknown.
    """
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        try:
            return await _once(engine, work, threads)
        except DATABASE_ERRORS as error:
            fate = fate_of(error)
            if fate is Fate.DEFECT:
                raise
            if fate is Fate.LATER or attempt == _ATTEMPTS_MAX:
                log.warning("the database did not answer: %s", said(error))
                raise database_unavailable() from error
        await asyncio.sleep(_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311  # spreads, hides nothing
    raise AssertionError("the last attempt returns or raises")


async def _once(engine: AsyncEngine, work: Callable[[sa.Connection], T], threads: ThreadPoolExecutor | None) -> T:
    async with engine.connect() as connection, connection.begin() as transaction:
        try:
            if threads is None:
                result = await connection.run_sync(work)
            else:
                loop = asyncio.get_running_loop()
                statements = cast("sa.Connection", StatementsInLoop(connection, loop))
                result = await loop.run_in_executor(threads, work, statements)
        except DATABASE_ERRORS as error:
            if is_standby(error):
                await connection.invalidate(error)  # another connection may lead to the new primary
            raise
        try:
            await transaction.commit()
        except DATABASE_ERRORS as error:
            await connection.invalidate(error)
            if aborted_for_sure(error):
                raise
            # PostgreSQL may have kept it all the same.
            log.warning("the outcome of a commit is unknown: %s", said(error))
            raise database_unavailable() from error
        return result
