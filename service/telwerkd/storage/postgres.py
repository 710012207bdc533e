"""PostgreSQL, shared by any number of servers.

Writers of one account are serialised by the row lock on its account: each takes it first, and then sees all that the
one before has committed (READ COMMITTED takes a new view with every statement). Nothing else is ever waited for, so
there is no order of locks to get wrong. A transaction is of one account, so that the tables can be sharded by account.

A transaction's work is an ordinary function. It runs on the event loop, in a greenlet that SQLAlchemy suspends whenever
a statement is under way; there are no threads.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, TypeVar

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
from telwerkd.storage.tables import accounts
from telwerkd.storage.transaction import ACCOUNT, AccountTransaction
from telwerkd.storage.unavailable import database_unavailable

T = TypeVar("T")
log = logging.getLogger(__name__)

WRITERS = 4
READERS = 4
"""Connections of one server process; one more looks across accounts."""

_ATTEMPTS_MAX = 6
_PAUSE_SECONDS = 0.02
"""Before the second attempt; twice as long before each further one, and by chance up to half of it."""

_TRY_UPKEEP = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:account, 0))")


class PostgresStore(AcrossAccounts):
    """`telwerkd.application.ports.Store` over a PostgreSQL database that has its tables."""

    merges_accounts = False
    writes_at_once = WRITERS

    def __init__(self, url: PostgresUrl) -> None:
        self._writers = make_engine(url, WRITERS, "READ COMMITTED")
        self._readers = make_engine(url, READERS, "REPEATABLE READ", read_only=True)
        # Of its own: slow queries must not make limits late, or the database seem away.
        self._upkeep = make_engine(url, 1, "READ COMMITTED", read_only=True)
        self._writing: set[asyncio.Task[Any]] = set()
        self._memory = Memory()

    async def read(self, account: AccountId, work: Callable[[Snapshot], T]) -> T:
        """Runs `work` on one consistent view."""
        return await _answered(self._readers, lambda connection: work(AccountTransaction(connection, account)))

    def glance(self, _account: AccountId, _work: Callable[[Snapshot], T], /) -> T | None:
        """Nothing: its answers are waited for."""
        return None

    async def write(self, works: Sequence[tuple[AccountId, Callable[[Transaction], T]]]) -> list[T]:
        """Runs the works, which are all of one account, and commits them together."""
        if not works:
            return []
        account = works[0][0]
        if any(other != account for other, _ in works):
            raise ValueError("a transaction is of one account")

        def run(connection: sa.Connection) -> tuple[list[T], tuple[Any, int]]:
            first, recalled = _locked(connection, account), self._memory.of(account)
            remembered: tuple[Any, int] = (None, 0)
            results = []
            for place, (_, work) in enumerate(works):
                tx = AccountTransaction(connection, account, None if place else first, remembered[0] or recalled)
                results.append(work(tx))
                remembered = tx.remembered if tx.remembered[0] is not None else remembered
            return results, remembered

        async def written() -> list[T]:
            results, remembered = await _answered(self._writers, run)
            self._memory.keep(account, *remembered)
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
        return await self.read(account, lambda view: Standing(view.account().version, view.earliest_due()))

    async def versions(self, accounts_: Collection[AccountId]) -> dict[AccountId, int]:
        """The versions of accounts."""
        c = accounts.c
        asked = sa.bindparam("asked", sorted(accounts_), sa.ARRAY(sa.Text))
        query = sa.select(c.account_id, c.version).where(c.account_id == sa.any_(asked))
        return {AccountId(row.account_id): row.version for row in await self._scan(query)}

    async def close(self) -> None:
        """Lets running transactions end, and closes the connections."""
        await asyncio.gather(*self._writing, return_exceptions=True)
        for engine in (self._writers, self._readers, self._upkeep):
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


def _locked(connection: sa.Connection, account: AccountId) -> Account:
    """The account's row, which nobody else can lock before this transaction ends; made if it is not there."""
    query = sa.select(*ACCOUNT).where(accounts.c.account_id == account).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        PostgresBulk(connection, account).insert(accounts, ("version", "high_water"), [(0, 0)], replacing=())
        row = connection.execute(query).one()
    return Account(*row)


async def _answered(engine: AsyncEngine, work: Callable[[sa.Connection], T]) -> T:
    """What `work` gives, run in a transaction until one of them comes through.

    Raises:
        UnavailableError: none did, or what became of one is unknown.
    """
    for attempt in range(1, _ATTEMPTS_MAX + 1):
        try:
            return await _once(engine, work)
        except DATABASE_ERRORS as error:
            fate = fate_of(error)
            if fate is Fate.DEFECT:
                raise
            if fate is Fate.LATER or attempt == _ATTEMPTS_MAX:
                log.warning("the database did not answer: %s", said(error))
                raise database_unavailable() from error
        await asyncio.sleep(_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311  # spreads, hides nothing
    raise AssertionError("the last attempt returns or raises")


async def _once(engine: AsyncEngine, work: Callable[[sa.Connection], T]) -> T:
    async with engine.connect() as connection, connection.begin() as transaction:
        try:
            result = await connection.run_sync(work)
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
