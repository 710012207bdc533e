"""The answers that a stream still owes, in order, and how many events they are for."""

import asyncio
from collections import deque

from telwerk.v1 import ingestion_service_pb2 as pb

Answer = asyncio.Task[pb.StreamEventsResponse]


class UnackedWindow:
    """Bounds what is read but not answered; an empty batch weighs one event.

    A single batch larger than the bound is let in when nothing else waits.
    """

    def __init__(self, events_max: int) -> None:
        self._events_max = events_max
        self._events = 0
        self._waiting: deque[tuple[int, Answer]] = deque()
        self._changed = asyncio.Event()
        self._ended = False

    async def room(self) -> None:
        """Waits until another batch may be read."""
        while self._waiting and self._events >= self._events_max:
            self._changed.clear()
            await self._changed.wait()

    def add(self, events: int, answer: Answer) -> None:
        """Owes one more answer."""
        weight = max(1, events)
        self._waiting.append((weight, answer))
        self._events += weight
        self._changed.set()

    def end(self) -> None:
        """No more will come."""
        self._ended = True
        self._changed.set()

    async def next(self) -> Answer | None:
        """The oldest answer owed, once it is there; None when none is left and no more will come."""
        while not self._waiting:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        weight, answer = self._waiting[0]
        await asyncio.wait({answer})
        self._waiting.popleft()
        self._events -= weight
        self._changed.set()
        return answer

    def close(self) -> None:
        """Forgets what is owed: there is nobody to answer any more."""
        for _, answer in self._waiting:
            answer.cancel()
        self._waiting.clear()
