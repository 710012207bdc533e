"""The gate that every call passes before anything is known of it: how many are open, and how long its request takes.

gRPC hands a call over as soon as its headers are there, and then waits for its message for ever. So every call is
served here as a stream of requests, whichever kind it is (on the wire all four are the same): there is a context to
refuse it on, and its first message is read against the clock.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from time import monotonic
from typing import Any

import grpc
import grpc.aio

from telwerkd.domain.errors import InvalidArgumentError, QuotaExceededError, Reason, TelwerkError, UnavailableError
from telwerkd.transport.grpc.calls import Calls, MethodCalls, raised_code
from telwerkd.transport.grpc.errors import RichStatus, end_with, let_go, to_status
from telwerkd.transport.grpc.handlers import HANDLERS_MAX, Behaviour, Context, Continuation, Handler, behaviour_of
from telwerkd.transport.grpc.peers import host_of

_RETRY_SECONDS = 1.0
_WINDOW_SECONDS = 60.0
_UNKNOWN_METHOD = RichStatus(grpc.StatusCode.UNIMPLEMENTED, "Method not found!", ())
"""As gRPC itself answers a method that is not there."""

_STOPPING_SECONDS = 1.0
"""What a request that is on its way may still take when the server stops."""

_LOOKS = 4
"""How often within the time that a request has it is looked whether it has come."""

_KEPT_FREE = 4
"""The last of so many equal parts of `calls_max` is for addresses that hold fewer calls than are left: each of several
that open all they can leaves half of what it finds, so that two, or ten, cannot shut out the next."""

_HOSTS_MAX = 4_096
"""Hosts whose refused calls are remembered; beyond it, those that were refused longest ago are forgotten."""


@dataclass(frozen=True)
class GateLimits:
    """What one address, and all together, may have open; the names are those of the settings."""

    calls_max: int
    calls_per_peer_max: int
    first_message_seconds: float
    refused_calls_max: int
    refused_delay_seconds: float


class Refusals:
    """Counts the refused calls of each host, and says how long the next refusal has to wait.

    Only refusals wait: whoever shares an address with an attacker, and has a key, is answered as always.
    """

    def __init__(self, calls_max: int, delay_seconds: float, clock: Callable[[], float] = monotonic) -> None:
        self._calls_max = calls_max
        self._delay_seconds = delay_seconds
        self._clock = clock
        self._seen = OrderedDict[str, tuple[float, int]]()

    def use(self, calls_max: int, delay_seconds: float) -> None:
        """Goes by other limits from now on."""
        self._calls_max, self._delay_seconds = calls_max, delay_seconds

    def delay(self, host: str) -> float:
        """Counts one refused call; seconds until it may be answered."""
        now = self._clock()
        began, calls = self._seen.pop(host, (now, 0))
        if now - began >= _WINDOW_SECONDS:
            began, calls = now, 0
        self._seen[host] = began, calls + 1
        if len(self._seen) > _HOSTS_MAX:
            self._seen.popitem(last=False)
        return self._delay_seconds if calls >= self._calls_max else 0.0


class FirstMessages:
    """Reads the first message of calls against the clock.

    One timer serves all calls, because each may wait equally long: a timeout of its own costs a call more than all else
    here.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # In the order of their times.
        self._since: dict[asyncio.Task[Any], float] = {}
        self._expired = set[asyncio.Task[Any]]()
        self._looking: asyncio.TimerHandle | None = None
        self._is_stopping = False

    def use(self, seconds: float) -> None:
        """Gives other messages so long."""
        self._seconds = seconds

    def drain(self) -> None:
        """Waits a moment for what is on its way, and then for nothing any more: a stop must not wait for it."""
        self._is_stopping = True
        asyncio.get_running_loop().call_later(_STOPPING_SECONDS, self._stop)

    async def read(self, context: Context) -> Any:
        """The message, or grpc's EOF.

        Raises:
            UnavailableError: SLOW_REQUEST, it did not come in time; or SHUTTING_DOWN, the server stops.
        """
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        if task is None:
            raise RuntimeError("a request is read outside of its call")
        self._since[task] = loop.time()
        if self._looking is None:
            self._looking = loop.call_later(self._seconds / _LOOKS, self._look)
        try:
            return await context.read()
        except asyncio.CancelledError:
            if task not in self._expired:
                raise
            task.uncancel()
            raise self._late() from None
        finally:
            self._since.pop(task, None)
            self._expired.discard(task)

    def _late(self) -> UnavailableError:
        if self._is_stopping:
            text = "the server is stopping, and this request had not come whole: send it to another"
            return UnavailableError(Reason.SHUTTING_DOWN, text, _RETRY_SECONDS)
        text = f"no request was received within {self._seconds:g} s (first_message_seconds)"
        return UnavailableError(Reason.SLOW_REQUEST, text, _RETRY_SECONDS)

    def _stop(self) -> None:
        self._seconds = min(self._seconds, _STOPPING_SECONDS)
        self._end(list(self._since))

    def _end(self, waiting: Iterable[asyncio.Task[Any]]) -> None:
        for task in waiting:
            if self._since.pop(task, None) is not None:
                self._expired.add(task)
                task.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time() - self._seconds
        self._end([task for task, since in self._since.items() if since <= before])
        self._looking = loop.call_later(self._seconds / _LOOKS, self._look) if self._since else None


