"""The waiting room of `telwerkd.application.ingest.group_commit`: whose events go into the next transaction.

Accounts take turns. A transaction has room for a bounded weight, of which every waiting account gets an equal part
first, and then, in turn, what the others leave over. A batch may be split over several transactions; it is answered
when all of it is stored. No account may use the whole room.
"""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

import msgspec

from telwerkd.application.account_turns import Sharing
from telwerkd.application.batches import (
    Batch,
    IngestLimits,
    Postponable,
    Submitted,
    Verdicts,
    held_bytes,
    let_go_of,
    weights_of,
)
from telwerkd.application.memory_budget import MemoryBudget, Reservation
from telwerkd.domain.errors import QuotaExceededError, Reason, UnavailableError
from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.process import tracing
from telwerkd.process.steady import monotonic

_RETRY_SECONDS = 0.5

_encoder = msgspec.msgpack.Encoder()

_SHARED_ROOM_MIN = 50
"""Weight that a transaction which accounts share has room for, however long the ones before took."""

_SHARED_PART_MIN = 25
"""Weight that each account may bring into it all the same, for a transaction takes milliseconds by itself."""


class Pending:
    """A batch until all of its events are answered."""

    def __init__(
        self,
        account: AccountId,
        events: Sequence[Submitted],
        verdicts: "asyncio.Future[Verdicts]",
        memory: Reservation | None = None,
    ) -> None:
        self.account = account
        self.verdicts = verdicts
        self.since = monotonic()
        self._memory = memory
        """What is reserved for its events until they are not held any more; None for those of a small call."""
        self._events: list[Submitted | None] = [*events]
        """Those that are answered are let go of."""
        self._weights = weights_of(events)
        self._waiting: Sequence[int] = range(len(events))
        self._outcomes: list[Postponable] = [None] * len(events)
        self._unanswered = len(events)
        self.failed = False
        self.waits = tracing.waiting()

    @property
    def waiting_weight(self) -> int:
        """The weight of what is not yet in a transaction."""
        return self._weight(self._waiting)

    @property
    def waiting_events(self) -> int:
        """How many of its events are not yet in a transaction."""
        return len(self._waiting)

    @property
    def next_weight(self) -> int:
        """The weight of the event that is next."""
        return self._weight(self._waiting[:1])

    @property
    def is_waiting(self) -> bool:
        """Whether any of it is not yet in a transaction."""
        return bool(self._waiting)

    def take(self, room: int) -> "Part":
        """Its next events, up to a weight of `room`, but at least one. What was postponed comes first.

        Where not all fit, they go by conversation: one that is folded again is so once, not for each of its events.
        """
        count = self._count(self._waiting, room)
        if count < len(self._waiting) and isinstance(self._waiting, range):
            self._waiting = self._by_conversation()
            count = self._count(self._waiting, room)
        places, self._waiting = self._waiting[:count], self._waiting[count:]
        return Part(self, places, self._weight(places))

    def events_at(self, places: Sequence[int]) -> Batch:
        """Some of its events, which are not answered yet."""
        if isinstance(places, range):
            some = self._events[places.start : places.stop]
        else:
            some = [self._events[place] for place in places]
        return Batch(event for event in some if event is not None)

    def answer(self, places: Sequence[int], outcomes: Sequence[Postponable]) -> bool:
        """Notes what became of some of its events; the call is answered once that is known of all.

        Gives whether some are postponed: they wait again.
        """
        postponed: list[int] = []
        for place, outcome in zip(places, outcomes, strict=True):
            if outcome is None:
                postponed.append(place)
            else:
                self._outcomes[place] = outcome
                self._events[place] = None
                self._unanswered -= 1
        if postponed:
            self._waiting = [*postponed, *self._waiting]
            if self.waits is not None and not self.failed:
                self.waits.begin()
        if not self._unanswered:
            self.release()
            with suppress(asyncio.InvalidStateError):  # the caller has gone
                self.verdicts.set_result([outcome for outcome in self._outcomes if outcome is not None])
        return bool(postponed)

    def let_go(self) -> None:
        """Lets go of its events, and then of what is reserved for them."""
        if self.waits is not None:
            self.waits.end()
        let_go_of(self._events, self.release)

    def fail(self, error: Exception) -> None:
        """Answers the call with an error. What it has stored stays stored: sending it again gives duplicates."""
        self.failed = True
        self.let_go()
        if not self.verdicts.done():
            self.verdicts.set_exception(error)

    def count_in(self, budget: MemoryBudget) -> None:
        """Counts the events of a small call whose caller has gone: there may be more of these than calls.

        Raises:
            UnavailableError: OVERLOADED, they do not fit beside what else is counted.
        """
        is_over = self.failed or not self._unanswered  # in the same turn of the loop in which its caller went
        if self._memory is None and not is_over:
            held = Batch(event for event in self._events if event is not None)
            texts = len(_encoder.encode(held))
            self._memory = budget.reserve(held_bytes(held) + texts, "what a caller left")

    def withdraw(self) -> None:
        """Lets nothing of it wait again. What is in a transaction may be stored."""
        self.failed = True
        self.let_go()

    def release(self) -> None:
        """Says that its events are not held any more. Safe to repeat."""
        if self._memory is not None:
            self._memory.release()

    def _by_conversation(self) -> list[int]:
        """The places of what waits, those of a conversation together."""
        places: dict[ConversationId, list[int]] = {}
        for place in self._waiting:
            submitted = self._events[place]
            if submitted is not None:
                places.setdefault(submitted.conversation, []).append(place)
        return list(chain.from_iterable(places.values()))

    def _count(self, places: Sequence[int], room: int) -> int:
        if self._weights is None:
            return max(1, min(room, len(places)))
        weight = 0
        for count, place in enumerate(places):
            weight += self._weights[place]
            if weight > room:
                return max(1, count)
        return len(places)

    def _weight(self, places: Sequence[int]) -> int:
        if self._weights is None:
            return len(places)
        return sum(self._weights[place] for place in places)


