"""Fair scheduling of database reads: no account uses more than half of the concurrent reads.

It applies to both databases. Each account has a queue of its own, and the queues take turns; so an account's queries,
however many, delay another account by one answer at most.
"""

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from telwerkd.application.ports import ReadStore, Snapshot
from telwerkd.domain.errors import QuotaExceededError
from telwerkd.domain.ids import AccountId

S = TypeVar("S")
T = TypeVar("T")

_RETRY_SECONDS = 0.5

_FINISH_SECONDS = 1.0
"""How long a stop waits for jobs whose callers have gone; one that the database holds up is not waited for."""


class ReaderTurns:
    """A semaphore with fair queues by account. For the event loop's thread only."""

    def __init__(self, permits: int, waiting_max: int) -> None:
        self._free = permits
        self._per_account = max(1, permits // 2)
        self.waiting_max = waiting_max
        """How many questions of an account may wait."""
        self._held: Counter[AccountId] = Counter()
        self._waiting: OrderedDict[AccountId, deque[asyncio.Future[None]]] = OrderedDict()
        """Accounts in the order of their turns."""

    async def take(self, account: AccountId, *, waiting_is_bounded: bool = True) -> None:
        """Acquires a permit, to be released by `give_back`. A cancelled waiter leaves the queue.

        Raises:
            QuotaExceededError: the account's queue is full.
        """
        if self._may(account) and account not in self._waiting:
            self._hold(account)
            return
        queue = self._waiting.setdefault(account, deque())
        if waiting_is_bounded:
            self.check(len(queue))
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # its turn came in the same moment
                self.give_back(account)
            else:
                self._forget(account, turn)
            raise

    def check(self, waiting: int) -> None:
        """Raises QuotaExceededError if no further question of an account may wait."""
        if waiting >= self.waiting_max:
            raise QuotaExceededError(
                "waiting_queries_per_account_max",
                f"{self.waiting_max} questions of this account are waiting already (waiting_queries_per_account_max): "
                "ask again when some are answered",
                _RETRY_SECONDS,
            )

    def give_back(self, account: AccountId) -> None:
        """Releases a permit, and passes it on to a waiter."""
        self._free += 1
        self._held[account] -= 1
        self._held = +self._held
        while (first := next(filter(self._may, self._waiting), None)) is not None:
            self._begin(first)

    def _may(self, account: AccountId) -> bool:
        return self._free > 0 and self._held[account] < self._per_account

    def _hold(self, account: AccountId) -> None:
        self._free -= 1
        self._held[account] += 1

    def _begin(self, account: AccountId) -> None:
        queue = self._waiting[account]
        turn = queue.popleft()
        self._waiting.move_to_end(account)
        if not queue:
            del self._waiting[account]
        if not turn.cancelled():
            self._hold(account)
            turn.set_result(None)

    def _forget(self, account: AccountId, turn: "asyncio.Future[None]") -> None:
        queue = self._waiting.get(account, deque())
        if turn in queue:
            queue.remove(turn)
        if account in self._waiting and not queue:
            del self._waiting[account]


class Readers:
    """Runs accounts' reads, and other work in threads, in turns."""

    def __init__(self, store: ReadStore, waiting_queries_per_account_max: int) -> None:
        self._store = store
        self._turns = ReaderTurns(store.reads_at_once, waiting_queries_per_account_max)
        self._threads = ThreadPoolExecutor(store.reads_at_once, "computing")
        self._jobs = set[asyncio.Future[Any]]()
        """The running jobs, also those whose callers have gone."""

    def use(self, waiting_queries_per_account_max: int) -> None:
        """Sets the limit of the queues; queued reads stay."""
        self._turns.waiting_max = waiting_queries_per_account_max

    def check_waiting(self, waiting: int) -> None:
        """Raises QuotaExceededError if so many questions of an account wait that no more may."""
        self._turns.check(waiting)

    async def read(
        self,
        account: AccountId,
        work: Callable[[Snapshot], S],
        then: Callable[[S], T],
        read: Callable[[S], None] = lambda _found: None,
    ) -> T:
        """Runs `work` on a consistent view, then `then` on its result in a thread after the view is closed.

        In between, `read` is called with the result in the event loop.

        Raises:
            QuotaExceededError: too much of the account waits.
            UnavailableError: the database does not answer.
        """

        async def job() -> T:
            found = await self._store.read(account, work)
            read(found)
            return await self.in_thread(lambda: then(found))

        return await self.run(account, job)

    async def compute(self, account: AccountId, work: Callable[[], T]) -> T:
        """Runs what needs no database, as `read` does.

        Raises:
            QuotaExceededError: too much of the account waits.
        """
        return await self.run(account, lambda: self.in_thread(work))

    async def run(
        self, account: AccountId, job: Callable[[], Coroutine[Any, Any, T]], *, waiting_is_bounded: bool = True
    ) -> T:
        """Awaits `job` in a turn of the account: with one permit, however many threads it uses one after the other.

        A caller that is cancelled before its turn never starts the job; once started, the job runs to its end with its
        permit. Callers with one query at a time may pass `waiting_is_bounded=False`.

        Raises:
            QuotaExceededError: too much of the account waits.
        """
        await self._turns.take(account, waiting_is_bounded=waiting_is_bounded)
        return await self._held(account, asyncio.ensure_future(job()))

    async def finish(self) -> None:
        """Waits for running jobs, for a second at most: once all callers have ended, before the store is closed."""
        if self._jobs:
            await asyncio.wait(self._jobs, timeout=_FINISH_SECONDS)

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Runs work without database access in a thread. For jobs within their turn (`run`)."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, copy_context().run, work)

    async def _held(self, account: AccountId, running: "asyncio.Future[T]") -> T:
        def ended(ended: "asyncio.Future[Any]") -> None:
            self._jobs.discard(ended)
            self._turns.give_back(account)
            if not ended.cancelled():
                ended.exception()  # seen, also where nobody waits for it any more

        self._jobs.add(running)
        running.add_done_callback(ended)
        return await asyncio.shield(running)
