"""Timeout for writing to a stream that the client does not read."""

import asyncio
from typing import Any

import grpc.aio

from telwerkd.domain.errors import Reason, UnavailableError


async def write_within(context: "grpc.aio.ServicerContext[Any, Any]", reply: Any, seconds: float) -> None:
    """Writes a reply; a reader that does not take it in time is cut off, so that nothing waits without bound.

    Raises:
        UnavailableError: SLOW_READER.
    """
    try:
        async with asyncio.timeout(seconds):
            await context.write(reply)
    except TimeoutError:
        raise UnavailableError(
            Reason.SLOW_READER,
            f"nothing was read for {seconds:g} s (watch_stall_seconds): watch again, and read as updates come",
            1.0,
        ) from None
