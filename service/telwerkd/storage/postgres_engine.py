"""Connections to PostgreSQL, through asyncpg."""

from typing import Any, Literal

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from telwerkd.storage.location import PostgresUrl

CONNECT_SECONDS = 5.0
_ANSWER_SECONDS = 60.0
"""No statement takes as long; a connection on which one seems to is cut off."""

_SETTINGS = {
    "application_name": "telwerkd",
    # Compiling a plan pays for long queries only, and costs short ones tens of milliseconds.
    "jit": "off",
    # Both in milliseconds. Who waits longer for an account's row tells the client to come back. A server that is cut
    # off in the middle of a transaction holds up the account's other writers no longer than this.
    "lock_timeout": "10000",
    "idle_in_transaction_session_timeout": "30000",
}

# A database may have been set to acknowledge before it writes; what this program acknowledges must be on disk.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"

_STATEMENTS_PREPARED_MAX = 400
"""Each kind of row is written in ten sizes of page; all of them stay prepared."""

_POOL_SECONDS = 10.0


def make_engine(
    url: PostgresUrl,
    connections: int,
    isolation: Literal["READ COMMITTED", "REPEATABLE READ"],
    *,
    read_only: bool = False,
) -> AsyncEngine:
    """A pool of connections, opened when they are needed first."""

    async def connect(*_: Any, **__: Any) -> "asyncpg.Connection[asyncpg.Record]":
        # The driver reads the URL itself, so that it means what it means to every other program of PostgreSQL.
        connection = await asyncpg.connect(
            url.dsn, timeout=CONNECT_SECONDS, command_timeout=_ANSWER_SECONDS, server_settings=_SETTINGS
        )
        await connection.execute(_DURABLE)
        return connection

    return create_async_engine(
        sa.URL.create("postgresql+asyncpg"),
        async_creator=connect,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        hide_parameters=True,  # they would fill the log with what customers did
        isolation_level=isolation,
        execution_options={"postgresql_readonly": read_only},
        connect_args={"prepared_statement_cache_size": _STATEMENTS_PREPARED_MAX},
    )
