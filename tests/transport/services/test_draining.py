"""What goes on until the server drains, and whose caller goes before."""

import asyncio
import gc
from contextlib import suppress

import pytest

from telwerkd.domain.errors import LimitExceededError, Reason, UnavailableError
from telwerkd.transport.services.draining import unless_drained


async def fails(draining: asyncio.Event) -> None:
    async with unless_drained(draining):
        await asyncio.sleep(0)
        raise LimitExceededError("range", "is too long")


async def waits_for_ever(draining: asyncio.Event) -> None:
    async with unless_drained(draining):
        await asyncio.Event().wait()


@pytest.mark.parametrize("turns", range(1, 6))
async def test_what_fails_just_as_its_caller_goes_is_no_error_of_the_log(turns):
    """Whenever in between the caller goes: that a query was wrong is told to who asked it, or to nobody."""
    unhandled = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context["message"]))
    call = asyncio.create_task(fails(asyncio.Event()))
    for _ in range(turns):
        await asyncio.sleep(0)
    call.cancel()
    with suppress(asyncio.CancelledError, LimitExceededError):
        await call
    await asyncio.sleep(0)
    del call
    gc.collect()
    assert unhandled == []
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("is_drained_before", [True, False])
async def test_what_would_wait_for_ever_ends_when_the_server_drains(is_drained_before):
    """With SHUTTING_DOWN, also where the server drained before it began; and nothing of it goes on."""
    draining = asyncio.Event()
    if is_drained_before:
        draining.set()
    call = asyncio.create_task(waits_for_ever(draining))
    await asyncio.sleep(0)
    draining.set()
    with pytest.raises(UnavailableError) as raised:
        await call
    assert raised.value.reason is Reason.SHUTTING_DOWN
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.parametrize("turns", range(4))
async def test_a_server_may_drain_just_as_a_block_ends(turns):
    """In whichever turn of the loop: nothing fails in the loop's own time."""
    unhandled = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    draining = asyncio.Event()
    asyncio.get_running_loop().call_soon(draining.set)
    with suppress(UnavailableError):
        async with unless_drained(draining):
            for _ in range(turns):
                await asyncio.sleep(0)
    for _ in range(4):
        await asyncio.sleep(0)
    assert unhandled == []


async def test_a_caller_that_goes_is_not_told_that_the_server_drains():
    """A cancelled call stays cancelled, though the server drains in the same turn."""
    draining = asyncio.Event()
    call = asyncio.create_task(waits_for_ever(draining))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call


async def test_a_time_limit_of_what_runs_in_it_is_its_own():
    """A TimeoutError that is not of draining goes on as it is."""
    with pytest.raises(TimeoutError):
        async with unless_drained(asyncio.Event()), asyncio.timeout(0):
            await asyncio.Event().wait()
