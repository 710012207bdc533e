"""Answers that stay true: a watch asks again when its account has changed, and says what is different.

A watch holds the last answer and nothing else: what changes while its reader is busy is in the next answer. One look
for all watched accounts tells which have changed, also by other processes on the same database.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias

import numpy as np

from telwerkd.application.answering import Queries
from telwerkd.application.ports import Store
from telwerkd.application.query import Answer, Counts, KpiRows, OrderMeasure, Query, Row
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.domain.ids import AccountId
from telwerkd.domain.kpis import KpiInfo

log = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 0.2
"""How often watched accounts are looked at: changes that come faster are told together."""

_RETRY_SECONDS = 1.0

Changes: TypeAlias = list[tuple[KpiInfo, Row, Counts]]
"""The lines that changed, and which of their buckets."""


class Watches:
    """The open watches of this process. Start with `run` in a task of its own."""

    def __init__(self, store: Store, queries: Queries, watches_max: int) -> None:
        self._store = store
        self._queries = queries
        self._watches_max = watches_max
        self._watching: Counter[AccountId] = Counter()
        self._versions: dict[AccountId, int] = {}
        self._looked = asyncio.Condition()

    async def run(self) -> None:
        """Looks for accounts that have changed, for good."""
        while True:
            if self._watching:
                await self._look()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _look(self) -> None:
        try:
            versions = await self._store.versions(list(self._watching))
        except UnavailableError as error:
            log.warning("watches: %s", error)
            return
        except Exception:
            log.exception("watches: a defect")
            return
        async with self._looked:
            self._versions = versions
            self._looked.notify_all()

    @contextmanager
    def watch(self, query: Query) -> Iterator["Watch"]:
        """A watch, open until it is left.

        Raises:
            UnavailableError: there are too many.
        """
        account = query.account
        if self._watching.total() >= self._watches_max:
            raise UnavailableError(
                Reason.OVERLOADED,
                f"{self._watches_max} watches (watches_max) are open on this server: close one, or ask another server",
                _RETRY_SECONDS,
            )
        self._watching[account] += 1
        try:
            yield Watch(self, self._queries, query)
        finally:
            self._watching[account] -= 1
            self._watching = +self._watching

    async def changed(self, account: AccountId, seen: int) -> None:
        """Waits until a look finds a later version of the account than the one seen."""
        async with self._looked:
            await self._looked.wait_for(lambda: self._versions.get(account, 0) > seen)


class Watch:
    """A query, and the version of its account that was last answered from."""

    def __init__(self, watches: Watches, queries: Queries, query: Query) -> None:
        self._watches = watches
        self._queries = queries
        self._query = query
        self._seen: int | None = None

    async def answer(self) -> Answer:
        """The answer: at once the first time, then as soon as the account has changed since the one before.

        Raises:
            InvalidArgumentError, LimitExceededError: see `Queries.ask`.
            UnavailableError: the database does not answer.
        """
        if self._seen is not None:
            await self._watches.changed(self._query.account, self._seen)
        answer = await self._queries.ask(self._query, lambda answer: answer)
        self._seen = answer.standing.version
        return answer


def changes(query: Query, before: Answer, after: Answer) -> Changes | None:
    """What is different in a later answer to the same query; None where only the whole answer can say it."""
    if before.time_zone != after.time_zone:
        return None  # the account's was changed, and with it the buckets
    if query.compare_to is not None or query.top is not None or query.order.measure is not OrderMeasure.KEY:
        return None if _differ(before, after) or about_differs(before, after) else []
    return [change for pair in zip(before.kpis, after.kpis, strict=True) for change in _changed_lines(*pair)]


def about_differs(before: Answer, after: Answer) -> bool:
    """Whether something beside the lines is different."""
    return any(
        earlier._replace(rows=[]) != later._replace(rows=[])
        for earlier, later in zip(before.kpis, after.kpis, strict=True)
    )


def _differ(before: Answer, after: Answer) -> bool:
    return any(
        len(earlier.rows) != len(later.rows)
        or any(not _same(*pair) for pair in zip(earlier.rows, later.rows, strict=True))
        for earlier, later in zip(before.kpis, after.kpis, strict=True)
    )


def _same(first: Row, second: Row) -> bool:
    """Whether two rows say the same in both periods."""
    numbers = ((first.counts, second.counts), (first.distribution, second.distribution))
    compared = (
        ()
        if first.compared is None or second.compared is None
        else (
            (first.compared.counts, second.compared.counts),
            (first.compared.distribution, second.compared.distribution),
        )
    )
    return (first.key, first.rest) == (second.key, second.rest) and all(
        np.array_equal(one, other) for one, other in (*numbers, *compared) if one is not None and other is not None
    )


def _changed_lines(before: KpiRows, after: KpiRows) -> Iterator[tuple[KpiInfo, Row, Counts]]:
    old, new = ({row.key: row for row in rows.rows} for rows in (before, after))
    for key in sorted(old.keys() | new.keys(), key=lambda key: [part or "" for part in key]):
        row = new[key] if key in new else _emptied(old[key])
        was = old[key] if key in old else _emptied(new[key])
        changed = row.counts != was.counts
        if row.distribution is not None and was.distribution is not None:
            # As many ratings may be other stars.
            changed |= (row.distribution != was.distribution).any(axis=0)
        if changed.any():
            yield after.info, row, np.flatnonzero(changed)


def _emptied(row: Row) -> Row:
    """A line of zeros."""
    return row._replace(
        counts=np.zeros_like(row.counts),
        sums=None if row.sums is None else np.zeros_like(row.sums),
        distribution=None if row.distribution is None else np.zeros_like(row.distribution),
    )
