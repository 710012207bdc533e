"""Reads the first message of calls with a timeout."""

import asyncio
from collections.abc import Iterable
from typing import Any

from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.transport.grpc.handlers import Context

_RETRY_SECONDS = 1.0

_STOPPING_SECONDS = 1.0
"""What a request that is on its way may still take when the server stops."""

_LOOKS = 4
"""How often within the time that a request has it is looked whether it has come."""


class FirstMessages:
    """Reads the first message of calls against the clock.

    One timer serves all calls, because each may wait equally long: a timeout of its own costs a call more than all else
    here.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        # In the order of their times.
        self._since: dict[asyncio.Task[Any], float] = {}
        self._expired = set[asyncio.Task[Any]]()
        self._looking: asyncio.TimerHandle | None = None
        self._is_stopping = False

    def use(self, seconds: float) -> None:
        """Sets the timeout of messages read from now on."""
        self._seconds = seconds

    def drain(self) -> None:
        """Waits a moment for what is on its way, and then for nothing any more: a stop must not wait for it."""
        self._is_stopping = True
        asyncio.get_running_loop().call_later(_STOPPING_SECONDS, self._stop)

    async def read(self, context: Context) -> Any:
        """Returns the message, or grpc's EOF.

        Raises:
            UnavailableError: SLOW_REQUEST, it did not come in time; or SHUTTING_DOWN, the server stops.
        """
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        if task is None:
            raise RuntimeError("a request is read outside of its call")
        self._since[task] = loop.time()
        if self._looking is None:
            self._looking = loop.call_later(self._seconds / _LOOKS, self._look)
        try:
            return await context.read()
        except asyncio.CancelledError:
            if task not in self._expired:
                raise
            task.uncancel()
            raise self._late() from None
        finally:
            self._since.pop(task, None)
            self._expired.discard(task)

    def _late(self) -> UnavailableError:
        if self._is_stopping:
            text = "the server is stopping, and this request had not come whole: send it to another"
            return UnavailableError(Reason.SHUTTING_DOWN, text, _RETRY_SECONDS)
        text = f"no request was received within {self._seconds:g} s (first_message_seconds)"
        return UnavailableError(Reason.SLOW_REQUEST, text, _RETRY_SECONDS)

    def _stop(self) -> None:
        self._seconds = min(self._seconds, _STOPPING_SECONDS)
        self._end(list(self._since))

    def _end(self, waiting: Iterable[asyncio.Task[Any]]) -> None:
        for task in waiting:
            if self._since.pop(task, None) is not None:
                self._expired.add(task)
                task.cancel()

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        before = loop.time() - self._seconds
        self._end([task for task, since in self._since.items() if since <= before])
        self._looking = loop.call_later(self._seconds / _LOOKS, self._look) if self._since else None
