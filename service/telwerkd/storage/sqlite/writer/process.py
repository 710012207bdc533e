"""The server's side of the writer process, which exists so that ingest and queries have a core each.

The server sends it the commands of transactions, and it replies to each with their results (`messages`). The process
ends when the socket is closed: so it outlives its server, however that ended, by no more than the transactions that it
was sent.
"""

import asyncio
import logging
import subprocess
from collections import deque
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

from telwerkd.application.ports import DamagedRowError, StoreFigures, Written
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.process.frames import framed, next_message
from telwerkd.process.futures import retrieve_exception
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.storage.sqlite.file import OpenedFile
from telwerkd.storage.sqlite.writer.connection import Commands
from telwerkd.storage.sqlite.writer.launch import Launch, Launched, launched
from telwerkd.storage.sqlite.writer.messages import packed, unpacked
from telwerkd.storage.unavailable import database_unavailable

log = logging.getLogger(__name__)

WRITER_STALL_SECONDS = 10.0
"""Default of `writer_stall_seconds`: after how long without a reply a process counts as stalled."""
_START_SECONDS = 30.0
"""Time limit for a process to become ready, before it is killed."""
_STOP_SECONDS = 10.0
"""Time limit for an idle process to end, before it is killed."""
_LOOKS_A_STALL = 10
"""Checks for a stall per `writer_stall_seconds`."""

_PROVEN_SECONDS = 2.0
"""How long a successful transaction counts as a readiness proof."""


class WriterDefectError(Exception):
    """A command raised an unexpected error in the writer process; the text is its traceback, free of personal data."""

    is_loggable = True


class Failed(NamedTuple):
    """The reply to commands that failed."""

    unavailable: tuple[Reason, str, float] | None
    defect: str
    damaged: DamagedRowError | None = None


class WriterProcess:
    """Runs write transactions in a process of its own, one after the other.

    A process that has not replied for `stall_seconds`, with requests pending, is stalled: stopped, or blocked by a
    disk. Pending and new requests fail with UnavailableError until it replies again.
    """

    def __init__(
        self,
        path: Path,
        file: OpenedFile | None = None,
        stall_seconds: float = WRITER_STALL_SECONDS,
        figures: StoreFigures | None = None,
        launch: Launch = launched,
    ) -> None:
        """`launch` starts the process."""
        self._path = path
        self._launch = launch
        self._figures = figures or StoreFigures()
        self._file = file
        self._stall_seconds = stall_seconds
        self._connection: asyncio.Task[_WriterConnection] | None = None
        """The connection to the process that runs, or is being started."""

    async def start(self) -> None:
        """Starts the process, if none runs.

        Raises:
            UnavailableError: it does not start; its own message is on standard error.
        """
        await self._running()

    async def write(self, commands: Commands) -> list[Any]:
        """Runs all of `commands` in the process and commits them together; returns their results.

        A caller that goes away does not stop it.

        Raises:
            UnavailableError: the database did not take it, or the process died or is stalled; whether it was stored is
                unknown. The next call starts another process where it died.
            DamagedRowError: a command met a row that is damaged; nothing was stored.
            WriterDefectError: a command failed; nothing was stored.
        """
        message = packed(commands)
        connection = await self._running()
        return _result(await connection.ask(message, commands[0][1]))

    async def prove(self) -> None:
        """Checks that a write would be committed now, by a recent successful transaction or by an empty one.

        Raises:
            UnavailableError: it would not.
        """
        connection = await self._running()
        if not connection.is_proven():
            _result(await connection.ask(packed(None)))

    async def close(self) -> None:
        """Waits for running transactions, and ends the process, in bounded time.

        Raises:
            UnavailableError: the process had to be killed; pending transactions may not be stored.
        """
        if self._connection is not None:
            [connection] = await asyncio.gather(self._connection, return_exceptions=True)
            if isinstance(connection, _WriterConnection):
                await connection.close()

    async def _running(self) -> "_WriterConnection":
        # Several may find it dead: one starts another, and the rest wait for that. A caller that goes away does not
        # stop it: the next one finds it.
        if self._connection is None or _is_over(self._connection):
            self._figures.writer_restarts += self._connection is not None
            starting = _WriterConnection.to(self._path, self._file, self._stall_seconds, self._figures, self._launch)
            self._connection = asyncio.create_task(starting, name="writer's start")
            self._connection.add_done_callback(retrieve_exception)
        return await asyncio.shield(self._connection)


def _result(reply: Written | Failed) -> list[Any]:
    if isinstance(reply, Written):
        return reply.results
    if reply.unavailable:
        raise UnavailableError(*reply.unavailable)
    if reply.damaged:
        raise reply.damaged
    raise WriterDefectError(reply.defect)


class _Asked(NamedTuple):
    reply: asyncio.Future[Any]
    command: object | None
    """The first command of the transaction; None for a readiness proof."""


