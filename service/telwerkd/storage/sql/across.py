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

# Built once: to build them, and their keys in SQLAlchemy's cache, takes longer than SQLite takes to execute them.
_ACCOUNTS = sa.select(accounts.c.account_id).order_by(accounts.c.account_id)
_VERSIONS = sa.select(accounts.c.account_id, accounts.c.version).where(
    accounts.c.account_id.in_(sa.bindparam("accounts", expanding=True))
)
_LAST_TIMES = sa.select(conversations.c.account_id, sa.func.max(conversations.c.last_time)).group_by(
    conversations.c.account_id
)
_ACCOUNTS_DUE = (
    sa.select(conversations.c.account_id)
    .where(conversations.c.due.is_not(None), conversations.c.due <= sa.bindparam("until"))
    .distinct()
    .order_by(conversations.c.account_id)
)
_OPEN_TIMERS = sa.select(
    sa.func.count(),
    sa.func.count().filter(conversations.c.due <= sa.bindparam("now")),
    sa.func.min(conversations.c.due),
).where(conversations.c.due.is_not(None))
_COMPACTABLE = sa.select(deltas.c.account_id, deltas.c.measure, sa.func.sum(deltas.c.size)).group_by(
    deltas.c.account_id, deltas.c.measure
)

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
        rows = await self._rows(_ACCOUNTS)
        return [AccountId(row.account_id) for row in rows]

    async def versions(self, accounts_: Collection[AccountId]) -> dict[AccountId, int]:
        """Returns the versions of accounts."""
        asked, found = sorted(accounts_), dict[AccountId, int]()
        for start in range(0, len(asked), _IN_MAX):
            rows = await self._rows(_VERSIONS, accounts=_padded(asked[start : start + _IN_MAX]))
            found.update({AccountId(row.account_id): row.version for row in rows})
        return found

    async def last_times(self) -> list[tuple[AccountId, Micros]]:
        """Returns for each account an upper bound of its events' times, the latest account first."""
        rows = await self._rows(_LAST_TIMES)
        found = [(AccountId(account), Micros(last_time)) for account, last_time in rows]
        return sorted(found, key=itemgetter(1), reverse=True)

    async def accounts_due(self, until: Micros) -> list[AccountId]:
        """Returns the accounts that have a limit due by `until`."""
        return [AccountId(row.account_id) for row in await self._rows(_ACCOUNTS_DUE, until=until)]

    async def open_timers(self, now: Micros) -> OpenTimers:
        """Returns the number of unsettled limits of all accounts, how many are due by `now`, and the earliest."""
        [row] = await self._rows(_OPEN_TIMERS, now=now)
        return OpenTimers(*row)

    async def compactable(self) -> list[tuple[AccountId, Measure, int]]:
        """Returns every measure that has delta entries, with their number; rows of no measure are left out."""
        rows = await self._rows(_COMPACTABLE)
        return [(AccountId(account), measure, size) for account, measure, size in rows if is_measure(measure)]

    async def ping(self) -> None:
        """Returns if the tables can be read."""
        await self._rows(READABLE)

    async def _rows(self, query: sa.Select[*tuple[Any, ...]], **values: object) -> Sequence[Any]:
        async def statement(connection: AsyncConnection) -> Sequence[Any]:
            return (await connection.execute(query, values)).all()

        return await self._run(statement)


def _padded(asked: list[AccountId]) -> list[AccountId]:
    """Returns the accounts padded to a power of two by repeating the last: so few statements need preparing."""
    return asked + asked[-1:] * ((1 << (len(asked) - 1).bit_length()) - len(asked))
