"""The first check of every call, before its key is known: limits of open calls, and a timeout for its request.

gRPC hands a call over as soon as its headers are there, and then waits for its message for ever. So every call is
served here as a stream of requests, whichever kind it is (on the wire all four are the same): there is a context to
refuse it on, and its first message is read against the clock.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from typing import Any

import grpc
import grpc.aio
import msgspec

from telwerkd.domain.errors import InvalidArgumentError, QuotaExceededError, Reason, TelwerkError, UnavailableError
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.transport.grpc.calls import CallCounters, MethodCalls, raised_code
from telwerkd.transport.grpc.errors import RichStatus, end_with, to_status, without_traceback
from telwerkd.transport.grpc.first_messages import FirstMessages
from telwerkd.transport.grpc.handlers import (
    HANDLERS_MAX,
    Behaviour,
    Context,
    Continuation,
    Deserializer,
    Handler,
    behaviour_of,
)
from telwerkd.transport.grpc.inflating import Inflating
from telwerkd.transport.grpc.peers import host_of

_RETRY_SECONDS = 1.0
_WINDOW_SECONDS = 60.0
_UNKNOWN_METHOD = RichStatus(grpc.StatusCode.UNIMPLEMENTED, "Method not found!", ())
"""As gRPC itself answers a method that is not there."""

_KEPT_FREE = 4
"""The last of so many equal parts of `calls_max` is for addresses that hold fewer calls than are left: each of several
that open all they can leaves half of what it finds, so that two, or ten, cannot shut out the next."""

_COPIED_BYTES_MAX = 2**18
"""Above this size, gRPC's copy of a message takes an iteration of the event loop: its handling waits for the next."""

_HOSTS_MAX = 4_096
"""Hosts whose refused calls are remembered; beyond it, those that were refused longest ago are forgotten."""


class GateLimits(msgspec.Struct, frozen=True):
    """Limits of open calls, for one address and for all together; the names are those of the settings."""

    calls_max: int
    calls_per_peer_max: int
    first_message_seconds: float
    refused_calls_max: int
    refused_delay_seconds: float


