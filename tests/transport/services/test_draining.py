"""What goes on until the server drains, and whose caller goes before."""

import asyncio
import gc
from contextlib import suppress

import pytest

from telwerkd.domain.errors import LimitExceededError
from telwerkd.transport.services.draining import unless_drained


async def _fails() -> None:
    raise LimitExceededError("range", "is too long")


@pytest.mark.parametrize("turns", range(1, 6))
async def test_what_fails_just_as_its_caller_goes_is_no_error_of_the_log(turns):
    """Whenever in between the caller goes: that a query was wrong is told to who asked it, or to nobody."""
    unhandled = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context["message"]))
    draining = asyncio.create_task(asyncio.Event().wait())
    call = asyncio.create_task(unless_drained(draining, _fails()))
    for _ in range(turns):
        await asyncio.sleep(0)
    call.cancel()
    with suppress(asyncio.CancelledError, LimitExceededError):
        await call
    draining.cancel()
    await asyncio.sleep(0)
    del call
    gc.collect()
    assert unhandled == []
