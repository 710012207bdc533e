"""The queue of `telwerkd.application.ingest.group_commit`: selects the events of the next transaction.

Accounts take turns (round robin). A transaction has a bounded weight, of which every waiting account gets an equal part
first, and then, in turn, what the others leave over. If the parts would be too small, fewer accounts take part, and the
others are in the next transaction. A batch may be split over several transactions; it is answered when all of it is
stored. No account may use the whole queue.
"""

from collections import deque
from collections.abc import Collection, Sequence

from telwerkd.application.batches import RETRY_SECONDS, IngestLimits
from telwerkd.application.ingest.pending import BatchSlice, Pending
from telwerkd.application.sharing.throttling import WRITER_TIMES, AccountThrottle, Sharing
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.domain.ids import AccountId

_SHARED_ROOM_MIN = 50
"""Weight that a transaction which accounts share has room for, however long the ones before took."""

_SHARED_PART_MIN = 50
"""Weight that an account whose turn it is may bring into it, however many wait: each part costs something by itself."""

_FEW_EVENTS_MAX = 25
"""Weight up to which an account counts as one that brings few events."""


class WaitingRoom:
    """The queue of batches that wait for a transaction, by account."""

    def __init__(self, limits: IngestLimits) -> None:
        self._limits = limits
        # Accounts in the order of their turns.
        self._batches: dict[AccountId, deque[Pending]] = {}
        self._weights: dict[AccountId, int] = {}
        self.weight = 0
        self._senders = Sharing()
        self._throttle = AccountThrottle(self._senders, WRITER_TIMES)
        self.rest_seconds = 0.0
        """Seconds until a waiting account may go, after a `take` that found all of them throttled; else 0."""
        self._few_were_first = False
        """Whether the last transaction was of accounts with few events only."""
        self._shared_room = limits.transaction_shared_events_max

    def __bool__(self) -> bool:
        return bool(self._batches)

    def use(self, limits: IngestLimits) -> None:
        """Sets the limits. Batches already waiting stay, even above a lower limit."""
        self._limits = limits
        self._shared_room = limits.transaction_shared_events_max

    @property
    def events(self) -> int:
        """How many events wait."""
        return sum(batch.waiting_events for batches in self._batches.values() for batch in batches)

    @property
    def is_shared(self) -> bool:
        """Whether several accounts have sent events lately, so that each waits for the others' transactions.

        An account that is alone gets longer ones, which take a quarter less time for each event.
        """
        return self._senders.is_shared

    def note(self, *, is_long: bool) -> None:
        """Adapts the weight of shared transactions: halved after one that took too long, else raised by a quarter.

        Transactions of a single account count too, so that a second account begins with an adapted weight. Events that
        a transaction does not get to were sent and looked up in vain, so fewer are sent next time.
        """
        most = self._limits.transaction_shared_events_max
        if is_long:
            self._shared_room = max(min(_SHARED_ROOM_MIN, most), self._shared_room // 2)
        else:
            self._shared_room = min(most, self._shared_room + self._shared_room // 4 + 1)

    def worked(self, parts: Sequence[BatchSlice], seconds: float) -> None:
        """Charges a finished transaction's time to its accounts' throttle, by the weight of their events."""
        weight = sum(part.weight for part in parts)
        for account in {part.batch.account for part in parts}:
            own = sum(part.weight for part in parts if part.batch.account == account)
            self._throttle.worked(account, seconds * own / max(1, weight))

    def add(self, batch: Pending) -> None:
        """Queues a batch. One larger than the whole queue is admitted if it is empty, one larger than a share if alone.

        Raises:
            UnavailableError: the queue is full.
            QuotaExceededError: the account's share of the queue is full.
        """
        weight, limits = batch.waiting_weight, self._limits
        if self.weight and self.weight + weight > limits.waiting_events_max:
            raise UnavailableError(
                Reason.OVERLOADED,
                f"{self.weight} events are waiting to be stored, at most "
                f"{limits.waiting_events_max} (waiting_events_max) may",
                RETRY_SECONDS,
            )
        limits.check_share(batch.account, self._weights.get(batch.account, 0), weight)
        self._senders.called(batch.account)
        self._batches.setdefault(batch.account, deque()).append(batch)
        self._weigh(batch.account, weight)

    def put_back(self, batch: Pending) -> None:
        """Queues the postponed events of a batch again, before the account's other batches."""
        batches = self._batches.setdefault(batch.account, deque())
        if batch not in batches:
            batches.appendleft(batch)
        self._weights[batch.account] = sum(each.waiting_weight for each in batches)
        self.weight = sum(self._weights.values())

    def discard(self, batch: Pending) -> None:
        """Removes a failed batch from the queue."""
        batches = self._batches.get(batch.account)
        if batches and batch in batches:
            batches.remove(batch)
            self._weigh(batch.account, -batch.waiting_weight)
            self._forget_if_idle(batch.account)

    def clear(self) -> list[Pending]:
        """Empties the queue, and returns its batches."""
        waiting = [batch for batches in self._batches.values() for batch in batches]
        self._batches.clear()
        self._weights.clear()
        self.weight = 0
        return waiting

    def take(self, busy: Collection[AccountId], *, merges_accounts: bool) -> list[BatchSlice]:
        """Takes the slices for the next transaction: of one account, unless accounts are merged."""
        accounts = [account for account in self._batches if account not in busy]
        accounts = self._in_turn(accounts) if merges_accounts else accounts[:1]
        room = self._limits.transaction_events_max
        least = 1
        if self.is_shared:
            most = self._limits.transaction_shared_events_max
            room, least = min(room, self._shared_room if merges_accounts else most), _SHARED_PART_MIN
        share = max(least, room // max(1, len(accounts)))
        parts: list[BatchSlice] = []
        for account in accounts:
            if room <= 0:
                break
            taken = self._take_of(account, min(share, room))
            room -= sum(part.weight for part in taken)
            parts += taken
        for account in accounts:
            if account in self._batches and self._batches[account][0].next_weight <= room:
                taken = self._take_of(account, room)
                room -= sum(part.weight for part in taken)
                parts += taken
        for account in dict.fromkeys(part.batch.account for part in parts):
            if account in self._batches:
                self._batches[account] = self._batches.pop(account)
        return parts

    def _in_turn(self, accounts: list[AccountId]) -> list[AccountId]:
        """Returns the accounts of this turn: none that is throttled; every other time only those with few events.

        Otherwise an account with one event would always wait for the processing of the others' many.
        """
        # Looked at once: a rest that is over in between would be none to wait for, and nothing to take.
        left_seconds = {account: self._throttle.left_seconds(account) for account in accounts}
        accounts = [account for account in accounts if not left_seconds[account]]
        self.rest_seconds = 0.0 if accounts else min(left_seconds.values(), default=0.0)
        few = [account for account in accounts if self._brings_few(account)]
        self._few_were_first = self.is_shared and 0 < len(few) < len(accounts) and not self._few_were_first
        return few if self._few_were_first else accounts

    def _brings_few(self, account: AccountId) -> bool:
        """Whether an account has few events. The rest of a divided batch does not count as few."""
        return self._weights[account] <= _FEW_EVENTS_MAX and not self._batches[account][0].is_divided

    def _take_of(self, account: AccountId, room: int) -> list[BatchSlice]:
        """Takes the account's next events, up to a weight of `room`, at least one."""
        batches, parts = self._batches[account], list[BatchSlice]()
        while batches and (room > 0 or not parts):
            if parts and batches[0].next_weight > room:
                break
            part = batches[0].take(room)
            parts.append(part)
            room -= part.weight
            self._weigh(account, -part.weight)
            if not batches[0].is_waiting:
                batches.popleft()
        self._forget_if_idle(account)
        return parts

    def _weigh(self, account: AccountId, more: int) -> None:
        self._weights[account] = self._weights.get(account, 0) + more
        self.weight += more

    def _forget_if_idle(self, account: AccountId) -> None:
        if not self._batches[account]:
            del self._batches[account]
            self.weight -= self._weights.pop(account, 0)
