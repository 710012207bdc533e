"""Taking apart and rebuilding grpc's handlers of methods, of all four kinds."""

import inspect
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from typing import Any, TypeAlias

import grpc
import grpc.aio

from telwerkd.transport.grpc.replies import Replies

# A handler of whatever messages: grpc decides which at run time, so `Any` is the truth here.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Continuation: TypeAlias = Callable[[grpc.HandlerCallDetails], Awaitable["Handler | None"]]
"""The next interceptor or the server: returns the handler of a call, or None for an unknown method."""
Behaviour: TypeAlias = Callable[[Any, Context], Any]
Deserializer: TypeAlias = Callable[[bytes], Any]
Serializer: TypeAlias = Callable[[Any], bytes]

HANDLERS_MAX = 512
"""The maximal number of handlers that an interceptor caches."""


def writing(behaviour: Behaviour, replies: Replies | None = None) -> Behaviour:
    """Returns a coroutine function that writes what an asynchronous generator yields; a coroutine function unchanged.

    With `replies`, a reply that the client does not read ends the call.
    """
    if not inspect.isasyncgenfunction(behaviour):
        return behaviour

    async def write(request: Any, context: Context) -> None:
        async with aclosing(behaviour(request, context)) as responses:
            async for response in responses:
                if replies is not None:
                    replies.hand_over(0)
                await context.write(response)
                if replies is not None:
                    replies.taken()

    return write


def behaviour_of(handler: Handler) -> Behaviour:
    """Returns the function of a handler, of whichever kind."""
    match handler.request_streaming, handler.response_streaming:
        case False, False:
            name = "unary_unary"
        case False, True:
            name = "unary_stream"
        case True, False:
            name = "stream_unary"
        case _:
            name = "stream_stream"
    # By name, because the stubs type all four for synchronous servicers.
    behaviour: Behaviour | None = getattr(handler, name)
    if behaviour is None:
        raise TypeError(f"a handler without a {name} servicer")
    return behaviour


def rebuilt(
    handler: Handler, behaviour: Behaviour, deserializer: Deserializer | None, serializer: Serializer | None
) -> Handler:
    """Returns a handler of the same kind as `handler` with these parts."""
    match handler.request_streaming, handler.response_streaming:
        case False, False:
            return grpc.unary_unary_rpc_method_handler(behaviour, deserializer, serializer)
        case False, True:
            return grpc.unary_stream_rpc_method_handler(behaviour, deserializer, serializer)
        case True, False:
            return grpc.stream_unary_rpc_method_handler(behaviour, deserializer, serializer)
        case _:
            return grpc.stream_stream_rpc_method_handler(behaviour, deserializer, serializer)
