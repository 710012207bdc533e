"""Decompression of requests, in bounded steps instead of by gRPC.

gRPC inflates a message in one step, in the event loop, up to the bound of any message: 30 ms for 15 MB that were 15 kB
on the wire, also where the method takes 4 kB and knows no key. So gRPC is configured to pass on the raw bytes, without
a mark whether they are compressed. No message of the contract begins as gzip or deflate do: gzip's first byte is no
tag, and deflate's is that of a field 15, before which none of the required ones came.
"""

import asyncio
import zlib
from collections.abc import Callable
from typing import Final

import grpc

from telwerkd.application.sharing.memory_budget import MemoryBudget, Reservation
from telwerkd.domain.errors import LimitExceededError
from telwerkd.transport.grpc.handlers import Context

OPTION: Final = ("grpc.per_message_decompression", 0)
"""For the server: messages come as they were sent."""

BytesMax = Callable[[str, int], tuple[int, str]]
"""How many bytes a request of a method may have where any message may have so many, and by which setting."""

_GZIP: Final = b"\x1f\x8b"
_DEFLATE: Final = b"x"
_DEFLATE_CHECK: Final = 31
"""What the first two bytes of deflate, as a number, can be divided by."""
_EITHER_WINDOW: Final = 32 + zlib.MAX_WBITS
_SIZE_BYTES: Final = 4
_PIECE_BYTES: Final = 2**17
"""Bytes inflated in one iteration of the event loop."""
_TOO_LARGE: Final = "Decompressed message larger than max"
"""gRPC's own text of this error."""


class Inflating:
    """Inflates messages piece by piece, larger ones alternating by a lock, with their memory reserved as they grow."""

    def __init__(self, message_bytes_max: int, bytes_max: BytesMax, budget: MemoryBudget) -> None:
        self._message_bytes_max = message_bytes_max
        self._bytes_max = bytes_max
        self._budget = budget
        self._lock = asyncio.Lock()

    async def inflated(self, raw: bytes, context: Context, method: str) -> bytes:
        """Returns the message, of no more bytes than the method allows.

        Raises:
            LimitExceededError: the message has more.
            UnavailableError: OVERLOADED, the memory that all calls may hold is used up.
            grpc.aio.AbortError: the message has more than any may; the call was ended.
        """
        if not _is_compressed(raw):
            return raw
        bytes_max, setting = self._bytes_max(method, self._message_bytes_max)
        if _declared_size(raw) <= self._message_bytes_max:
            message = await self._at_most(raw, bytes_max)
            if message is not None:
                return message
            if bytes_max < self._message_bytes_max:
                text = f"has more than {bytes_max} bytes, at most {bytes_max} ({setting}) are allowed"
                raise LimitExceededError("request", text)
        return await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, _TOO_LARGE)

    async def _at_most(self, raw: bytes, bytes_max: int) -> bytes | None:
        """Returns the message; None if it is larger. Bytes that cannot be inflated are returned unchanged."""
        unpacking = _Unpacking(raw, bytes_max)
        try:
            unpacking.go_on()
            with Reservation(self._budget, "the request") as memory:
                while unpacking.goes_on:
                    memory.resize(unpacking.size)
                    async with self._lock:
                        await asyncio.sleep(0)
                        unpacking.go_on()
        except zlib.error:
            return raw
        if unpacking.size > bytes_max:
            return None
        return b"".join(unpacking.pieces) if unpacking.is_whole else raw


class _Unpacking:
    """A message that is being inflated, up to one byte above its limit."""

    def __init__(self, raw: bytes, bytes_max: int) -> None:
        self._rest = raw
        self._bytes_max = bytes_max
        self._unpacking = zlib.decompressobj(_EITHER_WINDOW)
        self.pieces: list[bytes] = []
        self.size = 0
        self.goes_on = True

    def go_on(self) -> None:
        """Inflates the next piece."""
        piece = self._unpacking.decompress(self._rest, min(_PIECE_BYTES, self._bytes_max + 1 - self.size))
        self._rest = self._unpacking.unconsumed_tail
        self.pieces.append(piece)
        self.size += len(piece)
        self.goes_on = bool(piece) and not self._unpacking.eof and self.size <= self._bytes_max

    @property
    def is_whole(self) -> bool:
        """Whether it ended where the bytes do."""
        return self._unpacking.eof and not self._unpacking.unused_data


def _is_compressed(raw: bytes) -> bool:
    if raw.startswith(_DEFLATE):
        return len(raw) > 1 and not int.from_bytes(raw[:2]) % _DEFLATE_CHECK
    return raw.startswith(_GZIP)


def _declared_size(raw: bytes) -> int:
    """Returns the size that a gzip message declares in its last bytes; 0 for deflate."""
    return int.from_bytes(raw[-_SIZE_BYTES:], "little") if raw.startswith(_GZIP) else 0
