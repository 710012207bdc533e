"""The events of a request, decoded piece by piece."""

from collections import deque
from collections.abc import Sequence
from typing import Final, NamedTuple

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion
from telwerkd.application.sharing.memory_budget import MemoryBudget, Reservation
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError, TelwerkError, UnavailableError
from telwerkd.transport.codec.ingest.events import EventLimits
from telwerkd.transport.codec.wire.splitting import (
    ACCOUNT_FIELD,
    EVENTS_DECODED_MAX,
    OTHER_FIELDS_MAX,
    WireField,
    account_text,
    malformed,
    parts,
    too_many_fields,
)

EVENTS_FIELD: Final = 2
"""`events` of both kinds of request; a test holds it against the contract."""

_EVENTS_TAG: Final = EVENTS_FIELD << 3 | 2
_EVENT_ID_FIELD: Final = 1
_EVENT_FIELDS_MAX = 50
_ID_BYTES_SEEN = 4_096
"""More of an id is not decoded where the event is not; an answer names fewer."""

_ONE_BYTE = 0x80
_TWO_BYTES = 0x80**2


class Piece(NamedTuple):
    """Some events of a batch that follow one another."""

    first: int
    """The index of the first in the batch."""
    raw: memoryview
    """The undecoded bytes; they are decoded piece by piece."""

    def events(self) -> Sequence[pb.Event]:
        """Returns the decoded events.

        Raises:
            InvalidArgumentError: the bytes are no events.
        """
        return _decoded(bytes(self.raw))


class EventName(NamedTuple):
    """The id of an event that is not decoded, as far as it was read."""

    text: str
    """The id, or the beginning of one that is too long; empty without one."""
    size: int
    """The size of the whole id in bytes."""


class TooLarge(NamedTuple):
    """An event that is too large to be decoded."""

    raw: memoryview

    def name(self) -> EventName:
        """Returns the event's id, searched for on demand: a batch may have hundreds of such events."""
        return _event_name(self.raw)


_NAMELESS = EventName("", 0)


class EventBatch:
    """A request to ingest events.

    An error of the whole request is kept as `refusal`, and raised where the request is answered: on a stream, in order.
    """

    __slots__ = ("_budget", "account_id", "count", "pieces", "refusal", "reservation", "size", "too_large", "whole")

    def __init__(self, account_id: str, count: int, size: int) -> None:
        self.account_id = account_id
        self.count = count
        """The number of events."""
        self.size = size
        """In bytes, as it was sent."""
        self.whole: Sequence[pb.Event] | None = None
        """The events of a small request, which is decoded already; then there are no pieces."""
        self.pieces: deque[Piece] = deque()
        self.too_large: dict[int, TooLarge] = {}
        """The events that are too large, by index."""
        self.refusal: TelwerkError | None = None
        self.reservation: Reservation | None = None
        """The reservation of its memory, after `reserve`; None for a small batch."""
        self._budget: MemoryBudget | None = None

    def takes_memory_of(self, budget: MemoryBudget) -> None:
        """Marks the batch as large, with the budget from which its memory is to be reserved."""
        self._budget = budget

    def reserve(self) -> None:
        """Reserves the memory of a large batch; sets a refusal if there is too little.

        To be called by the code that releases it: between decoding and receipt a batch may be dropped, because its
        account is not granted or its call is cancelled.
        """
        if self._budget is None or self.refusal is not None:
            return
        try:
            self.reservation = self._budget.reserve(2 * self.size, "the request")
        except UnavailableError as error:
            self.refuse(error)

    def refuse(self, error: TelwerkError) -> "EventBatch":
        """Sets the batch's refusal, drops its events, and returns it."""
        self.refusal = error
        self.whole = None
        self.pieces.clear()
        return self


class EventBatches:
    """Makes batches of the bytes of requests."""

    def __init__(self, limits: EventLimits, budget: MemoryBudget) -> None:
        self._limits = limits
        self._budget = budget
        self._whole_max = min(EVENTS_DECODED_MAX, limits.event_bytes)

    def split(self, raw: bytes) -> EventBatch:
        """Returns the batch of a request; the receiver must call its `reserve`.

        Raises:
            InvalidArgumentError: these bytes are no such request.
        """
        if len(raw) <= self._whole_max:
            return self._whole(raw)
        batch = _Walk(raw, self._limits).batch()
        batch.takes_memory_of(self._budget)
        return batch

    def _whole(self, raw: bytes) -> EventBatch:
        try:
            message = ingestion.IngestEventsRequest.FromString(raw)
        except Exception:  # noqa: BLE001 - whatever protobuf raises, the bytes are at fault.
            raise malformed() from None
        events = message.events
        batch = EventBatch(message.account_id, len(events), len(raw))
        batch.whole = events
        if batch.count > self._limits.batch_events_max:
            batch.refuse(_too_many(batch.count, self._limits))
        return batch


