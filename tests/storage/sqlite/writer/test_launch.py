"""What the process that writes to a SQLite file brings with it."""

import subprocess
import sys

import pytest

from telwerkd.storage.sqlite.writer.launch import PROGRAM


@pytest.mark.parametrize("program", [PROGRAM, "telwerkd.cli.serve"])
def test_on_sqlite_nothing_of_postgresql_is_loaded(program: str) -> None:
    """Its dialect and its driver take a tenth of the CPU time in which such a process starts."""
    names = "[name for name in sys.modules if 'dialects.postgresql' in name or name == 'asyncpg']"
    code = f"import {program}, sys; print({names})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True).stdout == "[]\n"
