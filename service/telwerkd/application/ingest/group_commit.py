"""Group commit: batches that arrive while a transaction runs are stored together by the next ones.

Where the database allows several write transactions at once, each is of one account, and accounts do not wait for each
other. `telwerkd.application.ingest.waiting_room` schedules the events; `telwerkd.application.commands.ingest_batch`
stores and counts them.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from math import inf

from telwerkd.application.batches import IngestLimits, Postponable, Rejected, Submitted, Verdict, Verdicts
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.ingest.pending import BatchSlice, Pending
from telwerkd.application.ingest.waiting_room import WaitingRoom
from telwerkd.application.ports import WriteStore
from telwerkd.application.sharing.memory_budget import MemoryBudget, Reservation
from telwerkd.domain.errors import Reason, TelwerkError, UnavailableError
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.process import tracing
from telwerkd.process.figures import SIZES, CappedCounts, Histogram, Labels, LimitCounts
from telwerkd.process.monotonic_clock import monotonic

log = logging.getLogger(__name__)

_STOP_TIMES = 4
"""A shared transaction stops counting after so many times its target duration, and postpones the remaining events.
These were sent and looked up in vain, so the next transactions get fewer (`WaitingRoom.note`)."""

_ACCEPTED = Verdict.ACCEPTED
_REJECTED = "rejected"


def _unknown() -> Micros:
    """Returns the instant of acceptance without a clock: 0, so that the account's latest one is used."""
    return Micros(0)


class IngestFigures:
    """Events by verdict, and the transactions that they go into. For the event loop's thread only."""

    def __init__(self, limits: LimitCounts | None = None, accounts_max: int = 0) -> None:
        """`accounts_max` accounts have counts of their own; further ones share one."""
        self.limits = limits or LimitCounts()
        self.by_account = CappedCounts(accounts_max)
        self.verdicts = Counter[Labels]({(verdict.value, ""): 0 for verdict in Verdict})
        """The number of events by verdict and, for rejections, reason."""
        self.transaction_events = Histogram(SIZES)

    def judged(self, account: AccountId, outcomes: Sequence[Postponable]) -> None:
        """Counts the verdicts on an account's events; postponed events are not counted."""
        accepted = outcomes.count(_ACCEPTED)
        if accepted:
            self._count(account, (_ACCEPTED.value, ""), accepted)
        if accepted < len(outcomes):
            self._others(account, outcomes)

    def _others(self, account: AccountId, outcomes: Sequence[Postponable]) -> None:
        found = Counter[tuple[str, str]]()
        for outcome in outcomes:
            if type(outcome) is Rejected:
                found[_REJECTED, outcome.reason.name] += 1
                self.limits.met(outcome.message)
            elif outcome is Verdict.DUPLICATE:
                found[outcome.value, ""] += 1
        for labels, count in found.items():
            self._count(account, labels, count)

    def _count(self, account: AccountId, labels: tuple[str, str], count: int) -> None:
        self.verdicts[labels] += count
        self.by_account.add(account, labels[0], count)


