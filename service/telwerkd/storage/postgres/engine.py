"""Connections to PostgreSQL, through asyncpg, directly or through a pooler such as PgBouncer.

A pooler in transaction mode gives every transaction another of its own connections. So nothing may rest on what was set
for a session, or prepared in it: each transaction states its settings itself, in the message that begins it. Statements
are prepared, under names that no other client has, until a server proves not to know them; from then on they are sent
each time (docs/reliability.md).
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from secrets import token_hex
from typing import Any, Literal

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from telwerkd.storage.location import PostgresUrl

log = logging.getLogger(__name__)

CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
"""No statement takes as long; a connection on which one seems to is cut off."""

_OF_TRANSACTION = {
    # Compiling a plan pays for long queries only, and costs short ones tens of milliseconds.
    "jit": "off",
    # Both in milliseconds. Who waits longer for an account's row tells the client to come back. A server that is cut
    # off in the middle of a transaction holds up the account's other writers no longer than this.
    "lock_timeout": "10000",
    "idle_in_transaction_session_timeout": "30000",
}

# A database may have been set to acknowledge before it writes; what this program acknowledges must be on disk. Any
# other value waits for the disk, and perhaps for standbys: it is the administrator's, and stays.
_STATED = (
    "SELECT "
    + ", ".join(f"set_config('{name}', '{value}', true)" for name, value in _OF_TRANSACTION.items())
    + ", set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'"
    " ELSE current_setting('synchronous_commit') END, true);"
)

_STATEMENTS_PREPARED_MAX = 400
"""Each kind of row is written in ten sizes of page; all of them stay prepared."""

POOL_SECONDS = 10.0
"""How long who needs a connection waits for one."""


class _Connection(asyncpg.Connection):  # type: ignore[misc]  # it ships no types
    """A connection whose transactions set their own settings in the round trip that begins them."""

    async def execute(self, query: str, *arguments: Any, **options: Any) -> Any:
        """Executes as asyncpg does; `BEGIN` sets the transaction's settings in the same message."""
        if not query.startswith("BEGIN"):
            return await super().execute(query, *arguments, **options)
        try:
            return await super().execute(query + _STATED, *arguments, **options)
        except BaseException:
            # A transaction may have begun, of which nobody knows.
            self.terminate()
            raise


@asynccontextmanager
async def _set_up(connection: Any) -> AsyncIterator[None]:
    """Runs the set-up of a new connection in a transaction.

    Raises:
        ConnectionResetError: the connection was closed meanwhile.
    """
    try:
        async with connection.transaction():
            yield
    except asyncpg.InterfaceError as error:
        if connection.is_closed():
            raise ConnectionResetError("the connection ended as it was made") from error
        raise


class _Dialect(PGDialect_asyncpg):
    """SQLAlchemy's dialect, with the look-ups for a new connection in a transaction, so that they have one session."""

    supports_statement_cache = True

    async def setup_asyncpg_json_codec(self, conn: Any) -> None:
        """Sets the codec as SQLAlchemy does, in a transaction."""
        async with _set_up(conn.driver_connection):
            await super().setup_asyncpg_json_codec(conn)  # type: ignore[no-untyped-call]  # it ships none for this

    async def setup_asyncpg_jsonb_codec(self, conn: Any) -> None:
        """Sets the codec as SQLAlchemy does, in a transaction."""
        async with _set_up(conn.driver_connection):
            await super().setup_asyncpg_jsonb_codec(conn)  # type: ignore[no-untyped-call]  # it ships none for this


sa.dialects.registry.register("postgresql.telwerk", __name__, _Dialect.__name__)


class Statements:
    """Whether statements stay prepared in a session, for all connections to a database."""

    def __init__(self, *, are_prepared: bool = True) -> None:
        self.are_prepared = are_prepared

    def learn(self) -> None:
        """Stops preparing statements on new connections: an error has shown that a pooler does not keep them."""
        if self.are_prepared:
            self.are_prepared = False
            log.warning(
                "a pooler is between here and PostgreSQL that does not keep prepared statements; each is sent anew, "
                "which costs time (PgBouncer keeps them from 1.21 on, with max_prepared_statements = 400)"
            )


def make_engine(
    url: PostgresUrl,
    connections: int,
    isolation: Literal["READ COMMITTED", "REPEATABLE READ"],
    statements: Statements,
    *,
    read_only: bool = False,
    connect_seconds: float = CONNECT_SECONDS,
) -> AsyncEngine:
    """Returns a connection pool that opens connections on demand, `connections` at most."""

    async def connect(*_: Any, **__: Any) -> Any:
        # The driver reads the URL itself, so that it means what it means to every other program of PostgreSQL. Poolers
        # refuse most settings at this point; the name they know. The driver's own cache names statements by numbers
        # that count from one in every process: SQLAlchemy's, below, is used alone.
        return await asyncpg.connect(
            url.dsn,
            timeout=connect_seconds,
            command_timeout=_ANSWER_SECONDS,
            connection_class=_Connection,
            server_settings={"application_name": "telwerkd"},
            statement_cache_size=0,
        )

    engine = create_async_engine(
        sa.URL.create("postgresql+telwerk"),
        # Not `async_creator`: with that, SQLAlchemy would ask for no arguments of its own, those below.
        connect_args={"async_creator_fn": connect},
        pool_size=connections,
        max_overflow=0,
        pool_timeout=POOL_SECONDS,
        hide_parameters=True,  # they would fill the log with what customers did
        isolation_level=isolation,
        execution_options={"postgresql_readonly": read_only},
    )

    @sa.event.listens_for(engine.sync_engine, "do_connect")
    def _prepare_or_not(_dialect: object, _record: object, _args: object, kwargs: dict[str, Any]) -> None:
        kwargs["prepared_statement_cache_size"] = _STATEMENTS_PREPARED_MAX if statements.are_prepared else 0
        kwargs["prepared_statement_name_func"] = _unique_name if statements.are_prepared else _no_name

    return engine


def _unique_name() -> str:
    """Returns a unique name for a prepared statement: clients that share a session must not run each other's."""
    return f"telwerk_{token_hex(12)}"


def _no_name() -> str:
    """Returns no name: PostgreSQL keeps an unnamed statement until the next one, which no pooler gets in between."""
    return ""
