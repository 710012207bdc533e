"""Ending of endless calls when the server drains."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from telwerkd.domain.errors import Reason, UnavailableError


@asynccontextmanager
async def unless_drained(draining: asyncio.Event) -> AsyncIterator[None]:
    """Runs a block that is cancelled when the server drains.

    It takes one task for the block, not one per await: a stream awaits hundreds of times a second.

    Raises:
        UnavailableError: the server drains.
    """
    loop, is_over = asyncio.get_running_loop(), False
    watching = asyncio.create_task(draining.wait())
    try:
        async with asyncio.timeout(None) as limit:

            def end(_: object) -> None:
                if not is_over:  # the server may drain in the iteration of the loop in which the block ends
                    limit.reschedule(loop.time())

            watching.add_done_callback(end)
            try:
                yield
            finally:
                is_over = True
    except TimeoutError:
        if not limit.expired():
            raise
        raise UnavailableError(Reason.SHUTTING_DOWN, "the server is stopping: send the rest to another", 1.0) from None
    finally:
        watching.cancel()
