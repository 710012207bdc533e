"""The window of a stream's batches that are read but not answered: in order, bounded in events and bytes."""

import asyncio
from collections import deque
from typing import Any, NamedTuple

from telwerkd.application.sharing.memory_budget import Reservation

Answer = asyncio.Task[Any]


class _Owed(NamedTuple):
    events: int
    size: int
    answer: Answer
    reservation: Reservation | None


class UnackedWindow:
    """Bounds what is read but not answered; an empty batch weighs one event.

    A single batch larger than a bound is let in when nothing else waits.
    """

    def __init__(self, events_max: int, bytes_max: int) -> None:
        self._events_max = events_max
        self._bytes_max = bytes_max
        self._events = 0
        self._bytes = 0
        self._waiting: deque[_Owed] = deque()
        self._given: Reservation | None = None
        self._changed = asyncio.Event()
        self._ended = False

    async def room(self) -> None:
        """Waits until another batch may be read."""
        while self._waiting and (self._events >= self._events_max or self._bytes >= self._bytes_max):
            self._changed.clear()
            await self._changed.wait()

    def add(self, events: int, answer: Answer, size: int, reservation: Reservation | None) -> None:
        """Adds a pending answer; its reserved memory is released once the answer is written."""
        owed = _Owed(max(1, events), size, answer, reservation)
        self._waiting.append(owed)
        self._events += owed.events
        self._bytes += owed.size
        self._changed.set()

    def end(self) -> None:
        """Marks the end of the stream's requests."""
        self._ended = True
        self._changed.set()

    async def next(self) -> Answer | None:
        """Waits for the oldest pending answer, and returns it; None when none is left after the end.

        Releases the memory of the answer before, which was written.
        """
        self._release_given()
        while not self._waiting:
            if self._ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        owed = self._waiting[0]
        if not owed.answer.done():  # those of one transaction are there together
            await asyncio.wait({owed.answer})
        self._waiting.popleft()
        self._events -= owed.events
        self._bytes -= owed.size
        self._given = owed.reservation
        self._changed.set()
        return owed.answer

    def close(self) -> None:
        """Cancels all pending answers, and releases their memory."""
        self._release_given()
        for owed in self._waiting:
            owed.answer.cancel()
            if owed.reservation is not None:
                owed.reservation.release()
        self._waiting.clear()

    def _release_given(self) -> None:
        if self._given is not None:
            self._given.release()
            self._given = None