class Part(NamedTuple):
    """Those events of a batch that go into one transaction."""

    batch: Pending
    places: Sequence[int]
    weight: int


class WaitingRoom:
    """The batches that wait for a transaction."""

    def __init__(self, limits: IngestLimits) -> None:
        self._limits = limits
        # Accounts in the order of their turns.
        self._batches: dict[AccountId, deque[Pending]] = {}
        self._weights: dict[AccountId, int] = {}
        self.weight = 0
        self._senders = Sharing()
        self._shared_room = limits.transaction_shared_events_max

    def __bool__(self) -> bool:
        return bool(self._batches)

    def use(self, limits: IngestLimits) -> None:
        """Goes by other limits. What waits already stays, also where there is too much of it now."""
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
        """Adapts how much accounts that share a transaction get into it: less after one that took too long, else more.

        Also after one of an account that was alone: so whoever comes beside it begins with what was found bearable.
        What a transaction does not come to was sent to it and looked up there for nothing.
        """
        most = self._limits.transaction_shared_events_max
        if is_long:
            self._shared_room = max(min(_SHARED_ROOM_MIN, most), self._shared_room // 2)
        else:
            self._shared_room = min(most, self._shared_room + self._shared_room // 4 + 1)

    def add(self, batch: Pending) -> None:
        """Lets a batch wait. One that is larger than the whole room waits alone, one larger than a share as only one.

        Raises:
            UnavailableError: the room is full.
            QuotaExceededError: the account's share of it is.
        """
        weight, limits = batch.waiting_weight, self._limits
        if self.weight and self.weight + weight > limits.waiting_events_max:
            raise UnavailableError(
                Reason.OVERLOADED,
                f"{self.weight} events are waiting to be stored, at most "
                f"{limits.waiting_events_max} (waiting_events_max) may",
                _RETRY_SECONDS,
            )
        own, share = self._weights.get(batch.account, 0), limits.waiting_events_max_of(batch.account)
        if own and own + weight > share:
            raise QuotaExceededError(
                "waiting_account_percent_max", f"{own} events {limits.share_of(batch.account)}", _RETRY_SECONDS
            )
        self._senders.called(batch.account)
        self._batches.setdefault(batch.account, deque()).append(batch)
        self._weigh(batch.account, weight)

    def put_back(self, batch: Pending) -> None:
        """Lets what a transaction postponed wait again, before the account's other batches."""
        batches = self._batches.setdefault(batch.account, deque())
        if batch not in batches:
            batches.appendleft(batch)
        self._weights[batch.account] = sum(each.waiting_weight for each in batches)
        self.weight = sum(self._weights.values())

    def discard(self, batch: Pending) -> None:
        """Forgets what still waits of a batch that failed."""
        batches = self._batches.get(batch.account)
        if batches and batch in batches:
            batches.remove(batch)
            self._weigh(batch.account, -batch.waiting_weight)
            self._forget_if_idle(batch.account)

    def clear(self) -> list[Pending]:
        """Lets nothing wait any more; returns what waited."""
        waiting = [batch for batches in self._batches.values() for batch in batches]
        self._batches.clear()
        self._weights.clear()
        self.weight = 0
        return waiting

    def take(self, busy: Collection[AccountId], *, merges_accounts: bool) -> list[Part]:
        """What goes into the next transaction: of one account, unless accounts are merged."""
        accounts = [account for account in self._batches if account not in busy]
        if not merges_accounts:
            accounts = accounts[:1]
        room = self._limits.transaction_events_max
        if self.is_shared:
            most = self._limits.transaction_shared_events_max
            least = _SHARED_PART_MIN * len(accounts)
            room = min(room, most, max(self._shared_room, least) if merges_accounts else most)
        share = max(1, room // max(1, len(accounts)))
        parts: list[Part] = []
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

    def _take_of(self, account: AccountId, room: int) -> list[Part]:
        """The account's next events, at least one; the others wait for its next turn."""
        batches, parts = self._batches[account], list[Part]()
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
