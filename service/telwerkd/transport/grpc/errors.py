"""Ends RPCs that raised an error with a status; `telwerkd.transport.codec.errors` has the table of statuses.

Every error carries `google.rpc.Status` details (AIP-193): an `ErrorInfo` always, a `BadRequest` where fields are at
fault, a `RetryInfo` where a retry helps. An exception that is no `TelwerkError` is a defect: it is logged with its
traceback, and the client gets only an `error_id` to ask about.

The one answer that comes without details is gRPC's own UNIMPLEMENTED, for a method that this server does not have.
"""

import inspect
import logging
import secrets
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final, TypeVar

import grpc
import grpc.aio
from google.rpc import code_pb2, status_pb2  # type: ignore[import-untyped] # it has stubs, but no py.typed

from telwerkd.application.ports import DamagedRowError
from telwerkd.domain.errors import InvalidArgumentError, Reason, TelwerkError, UnavailableError
from telwerkd.process.log_format import Event
from telwerkd.transport.codec.errors import described, error_info, rpc_status, to_rpc_status
from telwerkd.transport.grpc.handlers import (
    HANDLERS_MAX,
    Behaviour,
    Context,
    Continuation,
    Deserializer,
    Handler,
    Serializer,
    behaviour_of,
    rebuilt,
    writing,
)
from telwerkd.transport.grpc.replies import Replies

DETAILS_KEY: Final = "grpc-status-details-bin"
PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"

_NO_MEMORY_RETRY_SECONDS = 5.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RichStatus(grpc.Status):
    """The status of a failed RPC, for `context.abort_with_status`. The details are in the trailers."""

    code: grpc.StatusCode
    details: str
    trailing_metadata: tuple[tuple[str, str | bytes], ...] = field(repr=False)


def to_status(error: TelwerkError) -> RichStatus:
    """Returns the status of `error`. Texts and violations are truncated to fit into trailers."""
    return _as_trailers(to_rpc_status(error), described(error).retry_milliseconds)


def _as_trailers(status: status_pb2.Status, retry_milliseconds: int | None = None) -> RichStatus:
    trailers: tuple[tuple[str, str | bytes], ...] = ((DETAILS_KEY, status.SerializeToString()),)
    if retry_milliseconds is not None:
        # What gRPC's own retries heed (gRFC A6); `RetryInfo` is for everyone else.
        trailers += ((PUSHBACK_KEY, str(retry_milliseconds)),)
    return RichStatus(grpc.StatusCode[code_pb2.Code.Name(status.code)], status.message, trailers)


def _internal(error_id: str) -> RichStatus:
    text = "internal error: a defect of the server, which has logged it under this error_id"
    info = error_info(Reason.INTERNAL, {"error_id": error_id})
    return _as_trailers(rpc_status(grpc.StatusCode.INTERNAL, f"{text}: {error_id}", [info]))


class ErrorInterceptor(grpc.aio.ServerInterceptor):
    """Turns whatever is raised inside into a status. **Outermost** but for the gate: all others stand inside it.

    A `TelwerkError` is answered as the table says, wherever it is raised: by a servicer, by an interceptor, or while a
    request is decoded. Bytes that are no message of the method are INVALID_ARGUMENT. Anything else, a failure to encode
    the reply included, is logged with its traceback and answered INTERNAL without a word of its own. A cancelled RPC
    stays cancelled, and an abort of the servicer's own stays as it is.

    Servicers are coroutines or asynchronous generators; others are refused, for they would block the loop in here.

    The last reply or status of every call is passed to `replies`, if given, which bounds its delivery.
    """

    def __init__(self, replies: Replies | None = None) -> None:
        self._replies = replies
        self._made = lru_cache(HANDLERS_MAX)(self._shielded)

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """Wraps the method's handler so that errors become statuses."""
        method = handler_call_details.method
        handler: Handler | None
        try:
            handler = await continuation(handler_call_details)
            if handler is None:
                return None
            # A refusal is made for one call, and must not be kept.
            return (self._shielded if handler.request_deserializer is None else self._made)(handler, method)
        except Exception as error:  # noqa: BLE001 - out here there is no context to answer on; the handler has one.
            return self._shielded(refusing(error), method)

    def _shielded(self, handler: Handler, method: str) -> Handler:
        """Returns the handler with decoding, servicer and encoding wrapped, for all four kinds of method."""
        inner = behaviour_of(handler)
        if not inspect.iscoroutinefunction(inner) and not inspect.isasyncgenfunction(inner):
            raise TypeError(f"the servicer of {method} is neither a coroutine function nor an asynchronous generator")
        decode = handler.request_deserializer
        encode = handler.response_serializer
        if handler.response_streaming:
            # `context.write` encodes with the handler's serializer, and does so inside the shield.
            behaviour = self._streaming_reply(inner, method)
        else:
            behaviour, encode = self._single_reply(inner, method, encode), None
        defer = not handler.request_streaming
        return rebuilt(handler, behaviour, None if decode is None else _decoding(decode, defer=defer), encode)

    def _single_reply(self, inner: Behaviour, method: str, encode: Serializer | None) -> Behaviour:
        async def reply(request: Any, context: Context) -> Any:
            try:
                response = await inner(_unless_undecodable(request), context)
                if context.code() not in (None, grpc.StatusCode.OK, grpc.StatusCode.OK.value[0]):
                    return b""  # The servicer has set a status of its own, which gRPC sends in the reply's place.
                encoded = response if encode is None else encode(response)
                if self._replies is not None:
                    self._replies.hand_over(len(encoded))
            except Exception as error:  # noqa: BLE001 - this is the one place that takes them all.
                status = _ending(method, context, error)
            else:
                return encoded
            await self._abort(context, status)
            return b""

        return reply

    def _streaming_reply(self, inner: Behaviour, method: str) -> Behaviour:
        write = writing(inner, self._replies)

        async def reply(request: Any, context: Context) -> None:
            try:
                await write(_unless_undecodable(request), context)
            except Exception as error:  # noqa: BLE001 - this is the one place that takes them all.
                status = _ending(method, context, error)
            else:
                if self._replies is not None:
                    self._replies.hand_over(0)
                return
            await self._abort(context, status)

        return reply

    async def _abort(self, context: Context, status: RichStatus | None) -> None:
        if status is None:
            return
        if self._replies is not None:
            self._replies.hand_over(0)
        await end_with(context, status)


