"""The schema of a SQLite file: making it, bringing it up to date, and refusing what this program does not know."""

import logging
import os
import stat
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.schema.versions import known_revision, refuse_older, upgrade
from telwerkd.storage.sqlite.causes import why_not

log = logging.getLogger(__name__)


def migrate(database: Path) -> str:
    """Brings a SQLite file's schema up to date, making the file if need be. Returns its revision.

    Raises:
        SchemaError: the file is not a database, is not ours, or comes from a newer program.
    """
    with _connect(database) as connection:
        _known(connection, database)
        try:
            # Kept in the file; set here, where no other connection can be in the way.
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
            return upgrade(connection)
        except sa.exc.DatabaseError as error:
            raise SchemaError(why_not(database, error.orig or error)) from error


def prepare(database: Path, *, create: bool = True) -> None:
    """Makes the schema in a new SQLite file; refuses an older one, which must be migrated on purpose.

    Raises:
        SchemaError: see `migrate`; the schema is older than this program's; or there is no file and none may be made.
    """
    if not create and not database.is_file():
        raise SchemaError(f"there is no database {database}")
    with _connect(database) as connection:
        revision = _known(connection, database)
    if revision is None:
        migrate(database)
    else:
        refuse_older(revision, database)


def revision_of(database: Path) -> str:
    """Returns the revision of a SQLite file that holds our tables, also of an older one.

    Raises:
        SchemaError: there is no such file, it is empty or not ours, or it comes from a newer program.
    """
    if not database.is_file():
        raise SchemaError(f"there is no database {database}")
    with _connect(database) as connection:
        revision = _known(connection, database)
    if revision is None:
        raise SchemaError(f"{database} is empty: it holds no tables of Telwerk")
    return revision


def _known(connection: sa.Connection, database: Path) -> str | None:
    try:
        return known_revision(connection, database)
    except sa.exc.DatabaseError as error:
        raise SchemaError(why_not(database, error.orig or error)) from error


def _private(database: Path) -> None:
    """Makes a file that is not there its owner's alone: what SQLite puts beside it has the same mode."""
    with suppress(OSError):  # it is there, or `_connect` says why it cannot be made
        os.close(os.open(database, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        return
    with suppress(OSError):
        if (mode := database.stat().st_mode) & 0o007:
            log.warning("others than owner and group may use %s (mode %04o): chmod o= it", database, mode & 0o777)


def _refuse_second_name(database: Path) -> None:
    """Raises SchemaError for a file with hard links: each name would have a lock of its own, and two could write."""
    with suppress(OSError):  # `_connect` says what is wrong
        found = database.stat()
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            raise SchemaError(
                f"{database} has {found.st_nlink} names, by hard links: a server that has it under another would not "
                "be known. Remove the other names, or make a copy (`telwerkd backup`, or `cp` while nobody has it open)"
            )


def _connect(database: Path) -> sa.Connection:
    _private(database)
    _refuse_second_name(database)
    engine = sa.create_engine(sa.URL.create("sqlite+pysqlite", database=str(database)), poolclass=sa.NullPool)
    try:
        return engine.connect()
    except sa.exc.OperationalError as error:
        raise SchemaError(why_not(database, error.orig or error)) from error
