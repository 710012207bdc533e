"""A PostgreSQL of its own, from its wheel, in a temporary folder, reached over a socket; it syncs every commit."""

from collections.abc import Iterator
from contextlib import contextmanager

from support.postgres import PostgresServer

_SETTINGS = (
    # As one would who runs it in earnest: the defaults are for small machines, and compiling costs more than it saves.
    "shared_buffers=1GB",
    "work_mem=64MB",
    "effective_cache_size=4GB",
    "max_wal_size=4GB",
    "jit=off",
)


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of a server on which databases may be made, until the end of the block."""
    server = PostgresServer(*_SETTINGS)
    try:
        server.start()
        yield server.url
    finally:
        server.remove()
