"""The ASGI application of an HTTP port: routing, and the check of origins."""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

import grpc

from telwerkd.transport.grpc.errors import defect
from telwerkd.transport.http import probes
from telwerkd.transport.http.calls import ConnectCalls
from telwerkd.transport.http.exchange import Exchange, Headers, Receive, Scope, Send
from telwerkd.transport.http.origins import Origins
from telwerkd.transport.http.page import Page
from telwerkd.transport.http.probes import Probes
from telwerkd.transport.http.responses import error_of_status, refuse, respond_error

_PREFLIGHT_SECONDS: Final = b"7200"
_EXPOSED: Final = b"retry-after"
_SENT: Final = (
    b"authorization, content-type, content-encoding, connect-protocol-version, connect-timeout-ms, "
    b"connect-accept-encoding, connect-content-encoding, traceparent, tracestate"
)
"""What pages of origins that are named may send, and read: what Connect's clients do."""


class Connection(Protocol):
    """The connection of a request, which the server passes with the ASGI scope."""

    def serving(self, task: "asyncio.Task[Any] | None") -> None:
        """Sets the task that is cancelled if the client disconnects."""

    def abort(self) -> None:
        """Closes the connection at once, without sending buffered data."""


class App:
    """The ASGI application: answers each request, and makes sure that each ends."""

    def __init__(self, answer: Callable[[Exchange], Any]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        connection: Connection = scope["state"]["connection"]
        task = asyncio.current_task()
        exchange = Exchange(scope, receive, send)
        connection.serving(task)
        try:
            if exchange.has_two_lengths:
                text = "this has both a Content-Length and a Transfer-Encoding"
                await refuse(exchange, 400, grpc.StatusCode.INVALID_ARGUMENT, text, [(b"connection", b"close")])
            else:
                await self._answer(exchange)
        except asyncio.CancelledError:
            # The client is gone or reads nothing, or the time for stopping is over.
            connection.abort()
            if task is not None:
                task.uncancel()
        except Exception as error:  # noqa: BLE001 - nothing may come out of here, not even to a log of the server's.
            status = defect(ascii(exchange.path)[:200], exchange.peer, error)
            if exchange.is_started:
                connection.abort()
            else:
                await respond_error(exchange, error_of_status(status))
        finally:
            connection.serving(None)


class Site:
    """The port that the clients use: calls, the page, and the probes unless they have a port of their own."""

    def __init__(self, origins: Origins, calls: ConnectCalls, watched: Probes | None, page: Page) -> None:
        self._origins = origins
        self._calls = calls
        self._probes = watched
        self._page = page

    async def answer(self, exchange: Exchange) -> None:
        """Answers a request."""
        sender = exchange.header("origin")
        refusal = self._origins.refusal(exchange.header("host"), sender, exchange.local)
        if refusal is not None:
            await refuse(exchange, 403, grpc.StatusCode.PERMISSION_DENIED, refusal)
            return
        if sender is not None and self._origins.is_named(sender):
            exchange.common += [
                (b"access-control-allow-origin", sender.encode("latin-1")),
                (b"access-control-expose-headers", _EXPOSED),
                (b"vary", b"origin"),
            ]
            if exchange.method == "OPTIONS" and exchange.header("access-control-request-method") is not None:
                await exchange.respond(204, _allowed(), b"")
                return
        await self._route(exchange)

    async def _route(self, exchange: Exchange) -> None:
        method = self._calls.method(exchange.path)
        if method is not None:
            await self._calls.answer(exchange, method)
        elif self._probes is not None and exchange.path in probes.PATHS:
            await self._probes.answer(exchange)
        elif self._page.has(exchange.path):
            await self._page.answer(exchange)
        else:
            await not_found(exchange)


async def not_found(exchange: Exchange) -> None:
    """Answers 404 for an unknown path."""
    text = f"there is nothing at {ascii(exchange.path)[:200]} of this port"
    await refuse(exchange, 404, grpc.StatusCode.UNIMPLEMENTED, text)


def probes_alone(watched: Probes) -> Callable[[Exchange], Any]:
    """Returns the handler of a port for probes only."""

    async def answer(exchange: Exchange) -> None:
        if exchange.path in probes.PATHS:
            await watched.answer(exchange)
        else:
            await not_found(exchange)

    return answer


def _allowed() -> Headers:
    return [
        (b"access-control-allow-methods", b"POST"),
        (b"access-control-allow-headers", _SENT),
        (b"access-control-max-age", _PREFLIGHT_SECONDS),
    ]
