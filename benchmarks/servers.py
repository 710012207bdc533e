"""Servers under measurement, each a real process on a free port with its data in a temporary folder."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import psutil

from benchmarks.workload import ACCOUNT, GOAL_URL, LIVE_LIMIT_SECONDS, START_SECONDS, WIDGETS
from telwerk import Telwerk
from telwerk.v1 import event_pb2, settings_service_pb2 as settings
from telwerkd.server.settings.settings import Settings

DATABASE = "telwerk.db"
"""The file in a server's folder."""
_ACTIONS = [action for action in event_pb2.InactivityAction.values() if action]
_STOP_SECONDS = 60
_LOOK_SECONDS = 0.25
_QUIET_LOOKS = 5
"""They make 1.25 s: the service compacts what is the same at two looks of its own, half a second apart."""
_QUIET_SHARE = 0.08
_QUIET_SECONDS_MAX = 600.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    address: str
    processes: tuple[psutil.Process, ...]
    folder: Path
    """Its data, where the database is a file."""
    http_address: str = ""
    """Empty where HTTP is off."""

    def cpu_seconds(self) -> float:
        """CPU time used so far, by the processes and those that they started."""
        return float(sum(sum(process.cpu_times()[:2]) for process in self._all()))

    def memory_bytes(self) -> int:
        """Memory held now by all its processes; a page that several of them have counts once (PSS)."""
        return int(sum(process.memory_full_info().pss for process in self._all()))

    def rss_bytes(self) -> int:
        """Memory that each of its processes has, added up: a page that several have counts several times."""
        return int(sum(process.memory_info().rss for process in self._all()))

    def disk_bytes(self) -> int:
        """Size of its files, journal and all."""
        return sum(file.stat().st_size for file in self.folder.rglob("*") if file.is_file())

    def finish(self) -> float:
        """Returns when it is at rest, with the CPU seconds that it took to get there.

        What a server puts off until after its answers (compaction, limits that are due) is part of the work: callers
        add these seconds to the time of what they measured. At rest, nothing disturbs what is measured next.
        """
        begun = before = self.cpu_seconds()
        deadline, quiet = time.monotonic() + _QUIET_SECONDS_MAX, 0
        at_rest = begun
        while quiet < _QUIET_LOOKS:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the server was still at work after {_QUIET_SECONDS_MAX:.0f} s")
            time.sleep(_LOOK_SECONDS)
            now = self.cpu_seconds()
            if now - before > _QUIET_SHARE * _LOOK_SECONDS:
                quiet, at_rest = 0, now
            else:
                quiet += 1
            before = now
        return at_rest - begun

    def _all(self) -> Iterator[psutil.Process]:
        for process in self.processes:
            yield process
            yield from process.children(recursive=True)


@contextmanager
def telwerkd(
    *flags: str, database: str | None = None, http: bool = False, kpis: Literal["ten", "all"] = "all"
) -> Iterator[Server]:
    """`telwerkd serve`, as its users start it; on a new SQLite file unless another database is named.

    `kpis`: those that the account is counted by.
    """
    with TemporaryDirectory(prefix="telwerk-bench-") as folder:
        target = database or str(Path(folder) / DATABASE)
        command = [
            "-m",
            "telwerkd.cli",
            "serve",
            "--database",
            target,
            "--listen",
            "127.0.0.1:0",
            "--http-listen",
            "127.0.0.1:0" if http else "",
            *flags,
        ]
        lines = [r"Telwerk listens on (\S+)", *([r"Telwerk serves HTTP on (\S+)"] if http else [])]
        with _process(command, *lines) as ((address, *others), process):
            prepare(address, [ACCOUNT])
            if kpis == "ten":
                rebuild(target, kpis)
            yield Server(address, (process,), Path(folder), *others)


def rebuild(database: str, kpis: Literal["ten", "all"]) -> float:
    """`telwerkd rebuild` of the account beside its server, by those KPIs; gives how many seconds it took.

    Raises:
        subprocess.CalledProcessError: not every counter equals the log then.
    """
    begun = time.perf_counter()
    command = ["-m", "telwerkd.cli", "rebuild", "--database", database, "--account", ACCOUNT, "--kpis", kpis]
    subprocess.run([sys.executable, *command], check=True, capture_output=True, env=_environment())
    return time.perf_counter() - begun


def has_workers() -> bool:
    """Whether `telwerkd serve` can run more than one process."""
    return "workers" in Settings.model_fields


@contextmanager
def bare_pipe(database: str | None = None, workers: int = 1) -> Iterator[Server]:
    """The floor of ingest: `benchmarks.bare_pipe`, as many processes on one port as there are workers."""
    with TemporaryDirectory(prefix="telwerk-floor-") as folder, ExitStack() as running:
        address, processes = "127.0.0.1:0", []
        for _ in range(workers):
            command = ["-m", "benchmarks.bare_pipe", database or str(Path(folder) / "floor.db"), address]
            (address,), process = running.enter_context(_process(command, r"The bare pipe listens on (\S+)"))
            processes.append(process)
        yield Server(address, tuple(processes), Path(folder))


@contextmanager
def _process(command: list[str], *listening: str) -> Iterator[tuple[list[str], psutil.Process]]:
    """A Python program that prints where it listens, a line each; stopped by SIGTERM."""
    with TemporaryDirectory(prefix="telwerk-log-") as folder, (Path(folder) / "log").open("w+") as log:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=subprocess.PIPE, stderr=log, text=True, env=_environment()
        )
        assert process.stdout is not None
        try:
            addresses = []
            for pattern in listening:
                line = process.stdout.readline()
                found = re.search(pattern, line)
                if not found:
                    process.wait(timeout=_STOP_SECONDS)
                    log.seek(0)
                    raise RuntimeError(f"{' '.join(command)} did not start: {line}{log.read()}")
                addresses.append(found[1])
            yield addresses, psutil.Process(process.pid)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            process.wait(timeout=_STOP_SECONDS)
            process.stdout.close()


def _environment() -> dict[str, str]:
    """The environment, without settings of another server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}


def prepare(address: str, accounts: Sequence[str]) -> None:
    """The settings that the workload presumes."""
    with Telwerk(address) as telwerk:
        for account, widget in product(accounts, WIDGETS):
            version = settings.WidgetSettings(widget_id=widget, enabled_actions=_ACTIONS)
            version.effective_time.seconds = START_SECONDS
            version.live_limit.seconds = LIVE_LIMIT_SECONDS
            version.goals.add(goal_id="order", url=GOAL_URL)
            telwerk.set_widget_settings(account, version)
