"""An attacker and a victim side by side: what the victim waits for, how long the loop stood still, what memory it took.

The victim has an account of its own and makes single events, questions and probes at an even pace: first alone, then
beside the attack. Its p99 may be three times what it was alone, and 100 ms more.

The server's gRPC port is on all addresses of the machine. The attacker reaches it, or the HTTP port, by IPv4 and the
victim by IPv6, so that a bound of one address does not meet both.
"""

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from benchmarks.attack import attackers, victim
from benchmarks.attack.attacker import ACCOUNT, Ports
from benchmarks.client import client
from benchmarks.machine import described
from benchmarks.results import figure
from telwerkd.server.settings.settings import Settings

KINDS = ("ingest", "query", "health")
_MEMORY_MARGIN_BYTES = 300 * 2**20
_LOOK_SECONDS = 0.05
_STOP_SECONDS = 90
_ATTACKER_HOST, _VICTIM_HOST = "127.0.0.1", "[::1]"


@dataclass(frozen=True)
class Result:
    """What one attack came to."""

    id: str
    what: str
    idle_p99_ms: dict[str, float]
    beside_p99_ms: dict[str, float]
    turn_max_ms: float
    turn_wall_max_ms: float
    turn: str
    lag_p99_ms: float
    rss_before: int
    rss_peak: int
    rss_bound: int
    attacker_met: dict[str, int]
    victim_errors: list[str]

    def allowed_ms(self, kind: str) -> float:
        """What the victim's p99 may be."""
        return 3 * self.idle_p99_ms[kind] + 100

    @property
    def met(self) -> bool:
        """Whether every bar is met, but for the loop's, which is a line of its own."""
        return self.rss_peak <= self.rss_bound and all(
            self.beside_p99_ms[kind] <= self.allowed_ms(kind) for kind in KINDS
        )


class Target:
    """A server with a meter on its loop, and a key each for the attacker and the victim."""

    def __init__(self, process: subprocess.Popen[str], port: int, http: str, keys: dict[str, str]) -> None:
        self._process = process
        self._psutil = psutil.Process(process.pid)
        self.attacked = Ports(f"{_ATTACKER_HOST}:{port}", http)
        self.address = f"{_VICTIM_HOST}:{port}"
        self.keys = keys

    def rss_bytes(self) -> int:
        """Memory of the server and its writer."""
        processes = [self._psutil, *self._psutil.children(recursive=True)]
        return sum(process.memory_info().rss for process in processes)

    def tell(self, word: str) -> dict[str, Any]:
        """Starts the loop's meter, or stops and reads it."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer


@contextmanager
def target(*flags: str) -> Iterator[Target]:
    """A server on a new SQLite file, whose keys grant the attacker and the victim an account each."""
    with TemporaryDirectory(prefix="telwerk-attack-") as folder:
        path = Path(folder)
        keys = {name: _key(path / "keys.toml", name) for name in (ACCOUNT, victim.ACCOUNT)}
        command = [
            sys.executable,
            "-m",
            "benchmarks.attack.watched_server",
            "serve",
            "--listen",
            "[::]:0",
            "--http-listen",
            f"{_ATTACKER_HOST}:0",
        ]
        command += ["--insecure-plaintext"]
        command += ["--database", str(path / "telwerk.db"), "--keys-file", str(path / "keys.toml"), *flags]
        # Of which it would tell another line.
        without_page = {**os.environ, "TELWERK_HTTP_PAGE": "false"}
        with (path / "log").open("w") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=without_page
            )
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                if not line.startswith("Telwerk listens on "):
                    process.wait(_STOP_SECONDS)
                    raise RuntimeError(f"the server did not start: {line}{(path / 'log').read_text()}")
                http = process.stdout.readline().split()[-1]
                yield Target(process, int(line.rpartition(":")[2]), http, keys)
            finally:
                process.terminate()
                try:
                    process.wait(_STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    process.kill()


def _key(file: Path, account: str) -> str:
    command = [sys.executable, "-m", "telwerkd.cli", "keys", "create", "--file", str(file), "--account", account]
    command += ["--role", "ingest", "--role", "query", "--role", "admin", "--id", account + secrets.token_hex(2)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]


def attack(names: Sequence[str], seconds: float) -> str:
    """Carries attacks out, each on a server of its own; the table, and where it was written as JSON."""
    results = [_one(name, seconds) for name in names]
    found = {
        "measured": time.strftime("%Y-%m-%d"),
        "seconds": seconds,
        "machine": described(),
        "attacks": [vars(result) for result in results],
    }
    file = Path("build/attack.json")
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return f"{table(results)}\n\nWritten to {file}"


def _one(name: str, seconds: float) -> Result:
    tried = attackers.ATTACKS[name]
    with target() as server, client() as hostile, client() as harmless:
        attacker_key, victim_key = server.keys[ACCOUNT], server.keys[victim.ACCOUNT]
        hostile.run(attackers.prepare, name, server.attacked, attacker_key)
        harmless.run(victim.measure, server.address, victim_key, 3.0)  # warms both up
        idle = harmless.run(victim.measure, server.address, victim_key, seconds)
        rss_before = server.rss_bytes()
        server.tell("start")
        with _peak_rss(server) as peak:
            attacking = hostile.start(attackers.run, name, server.attacked, attacker_key, seconds + 2)
            time.sleep(1)
            beside = harmless.run(victim.measure, server.address, victim_key, seconds)
            met = attacking.result()
        loop = server.tell("stop")
    result = Result(
        name,
        tried.what,
        {kind: idle.p99_seconds(kind) * 1_000 for kind in KINDS},
        {kind: beside.p99_seconds(kind) * 1_000 for kind in KINDS},
        loop["turn_max_ms"],
        loop["turn_wall_max_ms"],
        loop["turn"],
        loop["lag_p99_ms"],
        rss_before,
        peak[0],
        Settings.model_fields["memory_bytes_max"].default + _MEMORY_MARGIN_BYTES,
        met,
        sorted(set(beside.errors))[:3],
    )
    print(row(result), result.attacker_met, result.victim_errors, result.turn, sep="\n  ", flush=True)
    return result


@contextmanager
def _peak_rss(server: Target) -> Iterator[list[int]]:
    """The largest memory that was seen within the block."""
    peak, over = [server.rss_bytes()], threading.Event()

    def look() -> None:
        while not over.wait(_LOOK_SECONDS):
            peak[0] = max(peak[0], server.rss_bytes())

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield peak
    finally:
        over.set()
        looking.join()


HEAD = (
    "| | attack | ingest p99, alone → beside (allowed) | query | health | longest turn, CPU (wall) | lag p99 | memory "
    "| met |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def table(results: Sequence[Result]) -> str:
    """The results as a Markdown table."""
    return "\n".join([HEAD, *map(row, results)])


def row(result: Result) -> str:
    """A line of the table; latencies in milliseconds, memory in MB."""
    pairs = [(result.idle_p99_ms[kind], result.beside_p99_ms[kind], result.allowed_ms(kind)) for kind in KINDS]
    cells = [f"{figure(idle)} → {figure(beside)} ({figure(allowed)})" for idle, beside, allowed in pairs]
    memory = f"{result.rss_before / 1e6:.0f} → {result.rss_peak / 1e6:.0f} ({result.rss_bound / 1e6:.0f})"
    figures = [
        *cells,
        f"{result.turn_max_ms:.1f} ({result.turn_wall_max_ms:.0f})",
        f"{result.lag_p99_ms:.1f}",
        memory,
        "yes" if result.met else "**no**",
    ]
    return f"| {result.id} | {result.what} | {' | '.join(figures)} |"
