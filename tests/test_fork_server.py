"""A program that the tests have forked is the one that its users start."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests import fork_server
from tests.conftest import writer_of

EXECUTED = subprocess.Popen.__mro__[1] if issubclass(subprocess.Popen, fork_server.Popen) else subprocess.Popen


@pytest.mark.parametrize(
    "arguments",
    [
        ["telwerkd.cli", "settings", "--config", "telwerkd.toml"],
        ["telwerkd", "serve", "--no-such-option"],
        ["telwerk.cli", "erase"],
        ["telwerk_bridges.cli", "serve"],
    ],
    ids=["environment, folder", "usage", "input", "bridge"],
)
def test_it_says_and_ends_as_one_that_is_executed(arguments: list[str], tmp_path: Path) -> None:
    """By the same arguments, environment, folder and streams."""
    (tmp_path / "telwerkd.toml").write_text("calls_max = 17\n", encoding="utf-8")
    ended = []
    for popen in (EXECUTED, fork_server.Popen):
        process = popen(
            [sys.executable, "-m", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
            env={**os.environ, "TELWERK_LISTEN": "127.0.0.1:7", "COLUMNS": "70"},
        )
        said = process.communicate(timeout=60)
        ended.append((process.returncode, *said))
    executed, forked = ended
    assert forked == executed
    assert executed[1] + executed[2]


def test_its_writer_is_forked_too_and_a_child_of_its_server(tmp_path: Path) -> None:
    """With what its server's user started it with: the streams, and the end of the socket."""
    command = [sys.executable, "-m", "telwerkd.cli", "serve", "--database", str(tmp_path / "t.db"), "--listen"]
    with fork_server.Popen([*command, "127.0.0.1:0"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Telwerk listens on")
        writer = writer_of(process.pid)
        assert writer.name() == "writer.main"
        assert "tests.fork_server" in writer.cmdline()
        assert psutil.Process(process.pid).ppid() == os.getpid()
        process.terminate()
        assert process.wait(30) == 0
        assert not writer.is_running()


async def test_it_starts_for_asyncio_as_well(tmp_path: Path) -> None:
    """Which waits for its child by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "telwerkd", "--version"), stdout=asyncio.subprocess.PIPE, cwd=tmp_path
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    assert said.startswith(b"telwerkd ")


def test_it_has_the_status_of_its_signal_and_is_waited_for_in_vain_until_then(tmp_path: Path) -> None:
    """As `subprocess.Popen` gives it: None while it runs, a timeout, minus the number of the signal."""
    command = [sys.executable, "-m", "telwerkd.cli", "serve", "--database", str(tmp_path / "t.db"), "--listen"]
    with fork_server.Popen([*command, "127.0.0.1:0"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"Telwerk listens on")
        assert process.poll() is None
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.01)
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == process.poll() == -signal.SIGKILL