class Ingest:
    """Stores batches. Start with `run` in a task of its own.

    Those of an account are sent in the order in which they come. A transaction that was sent ahead may overtake what
    the one before it postpones or, after a defect, repeats.
    """

    def __init__(
        self,
        store: WriteStore,
        limits: IngestLimits,
        names_exhausted: Callable[[AccountId], None] = lambda _account: None,
        budget: MemoryBudget | None = None,
        committed: Callable[[AccountId], None] = lambda _account: None,
        figures: IngestFigures | None = None,
        now: Callable[[], Micros] = _unknown,
    ) -> None:
        """`names_exhausted` is called with accounts that reach their limit of names, `committed` after commits.

        Events of cancelled callers count towards `budget`, if given. `now` returns the instant of acceptance.
        """
        self._budget = budget
        self._names_exhausted = names_exhausted
        self._tell_committed = committed
        self.figures = figures or IngestFigures()
        self._now = now
        self._store = store
        self._scheduling = store.scheduling
        self._limits = limits
        self._waiting = WaitingRoom(limits)
        self._committing: dict[asyncio.Task[None], list[BatchSlice]] = {}
        self._unanswered = set[Pending]()
        self._wake = asyncio.Event()
        self._closing = False
        self._dead = False
        self.untold_events = 0
        """The number of events that were not stored, or may not be, of callers that had gone: nobody was told."""

    def use(self, limits: IngestLimits) -> None:
        """Sets the limits from the next batch and the next transaction on."""
        self._limits = limits
        self._waiting.use(limits)

    async def submit(
        self, account: AccountId, events: Sequence[Submitted], memory: Reservation | None = None
    ) -> Verdicts:
        """Stores and counts events; answers after the last of them is committed, in their order.

        A caller that goes away does not undo anything: sending the batch again gives the same, as duplicates. Its
        events wait on, and count in memory until they are stored; if they do not fit there, those that wait are
        dropped. `memory` is what is reserved for them already. It is released once they are not held any more.

        Raises:
            QuotaExceededError: too much of this account is waiting.
            UnavailableError: too much is waiting, the server is stopping, or the database did not take the batch.
                Whether it, or a part of it, was stored is then unknown, and sending it again is safe.
        """
        batch = Pending(account, events, asyncio.get_running_loop().create_future(), memory)
        del events
        if not batch.is_waiting and not self._closing:
            batch.release()
            return []
        try:
            self._add(batch)
        except TelwerkError:
            batch.let_go()
            raise
        verdicts = batch.verdicts
        del batch
        return await verdicts

    def _add(self, batch: Pending) -> None:
        if self._closing:
            raise _stopping()
        self._waiting.add(batch)
        self._unanswered.add(batch)
        batch.verdicts.add_done_callback(partial(self._answered, batch))
        self._wake.set()

    def _answered(self, batch: Pending, verdicts: "asyncio.Future[Verdicts]") -> None:
        self._unanswered.discard(batch)
        if verdicts.cancelled() and self._budget is not None:
            try:
                batch.count_in(self._budget)
            except UnavailableError:
                self._waiting.discard(batch)
                self.untold_events += batch.unanswered_events
                batch.withdraw()

    async def run(self) -> None:
        """Commits submitted batches until `close`.

        However it ends, no caller is left waiting: batches that no running transaction answers fail with UNAVAILABLE,
        and no more are accepted.
        """
        try:
            await self._commit_until_closed()
        finally:
            self._closing = self._dead = True
            for batch in self._waiting.clear():
                self._fail_batch(batch, _stopping())
            self._fail_the_rest()

    async def _commit_until_closed(self) -> None:
        while not (self._closing and not self._waiting and not self._committing):
            self._wake.clear()
            parts = self._take()
            if not parts:
                await self._wake.wait()
                continue
            task = asyncio.create_task(self._commit(parts), name="commit")
            self._committing[task] = parts
            task.add_done_callback(self._committed)

    def close(self) -> None:
        """Stops accepting batches; `run` ends once all submitted ones are stored."""
        self._closing = True
        self._wake.set()

    @property
    def unstored_events(self) -> int:
        """The number of submitted events without a verdict, those of cancelled callers included."""
        return self._waiting.events + sum(len(part.indexes) for parts in self._committing.values() for part in parts)

    def oldest_seconds(self, now: float) -> float:
        """Returns the age in seconds of the oldest unanswered batch at `now`, of `monotonic`; 0 without any."""
        return now - min((batch.since for batch in self._unanswered), default=now)

    def _committed(self, task: asyncio.Task[None]) -> None:
        parts = self._committing.pop(task)
        self._wake.set()
        if task.cancelled() or (error := task.exception()) is not None:
            log.error("a commit did not come to its end: a defect", exc_info=None if task.cancelled() else error)
            self._fail(parts, UnavailableError(Reason.DATABASE_UNAVAILABLE, "whether it was stored is unknown", 1.0))
        if self._dead:
            self._fail_the_rest()

    def _fail_the_rest(self) -> None:
        """Fails all unanswered batches, once no transaction runs that could answer them."""
        if not self._committing:
            for batch in list(self._unanswered):
                self._fail_batch(batch, _stopping())

    def _fail(self, parts: list[BatchSlice], error: Exception) -> None:
        for part in parts:
            self._waiting.discard(part.batch)
            self._fail_batch(part.batch, error)

    def _fail_batch(self, batch: Pending, error: Exception) -> None:
        if batch.verdicts.cancelled() and not batch.failed:
            self.untold_events += batch.unanswered_events
        batch.fail(error)

    def _take(self) -> list[BatchSlice]:
        """Takes the slices for the next transaction; none if no transaction may begin now."""
        if len(self._committing) >= self._scheduling.writes_at_once:
            return []
        busy = set[AccountId]()
        if not self._scheduling.merges_accounts:
            busy.update(part.batch.account for parts in self._committing.values() for part in parts)
        elif self._committing and (self._waiting.is_shared or self._waiting.weight < self._scheduling.ahead_weight_min):
            # An account that shares waits for the rest of one transaction, not for another whole one; and few events
            # had better wait for more (`WriteScheduling.ahead_weight_min`).
            return []
        parts = self._waiting.take(busy, merges_accounts=self._scheduling.merges_accounts)
        if self._waiting.rest_seconds:
            asyncio.get_running_loop().call_later(self._waiting.rest_seconds, self._wake.set)
        return parts

    async def _commit(self, parts: list[BatchSlice]) -> None:
        # One may have been withdrawn since it was taken: its caller went, and memory had no room for its events.
        parts = [part for part in parts if not part.batch.failed]
        if not parts:
            return
        try:
            await self._store_together(parts)
        except Exception as error:  # noqa: BLE001  # whatever it is, it belongs to those who wait for it
            if len(parts) == 1 or (isinstance(error, UnavailableError) and not error.is_of_one_account):
                self._fail(parts, error)
                return
            # One batch must not sink the others that happened to come along with it. What was on the way behind them is
            # stored first then: after a defect the order is another, and the counters are the same.
            for part in parts:
                await self._commit([part])

    async def _store_together(self, parts: list[BatchSlice]) -> None:
        by_account: dict[AccountId, list[BatchSlice]] = {}
        for part in parts:
            by_account.setdefault(part.batch.account, []).append(part)
        seconds_max = self._seconds_max(len(by_account))
        now = self._now()
        commands = [
            (
                account,
                IngestBatch(
                    [part.batch.events_at(part.indexes) for part in of_account], self._limits, seconds_max, now=now
                ),
            )
            for account, of_account in by_account.items()
        ]
        begun = monotonic()
        with tracing.transaction([(part.batch.waits, part.batch.is_waiting, len(part.indexes)) for part in parts]):
            results = await self._store.write(commands)
        self.figures.transaction_events.observe(sum(len(part.indexes) for part in parts))
        seconds = monotonic() - begun
        if self._scheduling.merges_accounts:
            self._waiting.worked(parts, seconds)
        is_long = seconds > self._limits.transaction_shared_seconds_max
        self._waiting.note(is_long=is_long or None in chain.from_iterable(chain.from_iterable(results)))
        for account, of_account, outcomes_of in zip(by_account, by_account.values(), results, strict=True):
            self._tell_committed(account)
            if any(map(_brings_too_many_names, chain.from_iterable(outcomes_of))):
                self._names_exhausted(account)
            for part, outcomes in zip(of_account, outcomes_of, strict=True):
                self.figures.judged(account, outcomes)
                if part.batch.answer(part.indexes, outcomes) and not part.batch.failed:
                    self._waiting.put_back(part.batch)

    def _seconds_max(self, accounts: int) -> float:
        """Returns the time limit of each account's part of a transaction, in seconds."""
        if self._scheduling.merges_accounts and self._waiting.is_shared:
            return _STOP_TIMES * self._limits.transaction_shared_seconds_max / accounts
        return inf


def _stopping() -> UnavailableError:
    return UnavailableError(Reason.SHUTTING_DOWN, "the server is stopping", 1.0)


def _brings_too_many_names(outcome: Postponable) -> bool:
    return type(outcome) is Rejected and outcome.reason is Reason.TOO_MANY_VALUES
