"""Queries across accounts: single statements for upkeep, watches and readiness, the same for every database."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from telwerkd.application.ports import OpenTimers
from telwerkd.domain.counting.measures import Measure, is_measure
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.storage.schema.tables import accounts, conversations, deltas

AsyncStatement = Callable[[AsyncConnection], Awaitable[Sequence[Any]]]
RunStatement = Callable[[AsyncStatement], Awaitable[Sequence[Any]]]
"""Runs a statement on a connection of a database's `AsyncEngine`, and translates its errors."""

READABLE = sa.select(accounts.c.version).limit(1)
"""A statement that costs nothing, and succeeds where the tables can be read."""

_IN_MAX = 2_000
"""Values in one IN list, well below every database's limit on parameters."""


class AcrossAccounts:
    """The part of `telwerkd.application.ports.Store` that looks across accounts, without locks.

    It has a connection of its own in either database: slow queries of accounts must not make limits late, or the
    database seem away.
    """

    def __init__(self, run: RunStatement) -> None:
        self._run = run

    async def accounts(self) -> list[AccountId]:
        """Returns every account that has anything stored."""
        rows = await self._rows(sa.select(accounts.c.account_id).order_by(accounts.c.account_id))
        return [AccountId(row.account_id) for row in rows]

    async def versions(self, accounts_: Collection[AccountId]) -> dict[AccountId, int]:
        """Returns the versions of accounts."""
        c, asked, found = accounts.c, sorted(accounts_), dict[AccountId, int]()
        for start in range(0, len(asked), _IN_MAX):
            some = _padded(asked[start : start + _IN_MAX])
            query = sa.select(c.account_id, c.version).where(c.account_id.in_(some))
            found.update({AccountId(row.account_id): row.version for row in await self._rows(query)})
        return found

    async def last_times(self) -> list[tuple[AccountId, Micros]]:
        """Returns for each account an upper bound of its events' times, the latest account first."""
        c = conversations.c
        query = sa.select(c.account_id, sa.func.max(c.last_time)).group_by(c.account_id)
        found = [(AccountId(account), Micros(last_time)) for account, last_time in await self._rows(query)]
        return sorted(found, key=itemgetter(1), reverse=True)

    async def accounts_due(self, until: Micros) -> list[AccountId]:
        """Returns the accounts that have a limit due by `until`."""
        c = conversations.c
        query = sa.select(c.account_id).where(c.due.is_not(None), c.due <= until).distinct().order_by(c.account_id)
        return [AccountId(row.account_id) for row in await self._rows(query)]

    async def open_timers(self, now: Micros) -> OpenTimers:
        """Returns the number of unsettled limits of all accounts, how many are due by `now`, and the earliest."""
        due, count = conversations.c.due, sa.func.count()
        query = sa.select(count, count.filter(due <= now), sa.func.min(due)).where(due.is_not(None))
        [row] = await self._rows(query)
        return OpenTimers(*row)

    async def compactable(self) -> list[tuple[AccountId, Measure, int]]:
        """Returns every measure that has delta entries, with their number; rows of no measure are left out."""
        c = deltas.c
        query = sa.select(c.account_id, c.measure, sa.func.sum(c.size)).group_by(c.account_id, c.measure)
        rows = await self._rows(query)
        return [(AccountId(account), measure, size) for account, measure, size in rows if is_measure(measure)]

    async def ping(self) -> None:
        """Returns if the tables can be read."""
        await self._rows(READABLE)

    async def _rows(self, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Any]:
        async def statement(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(query)).all()

        return await self._run(statement)


def _padded(asked: list[AccountId]) -> list[AccountId]:
    """Returns the accounts padded to a power of two by repeating the last: so few statements need preparing."""
    return asked + asked[-1:] * ((1 << (len(asked) - 1).bit_length()) - len(asked))
