"""Supervision of essential background tasks: if one dies, the server ends."""

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from typing import Any

log = logging.getLogger(__name__)


class BackgroundTaskError(Exception):
    """An essential background task died: a defect. Its traceback was logged."""


class Background:
    """The tasks of one server."""

    def __init__(self) -> None:
        self.failed = asyncio.Event()
        """Set when one of them has died; the server must end."""
        self._tasks = list[asyncio.Task[None]]()
        self._died = ""
        self._ending = False

    def start(self, task: Coroutine[Any, Any, None], name: str, *, returns: bool = False) -> asyncio.Task[None]:
        """Runs a task until `end`. Only a task that `returns` may end before; for others that is a failure."""
        started = asyncio.create_task(task, name=name)
        started.add_done_callback(partial(self._ended, returns=returns))
        self._tasks.append(started)
        return started

    async def end(self) -> None:
        """Cancels the running tasks.

        Raises:
            BackgroundTaskError: a task died before.
        """
        self._ending = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._died:
            raise BackgroundTaskError(f"the server ended because its task for {self._died} died: a defect, see the log")

    def _ended(self, task: asyncio.Task[None], *, returns: bool) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None and (self._ending or (returns and not task.cancelled())):
            return
        log.critical("the task for %s died: the server ends", task.get_name(), exc_info=error)
        self._died = self._died or task.get_name()
        self.failed.set()
