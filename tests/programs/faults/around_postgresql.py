"""PgBouncer in front of a PostgreSQL that is away, stands still or is restarted; and a full disk under a PostgreSQL."""

import asyncio
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil

from support.postgres import unprivileged
from tests.postgres import PostgresServer
from tests.programs.faults.disks import mounted
from tests.programs.faults.postgresql import away, stopped
from tests.programs.faults.stage import postgres_program, staged
from tests.programs.faults.trial import OUT_OF_TIME, Fault, Found, skipped
from tests.storage.pgbouncer import PROGRAM, bounced

FAMILY, DISK_FAMILY = "PgBouncer before PostgreSQL", "PostgreSQL's disk"
_DISK = "size=400m"
_LATE = frozenset({"OK", "UNAVAILABLE"}) | OUT_OF_TIME


async def run(found: list[Found]) -> None:
    """All of them."""
    if PROGRAM:
        await _with_pooler(found)
    else:
        found.append(skipped(FAMILY, "there is no PgBouncer"))
    with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as name, mounted(Path(name), _DISK) as disk:
        if disk is None:
            found.append(skipped(DISK_FAMILY, "only root may mount a disk"))
        else:
            await _on_disk(disk, Path(name), found)


async def _with_pooler(found: list[Found]) -> None:
    postgres = PostgresServer()
    try:
        await asyncio.to_thread(postgres.start)
        with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as name:
            async with bounced(postgres.url, sessions=6) as url:
                program, database = postgres_program(url, Path(name))
                async with staged(FAMILY, program, database, found) as trials:
                    for fault in _faults(postgres, url):
                        await trials.trial(fault)
    finally:
        await asyncio.to_thread(postgres.remove)


def _faults(postgres: PostgresServer, url: str) -> list[Fault]:
    config = Path(parse_qs(urlsplit(url).query)["host"][0]) / "pgbouncer.ini"
    return [
        Fault("PgBouncer is killed and started again", lambda: _restarted(config)),
        Fault("SIGSTOP to PgBouncer", lambda: stopped([_pooler(config)]), writes=_LATE, asks=_LATE),
        Fault("PostgreSQL is restarted behind it", lambda: away(postgres, "fast"), writes=_LATE, asks=_LATE),
    ]


def _pooler(config: Path) -> psutil.Process:
    [found] = [each for each in psutil.Process().children() if each.cmdline()[-1:] == [str(config)]]
    return found


@asynccontextmanager
async def _restarted(config: Path) -> AsyncIterator[None]:
    pooler = _pooler(config)
    pooler.kill()
    await asyncio.to_thread(pooler.wait, 10)
    try:
        yield
    finally:
        for socket in config.parent.glob(".s.PGSQL.*"):
            socket.unlink()
        subprocess.Popen([*unprivileged(), PROGRAM, "-q", str(config)])  # noqa: ASYNC220  # it waits for nothing


async def _on_disk(disk: Path, folder: Path, found: list[Found]) -> None:
    with _temporary_files_on(disk):
        postgres = PostgresServer()
    try:
        await asyncio.to_thread(postgres.start)
        program, database = postgres_program(postgres.url, folder)
        async with staged(DISK_FAMILY, program, database, found) as trials:
            await trials.trial(Fault("full", lambda: _full(disk), seconds=6.0))
    finally:
        await asyncio.to_thread(postgres.remove)


@contextmanager
def _temporary_files_on(disk: Path) -> Iterator[None]:
    before = tempfile.tempdir
    for folder in (disk, disk.parent):
        folder.chmod(0o755)  # PostgreSQL runs as another user
    tempfile.tempdir = str(disk)
    try:
        yield
    finally:
        tempfile.tempdir = before


@asynccontextmanager
async def _full(disk: Path) -> AsyncIterator[None]:
    """Again and again: PostgreSQL frees what it no longer needs."""
    filler = disk / "filler"

    async def fill() -> None:
        with filler.open("wb", buffering=0) as file:
            while True:
                with suppress(OSError):
                    while True:
                        file.write(bytes(8_192))
                await asyncio.sleep(0.1)

    filling = asyncio.create_task(fill())
    try:
        yield
    finally:
        filling.cancel()
        with suppress(asyncio.CancelledError):
            await filling
        filler.unlink()
