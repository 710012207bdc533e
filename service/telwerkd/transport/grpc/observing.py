"""The interceptor that reports calls to `telwerkd.transport.calls`.

A port that answers another protocol through the same interceptors names it by the `rpc_system` of its contexts.
"""

import asyncio
from typing import Any, Final

import grpc
import grpc.aio

from telwerkd.process import tracing
from telwerkd.transport import calls
from telwerkd.transport.calls import Call, CallObserver
from telwerkd.transport.codec.wire.encoding import Encoded
from telwerkd.transport.grpc.handlers import (
    Behaviour,
    Context,
    Continuation,
    Deserializer,
    Handler,
    Serializer,
    behaviour_of,
)

_NAMES: Final = {code.value[0]: code.name for code in grpc.StatusCode}


class ObservingInterceptor(grpc.aio.ServerInterceptor):
    """**Outermost**, before the gate, so that refused calls are observed too. Installed only if calls are observed."""

    def __init__(self, observed_calls: CallObserver) -> None:
        self._calls = observed_calls

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        """Wraps the method's handler so that its calls are observed."""
        handler: Handler | None = await continuation(handler_call_details)
        if handler is None:
            return None
        # The gate makes each a stream of requests.
        serve = self._serving(behaviour_of(handler), handler_call_details.method.removeprefix("/"))
        decode, encode = handler.request_deserializer, handler.response_serializer
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(serve, decode, None if encode is None else _counting(encode))
        return grpc.stream_unary_rpc_method_handler(serve, decode, encode)

    def _serving(self, behaviour: Behaviour, method: str) -> Behaviour:
        async def serve(requests: Any, context: Context) -> Any:
            carrier = {name: value for name, value in context.invocation_metadata() or () if isinstance(value, str)}
            system: str = getattr(context, "rpc_system", "grpc")
            with self._calls.observed(system, method, carrier, context.peer()) as call:
                try:
                    reply = await behaviour(requests, context)
                except asyncio.CancelledError:
                    left = context.time_remaining()
                    call.code = "CANCELLED" if left is None or left > 0 else "DEADLINE_EXCEEDED"
                    raise
                except grpc.aio.BaseError:  # what became of a caller that has gone
                    call.code = "CANCELLED"
                    raise
                call.code = _name_of(context.code())
                if isinstance(reply, bytes):
                    call.sent_bytes += len(reply)
                return reply

        return serve


def _name_of(code: Any) -> str:
    """Returns the name of a status code, which grpc gives as None, a number, or the enumeration."""
    return _NAMES.get(0 if code is None else code, getattr(code, "name", "UNKNOWN"))


def _counting(encode: Serializer) -> Serializer:
    def counting(reply: Any) -> bytes:
        encoded = encode(reply)
        if (call := calls.current()) is not None:
            call.sent_bytes += len(encoded)
        return encoded

    return counting


def spanned(encode: Serializer) -> Serializer:
    """Returns `encode` as a traced stage, except for replies that are encoded already."""

    def encoded(reply: Any) -> bytes:
        if isinstance(reply, Encoded):
            return encode(reply)
        with tracing.stage("encode"):
            return encode(reply)

    return encoded


def noted(decode: Deserializer, *, is_stage: bool) -> Deserializer:
    """Returns `decode` with the call's size and account recorded; as a traced stage if `is_stage`."""

    def decoded(raw: bytes) -> Any:
        call = calls.current()
        if call is None:
            return decode(raw)
        call.received_bytes += len(raw)
        if is_stage:
            with tracing.stage("decode"):
                request = decode(raw)
        else:
            request = decode(raw)
        _note(call, request)
        return request

    return decoded


def _note(call: Call, request: Any) -> None:
    account = getattr(request, "account_id", None)
    if isinstance(account, str) and account:
        call.account = account
