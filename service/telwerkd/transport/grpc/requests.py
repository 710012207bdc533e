"""Limits and decoding of requests, by method; limits are checked before bytes are decoded."""

import asyncio
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final
from weakref import WeakKeyDictionary

import grpc
import grpc.aio
import msgspec
from google.protobuf.message import Message

from telwerkd.application.sharing.memory_budget import MemoryBudget, Reservation
from telwerkd.domain.errors import LimitExceededError
from telwerkd.process import tracing
from telwerkd.transport.codec.ingest.event_batch import EventBatches
from telwerkd.transport.codec.ingest.events import EventLimits
from telwerkd.transport.codec.query.query_batch import split_queries
from telwerkd.transport.codec.wire.encoding import unless_encoded
from telwerkd.transport.codec.wire.gradual import decoding
from telwerkd.transport.codec.wire.splitting import DECODED_WHOLE_MAX, account_of
from telwerkd.transport.grpc.handlers import (
    HANDLERS_MAX,
    Behaviour,
    Context,
    Continuation,
    Deserializer,
    Handler,
    behaviour_of,
    rebuilt,
)
from telwerkd.transport.grpc.observing import noted, spanned

INGEST_EVENTS: Final = "/telwerk.v1.IngestionService/IngestEvents"
STREAM_EVENTS: Final = "/telwerk.v1.IngestionService/StreamEvents"
BATCH_QUERY: Final = "/telwerk.v1.KpiService/BatchQuery"

SPLIT: Final = frozenset({INGEST_EVENTS, STREAM_EVENTS, BATCH_QUERY})
"""Methods whose requests are not decoded before their servicer does it, piece by piece."""

_OPEN: Final = ("/grpc.health.", "/grpc.reflection.")

_OVER: Final = object()

_DECODED_FACTOR = 20
"""Bytes in memory for each byte on the wire, of what is decoded in one go: measured for lists of empty values."""


class RequestLimits(msgspec.Struct, frozen=True):
    """How many bytes a request may have."""

    request_bytes_max: int = 2**19
    """Limit of a request without events, and of each query of a batch."""
    open_request_bytes_max: int = 4_096
    """Limit of a request that needs no key."""

    def bytes_max_of(self, method: str, message_bytes_max: int) -> tuple[int, str]:
        """Returns the limit of a method's request in bytes, given that of any message, and the setting that sets it."""
        if method in SPLIT:
            return message_bytes_max, "message_bytes_max"
        if method.startswith(_OPEN):
            return self.open_request_bytes_max, "open_request_bytes_max"
        return self.request_bytes_max, "request_bytes_max"


class RequestInterceptor(grpc.aio.ServerInterceptor):
    """Bounds requests, and reserves the memory of large ones until their calls have ended.

    **Innermost**: what it puts in place of a method's deserializer and serializer is what the others wrap. Batches of
    events and of queries are split, and reach their servicers as `EventBatch` and `QueryBatch`; other requests are
    decoded before their servicer is called: of large ones the account at once, and the rest in bounded steps. Replies
    that are encoded already are passed on.
    """

    def __init__(self, limits: RequestLimits, events: EventLimits, budget: MemoryBudget) -> None:
        self._limits = limits
        self._budget = budget
        self._batches = EventBatches(events, budget)
        self._rest = WeakKeyDictionary[asyncio.Task[Any], Iterator[None]]()
        """What is left to decode of the requests of calls."""
        self._lock = asyncio.Lock()
        self._made = lru_cache(HANDLERS_MAX)(self._bounded)

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """Replaces the method's deserializer and serializer."""
        handler: Handler | None = await continuation(handler_call_details)
        if handler is None or handler.request_deserializer is None:
            return handler
        return self._made(handler, handler.request_deserializer, handler_call_details.method)

    def _bounded(self, handler: Handler, decode: Deserializer, method: str) -> Handler:
        bounded = noted(self._deserializer(method, decode), is_stage=method not in SPLIT)
        encode = None if handler.response_serializer is None else spanned(unless_encoded(handler.response_serializer))
        behaviour = behaviour_of(handler)
        if not handler.request_streaming and method not in SPLIT and not method.startswith(_OPEN):
            behaviour = self._decoded(behaviour)
        return rebuilt(handler, behaviour, bounded, encode)

    def _decoded(self, behaviour: Behaviour) -> Behaviour:
        """Returns `behaviour`, called once its request is decoded completely."""

        async def called(request: Any, context: Context) -> Any:
            if (rest := self._rest.pop(_current_call(), None)) is not None:
                with tracing.stage("decode"):
                    await self._finished(rest)
            return await behaviour(request, context)

        return called

    async def _finished(self, decoding_: Iterator[None]) -> None:
        """Decodes the rest of a request step by step; concurrent large requests alternate by a lock."""
        is_over = False
        while not is_over:
            async with self._lock:
                await asyncio.sleep(0)
                is_over = next(decoding_, _OVER) is _OVER

    def _deserializer(self, method: str, decode: Deserializer) -> Deserializer:
        if method == INGEST_EVENTS:
            return self._ingested
        if method == STREAM_EVENTS:
            return self._batches.split
        if method == BATCH_QUERY:
            return self._queries
        if method.startswith(_OPEN):
            return _at_most(self._limits.open_request_bytes_max, "open_request_bytes_max", decode)
        return _at_most(self._limits.request_bytes_max, "request_bytes_max", self._reserving(decode))

    def _ingested(self, raw: bytes) -> Any:
        batch = self._batches.split(raw)
        batch.reserve()
        if batch.reservation is not None:
            _until_the_call_ends(batch.reservation)
        return batch

    def _queries(self, raw: bytes) -> Any:
        self._reserve(len(raw), 2)
        return split_queries(raw, self._limits.request_bytes_max)

    def _reserving(self, decode: Deserializer) -> Deserializer:
        kind: type[Message] = type(decode(b""))
        has_account = "account_id" in kind.DESCRIPTOR.fields_by_name

        def reserving(raw: bytes) -> Any:
            if len(raw) <= DECODED_WHOLE_MAX:
                return decode(raw)
            self._reserve(len(raw), _DECODED_FACTOR)
            request: Any = kind()
            if has_account:
                request.account_id = account_of(raw)
            self._rest[_current_call()] = decoding(request, raw)
            return request

        return reserving

    def _reserve(self, size: int, factor: int) -> None:
        if size > DECODED_WHOLE_MAX:
            _until_the_call_ends(self._budget.reserve(size * factor, "the request"))


def _at_most(bytes_max: int, setting: str, decode: Deserializer) -> Deserializer:
    def bounded(raw: bytes) -> Any:
        if len(raw) > bytes_max:
            raise LimitExceededError("request", f"has {len(raw)} bytes, at most {bytes_max} ({setting}) are allowed")
        return decode(raw)

    return bounded


def _until_the_call_ends(reservation: Reservation) -> None:
    """Releases a reservation when the current call ends: grpc keeps the bytes of a single request until then."""
    _current_call().add_done_callback(lambda _: reservation.release())


def _current_call() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a request is decoded outside of its call")
    return task