def _too_many(count: int, limits: EventLimits, about: str = "") -> TelwerkError:
    return LimitExceededError(
        "events",
        f"has {about}{count} events, at most {limits.batch_events_max} (batch_events_max) are allowed: "
        "send several batches",
    )


class _Walk:
    """A pass over the bytes of a large request that finds its events without decoding them."""

    def __init__(self, raw: bytes, limits: EventLimits) -> None:
        self._raw = raw
        self._limits = limits
        self._account: WireField | None = None
        self._others = 0
        self._count = 0
        self._too_large: dict[int, TooLarge] = {}
        self._pieces: deque[Piece] = deque()

    def batch(self) -> EventBatch:
        """Returns the batch, refused if it has too many events; those beyond the limit are not counted."""
        position, size = 0, len(self._raw)
        while position < size and self._count <= self._limits.batch_events_max:
            position = self._common(position)
            if position < size and self._count <= self._limits.batch_events_max:
                position = self._any(position)
        account = "" if self._account is None else account_text(self._raw, self._account)
        batch = EventBatch(account, self._count, size)
        batch.pieces = self._pieces
        batch.too_large = self._too_large
        if self._count > self._limits.batch_events_max:
            batch.refuse(_too_many(self._count, self._limits, "at least "))
        return batch

    def _common(self, position: int) -> int:
        """Skips events of the usual form, and returns the position of the first field of another form."""
        raw, size = self._raw, len(self._raw)
        count, count_max = self._count, self._limits.batch_events_max
        event_max = min(self._limits.event_bytes, _TWO_BYTES - 1)
        first, start = count, position
        try:
            while position < size and raw[position] == _EVENTS_TAG and count <= count_max:
                length, content = raw[position + 1], position + 2
                if length >= _ONE_BYTE:
                    # Bit 128 of the first byte says that a second follows, and counts nothing: so the second counts one
                    # multiple of 128 less. With a third byte the result is `_TWO_BYTES` or more: above `event_max`.
                    length += (raw[content] - 1) * _ONE_BYTE
                    content += 1
                end = content + length
                if length > event_max or end > size:
                    break
                if end - start > EVENTS_DECODED_MAX and position > start:
                    self._piece(first, start, position)
                    first, start = count, position
                position, count = end, count + 1
        except IndexError:
            raise malformed() from None
        if position > start:
            self._piece(first, start, position)
        self._count = count
        return position

    def _any(self, position: int) -> int:
        """Skips one field of any form, and returns the position of the next."""
        part = next(parts(self._raw, position))
        if part.field == EVENTS_FIELD and part.has_length:
            if part.end - part.content > self._limits.event_bytes:
                self._too_large[self._count] = TooLarge(memoryview(self._raw)[part.content : part.end])
            else:
                self._piece(self._count, part.start, part.end)
            self._count += 1
            return part.end
        self._others += 1
        if self._others > OTHER_FIELDS_MAX:
            raise too_many_fields()
        if part.field == ACCOUNT_FIELD and part.has_length:
            self._account = part
        return part.end

    def _piece(self, first: int, start: int, end: int) -> None:
        self._pieces.append(Piece(first, memoryview(self._raw)[start:end]))


def _decoded(raw: bytes) -> Sequence[pb.Event]:
    try:
        return ingestion.IngestEventsRequest.FromString(raw).events
    except Exception:  # noqa: BLE001 - whatever protobuf raises, the bytes are at fault.
        raise malformed() from None


def _event_name(raw: memoryview) -> EventName:
    """Returns the id of an event that is not decoded; none if it is not among the first fields."""
    found = None
    try:
        for number, part in enumerate(parts(raw)):
            if part.field == _EVENT_ID_FIELD and part.has_length:
                found = part
            if number >= _EVENT_FIELDS_MAX:
                break
    except InvalidArgumentError:
        return _NAMELESS
    if found is None:
        return _NAMELESS
    start = bytes(raw[found.content : min(found.end, found.content + _ID_BYTES_SEEN)])
    return EventName(start.decode(errors="ignore"), found.end - found.content)
