"""Handling of work that goes on after its caller was cancelled."""

import asyncio
from typing import Any


def retrieve_exception(ended: "asyncio.Future[Any]") -> None:
    """Marks a future's exception as retrieved: a done-callback for what is awaited through `asyncio.shield`.

    Without it, asyncio logs "exception was never retrieved" for a failure after the caller was cancelled.
    """
    if not ended.cancelled():
        ended.exception()
