"""Watches: a watch repeats its query when its account has changed, and sends the differences.

A watch keeps the last answer, compressed, and no queue: changes while its client is busy are in the next answer. One
poll for all watched accounts finds those that have changed, also by other processes on the same database. Answers are
computed, compared and encoded in threads; one watch of an account at a time, so that its own queries, and other
accounts, need not wait for all of its watches. Watches with the same request share answers (`shared_question`).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeAlias
from weakref import WeakValueDictionary

import numpy as np

from telwerkd.application.failures import logging_failures
from telwerkd.application.ports import AccountsStore
from telwerkd.application.query.question import OrderMeasure, Query
from telwerkd.application.query.result import Answer, AnswerRow, KpiRows
from telwerkd.application.query.runner import Queries
from telwerkd.application.sharing.memory_budget import MemoryBudget, Reservation
from telwerkd.application.watch.commits import Commits
from telwerkd.application.watch.kept_answer import KeptAnswer, hashed
from telwerkd.application.watch.shared_question import SharedQuestion, Update
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.rates import RateInfo
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.measures import has_durations
from telwerkd.domain.errors import QuotaExceededError, Reason, UnavailableError
from telwerkd.domain.ids import AccountId
from telwerkd.process.figures import SECONDS, Histogram
from telwerkd.process.monotonic_clock import monotonic

log = logging.getLogger(__name__)

_LOOK_EVERY_SECONDS = 0.2
"""The polling interval of watched accounts: changes within it are sent together."""

_RETRY_SECONDS = 1.0

_WATCH_BYTES = 20_000
"""Estimated memory in bytes of an open call without its answer."""

Changes: TypeAlias = list[tuple[KpiInfo, AnswerRow, IntArray]]
"""The lines that changed, and which of their buckets."""


class Watches:
    """The open watches of this process. Start with `run` in a task of its own."""

    def __init__(
        self,
        store: AccountsStore,
        queries: Queries,
        budget: MemoryBudget,
        watches_max: int,
        watches_per_account_max: int,
        own_watches: Mapping[str, int] | None = None,
    ) -> None:
        """`own_watches` are the limits of single accounts, which override `watches_per_account_max`."""
        self._store = store
        self._queries = queries
        self._budget = budget
        self._watches_max = watches_max
        self._per_account_max = watches_per_account_max
        self._own_max = own_watches or {}
        self._watching: Counter[AccountId] = Counter()
        self._updating: WeakValueDictionary[AccountId, asyncio.Lock] = WeakValueDictionary()
        """Locks by account: one watch of an account at a time computes its answer."""
        self._questions: dict[bytes, SharedQuestion] = {}
        """The shared questions, by their encoded requests."""
        self._versions: dict[AccountId, int] = {}
        self._commits = Commits()
        self.lag = Histogram(SECONDS)
        """Seconds from a commit to the update of it."""
        self._looked = asyncio.Condition()

    def use(self, watches_max: int, watches_per_account_max: int, own_watches: Mapping[str, int]) -> None:
        """Sets the limits; open watches stay."""
        self._watches_max = watches_max
        self._per_account_max = watches_per_account_max
        self._own_max = own_watches

    async def run(self) -> None:
        """Polls for changed accounts periodically, until cancelled."""
        while True:
            if self._watching:
                with logging_failures("watches"):
                    await self._look()
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def _look(self) -> None:
        self._commits.begin_look()
        versions = await self._store.versions(list(self._watching))
        self._commits.end_look(self._versions, versions)
        async with self._looked:
            self._versions = versions
            self._looked.notify_all()

    @property
    def open(self) -> int:
        """How many watches are open."""
        return self._watching.total()

    def committed(self, account: AccountId) -> None:
        """Records that this server has committed events of the account."""
        if account in self._watching:
            self._commits.committed(account)

    def updated(self, account: AccountId, seen: int) -> None:
        """Records the delay of an update to a watch that had `seen` a version of the account."""
        since = self._commits.since(account, seen)
        if since is not None:
            self.lag.observe(monotonic() - since)

    @contextmanager
    def watch(self, query: Query, request: bytes) -> Iterator["Watch"]:
        """Opens a watch for the block.

        `request` identifies the query: watches with the same one share their updates.

        Raises:
            QuotaExceededError: the account has too many watches.
            UnavailableError: there are too many watches, or too little memory.
        """
        account = query.account
        if self._watching.total() >= self._watches_max:
            raise UnavailableError(
                Reason.OVERLOADED,
                f"{self._watches_max} watches (watches_max) are open on this server: close one, or ask another server",
                _RETRY_SECONDS,
            )
        most = self._own_max.get(account, self._per_account_max)
        if self._watching[account] >= most:
            raise QuotaExceededError(
                "watches_per_account_max",
                f"{most} watches of this account (watches_per_account_max) are open on this server: "
                "close one, or ask another server",
                _RETRY_SECONDS,
            )
        with self._budget.reserve(_WATCH_BYTES + len(request), "a watch") as reservation:
            self._watching[account] += 1
            lock = self._updating.setdefault(account, asyncio.Lock())
            question = self._questions.setdefault(request, SharedQuestion())
            question.watches += 1
            try:
                yield Watch(self, self._queries, query, lock, question, reservation)
            finally:
                question.watches -= 1
                if not question.watches:
                    del self._questions[request]
                self._watching[account] -= 1
                self._watching = +self._watching

    async def changed(self, account: AccountId, seen: int) -> None:
        """Waits until a look finds a later version of the account than the one seen."""
        async with self._looked:
            await self._looked.wait_for(lambda: self._versions.get(account, 0) > seen)


class Watch:
    """A watched query, with its last answer."""

    def __init__(
        self,
        watches: Watches,
        queries: Queries,
        query: Query,
        lock: asyncio.Lock,
        question: SharedQuestion,
        reservation: Reservation,
    ) -> None:
        self._watches = watches
        self._queries = queries
        self._query = query
        self._lock = lock
        self._question = question
        self._reservation = reservation
        self._bytes_open = reservation.size
        self._kept: KeptAnswer | None = None

    async def changed(self) -> None:
        """Waits until the account has changed since the last update; the first time not at all.

        Raises:
            UnavailableError: there is too little memory.
        """
        if self._kept is not None:
            self._reservation.resize(self._bytes_open + self._kept.nbytes)
            await self._watches.changed(self._query.account, self._kept.version)

    async def update(
        self,
        encode: Callable[[Answer | None, Answer], bytes | None],
        turn: Callable[[], AbstractAsyncContextManager[None]],
    ) -> bytes | None:
        """Returns what `encode` makes, in a thread, of the previous answer (None at first) and the present one.

        The previous answer has no buckets and no sums. The memory of an update is reserved until the next `update`.
        Unless another watch with the same request has made the update, it is made within `turn`.

        Raises:
            InvalidArgumentError, LimitExceededError: see `Queries.ask`.
            UnavailableError: the database does not answer, or there is too little memory.
        """
        before = None if self._kept is None else self._kept.version
        wanted = await self._version_now() if before is None else before + 1
        async with self._question.turn(self, self._kept):
            update = self._question.latest(before, wanted) or await self._made(encode, turn)
        message = update.messages[before]
        self._reservation.resize(self._bytes_open + update.kept.nbytes + len(message or b""))
        if before is not None and message is not None:
            self._watches.updated(self._query.account, before)
        self._kept = update.kept
        return message

    async def _version_now(self) -> int:
        """Returns the present version, which the first answer must include."""
        return (await self._queries.answer_version(self._query.account)).version

    async def _made(
        self,
        encode: Callable[[Answer | None, Answer], bytes | None],
        turn: Callable[[], AbstractAsyncContextManager[None]],
    ) -> Update:
        async with self._lock, turn():
            update = await self._queries.ask_in_turn(
                self._query, lambda answer: self._question.make(self._kept, answer, encode)
            )
        self._question.publish(update)
        return update


def changes(query: Query, before: Answer, after: Answer) -> Changes | None:
    """Returns the changes from one answer to a later one; None where only the whole answer can express them."""
    if before.time_zone != after.time_zone:
        return None  # the account's was changed, and with it the buckets
    if [of.is_counted for of in before.kpis] != [of.is_counted for of in after.kpis]:
        return None  # no line says that a KPI has no numbers any more
    # Durations are not kept, but for a hash; and clients merge what has counts, not what is below a line.
    as_a_whole = any(has_durations(info.kpi) or isinstance(info, RateInfo) for info in query.kpis)
    if (
        query.compare_to is not None
        or query.top is not None
        or query.order.measure is not OrderMeasure.KEY
        or as_a_whole
    ):
        return None if _differ(before, after) or about_differs(before, after) else []
    return [change for pair in zip(before.kpis, after.kpis, strict=True) for change in _changed_lines(*pair)]


def about_differs(before: Answer, after: Answer) -> bool:
    """Whether something beside the lines is different."""
    return before.names != after.names or any(
        earlier._replace(rows=[]) != hashed(later)._replace(rows=[])
        for earlier, later in zip(before.kpis, after.kpis, strict=True)
    )


def _differ(before: Answer, after: Answer) -> bool:
    return any(
        len(earlier.rows) != len(later.rows)
        or any(not _same(*pair) for pair in zip(earlier.rows, later.rows, strict=True))
        for earlier, later in zip(before.kpis, after.kpis, strict=True)
    )


def _same(first: AnswerRow, second: AnswerRow) -> bool:
    """Whether two rows have the same numbers in both periods."""
    numbers = (
        (first.counts, second.counts),
        (first.distribution, second.distribution),
        (first.below, second.below),
    )
    compared = (
        ()
        if first.compared is None or second.compared is None
        else (
            (first.compared.counts, second.compared.counts),
            (first.compared.distribution, second.compared.distribution),
            (first.compared.below, second.compared.below),
        )
    )
    return (first.key, first.rest) == (second.key, second.rest) and all(
        np.array_equal(one, other) for one, other in (*numbers, *compared) if one is not None and other is not None
    )


def _changed_lines(before: KpiRows, after: KpiRows) -> Iterator[tuple[KpiInfo, AnswerRow, IntArray]]:
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


def _emptied(row: AnswerRow) -> AnswerRow:
    """Returns a row with all numbers set to 0."""
    return row._replace(
        counts=np.zeros_like(row.counts),
        sums=None if row.sums is None else np.zeros_like(row.sums),
        distribution=None if row.distribution is None else np.zeros_like(row.distribution),
    )
