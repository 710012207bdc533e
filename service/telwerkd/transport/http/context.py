"""The context of a call over HTTP, with the interface of grpc's, for interceptors and services.

So both ports run the same interceptors and services, with the same rules of access, limits and errors.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Never

import grpc
import grpc.aio

Metadata = tuple[tuple[str, str], ...]


class HttpContext(grpc.aio.ServicerContext[Any, Any]):
    """One call. `read` returns its request as bytes, once; `write` takes each of a stream's replies as bytes."""

    rpc_system = "connectrpc"
    """The protocol's name in traces."""

    def __init__(
        self,
        peer: str,
        metadata: Metadata,
        read: Callable[[], Awaitable[bytes]],
        write: Callable[[bytes], Awaitable[None]],
        seconds: float | None,
    ) -> None:
        self._peer = peer
        self._metadata = metadata
        self._read: Callable[[], Awaitable[bytes]] | None = read
        self._write = write
        self._until = None if seconds is None else asyncio.get_running_loop().time() + seconds
        self.decode: Callable[[bytes], Any] | None = None
        self.encode: Callable[[Any], bytes] | None = None
        """What makes bytes of the replies of a stream; `decode` makes requests of bytes."""
        self._code: grpc.StatusCode | None = None
        self._details = ""
        self._trailing: Sequence[tuple[str, str | bytes]] = ()
        self._aborted = False

    async def read(self) -> Any:
        """Returns the request, and then grpc's EOF."""
        read, self._read = self._read, None
        if read is None:
            return grpc.aio.EOF
        raw = await read()
        return raw if self.decode is None else self.decode(raw)

    def __aiter__(self) -> "HttpContext":
        return self

    async def __anext__(self) -> Any:
        request = await self.read()
        if request is grpc.aio.EOF:
            raise StopAsyncIteration
        return request

    async def write(self, message: Any) -> None:
        """Sends a reply of a stream; returns when there is room for the next."""
        await self._write(message if self.encode is None else self.encode(message))

    async def abort(self, code: grpc.StatusCode, details: str = "", trailing_metadata: Any = ()) -> Never:
        """Ends the call with a status."""
        self._code, self._details, self._trailing, self._aborted = code, details, tuple(trailing_metadata), True
        raise grpc.aio.AbortError(details)

    async def abort_with_status(self, status: grpc.Status) -> Never:
        """Ends the call with a status, as `abort`."""
        await self.abort(status.code, status.details, status.trailing_metadata or ())

    def set_code(self, code: grpc.StatusCode) -> None:
        """Sets the status code of the call."""
        self._code = code

    def set_details(self, details: str) -> None:
        """Sets the text of the status."""
        self._details = details

    def code(self) -> Any:
        """Returns the status code; None, if none was set, is success."""
        return self._code

    def details(self) -> str:
        """Returns the text of the status."""
        return self._details

    def trailing_metadata(self) -> Any:
        """Returns the trailing metadata."""
        return self._trailing

    def set_trailing_metadata(self, trailing_metadata: Any) -> None:
        """Sets the trailing metadata."""
        self._trailing = tuple(trailing_metadata)

    def done(self) -> bool:
        """Whether it has ended with a status."""
        return self._aborted

    def cancelled(self) -> bool:
        """Returns False: a cancelled call has its task cancelled instead."""
        return False

    def invocation_metadata(self) -> Any:
        """Returns the headers of the request."""
        return self._metadata

    def peer(self) -> str:
        """Returns the peer's address in gRPC's form."""
        return self._peer

    def time_remaining(self) -> float:
        """Returns the seconds left of the caller's timeout; infinity without one."""
        return float("inf") if self._until is None else self._until - asyncio.get_running_loop().time()

    def peer_identities(self) -> Iterable[bytes] | None:
        """Returns nothing: no interceptor or service uses it."""
        return None

    def peer_identity_key(self) -> str | None:
        """Returns nothing: no interceptor or service uses it."""
        return None

    def auth_context(self) -> Mapping[str, Iterable[bytes]]:
        """Returns nothing: no interceptor or service uses it."""
        return {}

    async def send_initial_metadata(self, initial_metadata: Any) -> None:
        """Does nothing: services do not set headers of responses."""

    def set_compression(self, compression: grpc.Compression) -> None:
        """Does nothing: compression follows from what the caller accepts."""

    def disable_next_message_compression(self) -> None:
        """Does nothing: compression follows from what the caller accepts."""
