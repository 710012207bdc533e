"""What is to be sent and not yet answered: the part of an `EventSender` that neither waits nor sends.

    put ──► waiting ──take──► on its way ──judge, settle──► answered: stored, or refused for good
                                  ▲                │
                                  └─────again──────┘ after a pause, with the same events

Both senders stand around this one: `EventSender` with threads, `AsyncEventSender` with tasks. Times are seconds of any
clock that does not jump. Not safe for threads by itself.

Nothing leaves but by an answer. A batch that failed is sent again with the same events and ids, so that nothing counts
twice. Where the server refuses a batch as a whole, it is halved until the event at fault stands alone.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from telwerk.backoff import Backoff
from telwerk.errors import InvalidArgumentError, LimitExceededError, TelwerkError, is_transient
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import IngestEventsResponse, Rejection, Verdict

_ACCOUNT_FIELD: Final = "account_id"


@dataclass(frozen=True)
class Limits:
    """How a sender batches, and how much it holds.

    A batch goes as soon as it has `batch_events` events or `batch_bytes` bytes, or its first event has waited for
    `linger_seconds`. Of events that are not answered yet, waiting or on their way, there are never more than
    `buffer_events`, nor more than about `buffer_bytes`.

    Raises:
        ValueError: a limit makes no sense, or there is less room than one batch takes.
    """

    batch_events: int = 1_000
    batch_bytes: int = 2**20
    linger_seconds: float = 0.2
    buffer_events: int = 20_000
    buffer_bytes: int = 2**24

    def __post_init__(self) -> None:
        if min(self.batch_events, self.batch_bytes) < 1 or self.linger_seconds < 0:
            raise ValueError("batch_events and batch_bytes are at least 1, and linger_seconds is not negative")
        if self.buffer_events < self.batch_events or self.buffer_bytes < self.batch_bytes:
            raise ValueError("buffer_events and buffer_bytes have room for a batch at least")


class Refused(NamedTuple):
    """An event that the server will never take, and why."""

    event: Event
    rejection: Rejection


class _Waiting(NamedTuple):
    event: Event
    number: int
    bytes_total: int
    since: float


@dataclass(eq=False)
class Batch:
    """Events that are sent together."""

    events: Sequence[Event]
    numbers: Sequence[int]
    """Of each event, see `Outbox.put`."""
    bytes_total: int


@dataclass(frozen=True)
class Outcome:
    """What became of a batch that was sent."""

    accepted_count: int = 0
    duplicate_count: int = 0
    refused: Sequence[Refused] = ()
    again: Sequence[Batch] = ()
    """What of it is still to be answered."""
    error: Exception | None = None
    is_final: bool = False
    """The error is one that sending again cannot mend."""

    @property
    def is_progress(self) -> bool:
        """Whether something was answered, or at least learnt: then there is no need to pause."""
        return self.error is None or not is_transient_error(self.error)


@dataclass
class Tally:
    """What became of the events so far."""

    accepted_count: int = 0
    duplicate_count: int = 0
    rejected_count: int = 0


@dataclass
class Outbox:
    """See the module."""

    limits: Limits
    tally: Tally = field(default_factory=Tally)
    error_last: Exception | None = None
    stopped_by: Exception | None = None
    """Why nothing more can be sent: a key that is refused, or an account that cannot be."""
    number_last: int = 0
    """Of the event that was put last."""
    held_count: int = 0
    """Events that are not answered yet."""

    def __post_init__(self) -> None:
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._again: deque[Batch] = deque()
        self._on_the_way: list[Batch] = []
        self._held_bytes = 0
        self._backoff = Backoff()
        self._not_before = 0.0

    def has_room(self, event: Event) -> bool:
        """Whether the event can be put. One that is larger than all the room can, while there is nothing else."""
        if not self.held_count:
            return True
        bytes_after = self._held_bytes + event.ByteSize()
        return self.held_count < self.limits.buffer_events and bytes_after <= self.limits.buffer_bytes

    def has_room_for_batch(self) -> bool:
        """Whether a whole batch can be put, of whatever events."""
        events_after = self.held_count + self.limits.batch_events
        bytes_after = self._held_bytes + self.limits.batch_bytes
        return not self.held_count or (
            events_after <= self.limits.buffer_events and bytes_after <= self.limits.buffer_bytes
        )

    def put(self, event: Event, now: float, number: int | None = None) -> bool:
        """Holds the event until it is answered; `has_room` was asked before. Whether `due_seconds` is another now.

        `number` is the event's place among all, and larger than that of the one before; left out, it is the next.
        """
        size = event.ByteSize()
        self.number_last = self.number_last + 1 if number is None else number
        self._waiting.append(_Waiting(event, self.number_last, size, now))
        self._waiting_bytes += size
        self.held_count += 1
        self._held_bytes += size
        return len(self._waiting) == 1 or self._is_full_batch()

    def due_seconds(self, now: float, *, hurry: bool) -> float | None:
        """After how long there is a batch to take: 0 for at once, None where nothing waits or all has stopped."""
        if self.stopped_by is not None or not (self._again or self._waiting):
            return None
        due = self._not_before
        if not (self._again or hurry or self._is_full_batch()):
            due = max(due, self._waiting[0].since + self.limits.linger_seconds)
        return max(0.0, due - now)

    def take(self, now: float, *, hurry: bool) -> Batch | None:
        """The next batch to send, if one is due; on its way from then on. `hurry`: do not wait for more events."""
        if self.due_seconds(now, hurry=hurry) != 0.0:
            return None
        batch = self._again.popleft() if self._again else self._new_batch()
        self._on_the_way.append(batch)
        return batch

    def settle(self, batch: Batch, outcome: Outcome, now: float) -> None:
        """The batch is back, and this became of it (`judge`)."""
        self._on_the_way.remove(batch)
        self._again.extendleft(reversed(outcome.again))
        self.held_count -= len(batch.events) - sum(len(rest.events) for rest in outcome.again)
        self._held_bytes -= batch.bytes_total - sum(rest.bytes_total for rest in outcome.again)
        self.tally.accepted_count += outcome.accepted_count
        self.tally.duplicate_count += outcome.duplicate_count
        self.tally.rejected_count += len(outcome.refused)
        self.error_last = outcome.error or self.error_last
        if outcome.is_final:
            self.stopped_by = outcome.error
        if outcome.is_progress:
            self._backoff.reset()
        else:
            self._not_before = now + self._backoff.failed(outcome.error)

    def settled(self, number: int) -> bool:
        """Whether all events that were put, up to that number, are answered."""
        firsts = [batch.numbers[0] for batch in (*self._again, *self._on_the_way)]
        if self._waiting:
            firsts.append(self._waiting[0].number)
        return all(first > number for first in firsts)

    def unanswered(self) -> Iterator[Event]:
        """All events that are held."""
        for batch in (*self._again, *self._on_the_way):
            yield from batch.events
        for waiting in self._waiting:
            yield waiting.event

    def _is_full_batch(self) -> bool:
        return len(self._waiting) >= self.limits.batch_events or self._waiting_bytes >= self.limits.batch_bytes

    def _new_batch(self) -> Batch:
        """The oldest that wait; at least one, however large."""
        events: list[Event] = []
        numbers: list[int] = []
        bytes_total = 0
        while self._waiting and len(events) < self.limits.batch_events:
            if events and bytes_total + self._waiting[0].bytes_total > self.limits.batch_bytes:
                break
            waiting = self._waiting.popleft()
            events.append(waiting.event)
            numbers.append(waiting.number)
            bytes_total += waiting.bytes_total
        self._waiting_bytes -= bytes_total
        return Batch(events, numbers, bytes_total)


def judge(batch: Batch, answer: IngestEventsResponse | Exception) -> Outcome:
    """What an answer, or an error in its place, means for a batch."""
    if isinstance(answer, IngestEventsResponse):
        return _answered(batch, answer)
    if is_transient_error(answer):
        return Outcome(again=[batch], error=answer)
    if isinstance(answer, InvalidArgumentError) and not _is_of_account(answer):
        return _halved(batch, answer)
    return Outcome(again=[batch], error=answer, is_final=True)


def answered(batch: Batch, outcome: Outcome) -> list[int]:
    """The numbers of the events that are answered, one way or the other."""
    left = {number for rest in outcome.again for number in rest.numbers}
    return [number for number in batch.numbers if number not in left]


def is_transient_error(error: Exception) -> bool:
    """Whether the same batch may be answered later."""
    return isinstance(error, IncompleteAnswerError) or (isinstance(error, TelwerkError) and is_transient(error))


class IncompleteAnswerError(Exception):
    """The server answered, but said of no event what became of it."""


def _answered(batch: Batch, response: IngestEventsResponse) -> Outcome:
    """Only events with a verdict are answered: where the answer has fewer verdicts than events, the rest goes again."""
    verdicts = response.verdicts[: len(batch.events)]
    if not verdicts:
        return Outcome(again=[batch], error=IncompleteAnswerError("the server's answer has no verdicts"))
    rejections = {rejection.index: rejection for rejection in response.rejections}
    return Outcome(
        accepted_count=verdicts.count(Verdict.VERDICT_ACCEPTED),
        duplicate_count=verdicts.count(Verdict.VERDICT_DUPLICATE),
        refused=[
            Refused(batch.events[index], rejections.get(index, Rejection(index=index)))
            for index, verdict in enumerate(verdicts)
            if verdict == Verdict.VERDICT_REJECTED
        ],
        again=[_part(batch, len(verdicts), None)] if len(verdicts) < len(batch.events) else (),
    )


def _halved(batch: Batch, error: InvalidArgumentError) -> Outcome:
    """The server refuses the batch whatever its state: which event is to blame shows when it stands alone."""
    if len(batch.events) > 1:
        middle = len(batch.events) // 2
        return Outcome(again=[_part(batch, 0, middle), _part(batch, middle, None)], error=error)
    event = batch.events[0]
    rejection = Rejection(
        event_id=event.event_id,
        reason=error.reason or ("LIMIT_EXCEEDED" if isinstance(error, LimitExceededError) else "INVALID_REQUEST"),
        field=error.violations[0].field if error.violations else "",
        message=error.message,
    )
    return Outcome(refused=[Refused(event, rejection)], error=error)


def _part(batch: Batch, start: int, stop: int | None) -> Batch:
    events = batch.events[start:stop]
    return Batch(events, batch.numbers[start:stop], sum(event.ByteSize() for event in events))


def _is_of_account(error: InvalidArgumentError) -> bool:
    """The account itself cannot be: no event is to blame."""
    return any(violation.field == _ACCOUNT_FIELD for violation in error.violations)
