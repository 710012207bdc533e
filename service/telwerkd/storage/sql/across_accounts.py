"""What is asked across accounts, the same for every database: for upkeep and readiness, without locks."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from telwerkd.domain.counting.deltas import Measure
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.storage.schema.tables import accounts, conversations, deltas


class AcrossAccounts(ABC):
    """The part of `telwerkd.application.ports.Store` that looks across accounts."""

    @abstractmethod
    async def _scan(self, query: sa.Select[*tuple[Any, ...]]) -> Sequence[Any]:
        """What such a query gives. Slow queries of accounts must not keep it waiting."""

    async def accounts(self) -> list[AccountId]:
        """Every account that anything is stored of."""
        rows = await self._scan(sa.select(accounts.c.account_id).order_by(accounts.c.account_id))
        return [AccountId(row.account_id) for row in rows]

    async def last_times(self) -> list[tuple[AccountId, Micros]]:
        """For each account an instant after which no event happened, the latest first."""
        c = conversations.c
        query = sa.select(c.account_id, sa.func.max(c.last_time)).group_by(c.account_id)
        found = [(AccountId(account), Micros(last_time)) for account, last_time in await self._scan(query)]
        return sorted(found, key=itemgetter(1), reverse=True)

    async def accounts_due(self, until: Micros) -> list[AccountId]:
        """The accounts that have a limit due by `until`."""
        c = conversations.c
        query = sa.select(c.account_id).where(c.due.is_not(None), c.due <= until).distinct().order_by(c.account_id)
        return [AccountId(row.account_id) for row in await self._scan(query)]

    async def compactable(self) -> list[tuple[AccountId, Measure, int]]:
        """Every measure that has deltas, with how many leaves."""
        c = deltas.c
        query = sa.select(c.account_id, c.measure, sa.func.sum(c.size)).group_by(c.account_id, c.measure)
        return [(AccountId(account), measure, size) for account, measure, size in await self._scan(query)]

    async def ping(self) -> None:
        """Answers if the database does."""
        await self._scan(sa.select(accounts.c.version).limit(1))
