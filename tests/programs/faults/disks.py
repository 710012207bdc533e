"""A small disk of its own that becomes full, of bytes or of inodes (SQLite; needs root)."""

import os
import subprocess
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from tests.programs.faults.program import Program
from tests.programs.faults.stage import sqlite_program, staged
from tests.programs.faults.trial import Fault, Found, Readiness, skipped

FAMILY = "SQLite: the disk"
_OPTIONS = "size=24m,nr_inodes=40"


async def run(found: list[Found]) -> None:
    """All of them."""
    with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as name, mounted(Path(name), _OPTIONS) as disk:
        if disk is None:
            found.append(skipped(FAMILY, "only root may mount a disk"))
            return
        program, database = sqlite_program(disk)
        program.log = Path(name) / "log"
        async with staged(FAMILY, program, database, found) as trials:
            for fault in (
                Fault("full", lambda: _full(disk)),
                Fault("full, and the writer killed", lambda: _full(disk, kills_writer_of=program)),
                Fault("no inode left", lambda: _without_inodes(disk), readiness=Readiness.ANY),
                Fault(
                    "no inode left, and the writer killed",
                    lambda: _without_inodes(disk, kills_writer_of=program),
                    readiness=Readiness.ANY,
                ),
            ):
                await trials.trial(fault)


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Path | None]:
    """A small disk; None where none may be mounted."""
    disk = folder / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        yield None
        return
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


@asynccontextmanager
async def _full(disk: Path, kills_writer_of: Program | None = None) -> AsyncIterator[None]:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4_096)):
            pass
    if kills_writer_of is not None:
        kills_writer_of.writer.kill()
    try:
        yield
    finally:
        filler.unlink()


@asynccontextmanager
async def _without_inodes(disk: Path, kills_writer_of: Program | None = None) -> AsyncIterator[None]:
    names = [disk / f"empty-{n}" for n in range(100)]
    with suppress(OSError):
        for name in names:
            name.touch()
    if kills_writer_of is not None:
        kills_writer_of.writer.kill()
    try:
        yield
    finally:
        for name in names:
            name.unlink(missing_ok=True)
