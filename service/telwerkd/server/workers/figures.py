"""The merged figures of all workers, available from each of them.

The parent process has a connection to each worker. A worker that needs metrics requests them from the parent; the
parent requests all workers' figures, and replies with the merged reading. Counts of dead workers stay in the sum, so
that it never decreases. The processes are one program, and no other can reach the connections.
"""

import asyncio
import logging
import pickle
import socket
from collections.abc import Awaitable, Callable
from itertools import count
from typing import Final, NamedTuple

from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.metrics.reading import Reading, accumulated, merged
from telwerkd.process.frames import framed, next_message

log = logging.getLogger(__name__)

_GIVE_SECONDS: Final = 1.0
"""Timeout for a worker's figures; after it, its last ones are used."""
_SUM_SECONDS: Final = 2.0
_BUFFER_BYTES: Final = 2**20
_RESTARTS: Final = "telwerk_worker_restarts_total"


class _Message(NamedTuple):
    number: int
    reading: Reading | None
    """None: it is a question; else the reply to the one with this number, empty if there are no figures to give."""


class FigureConnection:
    """One end of a connection between two processes, each of which may request the other's figures."""

    def __init__(self, end: socket.socket, give: Callable[[], Awaitable[Reading]]) -> None:
        self._end = end
        self._give = give
        self._numbers = count()
        self._asked: dict[int, asyncio.Future[Reading | None]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._listening: asyncio.Task[None] | None = None
        self._giving = set[asyncio.Task[None]]()

    async def open(self) -> None:
        """Connects, and starts to answer requests."""
        reader, self._writer = await asyncio.open_unix_connection(sock=self._end, limit=_BUFFER_BYTES)
        self._listening = asyncio.create_task(self._listen(reader, self._writer), name="figures")

    async def ask(self, seconds: float) -> Reading | None:
        """Requests the other end's figures; None without a reply within so many seconds."""
        if self._writer is None:
            return None
        number = next(self._numbers)
        asked: asyncio.Future[Reading | None] = asyncio.get_running_loop().create_future()
        self._asked[number] = asked
        try:
            _send(self._writer, _Message(number, None))
            async with asyncio.timeout(seconds):
                return await asked
        except TimeoutError:
            return None
        finally:
            del self._asked[number]

    async def is_stalled(self, seconds: float) -> bool:
        """Whether the other end holds the line open, and replies to nothing for so many seconds."""
        # Twice: where this process was stopped as well, the first reply is there but not read by the time it is late.
        for _ in range(2):
            if await self.ask(seconds / 2) is not None:
                return False
        return self._writer is not None

    async def close(self) -> None:
        """Ends the line."""
        if self._listening is None:
            self._end.close()
            return
        self._listening.cancel()
        await asyncio.gather(self._listening, return_exceptions=True)

    async def _listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                number, reading = pickle.loads(await next_message(reader))  # noqa: S301  # of our own process
                if reading is None:
                    giving = asyncio.create_task(self._reply(number))
                    self._giving.add(giving)
                    giving.add_done_callback(self._giving.discard)
                elif number in self._asked and not self._asked[number].done():
                    self._asked[number].set_result(reading)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the other process has ended
        finally:
            self._writer = None
            writer.close()
            for asked in self._asked.values():
                if not asked.done():
                    asked.set_result(None)

    async def _reply(self, number: int) -> None:
        try:
            reading = await self._give()
        except Exception:
            log.exception("a process could not give its figures: a defect")
            reading = {}  # a process that replies to nothing counts as stalled
        if self._writer is not None:
            _send(self._writer, _Message(number, reading))


def _send(writer: asyncio.StreamWriter, message: _Message) -> None:
    # Nothing waits for room: as many messages are on the way as metrics are asked for.
    writer.write(framed(pickle.dumps(tuple(message), pickle.HIGHEST_PROTOCOL)))


class FiguresOfAll:
    """A worker's side: answers with its own figures, and requests those of all."""

    def __init__(self, end: socket.socket, own: Callable[[], Reading]) -> None:
        async def give() -> Reading:
            return own()

        self._line = FigureConnection(end, give)

    async def open(self) -> None:
        """Starts to answer requests."""
        await self._line.open()

    async def read(self) -> Reading:
        """Returns the figures of all workers as one reading.

        Raises:
            UnavailableError: they did not come in time. Its own alone would look as if all had begun anew.
        """
        reading = await self._line.ask(_SUM_SECONDS)
        if not reading:
            raise UnavailableError(
                Reason.OVERLOADED, f"the figures of all workers did not come within {_SUM_SECONDS:g} s", _SUM_SECONDS
            )
        return reading

    async def close(self) -> None:
        """Ends the line."""
        await self._line.close()


class WorkersFigures:
    """The side of the process that starts the workers: it asks all of them for one."""

    def __init__(self) -> None:
        self._lines: dict[int, FigureConnection] = {}
        """The connections, by the index of the worker."""
        self._last: dict[int, Reading] = {}
        """What each has counted, as of its last reply."""
        self._gone: Reading = {}
        """What those had counted that have ended."""
        self.restarts = 0
        self._summing: asyncio.Task[Reading] | None = None

    async def connect(self, index: int) -> socket.socket:
        """Opens a connection for the worker with this index, which is about to start; returns the worker's end of it.

        The worker that had the index before, if any, must have ended.
        """
        before = self._lines.pop(index, None)
        if before is not None:
            await before.close()
            self._gone = merged([self._gone, self._last.pop(index, {})])
        ours, theirs = socket.socketpair()
        self._lines[index] = FigureConnection(ours, self.read)
        await self._lines[index].open()
        return theirs

    async def is_stalled(self, index: int, seconds: float) -> bool:
        """Whether the worker of an index runs, and has not replied to anything for so many seconds."""
        return await self._lines[index].is_stalled(seconds)

    async def close(self) -> None:
        """Ends all lines."""
        for line in self._lines.values():
            await line.close()

    async def read(self) -> Reading:
        """Returns the figures of all workers as one reading. Concurrent callers share one request."""
        if self._summing is None or self._summing.done():
            self._summing = asyncio.create_task(self._summed())
        return await asyncio.shield(self._summing)

    async def _summed(self) -> Reading:
        lines = dict(self._lines)
        given = await asyncio.gather(*(line.ask(_GIVE_SECONDS) for line in lines.values()))
        readings: list[Reading] = [self._gone, {_RESTARTS: {(): self.restarts}}]
        for (index, line), reading in zip(lines.items(), given, strict=True):
            if self._lines.get(index) is not line:
                continue  # it has ended meanwhile, and what it gave before is among those that are gone
            if reading:
                self._last[index] = accumulated(reading)
            readings.append(reading or self._last.get(index, {}))
        return merged(readings)