class GateInterceptor(grpc.aio.ServerInterceptor):
    """**Outermost**: it stands before the `ErrorInterceptor`, because refusing must cost next to nothing.

    So it is here that every call is counted, whatever becomes of it.
    """

    def __init__(self, limits: GateLimits, calls: Calls | None = None) -> None:
        self._limits = limits
        self._counted = calls or Calls()
        self._refusals = Refusals(limits.refused_calls_max, limits.refused_delay_seconds)
        self._first_messages = FirstMessages(limits.first_message_seconds)
        self._calls = 0
        self._by_host = Counter[str]()
        self._made = lru_cache(HANDLERS_MAX)(self._gated)

    def use(self, limits: GateLimits) -> None:
        """Goes by other limits from the next call on."""
        self._limits = limits
        self._refusals.use(limits.refused_calls_max, limits.refused_delay_seconds)
        self._first_messages.use(limits.first_message_seconds)

    def drain(self) -> None:
        """Waits for no request any more that does not come within a moment."""
        self._first_messages.drain()

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """See the class."""
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
        if handler.request_streaming or decode is None:
            serve = self._stream(behaviour_of(handler))
        else:
            serve, decode = self._single(behaviour_of(handler), decode), None
        ending = _ended(serve, counted)
        decode, encode = counted.receiving(decode), counted.sending(handler.response_serializer)
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
        """What has no way to decode a request is a refusal (`errors.refusing`): no key, or one that is not known."""

        async def serve(requests: Any, context: Context) -> None:
            host = self._enter(context)
            try:
                await self._wait(host)
                await behaviour(requests, context)
            finally:
                self._leave(host)

        return serve

    def _single(self, behaviour: Behaviour, decode: Callable[[bytes], Any]) -> Behaviour:
        async def serve(_requests: Any, context: Context) -> Any:
            host = self._enter(context)
            try:
                return await behaviour(decode(await self._first(context)), context)
            finally:
                self._leave(host)

        return serve

    def _stream(self, behaviour: Behaviour) -> Behaviour:
        async def serve(_requests: Any, context: Context) -> Any:
            host = self._enter(context)
            try:
                return await behaviour(_Messages(self._first_messages.read, context), context)
            finally:
                self._leave(host)

        return serve

    async def _first(self, context: Context) -> bytes:
        message: Any = await self._first_messages.read(context)
        if message is grpc.aio.EOF:
            raise InvalidArgumentError.of("request", "none was sent")
        raw: bytes = message
        return raw

    async def _wait(self, host: str) -> None:
        seconds = self._refusals.delay(host)
        if seconds:
            await asyncio.sleep(seconds)

    def _enter(self, context: Context) -> str:
        """Takes a place for a call, which `_leave` gives back; whose it is. Raises a TelwerkError if there is none."""
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

    def __init__(self, first: Callable[[Context], Awaitable[Any]], context: Context) -> None:
        self._first: Callable[[Context], Awaitable[Any]] | None = first
        self._context = context

    def __aiter__(self) -> "_Messages":
        return self

    async def __anext__(self) -> Any:
        first, self._first = self._first, None
        message = await (self._context.read() if first is None else first(self._context))
        if message is grpc.aio.EOF:
            raise StopAsyncIteration
        return message


def _refusal(serve: Behaviour, counted: MethodCalls) -> Handler:
    return grpc.stream_stream_rpc_method_handler(_ended(serve, counted))


def _ended(serve: Behaviour, counted: MethodCalls) -> Behaviour:
    """`serve`, counted, with what the gate itself refuses as the call's status."""

    async def ending(requests: Any, context: Context) -> Any:
        begun, raised = counted.begin(), 0
        try:
            try:
                return await serve(requests, context)
            except TelwerkError as error:
                status = to_status(let_go(error))
            await end_with(context, status)
        except BaseException as error:
            raised = raised_code(error, context)
            raise
        finally:
            counted.end(begun, context, raised)
        return b""

    return ending
