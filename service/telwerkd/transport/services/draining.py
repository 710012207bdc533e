"""Ending what would go on for good when the server drains."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.process.futures import seen

T = TypeVar("T")


async def unless_drained(draining: asyncio.Task[Any], awaitable: Awaitable[T]) -> T:
    """What `awaitable` gives, unless the server drains before.

    Raises:
        UnavailableError: it drains.
    """
    waiting = asyncio.ensure_future(awaitable)
    # It may fail just as the caller goes, who then does not ask how it ended.
    waiting.add_done_callback(seen)
    try:
        await asyncio.wait({waiting, draining}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        # Also when the caller is cancelled: what it waited for must not go on alone.
        if not waiting.done():
            waiting.cancel()
    if waiting.cancelled() or not waiting.done():
        raise UnavailableError(Reason.SHUTTING_DOWN, "the server is stopping: send the rest to another", 1.0)
    return waiting.result()