class _WriterConnection:
    """A writer process, and the socket to it. It replies in the order of the requests."""

    def __init__(
        self,
        launched_: Launched,
        stall_seconds: float,
        figures: StoreFigures,
    ) -> None:
        self._figures = figures
        self._process, self._reader, self._writer = launched_
        figures.writer_pid = self._process.pid
        self._stall_seconds = stall_seconds
        self._asked = deque[_Asked]()
        self._moved_at = monotonic()
        """The instant of the last reply, or of the first request after it."""
        self._stored_at = -inf
        """The instant of the last transaction that was stored; before the first one, never."""
        self._is_doubted = False
        """Whether a transaction has failed since the last successful proof."""
        self._watch: asyncio.TimerHandle | None = None
        self._looked_at = self._moved_at
        self._listening = asyncio.create_task(self._listen(), name="writer's replies")
        self.is_broken = False
        self.is_stalled = False

    @classmethod
    async def to(
        cls, path: Path, file: OpenedFile | None, stall_seconds: float, figures: StoreFigures, launch: Launch
    ) -> "_WriterConnection":
        """Starts a process, and returns the connection once the process is ready.

        Raises:
            UnavailableError: the process does not start, or is not ready in time.
        """
        connection = cls(await launch(path, file), stall_seconds, figures)
        try:
            async with asyncio.timeout(_START_SECONDS):
                await connection._next_reply(None)
        except TimeoutError:
            log.error("the writer's process is not ready after %.0f s and is killed", _START_SECONDS)  # noqa: TRY400
            connection._process.kill()
            raise database_unavailable() from None
        except UnavailableError:
            await connection._listening  # until it has said how the process ended
            raise
        connection._look()
        return connection

    async def ask(self, message: bytes, command: object | None = None) -> Any:
        """Sends a message, and returns the reply. A transaction is counted under the name of its first command.

        Raises:
            UnavailableError: the process died, or is stalled.
        """
        if self.is_broken or self.is_stalled:  # broken: died since it was ready, and nobody listens any more
            raise database_unavailable()
        # Nothing waits for room, as few messages are on the way: group commit sends as many transactions as run at
        # once, and each other caller (settings, a purge, upkeep) waits for its reply before it writes again.
        self._writer.write(framed(message))
        return await self._next_reply(command)

    def is_proven(self) -> bool:
        """Whether a transaction has succeeded recently and none failed since, so that no proof is needed."""
        return not (self.is_stalled or self._is_doubted) and monotonic() - self._stored_at < _PROVEN_SECONDS

    def _next_reply(self, command: object | None) -> asyncio.Future[Any]:
        """Returns the reply to the request just sent. A cancelled caller's reply is consumed too, to keep the order."""
        if not self._asked:
            self._moved_at = monotonic()
        asked = _Asked(asyncio.get_running_loop().create_future(), command)
        asked.reply.add_done_callback(retrieve_exception)
        self._asked.append(asked)
        return asyncio.shield(asked.reply)

    async def _listen(self) -> None:
        try:
            while True:
                self._replied(unpacked(await next_message(self._reader)))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except MemoryError:
            log.error("no memory is left for what the writer's process replies")  # noqa: TRY400  # where is no matter
        except Exception:
            log.exception("the writer's process replied what cannot be read: a defect")
        finally:  # also where it is cancelled: nobody may wait for a reply that nobody reads
            self.is_broken = True
            self._writer.close()
            if self._watch is not None:
                self._watch.cancel()
            self._fail_all()
            self._asked.clear()
        code = await self._ended()
        if code:
            log.error("the writer's process ended (exit code %s)", code)

    def _replied(self, reply: Any) -> None:
        self._moved_at = monotonic()
        asked = self._asked.popleft()
        if isinstance(reply, Failed) and reply.unavailable:
            self._is_doubted = True
        elif asked.command is None:
            self._is_doubted = False
        if asked.command is not None and isinstance(reply, Written):
            self._stored_at = self._moved_at
            self._figures.note(asked.command, reply)
        if self.is_stalled:
            self.is_stalled = False
            log.warning("the writer's process %s replies again", self._process.pid)
        if not asked.reply.done():
            asked.reply.set_result(reply)

    def _look(self) -> None:
        """Detects a stall; not after a check that ran late, when received replies may not have been read yet."""
        now, later = monotonic(), self._stall_seconds / _LOOKS_A_STALL
        was_late, self._looked_at = now - self._looked_at > 2 * later, now
        if self._asked and not self.is_stalled and not was_late and now - self._moved_at >= self._stall_seconds:
            self.is_stalled = True
            log.error(
                "the writer's process %s has not replied for %.0f s (writer_stall_seconds): it is stopped, or its disk "
                "does not answer; nothing is taken in until it replies",
                self._process.pid,
                self._stall_seconds,
            )
            self._fail_all()
        self._watch = asyncio.get_running_loop().call_later(later, self._look)

    def _fail_all(self) -> None:
        for asked in self._asked:
            if not asked.reply.done():
                asked.reply.set_exception(database_unavailable())

    async def close(self) -> None:
        """Ends the process once it has replied to all requests, or is stalled.

        Raises:
            UnavailableError: it was killed, and what it was asked to store may not be stored.
        """
        if waiting := list(self._waiting()):
            # Unlike `gather`, it leaves them be if it is cancelled.
            await asyncio.wait(waiting, timeout=self._stall_seconds)
        unstored = any(asked.command is not None for asked in self._asked)
        if self._asked:
            log.error("the writer's process %s does not reply and is killed", self._process.pid)
            self._process.kill()
        self._writer.close()
        await self._listening
        if unstored:
            raise UnavailableError(
                Reason.DATABASE_UNAVAILABLE,
                "the writer's process did not reply and was killed: what it was storing may not be stored, and its "
                "callers were not told that it is",
                0.0,
            )

    def _waiting(self) -> Iterator[asyncio.Future[Any]]:
        return (asked.reply for asked in self._asked if not asked.reply.done())

    async def _ended(self) -> int:
        try:
            return await asyncio.to_thread(self._process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            log.error("the writer's process %s did not end and is killed", self._process.pid)  # noqa: TRY400
        except RuntimeError:
            pass  # No thread can be started to wait in.
        self._process.kill()
        return self._process.wait()


def _is_over(started: "asyncio.Task[_WriterConnection]") -> bool:
    return started.done() and (started.cancelled() or started.exception() is not None or started.result().is_broken)
