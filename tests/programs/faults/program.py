"""A `telwerkd serve` that faults happen to: always at one address, its log in a file, started again where it died."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil

from tests.conftest import free_address, writer_of

_START_SECONDS = 60.0
_STOP_SECONDS = 45.0


class Program:
    """The server's process, or that of its successor."""

    def __init__(self, database: str, folder: Path, environment: Mapping[str, str] = {}, *flags: str) -> None:
        self.address = free_address()
        self.log = folder / "log"
        ours = ("TELWERK_", "GRPC_")  # what the tests need of gRPC is not what its users have
        given = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        self._environment = {**given, "TELWERK_HTTP_LISTEN": "", **environment}
        command = [sys.executable, "-m", "telwerkd.cli", "serve", "--database", database, "--listen", self.address]
        self._command = [*command, *flags]
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """Of the server."""
        assert self._process is not None
        return self._process.pid

    @property
    def writer(self) -> psutil.Process:
        """What writes for it to a SQLite file."""
        return writer_of(self.pid)

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        """Returns when it listens."""
        with self.log.open("a") as log:
            process = subprocess.Popen(  # noqa: ASYNC220  # it waits for nothing
                self._command, stdout=subprocess.PIPE, stderr=log, text=True, env=self._environment
            )
        self._process = process
        assert process.stdout is not None
        async with asyncio.timeout(_START_SECONDS):
            line = await asyncio.to_thread(process.stdout.readline)
        assert line.startswith("Telwerk listens on"), self.log.read_text()[-2_000:]
        process.stdout.close()

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Returns how it ended; one that does not end is killed, and that is told."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(how)
        try:
            return await asyncio.to_thread(self._process.wait, _STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    async def start_again(self) -> None:
        """As a supervisor does with a server that has ended."""
        await self.stop(signal.SIGKILL)
        await self.start()

    def lines(self) -> list[str]:
        """What it has logged."""
        return self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
