"""How connections to a SQLite file are made, and what their failures mean."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from telwerkd.storage.sqlite.file import FileGoneError, connect, use_log
from telwerkd.storage.unavailable import NO_MEMORY, Outage, database_unavailable

log = logging.getLogger(__name__)

READERS = 4
WRITER_CACHE_KIB, READER_CACHE_KIB = 32 * 2**10, 8 * 2**10
"""Maximal page cache of a connection, with SQLite's overhead. A new connection's cache is empty."""
_BUSY_SECONDS = 10.0

READING = Outage(log, "reading")


def make_engine(path: Path, *, writes: bool, any_text: bool = False) -> sa.Engine:
    """Returns an engine for an existing file: of one connection that writes, or of several that only read.

    With `any_text`, texts that are damaged are read too, with surrogates where they are no UTF-8.
    """
    engine = sa.create_engine(
        "sqlite+pysqlite://",
        creator=partial(configured, path, writes=writes, any_text=any_text),
        poolclass=sa.QueuePool,
        pool_size=1 if writes else READERS + 1,
        max_overflow=0,
    )

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # Asked directly, the driver takes a tenth of the time.
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)  # noqa: S101  # the engine has no other
        driver.execute("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def configured(path: Path, *, writes: bool, any_text: bool) -> sqlite3.Connection:
    """Opens a connection to an existing file with the settings that all connections of this program have."""
    connection = connect(path, busy_seconds=_BUSY_SECONDS)
    try:
        use_log(connection)
        connection.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB if writes else READER_CACHE_KIB}")
        connection.execute("PRAGMA temp_store = MEMORY")
        if not writes:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    if any_text:
        connection.text_factory = _text_of
    return connection


def _text_of(stored: bytes) -> str:
    return stored.decode(errors="surrogateescape")


@contextmanager
def unavailable(outage: Outage = READING) -> Iterator[None]:
    """Raises UnavailableError for the errors of a locked, full, damaged or missing database, or of no memory."""
    try:
        yield
    except MemoryError as error:
        outage.met(NO_MEMORY)
        raise database_unavailable() from error
    except (sa.exc.DatabaseError, sa.exc.TimeoutError, sqlite3.DatabaseError, FileGoneError, OSError) as error:
        cause = error.orig if isinstance(error, sa.exc.DBAPIError) and error.orig is not None else error
        # Plainly a DatabaseError: damaged, or no database. Its other kinds are defects of a statement.
        if isinstance(cause, sqlite3.Error) and type(cause) not in {sqlite3.OperationalError, sqlite3.DatabaseError}:
            raise
        outage.met(str(cause))
        raise database_unavailable() from error
