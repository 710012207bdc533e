"""Signals to the server and to what writes for it, and limits that the system holds them to (SQLite)."""

import asyncio
import os
import resource
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil

from tests.programs.faults.program import Program
from tests.programs.faults.stage import sqlite_program, staged
from tests.programs.faults.trial import OUT_OF_TIME, Fault, Found, Readiness

FAMILY = "SQLite: processes and limits"
_KILLS = 5
_CONNECTIONS = 20
_EITHER = frozenset({"OK", "UNAVAILABLE"})


async def run(found: list[Found]) -> None:
    """All of them."""
    with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as name:
        program, database = sqlite_program(Path(name))
        async with staged(FAMILY, program, database, found) as trials:
            for fault in (*_signals(program), *_limits(program)):
                await trials.trial(fault)


def _signals(program: Program) -> list[Fault]:
    stopped = frozenset({"OK"}) | OUT_OF_TIME
    return [
        Fault("SIGSTOP to the writer", lambda: _stopped(lambda: [program.writer]), writes=_EITHER | OUT_OF_TIME),
        Fault(f"SIGKILL to the writer, {_KILLS} times", lambda: _killed_again(program), readiness=Readiness.ANY),
        Fault(
            "SIGSTOP to the server",
            lambda: _stopped(lambda: [psutil.Process(program.pid)]),
            readiness=Readiness.GONE,
            writes=stopped,
            asks=stopped,
            seconds=5.0,
        ),
        Fault(
            "SIGSTOP to the server and the writer",
            lambda: _stopped(lambda: [psutil.Process(program.pid), program.writer]),
            readiness=Readiness.GONE,
            writes=stopped,
            asks=stopped,
            seconds=13.0,
        ),
        Fault("SIGKILL to the server", lambda: _killed(program), readiness=Readiness.GONE, ends_server=True),
    ]


def _limits(program: Program) -> list[Fault]:
    return [
        Fault(
            "no file descriptor left in the server (RLIMIT_NOFILE), and new connections",
            lambda: _without_files(program, kill=False),
            readiness=Readiness.ANY,
        ),
        Fault(
            "no file descriptor left in the server, and the writer killed",
            lambda: _without_files(program, kill=True),
        ),
        Fault(
            "no file descriptor left in the writer",
            lambda: limited(lambda: program.writer.pid, resource.RLIMIT_NOFILE, 3),
            readiness=Readiness.ANY,
        ),
        Fault(
            "files of the writer may not grow (RLIMIT_FSIZE)",
            lambda: limited(lambda: program.writer.pid, resource.RLIMIT_FSIZE, 65_536),
        ),
    ]


@asynccontextmanager
async def _stopped(processes: Callable[[], list[psutil.Process]]) -> AsyncIterator[None]:
    stopped = processes()
    for process in stopped:
        process.suspend()
    try:
        yield
    finally:
        for process in stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@asynccontextmanager
async def _killed(program: Program) -> AsyncIterator[None]:
    os.kill(program.pid, signal.SIGKILL)
    yield


@asynccontextmanager
async def _killed_again(program: Program) -> AsyncIterator[None]:
    for _ in range(_KILLS):
        with suppress(ValueError, psutil.NoSuchProcess):  # there is none just now
            program.writer.kill()
        await asyncio.sleep(0.7)
    yield


@asynccontextmanager
async def limited(pid: Callable[[], int], what: int, bytes_max: int | None) -> AsyncIterator[None]:
    """Nothing more than there is, if no other limit is given; a process that has died meanwhile needs none back."""
    process = pid()
    before = resource.prlimit(process, what)
    now = psutil.Process(process).memory_info().vms if bytes_max is None else bytes_max
    resource.prlimit(process, what, (now, before[1]))
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            resource.prlimit(process, what, before)


@asynccontextmanager
async def _without_files(program: Program, *, kill: bool) -> AsyncIterator[None]:
    host, _, port = program.address.rpartition(":")
    async with limited(lambda: program.pid, resource.RLIMIT_NOFILE, 3):
        if kill:
            program.writer.kill()
        writers = []
        for _ in range(_CONNECTIONS):
            with suppress(OSError):
                writers.append((await asyncio.open_connection(host, int(port)))[1])
        yield
        for writer in writers:
            writer.close()
