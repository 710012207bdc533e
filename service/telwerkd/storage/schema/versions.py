"""The schema's version: making it, bringing it up to date, and refusing what this program does not know."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from telwerkd.storage.schema.errors import SchemaError


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


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))
