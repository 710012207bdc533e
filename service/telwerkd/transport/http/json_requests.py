"""Conversion of JSON requests into the bytes of the same call over gRPC, on which all checks are made.

A batch is split at its list before anything is made of its items, as it is from its bytes (`codec.splitting`): one call
of a JSON parser holds the interpreter for as long as it takes, in whatever thread.
"""

import re
from collections.abc import Callable
from typing import Final, NamedTuple

from google.protobuf.message import Message

from telwerk.v1 import event_pb2, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError
from telwerkd.transport.codec.ingest.events import EventLimits
from telwerkd.transport.codec.query.query_batch import BATCH_QUERIES_MAX
from telwerkd.transport.codec.wire import encoding
from telwerkd.transport.grpc.requests import BATCH_QUERY, INGEST_EVENTS
from telwerkd.transport.http.json_lists import NoListError, TooFineError, TooManyError, marks_of, split
from telwerkd.transport.http.json_messages import from_json

_ESCAPED_FACTOR: Final = 8
"""An event has at most so many times as many bytes in JSON: a character of one byte takes six where it is escaped."""
_EVENT_NAMES_BYTES: Final = 4_096
"""And so many for the names of its fields."""
_PADDING_FIELD: Final = 2**29 - 1
"""A number that no field of an event has."""
_REST_BYTES_MAX: Final = 16_384
"""Maximal size of a batch without its list."""
_EVENT_ID: Final = re.compile(rb'"event_?[iI]d"\s*:\s*"[^"\\]*"')
_LOOKED_THROUGH_BYTES: Final = 4_096
"""So far into an event that is too large for its id."""

ToWire = Callable[[bytes], bytes]


class _List(NamedTuple):
    """The list at which a kind of request is split."""

    kind: type[Message]
    name: str
    number: int
    count_max: int
    too_many: str
    """The text of the error for too many items, after their number."""
    item: Callable[[int, bytes], bytes]
    """Returns the bytes of a message from an item and its index."""


class JsonRequests:
    """The conversion from JSON of each method's requests."""

    def __init__(self, events: EventLimits, query_bytes_max: int) -> None:
        self._query_bytes_max = query_bytes_max
        self._event_bytes_max = events.event_bytes * _ESCAPED_FACTOR + _EVENT_NAMES_BYTES
        self._lists = {
            INGEST_EVENTS: _List(
                ingestion.IngestEventsRequest,
                "events",
                ingestion.IngestEventsRequest.EVENTS_FIELD_NUMBER,
                events.batch_events_max,
                "events, which batch_events_max allows: send several batches",
                self._event,
            ),
            BATCH_QUERY: _List(
                kpi.BatchQueryRequest,
                "queries",
                kpi.BatchQueryRequest.QUERIES_FIELD_NUMBER,
                BATCH_QUERIES_MAX,
                "queries",
                self._query,
            ),
        }

    def reader(self, method: str, kind: type[Message]) -> ToWire:
        """Returns the function that converts JSON to a message's bytes; it raises InvalidArgumentError."""
        listed = self._lists.get(method)
        if listed is None:
            return lambda raw: from_json(raw, kind).SerializeToString()
        return lambda raw: _split(raw, listed)

    def _event(self, index: int, raw: bytes) -> bytes:
        if len(raw) <= self._event_bytes_max:
            return _item("events", index, raw, event_pb2.Event)
        # It is refused by itself, as over gRPC, where its bytes would be too many as well.
        named = _EVENT_ID.search(raw, 0, _LOOKED_THROUGH_BYTES)
        event = _item("events", index, b"{" + named[0] + b"}", event_pb2.Event) if named is not None else b""
        return event + encoding.nested(_PADDING_FIELD, bytes(len(raw)))

    def _query(self, index: int, raw: bytes) -> bytes:
        if len(raw) > self._query_bytes_max:
            raise LimitExceededError(
                f"queries[{index}]",
                f"has {len(raw)} bytes, at most {self._query_bytes_max} (request_bytes_max) are allowed",
            )
        return _item("queries", index, raw, kpi.BatchedQuery)


def _item(name: str, index: int, raw: bytes, kind: type[Message]) -> bytes:
    try:
        return from_json(raw, kind).SerializeToString()
    except InvalidArgumentError as error:
        raise InvalidArgumentError.of(f"{name}[{index}]", error.violations[0].description) from None


def _split(raw: bytes, listed: _List) -> bytes:
    try:
        rest, items = split(raw, listed.name, listed.count_max)
    except NoListError:
        raise InvalidArgumentError.of(listed.name, "must be a list of objects") from None
    except TooManyError:
        raise LimitExceededError(listed.name, f"has more than {listed.count_max} {listed.too_many}") from None
    except TooFineError:
        marks = marks_of(listed.count_max)
        raise LimitExceededError("request", f"has more than {marks} texts and brackets: send less at once") from None
    if len(rest) > _REST_BYTES_MAX:
        raise LimitExceededError(
            "request", f"has {len(rest)} bytes beside its {listed.name}, at most {_REST_BYTES_MAX} are allowed"
        )
    parts = [from_json(rest, listed.kind).SerializeToString()]
    parts += [encoding.nested(listed.number, listed.item(index, item)) for index, item in enumerate(items)]
    return b"".join(parts)
