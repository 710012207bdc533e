"""Bodies of whoever calls: bounded in bytes, in time, and in how many large ones are read at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final

from starlette.requests import Request

BODY_BYTES_MAX: Final = 2**24
"""An e-mail of 50 kB is over 1 MiB as Chatwoot repeats it."""

SMALL_BODY_BYTES: Final = 2**20
"""What is not yet known to be signed may take as much memory in any request."""

LARGE_BODIES_MAX: Final = 4
"""How many requests may take more than that at once."""

BODY_SECONDS: Final = 5.0
"""How long a delivery may take to arrive; Chatwoot itself waits as long for everything."""

_DISCARD_SECONDS: Final = 1.0


class RefusedError(Exception):
    """The body is not taken; `status` is the answer's."""

    def __init__(self, status: int, text: str) -> None:
        self.status = status
        super().__init__(text)


class Bodies:
    """Reads the bodies of one server."""

    def __init__(self) -> None:
        self._large_count = 0

    async def read(self, request: Request) -> bytes:
        """The whole body.

        Raises:
            RefusedError: it is too long or too slow, or too many large ones are read already.
        """
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > 2 * BODY_BYTES_MAX:
            raise _too_long()
        try:
            async with asyncio.timeout(BODY_SECONDS):
                return await self._read(request.stream())
        except TimeoutError as error:
            raise RefusedError(408, f"a delivery arrives within {BODY_SECONDS:.0f} s (BODY_SECONDS)") from error

    async def _read(self, chunks: AsyncIterator[bytes]) -> bytes:
        body, is_large = bytearray(), False
        try:
            async for chunk in chunks:
                size = len(body) + len(chunk)
                if size > BODY_BYTES_MAX:
                    await _discard(chunks)
                    raise _too_long()
                if size > SMALL_BODY_BYTES and not is_large:
                    if self._large_count >= LARGE_BODIES_MAX:
                        await _discard(chunks)
                        raise RefusedError(
                            503, f"{LARGE_BODIES_MAX} large deliveries are read already (LARGE_BODIES_MAX): try again"
                        )
                    self._large_count, is_large = self._large_count + 1, True
                body += chunk
            return bytes(body)
        finally:
            self._large_count -= is_large


def _too_long() -> RefusedError:
    return RefusedError(413, f"a delivery has at most {BODY_BYTES_MAX} bytes (BODY_BYTES_MAX)")


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    """Reads on for a moment: a sender that is cut off while it sends never sees the answer."""
    discarded = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            async for chunk in chunks:
                discarded += len(chunk)
                if discarded > BODY_BYTES_MAX:
                    return
