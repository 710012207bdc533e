"""Messages on a stream between two processes of this program: each has its length before it."""

import asyncio
from typing import Final

SIZE_BYTES: Final = 4


def framed(message: bytes) -> bytes:
    """Returns a message with its length before it."""
    return len(message).to_bytes(SIZE_BYTES) + message


async def next_message(reader: asyncio.StreamReader) -> bytes:
    """Waits for the next message, and returns it without its length.

    Raises:
        asyncio.IncompleteReadError: the other end was closed, also in the middle of a message.
        ConnectionError: the other end is gone.
    """
    return await reader.readexactly(int.from_bytes(await reader.readexactly(SIZE_BYTES)))
