"""One ASGI request and its response: bodies are limited while they are read, responses are sent in pieces."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from telwerkd.application.sharing.memory_budget import Reservation
from telwerkd.domain.errors import LimitExceededError

Message: TypeAlias = MutableMapping[str, Any]
Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Any]]
Send: TypeAlias = Callable[[Any], Awaitable[None]]
Headers: TypeAlias = list[tuple[bytes, bytes]]

_PIECE_BYTES: Final = 65_536
"""Each waits until the one before is on its way, so that a reader that stalls is noticed, and little waits for it."""
_UNREAD_BYTES_MAX: Final = 65_536
"""So much of a request that nobody reads is passed over; else its connection is closed."""
_LINGER_SECONDS: Final = 2.0
"""How long a client may go on sending before that: a reset at once could overtake the response."""
_COUNTED_BYTES_MIN: Final = 16_384


class BodyTooLargeError(LimitExceededError):
    """The body of a request has more bytes than it may."""


class Exchange:
    """A request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        authority, self.path = _target(scope["path"])
        self.local: str = (scope.get("server") or ("",))[0]
        self.headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
        if authority is not None:
            self.headers = [(name, authority if name == "host" else value) for name, value in self.headers]
        self.peer = _peer(scope.get("client"))
        self._receive = receive
        self._send = send
        self.is_started = False
        self._is_read = False
        self.common: Headers = [(b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store")]
        """Headers of the response, whichever it is."""

    def header(self, name: str) -> str | None:
        """Returns a header of the request, repeated ones joined by commas (RFC 9110, 5.3); None without it."""
        values = [value for named, value in self.headers if named == name]
        return ", ".join(values) if values else None

    @property
    def has_two_lengths(self) -> bool:
        """Whether the request has both `Content-Length` and `Transfer-Encoding`.

        A proxy may use the other one: the bytes in between would be a request that it never saw (request smuggling).
        """
        return self.header("content-length") is not None and self.header("transfer-encoding") is not None

    async def body(self, bytes_max: int, setting: str, reservation: Reservation) -> bytes:
        """Reads the body of the request; its memory is reserved as it grows.

        Raises:
            BodyTooLargeError: the body is larger than `bytes_max`; the rest is not read.
            UnavailableError: OVERLOADED, there is no memory for it.
        """
        declared = self._declared()
        if declared is not None and declared > bytes_max:
            raise too_large(declared, bytes_max, setting)
        received = bytearray()
        while not self._is_read:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise asyncio.CancelledError
            received += message["body"]
            if len(received) > bytes_max:
                raise too_large(len(received), bytes_max, setting)
            if len(received) > _COUNTED_BYTES_MIN:
                reservation.resize(len(received))
            self._is_read = not message["more_body"]
        return bytes(received)

    async def respond(self, status: int, headers: Headers, body: bytes | memoryview) -> None:
        """Sends the whole response."""
        body = memoryview(body)
        await self.start(status, [*headers, (b"content-length", str(len(body)).encode())])
        while len(body) > _PIECE_BYTES:
            await self.write(body[:_PIECE_BYTES])
            body = body[_PIECE_BYTES:]
        await self.finish(body)

    async def start(self, status: int, headers: Headers) -> None:
        """Begins the response."""
        self.is_started = True
        closing = [(b"connection", b"close")] if self._leaves_much_unread else []
        await self._send(
            {"type": "http.response.start", "status": status, "headers": [*self.common, *headers, *closing]}
        )

    async def write(self, body: bytes | memoryview) -> None:
        """Sends a piece of the response, once the buffer has room, and yields to the event loop."""
        await self._send({"type": "http.response.body", "body": body, "more_body": True})
        # Here is noticed that the client has gone: to a lost connection the rest is written in vain, and logged.
        await asyncio.sleep(0)

    async def finish(self, body: bytes | memoryview = b"") -> None:
        """Ends the response, with its last piece."""
        if self._leaves_much_unread:
            await self.write(body)
            body = b""
            # The response is out; what comes in is dropped for a while.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_LINGER_SECONDS):
                    await self._pass_over()
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def _pass_over(self) -> None:
        while not self._is_read:
            message = await self._receive()
            self._is_read = message["type"] == "http.disconnect" or not message["more_body"]

    @property
    def _leaves_much_unread(self) -> bool:
        if self._is_read:
            return False
        declared = self._declared()
        if declared is None:
            return self.header("transfer-encoding") is not None
        return declared > _UNREAD_BYTES_MAX

    def _declared(self) -> int | None:
        value = self.header("content-length")
        return int(value) if value is not None and value.isdigit() else None


def too_large(size: int, bytes_max: int, setting: str) -> BodyTooLargeError:
    """Returns the error for a body of so many bytes or more."""
    return BodyTooLargeError("request", f"has {size} bytes or more, at most {bytes_max} ({setting}) are allowed")


def _target(target: str) -> tuple[str | None, str]:
    """Returns host and path of a request's target; only an absolute form has a host (RFC 9112, 3.2.2)."""
    scheme, colon, rest = target.partition("://")
    if not colon or scheme.lower() not in {"http", "https"}:
        return None, target
    authority, slash, path = rest.partition("/")
    return authority, f"{slash}{path}" or "/"


def _peer(client: tuple[str, int] | None) -> str:
    """Returns the peer's address in gRPC's form."""
    if client is None:
        return "unix:"
    host, port = client[:2]
    return f"ipv6:%5B{host}%5D:{port}" if ":" in host else f"ipv4:{host}:{port}"
