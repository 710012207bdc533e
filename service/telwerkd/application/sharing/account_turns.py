"""Fair scheduling of calls: bounds the concurrent work of each account while several accounts call.

At every stage (event loop, reader threads, transactions) a call then waits for a bounded amount of each other account's
work, however many calls that account sends. A single active account is not limited.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple

from telwerkd.application.batches import IngestLimits
from telwerkd.application.sharing.readers import Readers
from telwerkd.application.sharing.throttling import LOOP_TIMES, AccountThrottle, Sharing
from telwerkd.domain.ids import AccountId
from telwerkd.process.monotonic_clock import monotonic


class _Waiting(NamedTuple):
    weight: int
    turn: "asyncio.Future[None]"


class AccountTurns:
    """Admits calls of one kind: all at once while only one account calls, else up to a weight per account.

    The other calls of an account are queued (FIFO); accounts do not wait for one another. A call above the maximal
    weight begins when no other of its account is running. For the event loop's thread only.
    """

    def __init__(
        self,
        sharing: Sharing,
        weight_max: int,
        check: Callable[[AccountId, int, int], None],
        throttle: AccountThrottle | None = None,
    ) -> None:
        """`check` raises QuotaExceededError if an account's queue is full; it gets account, queued and new weight.

        With `throttle`, an account pauses after its calls, for a time in proportion to theirs, while accounts share.
        """
        self._throttle = throttle
        self._rested: dict[AccountId, asyncio.TimerHandle] = {}
        """Timers of the ends of pauses, of accounts with queued calls."""
        self._sharing = sharing
        self.weight_max = weight_max
        self._check = check
        self._held: Counter[AccountId] = Counter()
        self._calls: Counter[AccountId] = Counter()
        self._waiting: dict[AccountId, deque[_Waiting]] = {}

    def turn(self, account: AccountId, weight: int = 1, *, waiting_is_bounded: bool = True) -> "Turn":
        """Returns a context manager for a call of an account; entering it waits for the call's turn.

        Raises on entering:
            QuotaExceededError: the account's queue is full, unless `waiting_is_bounded` is false.
        """
        return Turn(self, account, weight, waiting_is_bounded=waiting_is_bounded)

    def is_crowded(self, account: AccountId) -> bool:
        """Whether an account that shares the server has more than one call in work, or calls that wait."""
        return self._sharing.is_shared and (self._calls[account] > 1 or account in self._waiting)

    def begin(self, account: AccountId, weight: int) -> bool:
        """Begins a call if it need not wait, and returns whether it did; if not, await `wait`."""
        if account in self._waiting or not self._fits(account, weight):
            return False
        self._hold(account, weight)
        return True

    async def wait(self, account: AccountId, weight: int, *, is_bounded: bool) -> None:
        """Waits in the queue until the call has begun. A cancelled call leaves the queue."""
        queue = self._waiting.get(account, deque())
        if is_bounded:
            self._check(account, sum(one.weight for one in queue), weight)
        waiting = _Waiting(weight, asyncio.get_running_loop().create_future())
        queue.append(waiting)
        self._waiting[account] = queue
        self._await_rest(account)
        try:
            await waiting.turn
        except asyncio.CancelledError:
            if waiting.turn.done() and not waiting.turn.cancelled():  # its turn came in the same moment
                self.end(account, weight)
            else:
                if waiting in queue:  # else a call that ended in the same moment has passed it over
                    queue.remove(waiting)
                self._begin_waiting(account)
            raise

    def end(self, account: AccountId, weight: int, seconds: float = 0.0) -> None:
        """Ends a call that had begun and took so long, and lets those of its account begin that waited for it."""
        if self._throttle is not None:
            self._throttle.worked(account, seconds)
        self._calls[account] -= 1
        self._held[account] -= weight
        if not self._calls[account]:
            del self._calls[account], self._held[account]
        self._begin_waiting(account)

    def _fits(self, account: AccountId, weight: int) -> bool:
        if not self._sharing.is_shared:
            return True
        if self._throttle is not None and self._throttle.left_seconds(account):
            return False
        return not self._calls[account] or self._held[account] + weight <= self.weight_max

    def _hold(self, account: AccountId, weight: int) -> None:
        self._calls[account] += 1
        self._held[account] += weight

    def _begin_waiting(self, account: AccountId) -> None:
        queue = self._waiting.get(account)
        while queue and self._fits(account, queue[0].weight):
            weight, turn = queue.popleft()
            if not turn.done():
                self._hold(account, weight)
                turn.set_result(None)
        if not queue:
            self._waiting.pop(account, None)
        self._await_rest(account)

    def _await_rest(self, account: AccountId) -> None:
        """Sets a timer to begin queued calls of an idle account when its pause ends."""
        timer = self._rested.pop(account, None)
        if timer is not None:
            timer.cancel()
        if self._throttle is not None and account in self._waiting and not self._calls[account]:
            left_seconds = self._throttle.left_seconds(account)
            self._rested[account] = asyncio.get_running_loop().call_later(left_seconds, self._begin_waiting, account)


class Turn:
    """A context manager for one call's turn, as `AccountTurns.turn` returns."""

    __slots__ = ("_account", "_begun", "_turns", "_waiting_is_bounded", "_weight")

    def __init__(self, turns: AccountTurns, account: AccountId, weight: int, *, waiting_is_bounded: bool) -> None:
        self._turns = turns
        self._account = account
        self._weight = weight
        self._waiting_is_bounded = waiting_is_bounded
        self._begun = 0.0

    async def __aenter__(self) -> None:
        if not self._turns.begin(self._account, self._weight):
            await self._turns.wait(self._account, self._weight, is_bounded=self._waiting_is_bounded)
        self._begun = monotonic()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.end(self._account, self._weight, monotonic() - self._begun)


class CallTurns:
    """The turns of all calls: of calls with events, and of the others."""

    def __init__(self, limits: IngestLimits, queries_max: int, readers: Readers) -> None:
        """The queues have the limits of the later stages: an account's share of `limits`, and that of `readers`."""
        self._limits = limits
        self._readers = readers
        self.sharing = Sharing()
        self.events = AccountTurns(self.sharing, limits.account_shared_events_max, self._check_events)
        """The turns of calls with events; the weight of a call is their number."""
        throttle = AccountThrottle(self.sharing, LOOP_TIMES)
        self.questions = AccountTurns(self.sharing, queries_max, self._check_questions, throttle)
        """The turns of all other calls, each with a weight of 1."""

    def use(self, limits: IngestLimits, queries_max: int) -> None:
        """Sets the limits from the next call on."""
        self._limits = limits
        self.events.weight_max = limits.account_shared_events_max
        self.questions.weight_max = queries_max

    def _check_questions(self, _account: AccountId, waiting: int, _more: int) -> None:
        self._readers.check_waiting(waiting)

    def _check_events(self, account: AccountId, waiting: int, more: int) -> None:
        self._limits.check_share(account, waiting, more)
