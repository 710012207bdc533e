"""The schema's version: making it, bringing it up to date, and refusing what this program does not know."""

import logging
import os
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from telwerkd.storage.sqlite_causes import why_not

log = logging.getLogger(__name__)


class SchemaError(Exception):
    """The database, or its schema, is not one that this program can use; the text says what to do."""


def migrate(database: Path) -> str:
    """Brings a SQLite file's schema up to date, making the file if need be. Gives the revision it is at.

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


def upgrade(connection: sa.Connection, to: str = "head") -> str:
    """Brings a database's schema up to date, in a transaction. Gives the revision it is at."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    connection.commit()
    return head() if to == "head" else to


def known_revision(connection: sa.Connection, database: object) -> str | None:
    """The revision of a database; None if it is empty.

    Raises:
        SchemaError: it is not ours, or of a program that is newer than this.
    """
    revision = MigrationContext.configure(connection).get_current_revision()
    tables = sa.inspect(connection).get_table_names()
    if revision is None and tables:
        raise SchemaError(f"{database} holds tables of another program ({', '.join(sorted(tables)[:3])}, ...)")
    if revision is not None and revision not in revisions():
        raise SchemaError(
            f"{database} has schema {revision}, which this program does not know: a newer one wrote it; upgrade"
        )
    return revision


def refuse_older(revision: str, database: object) -> None:
    """Raises SchemaError if a schema is older than this program's."""
    if revision != head():
        raise SchemaError(
            f"{database} has schema {revision}, this program needs {head()}: "
            f"back it up, then run `telwerkd migrate --database {database}`"
        )


def revisions() -> list[str]:
    """Every schema that this program knows, oldest first."""
    return [script.revision for script in _scripts().walk_revisions()][::-1]


def head() -> str:
    """The schema that this program works on."""
    newest = _scripts().get_current_head()
    if newest is None:
        raise SchemaError("this program was installed without its migrations")
    return newest


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


def _connect(database: Path) -> sa.Connection:
    _private(database)
    engine = sa.create_engine(sa.URL.create("sqlite+pysqlite", database=str(database)), poolclass=sa.NullPool)
    try:
        return engine.connect()
    except sa.exc.OperationalError as error:
        raise SchemaError(why_not(database, error.orig or error)) from error


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))
