"""The schema's version on PostgreSQL, and what else must be so before a server can work on it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.postgres_engine import CONNECT_SECONDS, make_engine
from telwerkd.storage.postgres_errors import DATABASE_ERRORS, is_standby, sqlstate
from telwerkd.storage.schema import SchemaError, known_revision, refuse_older, upgrade

T = TypeVar("T")

_MIGRATION_LOCK = 8_387_236_824_920_056_683
"""A number that other programs' advisory locks will hardly have."""

_TOO_MANY_CONNECTIONS = "53300"


async def migrate(url: PostgresUrl) -> str:
    """Brings the schema up to date. Two at once are safe: the second waits, and finds it done. Gives the revision.

    Raises:
        SchemaError: the database does not answer, is not ours, or comes from a newer program.
    """

    def run(connection: sa.Connection) -> str:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        known_revision(connection, url)
        return upgrade(connection)

    return await _run(url, run)


async def prepare(url: PostgresUrl, *, create: bool = True) -> None:
    """Makes the schema in an empty database; refuses an older one, which must be migrated on purpose.

    Raises:
        SchemaError: see `migrate`; the schema is older than this program's, or there is none and none may be made.
    """
    revision = await _run(url, lambda connection: known_revision(connection, url))
    if revision is not None:
        refuse_older(revision, url)
    elif create:
        await migrate(url)
    else:
        raise SchemaError(f"{url} is empty: `telwerkd serve` or `telwerkd migrate` makes its tables")


async def _run(url: PostgresUrl, work: Callable[[sa.Connection], T]) -> T:
    async with connected(url) as connection:
        return await connection.run_sync(work)


@asynccontextmanager
async def connected(url: PostgresUrl) -> AsyncIterator[AsyncConnection]:
    """A connection to a database that takes writes.

    Raises:
        SchemaError: there is none to be had, or it fails; the text says why.
    """
    try:
        engine = make_engine(url, 1, "READ COMMITTED")
        try:
            async with engine.connect() as connection:
                if await connection.scalar(sa.text("SELECT current_setting('transaction_read_only')")) == "on":
                    raise SchemaError(_READ_ONLY.format(url))
                yield connection
        finally:
            await engine.dispose()
    except DATABASE_ERRORS as error:
        raise SchemaError(_why(url, error)) from error
    except AssertionError as error:  # SQLAlchemy's answer to a version that it cannot read
        raise SchemaError(f"{url} does not say that it is PostgreSQL: {error}") from error


_READ_ONLY = (
    "{} is read-only, perhaps a standby: name the primary, or all servers with ?target_session_attrs=primary behind"
)


def _why(url: PostgresUrl, error: Exception) -> str:
    if is_standby(error):
        return _READ_ONLY.format(url)
    if sqlstate(error) == _TOO_MANY_CONNECTIONS:
        return f"{url} has no connection left: raise its max_connections, or run fewer servers ({error})"
    if isinstance(error, TimeoutError):
        return f"{url} does not answer within {CONNECT_SECONDS:.0f} s: is it PostgreSQL that listens there?"
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else error
    if isinstance(error, OSError):
        return f"{url} cannot be reached: {error.strerror or error}"
    if isinstance(cause, asyncpg.InterfaceError | asyncpg.InternalClientError):
        return f"{url} cannot be used: {cause}"
    return f"{url} refuses: {cause}"
