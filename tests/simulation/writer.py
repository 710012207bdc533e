"""The process that writes to a SQLite file, simulated: its messages, its death, and what its disk does to it.

`telwerkd.storage.sqlite.writer.process` believes to talk to a process. It talks to `SimulatedWriter`, which takes its
messages apart, has the very code of that process answer them (`writer.main`), one after the other, and hands the
answers back whenever the seed says.
"""

import asyncio
import enum
import sqlite3
import subprocess
from collections import deque
from typing import Any

import sqlalchemy as sa

from telwerkd.process.frames import SIZE_BYTES, framed
from telwerkd.storage.sqlite.file import OpenedFile
from telwerkd.storage.sqlite.writer.connection import SqliteWriter
from telwerkd.storage.sqlite.writer.main import _reply
from telwerkd.storage.sqlite.writer.messages import packed
from tests.simulation.disk import Disk, reuse
from tests.simulation.loop import Process, SimulatedLoop


class Point(enum.Enum):
    """Where in its work a writer can be met by a fault."""

    RECEIVING = "when a message comes"
    BEFORE_COMMIT = "before a commit"
    AFTER_COMMIT = "after a commit"
    REPLYING = "before it replies"
    WITHIN_REPLY = "in the middle of a reply"


class Ill(enum.Enum):
    """What a commit can meet and survive."""

    NOT_STORED = "fails, and nothing is stored"
    STORED = "fails, and all is stored"


class _KilledError(BaseException):
    """The process is gone in the middle of a transaction."""


class DiskFaults:
    """What is going to go wrong at the disk and in the process that writes to it; what has happened is forgotten."""

    def __init__(self) -> None:
        self.dies_at: deque[Point] = deque()
        self.commits: deque[Ill] = deque()
        self.is_full = False
        self.stalls_until = 0.0

    def heal(self) -> None:
        """Nothing goes wrong any more."""
        self.dies_at.clear()
        self.commits.clear()
        self.is_full = False
        self.stalls_until = 0.0


class SimulatedWriter:
    """A process, and the socket to it: `telwerkd.storage.sqlite.writer.launch.Process` and `Sending` in one."""

    pid = 1

    def __init__(self, loop: SimulatedLoop, disk: Disk, file: OpenedFile | None, faults: DiskFaults) -> None:
        self._loop = loop
        self._disk = disk
        self._faults = faults
        self._life = Process("writer")
        self._life.died = self._died
        self._writer = SqliteWriter(disk.path, file)
        sa.event.listen(self._writer._engine, "begin", self._begins)
        sa.event.listen(self._writer._engine, "commit", self._commits)
        self.reader = asyncio.StreamReader(limit=2**20, loop=loop)
        self._received = bytearray()
        self._messages: deque[bytes] = deque()
        self._is_busy = True
        self._is_at_work = False
        """Whether what happens to the engine happens to this process: the one before may still be there."""
        self._is_closed = False
        self._code: int | None = None
        self._later(self._answer, packed(None))

    # What the server does to it.

    def write(self, data: bytes) -> None:
        self._received += data
        while len(self._received) >= SIZE_BYTES:
            end = SIZE_BYTES + int.from_bytes(self._received[:SIZE_BYTES])
            if len(self._received) < end:
                return
            self._messages.append(bytes(self._received[SIZE_BYTES:end]))
            del self._received[:end]
            self._next()

    def close(self) -> None:
        self._is_closed = True
        self._next()

    def kill(self) -> None:
        self._code = -9
        self._life.die()

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            raise subprocess.TimeoutExpired("writer", timeout or 0.0)
        return self._code

    # What it does.

    def _later(self, work: Any, *arguments: Any) -> None:
        held_up = max(0.0, self._faults.stalls_until - self._loop.time())
        self._loop.call_later(self._loop.delay() + held_up, work, *arguments, context=self._life.context)

    def _next(self) -> None:
        if self._is_busy:
            return
        if self._messages:
            self._is_busy = True
            self._later(self._work, self._messages.popleft())
        elif self._is_closed and self._code is None:
            self._code = 0
            self._life.die()

    def _work(self, message: bytes) -> None:
        if self._dies(Point.RECEIVING):
            return
        self._is_at_work = True
        try:
            reply = _reply(self._writer, message)
        except _KilledError:
            self.kill()
            return
        finally:
            self._is_at_work = False
        if not self._dies(Point.REPLYING):
            self._later(self._answer, reply)

    def _answer(self, reply: bytes) -> None:
        message = framed(reply)
        if self._dies(Point.WITHIN_REPLY, message[: len(message) // 2]):
            return
        self._loop.trace("writer replies", len(reply))
        self.reader.feed_data(message)
        self._is_busy = False
        self._next()

    def _dies(self, point: Point, last_words: bytes = b"") -> bool:
        if not self._faults.dies_at or self._faults.dies_at[0] is not point:
            return False
        self._faults.dies_at.popleft()
        self.reader.feed_data(last_words)
        self.kill()
        return True

    def _died(self) -> None:
        sa.event.remove(self._writer._engine, "begin", self._begins)
        sa.event.remove(self._writer._engine, "commit", self._commits)
        self._writer.close()
        reuse(self._writer._engine)
        self.reader.feed_eof()
        self._loop.trace("writer ends", self._code)

    # What its disk does to it.

    def _begins(self, connection: sa.Connection) -> None:
        if not self._is_at_work:
            return
        driver = _driver(connection)
        [pages] = driver.execute("PRAGMA page_count").fetchone()
        # SQLite itself then finds no room for another page.
        driver.execute(f"PRAGMA max_page_count = {pages if self._faults.is_full else 2**30}")

    def _commits(self, connection: sa.Connection) -> None:
        if not self._is_at_work:
            return
        point = self._faults.dies_at[0] if self._faults.dies_at else None
        if point is Point.BEFORE_COMMIT:
            self._faults.dies_at.popleft()
            raise _KilledError
        ill = self._faults.commits.popleft() if self._faults.commits else None
        if ill is Ill.NOT_STORED:
            raise sqlite3.OperationalError("disk I/O error")
        if ill is Ill.STORED or point is Point.AFTER_COMMIT:
            self._commit(connection)
            if point is Point.AFTER_COMMIT:
                self._faults.dies_at.popleft()
                raise _KilledError
            raise sqlite3.OperationalError("disk I/O error")
        self._commit(connection)

    def _commit(self, connection: sa.Connection) -> None:
        """SQLAlchemy, which commits after this, then has nothing left to commit."""
        driver = _driver(connection)
        driver.execute("COMMIT")
        self._disk.committed(driver)
        self._loop.trace("committed")


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    driver = connection.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    return driver
