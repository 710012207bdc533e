"""Starts the writer process of a SQLite file, and connects to it by a socket."""

import asyncio
import json
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeAlias

from telwerkd.process import log_format
from telwerkd.process.held_signals import held
from telwerkd.storage.sqlite.file import OpenedFile
from telwerkd.storage.unavailable import NO_MEMORY, Outage, database_unavailable

log = logging.getLogger(__name__)

PROGRAM = "telwerkd.storage.sqlite.writer.main"
_BUFFER_BYTES = 2**20
"""The `limit` of the stream of replies: with more than twice as many unread bytes, asyncio stops reading the socket."""

_outage = Outage(log, "starting the process that writes")


class Process(Protocol):
    """The part of `subprocess.Popen` that a server needs."""

    pid: int

    def kill(self) -> None:
        """Kills the process."""

    def wait(self, timeout: float | None = None) -> int:
        """Waits for the process to end, and returns its exit code. Raises subprocess.TimeoutExpired."""


class Sending(Protocol):
    """The part of `asyncio.StreamWriter` that a server needs."""

    def write(self, data: bytes) -> None:
        """Buffers bytes for sending."""

    def close(self) -> None:
        """Closes the connection, upon which the process ends."""


class Launched(NamedTuple):
    """A process, and the connection to it."""

    process: Process
    reader: asyncio.StreamReader
    writer: Sending


Launch: TypeAlias = Callable[[Path, OpenedFile | None], Coroutine[Any, Any, Launched]]
"""Starts a process for a file, which the server may have opened already.

Raises:
    UnavailableError: it cannot be started.
"""


async def launched(path: Path, file: OpenedFile | None, program: str = PROGRAM) -> Launched:
    """Starts a process that runs the module `program`, as `Launch` specifies."""
    try:
        process, ours = _process(program, path, file)
    except (OSError, MemoryError) as error:
        # No descriptor, process or memory is left for it, or its program is gone. Every call tries again.
        _outage.met(str(error) or NO_MEMORY)
        raise database_unavailable() from error
    _outage.over()
    return Launched(process, *await asyncio.open_unix_connection(sock=ours, limit=_BUFFER_BYTES))


def _process(program: str, path: Path, file: OpenedFile | None) -> tuple[subprocess.Popen[bytes], socket.socket]:
    """Starts the process, and returns it with the server's end of the socket."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            return _started(program, path, file, theirs), ours
        except BaseException:
            ours.close()
            raise


def _started(program: str, path: Path, file: OpenedFile | None, theirs: socket.socket) -> subprocess.Popen[bytes]:
    arguments = json.dumps(file and file.inodes), json.dumps(log_format.style())
    # What is held here stays held there: Ctrl-C, and what reaches all processes of a container, are for the server,
    # which still has transactions for the writer as it stops.
    with held(signal.SIGTERM):
        # It imports what its server imports, and nothing from the folder in which that happened to be started.
        return subprocess.Popen(  # noqa: S603  # this very program
            [sys.executable, "-P", "-m", program, str(path), str(theirs.fileno()), *arguments],
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
