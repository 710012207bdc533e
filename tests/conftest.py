"""What every test may use: real servers on port 0."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest


class ServerProcess(NamedTuple):
    """A `telwerkd serve` of its own."""

    address: str
    process: "subprocess.Popen[str]"


@contextmanager
def serving(database: Path, *flags: str) -> Iterator[ServerProcess]:
    """`telwerkd serve` as its users start it, on a free port of loopback; stopped by SIGTERM."""
    command = [sys.executable, "-m", "telwerkd.cli", "serve", "--database", str(database), "--listen", "127.0.0.1:0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    process = subprocess.Popen([*command, *flags], stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"Telwerk listens on (\S+)\n", line)
        assert found, f"the server did not start: {line!r}"
        yield ServerProcess(found[1], process)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server on an empty database, without keys, in plain text."""
    with serving(tmp_path / "telwerk.db") as running:
        yield running
