"""Background tasks are supervised: none of them ends unnoticed."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from telwerkd.server.background import Background, BackgroundTaskError


async def raising() -> None:
    raise ZeroDivisionError


async def returning() -> None:
    pass


async def cancelled() -> None:
    """As by something that it awaits and that somebody cancels."""
    awaited = asyncio.get_running_loop().create_future()
    awaited.cancel()
    await awaited


async def forever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("task", [raising, returning, cancelled])
async def test_however_a_task_dies_the_server_ends(task: Callable[[], Coroutine[Any, Any, None]], caplog) -> None:
    """By an exception, by coming to its end, or because something that it awaits is cancelled."""
    background = Background()
    background.start(forever(), "another")
    background.start(task(), "limits")
    async with asyncio.timeout(30):
        await background.failed.wait()
    assert "the task for limits died" in caplog.text
    with pytest.raises(BackgroundTaskError, match="limits"):
        await background.end()


@pytest.mark.parametrize("task", [raising, cancelled])
async def test_a_task_that_may_return_may_not_die(task: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """It is watched as the others are."""
    background = Background()
    background.start(task(), "group commit", returns=True)
    async with asyncio.timeout(30):
        await background.failed.wait()
    with pytest.raises(BackgroundTaskError, match="group commit"):
        await background.end()


async def test_a_server_that_stops_ends_its_tasks_in_peace() -> None:
    """Neither those that are cancelled by its end count as dead, nor one that has done its work."""
    background = Background()
    background.start(forever(), "limits")
    await background.start(returning(), "group commit", returns=True)
    await background.end()
    assert not background.failed.is_set()
