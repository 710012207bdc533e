"""A process that does nothing but write to a SQLite file, so that taking in and answering have a core each.

The server that started it sends it the works of transactions, pickled, and it replies to each with what they gave. They
are one program, and nobody else can reach the socket between them. When that socket closes the process ends: so it
outlives its server, however that ended, by no more than the transactions that it was sent.
"""

import asyncio
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

from telwerkd.application.ports import DamagedRowError
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.storage.sqlite_writer import Works
from telwerkd.storage.unavailable import database_unavailable

log = logging.getLogger(__name__)

_START_SECONDS = 30.0
"""What a process may take until it is ready, before it is killed."""
_STOP_SECONDS = 30.0
"""What the last transactions may take, before the process is killed."""

_PROGRAM = "telwerkd.storage.writer_main"
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SIZE_BYTES = 4
"""Before each message stands how long it is."""
_BUFFER_BYTES = 2**20


class WriterDefectError(Exception):
    """A work raised what it should not; the text is the traceback over there."""


class Failed(NamedTuple):
    """What came of works instead of results."""

    unavailable: tuple[Reason, str, float] | None
    defect: str
    damaged: DamagedRowError | None = None


class WriterProcess:
    """Writes in a process of its own, one transaction after the other."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._line: asyncio.Task[_Line] | None = None
        """Of the process that runs, or is being started."""

    async def start(self) -> None:
        """Starts the process, if none runs.

        Raises:
            UnavailableError: it does not start; what it said is on standard error.
        """
        await self._running()

    async def write(self, works: Works) -> list[Any]:
        """Runs all of `works` over there and commits them together; what they gave.

        A caller that goes away does not stop it.

        Raises:
            UnavailableError: the database did not take it, or the process died; whether it was stored is unknown.
                The next call starts another process.
            DamagedRowError: a work met a row that is damaged; nothing was stored.
            WriterDefectError: a work failed; nothing was stored.
        """
        message = pickle.dumps(works, pickle.HIGHEST_PROTOCOL)
        line = await self._running()
        reply: list[Any] | Failed = await line.ask(message)
        if not isinstance(reply, Failed):
            return reply
        if reply.unavailable:
            raise UnavailableError(*reply.unavailable)
        if reply.damaged:
            raise reply.damaged
        raise WriterDefectError(reply.defect)

    async def close(self) -> None:
        """Lets what was begun end, and then the process."""
        if self._line is not None:
            [line] = await asyncio.gather(self._line, return_exceptions=True)
            if isinstance(line, _Line):
                await line.close()

    async def _running(self) -> "_Line":
        # Several may find it dead: one starts another, and the rest wait for that. A caller that goes away does not
        # stop it: the next one finds it.
        if self._line is None or _is_over(self._line):
            self._line = asyncio.create_task(_Line.to(self._path), name="writer's start")
        return await asyncio.shield(self._line)


class _Line:
    """A process that writes, and the socket to it. It replies in the order in which it was asked."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self._replies = deque[asyncio.Future[Any]]()
        self._listening = asyncio.create_task(self._listen(), name="writer's replies")
        self.is_broken = False

    @classmethod
    async def to(cls, path: Path) -> "_Line":
        """To a new process, which is ready.

        Raises:
            UnavailableError: it does not start, or is not ready in time.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                process = _started(path, theirs)
            except OSError as error:
                ours.close()
                log.exception("the writer's process cannot be started")
                raise database_unavailable() from error
            reader, writer = await asyncio.open_unix_connection(sock=ours, limit=_BUFFER_BYTES)
            line = cls(process, reader, writer)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await line._next_reply()
        except TimeoutError:
            log.error("the writer's process is not ready after %.0f s and is killed", _START_SECONDS)  # noqa: TRY400
            process.kill()
            raise database_unavailable() from None
        except UnavailableError:
            await line._listening  # until it has said how the process ended
            raise
        return line

    async def ask(self, message: bytes) -> Any:
        """What the process replies.

        Raises:
            UnavailableError: it died.
        """
        if self.is_broken:  # died since it was ready, and nobody listens any more
            raise database_unavailable()
        # Nothing waits for room: the messages that are on the way are as many as transactions that run at once.
        self._writer.write(len(message).to_bytes(SIZE_BYTES) + message)
        return await self._next_reply()

    def _next_reply(self) -> asyncio.Future[Any]:
        """The reply to what was just asked. A caller that goes away must not take it from the one after it."""
        reply = asyncio.get_running_loop().create_future()
        self._replies.append(reply)
        return asyncio.shield(reply)

    async def _listen(self) -> None:
        try:
            while True:
                size = int.from_bytes(await self._reader.readexactly(SIZE_BYTES))
                reply = pickle.loads(await self._reader.readexactly(size))  # noqa: S301  # of our own process
                self._replies.popleft().set_result(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except Exception:
            log.exception("the writer's process replied what cannot be read: a defect")
        self.is_broken = True
        self._writer.close()
        while self._replies:
            if not (reply := self._replies.popleft()).done():
                reply.set_exception(database_unavailable())
        code = await self._ended()
        if code:
            log.error("the writer's process ended (exit code %s)", code)

    async def close(self) -> None:
        """Ends the process when it has replied to everything."""
        if self._replies:
            # Unlike `gather`, it leaves them be if it is cancelled.
            await asyncio.wait(self._replies, timeout=_STOP_SECONDS)
        if self._replies:
            log.error("the writer's process %s does not reply and is killed", self._process.pid)
            self._process.kill()
        self._writer.close()
        await self._listening

    async def _ended(self) -> int:
        try:
            return await asyncio.to_thread(self._process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.error("the writer's process %s did not end and is killed", self._process.pid)  # noqa: TRY400
            self._process.kill()
            return self._process.wait()


def _is_over(line: "asyncio.Task[_Line]") -> bool:
    return line.done() and (line.cancelled() or line.exception() is not None or line.result().is_broken)


def _started(path: Path, theirs: socket.socket) -> subprocess.Popen[bytes]:
    # What is blocked here stays blocked there: Ctrl-C, and a stop that reaches all processes of a container, are for
    # the server, which still has transactions for the writer then.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _STOPPING)
    try:
        # It imports what its server imports, and nothing from the folder in which that happened to be started.
        return subprocess.Popen(  # noqa: S603  # this very program
            [sys.executable, "-P", "-m", _PROGRAM, str(path), str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
