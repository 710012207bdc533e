"""What becomes of work whose callers may go away."""

import asyncio
from typing import Any


def retrieve_exception(ended: "asyncio.Future[Any]") -> None:
    """A callback for what is awaited through `asyncio.shield`: how it ended is known, also where nobody waits any more.

    Without it, asyncio logs a failure that comes after its caller has gone as an error that nobody asked for.
    """
    if not ended.cancelled():
        ended.exception()
