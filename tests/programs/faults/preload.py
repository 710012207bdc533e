"""System calls that fail while a program runs: a small library, compiled here, that the program is started with."""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntFlag
from pathlib import Path

_SOURCE = Path(__file__).with_name("preload.c")
_NUMBERS = struct.Struct("9i")
_PATH_BYTES = 1_024

COMPILER = shutil.which("cc") or shutil.which("gcc") or ""
"""Empty where there is none."""


class Calls(IntFlag):
    """The kinds of call that can fail."""

    WRITE = 1
    SYNC = 2
    OPEN = 4
    READ = 8
    TRUNCATE = 16


class Preload:
    """The library, and the switch for all programs that were started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self._library = folder / "preload.so"
        self._control = folder / "preload.control"
        self._control.write_bytes(bytes(_NUMBERS.size + _PATH_BYTES))
        command = [COMPILER, "-shared", "-fPIC", "-O1", "-o", str(self._library), str(_SOURCE), "-ldl"]
        subprocess.run(command, check=True)

    @property
    def environment(self) -> dict[str, str]:
        """What a program must be started with."""
        return {"LD_PRELOAD": str(self._library), "TELWERK_FAULT_CONTROL": str(self._control)}

    @property
    def hits(self) -> int:
        """How many calls have failed since the last fault began."""
        return int(_NUMBERS.unpack(self._control.read_bytes()[: _NUMBERS.size])[8])

    @contextmanager
    def failing(
        self,
        calls: Calls,
        path: Path,
        error: int = 0,
        *,
        every: int = 1,
        delay_ms: int = 0,
        kills: int | None = None,
        whole: bool = False,
    ) -> Iterator[None]:
        """Meanwhile the calls fail on files whose names begin with `path`, or with `whole` are it; or are late.

        With `kills`, one write writes half of what it should, and then that process and its own are killed.
        """
        self._write(b"\0" * 4, 0)
        numbers = (0, error, every, delay_ms, kills is not None, kills or 0, whole, 0, 0)
        self._write(_NUMBERS.pack(*numbers) + os.fsencode(path).ljust(_PATH_BYTES, b"\0"), 0)
        self._write(struct.pack("i", calls), 0)
        try:
            yield
        finally:
            self._write(b"\0" * 4, 0)

    def _write(self, data: bytes, at: int) -> None:
        file = os.open(self._control, os.O_RDWR)
        try:
            os.pwrite(file, data, at)
        finally:
            os.close(file)
