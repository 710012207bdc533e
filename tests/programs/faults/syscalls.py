"""System calls on the database's files that fail, are late, or do half of their work (SQLite)."""

import errno
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from tests.conftest import eventually
from tests.programs.faults.preload import COMPILER, Calls, Preload
from tests.programs.faults.program import Program
from tests.programs.faults.stage import sqlite_program, staged
from tests.programs.faults.trial import Fault, Found, Readiness, skipped

FAMILY = "SQLite: system calls"
WRITES = Calls.WRITE | Calls.SYNC | Calls.TRUNCATE


async def run(found: list[Found]) -> None:
    """All of them."""
    if not COMPILER:
        found.append(skipped(FAMILY, "there is no C compiler"))
        return
    with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as name:
        preload = Preload(Path(name))
        program, database = sqlite_program(Path(name), preload.environment)
        async with staged(FAMILY, program, database, found) as trials:
            for fault in faults(preload, program, Path(name) / "telwerk.db"):
                await trials.trial(fault)


def faults(preload: Preload, program: Program, database: Path) -> list[Fault]:
    """In the order in which they are tried."""

    def failing(name: str, calls: Calls, error: int, **options: Any) -> Fault:
        readiness, kills_writer = options.pop("readiness", Readiness.FOLLOWS), options.pop("kills_writer", False)
        asks = options.pop("asks", frozenset({"OK"}))
        return Fault(
            name,
            _injected(preload, calls, database, error, options, program if kills_writer else None),
            readiness=readiness,
            asks=asks,
            hits=lambda: preload.hits,
        )

    any_reads = frozenset({"OK", "UNAVAILABLE"})
    return [
        failing("every write: ENOSPC", Calls.WRITE, errno.ENOSPC),
        failing("every write: EIO", Calls.WRITE, errno.EIO),
        failing("each tenth write: EIO", Calls.WRITE, errno.EIO, every=10, readiness=Readiness.ANY),
        failing("every fsync: EIO", Calls.SYNC, errno.EIO),
        failing("every write and open: EROFS", Calls.WRITE | Calls.OPEN, errno.EROFS),
        failing("every write and open: EDQUOT", Calls.WRITE | Calls.OPEN, errno.EDQUOT),
        failing(
            "every open: EMFILE, and the writer killed", Calls.OPEN, errno.EMFILE, asks=any_reads, kills_writer=True
        ),
        failing("every read: EIO", Calls.READ, errno.EIO, readiness=Readiness.ANY, asks=any_reads),
        failing("every write: ENOMEM", Calls.WRITE, errno.ENOMEM),
        failing("all of these: EIO", WRITES | Calls.OPEN | Calls.READ, errno.EIO, asks=any_reads),
        failing("a slow disk: every fsync takes 0.5 s", Calls.SYNC, 0, delay_ms=500, readiness=Readiness.STAYS),
        _torn("a torn page of the log, its writer killed", preload, program, Path(f"{database}-wal"), server=False),
        _torn("a torn page of the log, all killed", preload, program, Path(f"{database}-wal"), server=True),
        _torn("a torn page of the database, its writer killed", preload, program, database, server=False),
        _torn("a torn page of the database, all killed", preload, program, database, server=True),
    ]


def _injected(
    preload: Preload, calls: Calls, path: Path, error: int, options: dict[str, Any], kills_writer_of: Program | None
) -> Callable[[], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def injected() -> AsyncIterator[None]:
        with preload.failing(calls, path, error, **options):
            if kills_writer_of is not None:
                kills_writer_of.writer.kill()
            yield

    return injected


def _torn(name: str, preload: Preload, program: Program, path: Path, *, server: bool) -> Fault:
    """Half a write, and then whoever wrote is gone, and perhaps its server with it."""

    async def met() -> bool:
        return preload.hits > 0

    @asynccontextmanager
    async def injected() -> AsyncIterator[None]:
        with preload.failing(Calls.WRITE, path, kills=program.pid if server else 0, whole=True):
            # Pages of the database are written when the log is brought home.
            await eventually(met)
            yield

    return Fault(
        name,
        injected,
        readiness=Readiness.ANY,
        seconds=0.5,
        ends_server=server,
        hits=lambda: preload.hits,
    )
