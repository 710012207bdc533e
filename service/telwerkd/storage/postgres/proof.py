"""The readiness proof that PostgreSQL would commit a write now: there are the rights, no lock, and disk space."""

from collections.abc import Sequence

import asyncpg
import sqlalchemy as sa

from telwerkd.storage.postgres.errors import sqlstate
from telwerkd.storage.schema.tables import metadata

# Of a table that is not where the session looks for it, PostgreSQL says so.
_STANDING = sa.text(
    "SELECT current_setting('transaction_read_only') AS read_only, current_setting('temp_file_limit') AS file_limit, "
    "set_config('temp_tablespaces', '', true), set_config('work_mem', '64kB', true), ARRAY(SELECT name FROM "
    "unnest(CAST(:tables AS text[])) AS tables (name) WHERE NOT has_table_privilege(name, 'INSERT')) AS denied, "
    # Whoever waits for such a lock, behind one that reads, keeps those away who come after.
    "ARRAY(SELECT DISTINCT name FROM unnest(CAST(:tables AS text[])) AS tables (name) JOIN pg_locks ON "
    "relation = to_regclass(name) AND locktype = 'relation' AND pg_locks.pid IS DISTINCT FROM pg_backend_pid() AND "
    "database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND mode IN ('ShareLock', "
    "'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') ORDER BY name) AS locked"
)
_TABLES = sorted(metadata.tables)
# More than memory is given for, so it goes to a file: to where the tables are, as no other place is named. Such a file
# needs no right, and leaves nothing behind, not even in the catalogue.
_ROOM = sa.text(
    "WITH room AS MATERIALIZED (SELECT repeat('x', 8192) FROM generate_series(1, 32)) SELECT count(*) FROM room"
)
_COMMITTED = sa.text("SELECT pg_logical_emit_message(true, 'telwerk', '')")


def prove_write(connection: sa.Connection) -> None:
    """Proves that a write would be committed, by a transaction whose commit is flushed and that changes no row.

    On a full disk, a commit that fits into existing pages succeeds too, so it writes a quarter of a mebibyte more. No
    row is touched: other nodes of a cluster, which may hold the rows, are not checked.

    Raises:
        sa.exc.DBAPIError: it would not be committed.
        asyncpg.PostgresError: the database is read-only, this user may not write to a table, or somebody keeps all
            from it.
    """
    standing = connection.execute(_STANDING, {"tables": _TABLES}).one()
    if standing.read_only == "on":
        raise asyncpg.ReadOnlySQLTransactionError("the database is read-only, perhaps a standby")
    if standing.denied:
        raise asyncpg.InsufficientPrivilegeError(f"no right to write to the tables {', '.join(standing.denied)}")
    if standing.locked:
        _wait_for(connection, standing.locked)
    if standing.file_limit != "0":  # else no session may have such a file
        connection.execute(_ROOM)
    connection.execute(_COMMITTED)


def _wait_for(connection: sa.Connection, locked: Sequence[str]) -> None:
    """Takes the table lock that every writer takes, waiting half a second at most."""
    # Half of the time after which PostgreSQL looks for deadlocks: a proof must never be why another is ended.
    connection.execute(sa.text("SELECT set_config('lock_timeout', '500ms', true)"))
    try:
        connection.execute(sa.text(f"LOCK TABLE {', '.join(locked)} IN ROW EXCLUSIVE MODE"))
    except sa.exc.DBAPIError as error:
        if sqlstate(error) != asyncpg.LockNotAvailableError.sqlstate:
            raise
        raise asyncpg.LockNotAvailableError(
            f"somebody keeps all others from writing to the tables {', '.join(locked)}, by a lock (see pg_locks)"
        ) from error
