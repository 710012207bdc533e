"""The schema's version on PostgreSQL, and the other preconditions for a server: rights, Citus, a finished copy."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.postgres.engine import CONNECT_SECONDS, Statements, make_engine
from telwerkd.storage.postgres.errors import DATABASE_ERRORS, is_standby, sqlstate
from telwerkd.storage.postgres.proof import prove_write
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.schema.tables import metadata
from telwerkd.storage.schema.versions import known_revision, refuse_older, upgrade

T = TypeVar("T")

_MIGRATION_LOCK = 8_387_236_824_920_056_683
"""A number that other programs' advisory locks will hardly have."""

COPYING = "telwerk_copying"
"""The table that is there while a copy into a database is not done."""

_REVISION_TABLE = "alembic_version"

_SHARD = sa.text("SELECT create_distributed_table(:table, 'account_id', colocate_with => :with)")


async def migrate(url: PostgresUrl) -> str:
    """Brings the schema up to date, and returns its revision. Two at once are safe: the second waits for the first.

    Raises:
        SchemaError: the database does not answer, is not ours, or comes from a newer program.
    """

    def run(connection: sa.Connection) -> str:
        _lock(connection)
        known_revision(connection, url)
        if _has_citus(connection):
            # Else it refuses to change the table of the revision after it has changed tables shard by shard.
            connection.exec_driver_sql("SET LOCAL citus.multi_shard_modify_mode TO 'sequential'")
        return upgrade(connection)

    return await _run(url, run)


async def distribute(url: PostgresUrl) -> list[str]:
    """Shards every table by account over a Citus cluster. Returns the names of those that were not sharded before.

    Raises:
        SchemaError: see `migrate`; or the database has no Citus, or cannot shard.
    """

    def run(connection: sa.Connection) -> list[str]:
        _lock(connection)
        if not _has_citus(connection):
            raise SchemaError(
                f"{url} has no extension citus: install it, run CREATE EXTENSION citus there, add its nodes, try again"
            )
        connection.exec_driver_sql("SET LOCAL citus.multi_shard_modify_mode TO 'sequential'")
        done = set(connection.scalars(sa.text("SELECT logicalrelid::regclass::text FROM pg_dist_partition")))
        sharded = [name for name in ("accounts", *sorted(metadata.tables.keys() - {"accounts"})) if name not in done]
        for name in sharded:
            with_ = "none" if name == "accounts" else "accounts"
            connection.execute(_SHARD, {"table": name, "with": with_})
        if _REVISION_TABLE not in done:
            connection.execute(sa.text("SELECT create_reference_table(:table)"), {"table": _REVISION_TABLE})
            sharded.append(_REVISION_TABLE)
        connection.commit()
        return sharded

    return await _run(url, run)


async def prepare(url: PostgresUrl, *, create: bool = True) -> None:
    """Makes the schema in an empty database; refuses an older one, which must be migrated on purpose.

    Raises:
        SchemaError: see `migrate`; the schema is older than this program's, or there is none and none may be made.
    """

    def look(connection: sa.Connection) -> str | None:
        if is_copying(connection):
            raise SchemaError(f"a copy into {url} is not done: run the same `telwerkd copy` again to its end")
        return known_revision(connection, url)

    revision = await _run(url, look)
    if revision is not None:
        refuse_older(revision, url)
    elif create:
        await migrate(url)
    else:
        raise SchemaError(f"{url} is empty: `telwerkd serve` or `telwerkd migrate` makes its tables")


async def refuse_unwritable(url: PostgresUrl) -> None:
    """Checks that a server can write to a database.

    Raises:
        SchemaError: it cannot; the text says why.
    """
    await _run(url, prove_write)


def is_copying(connection: sa.Connection) -> bool:
    """Whether a copy into the database has begun and is not done."""
    return connection.scalar(sa.select(sa.func.to_regclass(COPYING))) is not None


def _lock(connection: sa.Connection) -> None:
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))


def _has_citus(connection: sa.Connection) -> bool:
    return bool(connection.scalar(sa.text("SELECT count(*) FROM pg_extension WHERE extname = 'citus'")))


async def _run(url: PostgresUrl, work: Callable[[sa.Connection], T]) -> T:
    async with connected(url) as connection:
        return await connection.run_sync(work)


@asynccontextmanager
async def connected(url: PostgresUrl, connect_seconds: float = CONNECT_SECONDS) -> AsyncIterator[AsyncConnection]:
    """Opens a connection to a database that takes writes, for the block.

    Raises:
        SchemaError: it cannot connect, the database is read-only, or a statement fails; the text says why.
    """
    try:
        # Each is sent once or twice: to prepare them would spare little, and a pooler may not keep them.
        engine = make_engine(url, 1, "READ COMMITTED", Statements(are_prepared=False), connect_seconds=connect_seconds)
        try:
            async with engine.connect() as connection:
                if await connection.scalar(sa.text("SELECT current_setting('transaction_read_only')")) == "on":
                    raise SchemaError(_READ_ONLY.format(url))
                yield connection
        finally:
            await engine.dispose()
    except DATABASE_ERRORS as error:
        raise SchemaError(_why(url, error, connect_seconds)) from error
    except AssertionError as error:  # SQLAlchemy's answer to a version that it cannot read
        raise SchemaError(f"{url} does not say that it is PostgreSQL: {error}") from error


_READ_ONLY = (
    "{} is read-only, perhaps a standby: name the primary, or all servers with ?target_session_attrs=primary behind"
)

_LACKING = {
    "53100": "cannot be written: the disk of its data is full",
    "53300": "has no connection left: raise its max_connections, or run fewer servers",
}
"""What PostgreSQL has no more of, by its code."""

_OF_POOLERS = {
    "unsupported startup parameter": (
        "perhaps PgBouncer, that refuses a setting: name it in the pooler's ignore_startup_parameters, "
        "or leave it out of the URL"
    ),
    "statement pooling mode": "perhaps PgBouncer, whose pool_mode is `statement`: set pool_mode = transaction",
}
"""The errors of poolers, with advice."""


def _why(url: PostgresUrl, error: Exception, connect_seconds: float) -> str:
    if is_standby(error):
        return _READ_ONLY.format(url)
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if lacking := _LACKING.get(sqlstate(error) or ""):
        return f"{url} {lacking} ({cause})"
    if isinstance(error, TimeoutError):
        return f"{url} does not answer within {connect_seconds:g} s: is it PostgreSQL that listens there?"
    if isinstance(error, OSError):
        return f"{url} cannot be reached: {error.strerror or error}"
    if isinstance(cause, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return f"{url} cannot be used: {cause}"
    pooler = next((what for hint, what in _OF_POOLERS.items() if hint in str(cause)), None)
    return f"{url} refuses: {cause}" if pooler is None else f"{url} leads to a pooler, {pooler} ({cause})"