class Refusals:
    """Counts the refused calls of each host, and computes the delay of the next refusal.

    Only refusals are delayed: a client with a valid key is not affected by an attacker at the same address.
    """

    def __init__(self, calls_max: int, delay_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._calls_max = calls_max
        self._delay_seconds = delay_seconds
        self._clock = clock
        self._seen = OrderedDict[str, tuple[float, int]]()

    def use(self, calls_max: int, delay_seconds: float) -> None:
        """Sets the limits for refusals from now on."""
        self._calls_max, self._delay_seconds = calls_max, delay_seconds

    def delay(self, host: str) -> float:
        """Counts one refused call; returns the seconds until it may be answered."""
        now = self._clock()
        began, calls = self._seen.pop(host, (now, 0))
        if now - began >= _WINDOW_SECONDS:
            began, calls = now, 0
        self._seen[host] = began, calls + 1
        if len(self._seen) > _HOSTS_MAX:
            self._seen.popitem(last=False)
        return self._delay_seconds if calls >= self._calls_max else 0.0


class GateInterceptor(grpc.aio.ServerInterceptor):
    """**Outermost**: it runs before the `ErrorInterceptor`, because a refusal must cost next to nothing.

    So it counts every call, however it ends.
    """

    def __init__(self, limits: GateLimits, inflating: Inflating, calls: CallCounters | None = None) -> None:
        self._limits = limits
        self._inflating = inflating
        self._counted = calls or CallCounters()
        self._refusals = Refusals(limits.refused_calls_max, limits.refused_delay_seconds)
        self._first_messages = FirstMessages(limits.first_message_seconds)
        self._calls = 0
        self._by_host = Counter[str]()
        self._made = lru_cache(HANDLERS_MAX)(self._gated)

    def use(self, limits: GateLimits) -> None:
        """Sets the limits from the next call on."""
        self._limits = limits
        self._refusals.use(limits.refused_calls_max, limits.refused_delay_seconds)
        self._first_messages.use(limits.first_message_seconds)

    def drain(self) -> None:
        """Waits for no request any more that does not come within a moment."""
        self._first_messages.drain()

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """Wraps the method's handler with the gate; unknown methods get a refusal."""
        handler: Handler | None = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            return _refusal(self._unknown, self._counted.of(method))
        if handler.request_deserializer is None:
            return _refusal(self._refusing(behaviour_of(handler)), self._counted.of(method))
        return self._made(handler, method)

    @property
    def open_calls(self) -> int:
        """How many calls are open."""
        return self._calls

    def _gated(self, handler: Handler, method: str) -> Handler:
        decode = handler.request_deserializer
        counted = self._counted.of(method, handler)
        if decode is None:
            raise TypeError("a method whose requests are not decoded is a refusal")
        serving = self._stream if handler.request_streaming else self._single
        ending = _ended(serving(behaviour_of(handler), decode, method), counted)
        decode, encode = counted.receiving(None), counted.sending(handler.response_serializer)
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(ending, decode, encode)
        return grpc.stream_unary_rpc_method_handler(ending, decode, encode)

    async def _unknown(self, _requests: Any, context: Context) -> None:
        host = self._enter(context)
        try:
            await self._wait(host)
        finally:
            self._leave(host)
        await end_with(context, _UNKNOWN_METHOD)

    def _refusing(self, behaviour: Behaviour) -> Behaviour:
        """Returns the delayed behaviour of a refusal: of a handler without a deserializer (`errors.refusing`)."""

        async def serve(requests: Any, context: Context) -> None:
            host = self._enter(context)
            try:
                await self._wait(host)
                await behaviour(requests, context)
            finally:
                self._leave(host)

        return serve

    def _single(self, behaviour: Behaviour, decode: Deserializer, method: str) -> Behaviour:
        async def serve(_requests: Any, context: Context) -> Any:
            host = self._enter(context)
            try:
                return await behaviour(decode(await self._first(context, method)), context)
            finally:
                self._leave(host)

        return serve

    def _stream(self, behaviour: Behaviour, decode: Deserializer, method: str) -> Behaviour:
        async def serve(_requests: Any, context: Context) -> Any:
            host = self._enter(context)
            try:
                messages = _Messages(self._first_messages.read, partial(self._inflated, method=method), decode, context)
                return await behaviour(messages, context)
            finally:
                self._leave(host)

        return serve

    async def _inflated(self, raw: bytes, context: Context, method: str) -> bytes:
        """Returns the message, inflated if compressed. Messages over HTTP are inflated already."""
        if len(raw) > _COPIED_BYTES_MAX:
            await asyncio.sleep(0)
        return raw if hasattr(context, "rpc_system") else await self._inflating.inflated(raw, context, method)

    async def _first(self, context: Context, method: str) -> bytes:
        message: Any = await self._first_messages.read(context)
        if message is grpc.aio.EOF:
            raise InvalidArgumentError.of("request", "none was sent")
        return await self._inflated(message, context, method)

    async def _wait(self, host: str) -> None:
        seconds = self._refusals.delay(host)
        if seconds:
            await asyncio.sleep(seconds)

    def _enter(self, context: Context) -> str:
        """Counts a call as open until `_leave`, and returns its host. Raises a TelwerkError if a limit is reached."""
        host = host_of(context.peer())
        full = self._full(host)
        if full is not None:
            raise full
        self._calls += 1
        self._by_host[host] += 1
        return host

    def _leave(self, host: str) -> None:
        self._calls -= 1
        self._by_host[host] -= 1
        if not self._by_host[host]:
            del self._by_host[host]

    def _full(self, host: str) -> TelwerkError | None:
        limits = self._limits
        if limits.calls_per_peer_max and self._by_host[host] >= limits.calls_per_peer_max:
            return QuotaExceededError(
                "calls_per_peer_max",
                f"{limits.calls_per_peer_max} calls are open from this address (calls_per_peer_max)",
                _RETRY_SECONDS,
            )
        if self._calls >= limits.calls_max:
            return UnavailableError(Reason.OVERLOADED, f"{limits.calls_max} calls are open (calls_max)", _RETRY_SECONDS)
        own, left = self._by_host[host], limits.calls_max - self._calls
        if limits.calls_per_peer_max and self._takes_from_others(own, left):
            return QuotaExceededError(
                "calls_max",
                f"{own} calls are open from this address, and {left} of {limits.calls_max} (calls_max) are left: these "
                "are for addresses that have fewer open",
                _RETRY_SECONDS,
            )
        return None

    def _takes_from_others(self, own: int, left: int) -> bool:
        """Whether an address with `own` calls would open one of the last that are kept for others.

        Never where it is alone: `calls_per_peer_max` bounds it then.
        """
        return self._calls > own >= left and left <= self._limits.calls_max // _KEPT_FREE


class _Messages:
    """The requests of a stream, the first of them against the clock."""

    def __init__(
        self,
        first: Callable[[Context], Awaitable[Any]],
        inflated: Callable[[bytes, Context], Awaitable[bytes]],
        decode: Deserializer,
        context: Context,
    ) -> None:
        self._first: Callable[[Context], Awaitable[Any]] | None = first
        self._inflated = inflated
        self._decode = decode
        self._context = context

    def __aiter__(self) -> "_Messages":
        return self

    async def __anext__(self) -> Any:
        first, self._first = self._first, None
        message = await (self._context.read() if first is None else first(self._context))
        if message is grpc.aio.EOF:
            raise StopAsyncIteration
        return self._decode(await self._inflated(message, self._context))


def _refusal(serve: Behaviour, counted: MethodCalls) -> Handler:
    return grpc.stream_stream_rpc_method_handler(_ended(serve, counted))


def _ended(serve: Behaviour, counted: MethodCalls) -> Behaviour:
    """Returns `serve` with its calls counted, and with the gate's own refusals as statuses."""

    async def ending(requests: Any, context: Context) -> Any:
        begun, raised = counted.begin(), 0
        try:
            try:
                return await serve(requests, context)
            except TelwerkError as error:
                status = to_status(without_traceback(error))
            await end_with(context, status)
        except BaseException as error:
            raised = raised_code(error, context)
            raise
        finally:
            counted.end(begun, context, raised)
        return b""

    return ending
