"""B1: how long single events take while the database is backed up, and how long alone."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Self

from benchmarks.attack.victim import measure
from benchmarks.bench import Bench, Feed
from benchmarks.measures.queries import stored_in_days
from benchmarks.results import Line, Row
from benchmarks.servers import Server, telwerkd

_MIB = 2**20


def under_load(bench: Bench) -> Iterator[Line]:
    """B1: p99 of single events while one backup follows another, ÷ alone."""
    with telwerkd() as server:
        workload, conversations = stored_in_days(bench.scale.stored_events)
        bench.load(server, Feed(workload).take(conversations))
        size = server.disk_bytes() / _MIB
        _p99(bench, server)  # warm
        pairs, backups = [], 0
        for _ in bench.pairs("B1"):
            alone = _p99(bench, server)
            with _Backups(server) as running:
                pairs.append((_p99(bench, server), alone))
            backups += running.count
    note = f"{size:,.0f} MiB; {backups / bench.scale.pairs:.1f} backups in {bench.scale.fair_seconds:g} s"
    yield Row("B1", "p99 of single events while backups run", "alone", "ms", pairs, None, note)


def _p99(bench: Bench, server: Server) -> float:
    found = bench.asker.run(measure, server.address, "", bench.scale.fair_seconds)
    if found.errors:
        raise RuntimeError(f"calls failed: {found.errors[0]}")
    return found.p99_seconds("ingest") * 1e3


class _Backups:
    """One after the other, as the command makes them, until the end of the block."""

    def __init__(self, server: Server) -> None:
        self._database = server.folder / "telwerk.db"
        self._ended = Event()
        self._thread = Thread(target=self._run)
        self.count = 0

    def _run(self) -> None:
        with TemporaryDirectory(prefix="telwerk-backup-") as folder:
            while not self._ended.is_set():
                target = Path(folder) / f"{self.count}.db"
                command = ["-m", "telwerkd.cli", "backup", "--database", str(self._database), "--to", str(target)]
                subprocess.run([sys.executable, *command], check=True, stdout=subprocess.DEVNULL)
                target.unlink()
                self.count += 1

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._ended.set()
        self._thread.join()
