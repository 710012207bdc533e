"""A disk that becomes full, really: a small file system of its own, or else a limit that the kernel holds writes to."""

import os
import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, TypeAlias

import pytest

Fullness: TypeAlias = Literal["disk", "limit"]
"""`disk` needs root. `limit` needs nothing: the process may write no file beyond a size."""

FULLNESS: tuple[Fullness, ...] = ("disk", "limit")

_LIMIT_BYTES = 65_536


class Disk:
    """A folder, and how to fill what is under it."""

    def __init__(self, folder: Path, kind: Fullness) -> None:
        self.folder = folder
        self._kind = kind

    def fill(self, process: int = 0) -> None:
        """From now on the process (this one by default) finds no room."""
        if self._kind == "limit":
            _limit(process, _LIMIT_BYTES)
            return
        with suppress(OSError), (self.folder / "filler").open("wb", buffering=0) as filler:
            for size in (65_536, 1):
                with suppress(OSError):
                    while filler.write(b"x" * size):
                        pass

    def free(self, process: int = 0) -> None:
        """There is room again."""
        if self._kind == "limit":
            _limit(process, resource.RLIM_INFINITY)
        else:
            (self.folder / "filler").unlink()


def _limit(process: int, bytes_max: int) -> None:
    hard = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(process, resource.RLIMIT_FSIZE, (bytes_max, hard))


@contextmanager
def disk(kind: Fullness, folder: Path, bytes_total: int) -> Iterator[Disk]:
    """A disk of that size. Where it cannot be mounted, the other kind stands for it."""
    if kind == "limit":
        try:
            yield Disk(folder, kind)
        finally:
            _limit(0, resource.RLIM_INFINITY)
        return
    mounted = folder / "disk"
    mounted.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={bytes_total}", "tmpfs", str(mounted)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs root: the same law is tested with a limit")
    try:
        yield Disk(mounted, kind)
    finally:
        subprocess.run(["umount", "--lazy", str(mounted)], check=True)
