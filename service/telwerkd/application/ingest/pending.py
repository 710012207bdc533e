"""A pending batch, from its call to its verdicts, over one or several transactions."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import NamedTuple

import msgspec

from telwerkd.application.batches import Batch, Postponable, Submitted, Verdicts, free_gradually, held_bytes, weights_of
from telwerkd.application.sharing.memory_budget import MemoryBudget, Reservation
from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.process import tracing
from telwerkd.process.monotonic_clock import monotonic

_encoder = msgspec.msgpack.Encoder()


class Pending:
    """A batch whose events do not all have verdicts yet."""

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
        """The events; None for those that have a verdict."""
        self._weights = weights_of(events)
        self._waiting: Sequence[int] = range(len(events))
        """The indexes of the events that are not yet in a transaction: a range while they are in the order in which
        they were sent, a list once they are grouped by conversation, or some were postponed."""
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
    def unanswered_events(self) -> int:
        """How many of its events have no verdict."""
        return self._unanswered

    @property
    def next_weight(self) -> int:
        """The weight of the event that is next."""
        return self._weight(self._waiting[:1])

    @property
    def is_waiting(self) -> bool:
        """Whether any of it is not yet in a transaction."""
        return bool(self._waiting)

    @property
    def is_divided(self) -> bool:
        """Whether some of it, but not all, is in a transaction already."""
        return 0 < len(self._waiting) < len(self._events)

    def take(self, room: int) -> "BatchSlice":
        """Takes the batch's next events, up to a weight of `room`, at least one; postponed ones come first.

        If not all fit, they are taken by conversation, so that one that must be folded again is so only once.
        """
        count = self._count(self._waiting, room)
        if count < len(self._waiting) and isinstance(self._waiting, range):  # not grouped yet
            self._waiting = self._by_conversation()
            count = self._count(self._waiting, room)
        indexes, self._waiting = self._waiting[:count], self._waiting[count:]
        return BatchSlice(self, indexes, self._weight(indexes))

    def events_at(self, indexes: Sequence[int]) -> Batch:
        """Returns the events at some indexes, without those that have verdicts."""
        if isinstance(indexes, range):
            some = self._events[indexes.start : indexes.stop]
        else:
            some = [self._events[index] for index in indexes]
        return Batch(event for event in some if event is not None)

    def answer(self, indexes: Sequence[int], outcomes: Sequence[Postponable]) -> bool:
        """Records the verdicts on some of the events; the call is answered once all have one.

        Returns whether some were postponed and wait again.
        """
        postponed: list[int] = []
        for index, outcome in zip(indexes, outcomes, strict=True):
            if outcome is None:
                postponed.append(index)
            else:
                self._outcomes[index] = outcome
                self._events[index] = None
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
        """Releases the events gradually, and then their reserved memory."""
        if self.waits is not None:
            self.waits.end()
        free_gradually(self._events, self.release)

    def fail(self, error: Exception) -> None:
        """Answers the call with an error. Events already stored stay so: a resend gets duplicates."""
        self.failed = True
        self.let_go()
        if not self.verdicts.done():
            self.verdicts.set_exception(error)

    def count_in(self, budget: MemoryBudget) -> None:
        """Reserves memory for the events of a small cancelled call: there may be more of these than open calls.

        Raises:
            UnavailableError: OVERLOADED, there is not enough memory left.
        """
        is_over = self.failed or not self._unanswered  # in the same iteration of the loop in which its caller went
        if self._memory is None and not is_over:
            held = Batch(event for event in self._events if event is not None)
            texts = len(_encoder.encode(held))
            self._memory = budget.reserve(held_bytes(held) + texts, "what a caller left")

    def withdraw(self) -> None:
        """Drops the batch's waiting events. Those in a running transaction may still be stored."""
        self.failed = True
        self.let_go()

    def release(self) -> None:
        """Releases the reserved memory. Idempotent."""
        if self._memory is not None:
            self._memory.release()

    def _by_conversation(self) -> list[int]:
        """Returns the indexes of the waiting events, grouped by conversation."""
        indexes: dict[ConversationId, list[int]] = {}
        for index in self._waiting:
            submitted = self._events[index]
            if submitted is not None:
                indexes.setdefault(submitted.conversation, []).append(index)
        return list(chain.from_iterable(indexes.values()))

    def _count(self, indexes: Sequence[int], room: int) -> int:
        if self._weights is None:
            return max(1, min(room, len(indexes)))
        weight = 0
        for count, index in enumerate(indexes):
            weight += self._weights[index]
            if weight > room:
                return max(1, count)
        return len(indexes)

    def _weight(self, indexes: Sequence[int]) -> int:
        if self._weights is None:
            return len(indexes)
        return sum(self._weights[index] for index in indexes)


class BatchSlice(NamedTuple):
    """The events of a batch for one transaction."""

    batch: Pending
    indexes: Sequence[int]
    weight: int