async def end_with(context: Context, status: RichStatus) -> None:
    """Ends the RPC with `status`, and returns: grpc raises the abort again by itself once its handler is done.

    An abort, not `set_code`: only a reply of nothing but trailers leaves gRPC's clients free to retry.
    """
    try:
        await context.abort(status.code, status.details, status.trailing_metadata)
    except grpc.aio.AbortError as error:
        without_traceback(error)


def _ending(method: str, context: Context, error: Exception) -> RichStatus | None:
    """Returns the status to end the RPC with; None if it has ended. Removes the error's tracebacks.

    `asyncio.CancelledError` is no `Exception`, and so never comes here: swallowed, it would leave the RPC without an
    end.

    Raises:
        Exception: `error` is grpc's own, of a disconnected client or a stopped server; or a status was sent already,
            and grpc logs the error.
    """
    if isinstance(error, grpc.aio.AbortError) and context.done():
        without_traceback(error)
        return None
    if isinstance(error, grpc.aio.BaseError) and not isinstance(error, grpc.aio.UsageError):
        raise error
    if context.done():
        raise error
    status = to_status(error) if isinstance(error, TelwerkError) else defect(method, context.peer(), error)
    without_traceback(error)
    return status


def defect(method: str, peer: str, error: Exception) -> RichStatus:
    """Logs an unexpected error, and returns a status that has only its `error_id`.

    A MemoryError is no defect: it becomes UNAVAILABLE.
    """
    if isinstance(error, MemoryError):
        _log.error("no memory is left for a call of %s", method)
        return to_status(UnavailableError(Reason.OVERLOADED, "the server has no memory left", _NO_MEMORY_RETRY_SECONDS))
    error_id = secrets.token_hex(6)
    # Of a damaged row it matters what it is of, not where it was met.
    damage = error.without_ids if isinstance(error, DamagedRowError) else None
    fields = {"error_id": error_id, "method": method, "peer": peer, "damage": damage}
    described = f"unexpected error {error_id} in {method}, called by {peer}{f': {damage}' if damage else ''}"
    _log.error(Event("unexpected error", fields, described), exc_info=error if damage is None else None)
    return _internal(error_id)


_E = TypeVar("_E", bound=BaseException)


def without_traceback(error: _E) -> _E:
    """Removes the tracebacks of an error that is kept beyond its call, and of its causes; returns it.

    A traceback holds its frames, and they hold the request and, through a context, a future or a local name, the error
    again: a cycle, which keeps the whole request until the garbage collector comes by.
    """
    chained: list[BaseException | None] = [error]
    while chained:
        each = chained.pop()
        if each is not None and each.__traceback__ is not None:
            each.__traceback__ = None
            chained += (each.__cause__, each.__context__)
    return error


class _Undecodable:
    """The placeholder of a request that could not be decoded, until there is a context to answer its error on."""

    def __init__(self, error: TelwerkError) -> None:
        self.error = error


def _decoding(decode: Deserializer, *, defer: bool) -> Deserializer:
    """Returns a deserializer that turns failures of `decode` into `TelwerkError`.

    A message of a stream is decoded when the servicer reads it: the error is raised there. A single request is decoded
    before the servicer is called (`defer`), where grpc would answer by itself: the error is passed on instead of it.
    """

    def decoded(raw: bytes) -> Any:
        try:
            return decode(raw)
        except TelwerkError as raised:
            error = raised
        except Exception:  # noqa: BLE001 - whatever a deserializer raises, the bytes are at fault.
            error = InvalidArgumentError.of("request", "these bytes are no message of this method")
        if defer:
            return _Undecodable(error)
        raise error

    return decoded


def _unless_undecodable(request: Any) -> Any:
    if isinstance(request, _Undecodable):
        raise request.error
    return request


def refusing(error: Exception) -> Handler:
    """Returns a handler for a method of any kind that reads no request and raises `error`.

    It has no deserializer, and no other handler is without one: so the gate knows a refusal before it is called.
    """

    async def refuse(_requests: Any, _context: Context) -> None:
        raise error

    # On the wire all four kinds are the same; this one waits for no message before it answers.
    return grpc.stream_stream_rpc_method_handler(refuse)
