"""Counts of calls by method and status, and their durations, as the source of metrics."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from time import perf_counter
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor

from telwerkd.process.figures import OTHER, SECONDS, Histogram, LimitCounts
from telwerkd.transport.grpc.handlers import Context, Deserializer, Handler, Serializer

CODES: Final = (
    "OK",
    "Canceled",
    "Unknown",
    "InvalidArgument",
    "DeadlineExceeded",
    "NotFound",
    "AlreadyExists",
    "PermissionDenied",
    "ResourceExhausted",
    "FailedPrecondition",
    "Aborted",
    "OutOfRange",
    "Unimplemented",
    "Internal",
    "Unavailable",
    "DataLoss",
    "Unauthenticated",
)
"""The names of gRPC's status codes by number, as Go has them, whose dashboards and alarms are the usual ones."""

_OK = 0
_CANCELLED: int = grpc.StatusCode.CANCELLED.value[0]
_UNKNOWN: int = grpc.StatusCode.UNKNOWN.value[0]
_DEADLINE_EXCEEDED: int = grpc.StatusCode.DEADLINE_EXCEEDED.value[0]

_EARLY_SECONDS = 0.1
"""Tolerance of deadlines: a client's own clock may reach its deadline a little earlier than this server's."""


class Method(NamedTuple):
    """A method, as the labels of its metrics."""

    type: str
    service: str
    method: str


class MethodCalls:
    """The calls of a method. For the event loop's thread only."""

    __slots__ = ("_limits", "handled", "received", "seconds", "sent", "started")

    def __init__(self, limits: LimitCounts) -> None:
        self._limits = limits
        self.started = 0
        self.received = 0
        self.sent = 0
        self.handled = [0] * len(CODES)
        """The number of ended calls, indexed by status code."""
        self.seconds = Histogram(SECONDS)

    def begin(self) -> float:
        """Counts a call that begins; returns the instant, to be passed to `end`."""
        self.started += 1
        return perf_counter()

    def end(self, begun: float, context: Context, raised: int = _OK) -> None:
        """Counts a call that ends, by the context's status, or without one by the code `raised`."""
        code: Any = context.code()
        number = _OK if code is None else code if isinstance(code, int) else code.value[0]
        number = number or raised
        self.handled[number] += 1
        self.seconds.observe(perf_counter() - begun)
        if number != _OK:
            self._limits.met(context.details() or "")

    def receiving(self, decode: Deserializer | None) -> Deserializer:
        """Returns a deserializer that counts requests around `decode`, if there is one."""

        def received(raw: bytes) -> Any:
            self.received += 1
            return raw if decode is None else decode(raw)

        return received

    def sending(self, encode: Serializer | None) -> Serializer:
        """Returns a serializer that counts replies around `encode`, if there is one."""

        def sent(reply: Any) -> bytes:
            self.sent += 1
            encoded: bytes = reply if encode is None else encode(reply)
            return encoded

        return sent


class CallCounters:
    """The calls of each method that the server has; those of methods that it does not have are counted together."""

    def __init__(self, services: Iterable[ServiceDescriptor] = (), limits: LimitCounts | None = None) -> None:
        """Methods of `services` have counts from the start, those of other services from their first call."""
        self.limits = limits or LimitCounts()
        self._of: dict[Method, MethodCalls] = {}
        self._by_path: dict[str, MethodCalls] = {}
        for path, method in _methods(services):
            self._by_path[path] = self._of[method] = MethodCalls(self.limits)
        self._others = self._of[Method("unary", OTHER, OTHER)] = MethodCalls(self.limits)

    def of(self, path: str, handler: "Handler | None" = None) -> MethodCalls:
        """Returns the counts of a method. A `handler` shows that the method exists."""
        found = self._by_path.get(path)
        if found is None and handler is not None:
            _, service, method = path.split("/")
            kind = _type(handler.request_streaming, handler.response_streaming)
            found = self._by_path[path] = self._of[Method(kind, service, method)] = MethodCalls(self.limits)
        return found or self._others

    def methods(self) -> Mapping[Method, MethodCalls]:
        """Returns the counts by method."""
        return self._of


def raised_code(error: BaseException, context: Context) -> int:
    """Returns the status of a call that an exception ended before it had one: of a client that left, or of a defect."""
    if not isinstance(error, asyncio.CancelledError):
        return _UNKNOWN
    remaining = context.time_remaining()
    return _CANCELLED if remaining is None or remaining > _EARLY_SECONDS else _DEADLINE_EXCEEDED


def _methods(services: Iterable[ServiceDescriptor]) -> Iterator[tuple[str, Method]]:
    for service in services:
        for method in service.methods:
            kind = _type(method.client_streaming, method.server_streaming)
            yield f"/{service.full_name}/{method.name}", Method(kind, service.full_name, method.name)


def _type(request_streaming: bool, response_streaming: bool) -> str:  # noqa: FBT001 -- as gRPC itself has them
    if request_streaming:
        return "bidi_stream" if response_streaming else "client_stream"
    return "server_stream" if response_streaming else "unary"
