"""The schema's version: making it, bringing it up to date, and refusing what this program does not know.

Alembic is imported only where something is migrated: that takes a fifth of the time in which a server starts.
"""

from pathlib import Path

import sqlalchemy as sa

from telwerkd.storage.schema.errors import SchemaError

_MIGRATIONS = Path(__file__).parent / "migrations"
_REVISION_TABLE = "alembic_version"


def upgrade(connection: sa.Connection, to: str = "head") -> str:
    """Brings a database's schema up to a revision, in a transaction. Returns the revision."""
    from alembic import command  # noqa: PLC0415  # see above
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)
    connection.commit()
    return head() if to == "head" else to


def known_revision(connection: sa.Connection, database: object) -> str | None:
    """Returns the revision of a database; None if it is empty.

    Raises:
        SchemaError: it is not ours, or of a program that is newer than this.
    """
    tables = sa.inspect(connection).get_table_names()
    found = sa.text(f"SELECT version_num FROM {_REVISION_TABLE}")  # noqa: S608  # a table's name
    revision: str | None = connection.scalar(found) if _REVISION_TABLE in tables else None
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
    """Returns the revisions that this program knows, oldest first: the prefixes of the migrations' file names."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))


def head() -> str:
    """Returns the revision that this program works on.

    Raises:
        SchemaError: the program has no migrations.
    """
    known = revisions()
    if not known:
        raise SchemaError("this program was installed without its migrations")
    return known[-1]
