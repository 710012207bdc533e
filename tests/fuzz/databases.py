"""What stands in a database, beside the server's own way to it."""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any, Protocol

import asyncpg

from telwerkd.storage.location import Location, PostgresUrl, SqliteFile
from telwerkd.storage.schema.tables import metadata
from tests.postgres import execute

Rows = Mapping[str, Sequence[tuple[Any, ...]]]
"""Of each table."""


class ImpossibleError(Exception):
    """This the database does not take: a key that is there, a value of another type."""


def asked(database: Location, query: str) -> Sequence[Sequence[Any]]:
    """The rows of a query."""
    if isinstance(database, PostgresUrl):
        return execute(database.dsn, query)
    assert isinstance(database, SqliteFile)
    with closing(sqlite3.connect(database.path)) as connection:
        return connection.execute(query).fetchall()


class Raw(Protocol):
    """A connection to a database by which anything can be put there; `?` stands for a value."""

    async def rows(self, query: str) -> Sequence[tuple[Any, ...]]: ...

    async def change(self, statement: str, *values: object) -> None:
        """Raises ImpossibleError."""

    async def restore(self, rows: Rows) -> None:
        """Puts these rows into all tables, in the place of what is there."""


class _Sqlite:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        connection.text_factory = lambda raw: raw.decode(errors="surrogateescape")

    async def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        return self._connection.execute(query).fetchall()

    async def change(self, statement: str, *values: object) -> None:
        try:
            with self._connection:
                self._connection.execute(statement, values)
        except (sqlite3.IntegrityError, sqlite3.DataError, OverflowError) as error:
            raise ImpossibleError(str(error)) from error

    async def restore(self, rows: Rows) -> None:
        with self._connection:
            for table, found in rows.items():
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  # a table of ours
                if found:
                    marks = ", ".join("?" for _ in found[0])
                    self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", found)  # noqa: S608


class _Postgres:
    def __init__(self, connection: "asyncpg.Connection[Any]") -> None:
        self._connection = connection

    async def rows(self, query: str) -> Sequence[tuple[Any, ...]]:
        return [tuple(row) for row in await self._connection.fetch(query)]

    async def change(self, statement: str, *values: object) -> None:
        numbers = iter(range(1, len(values) + 1))
        numbered = "".join(f"${next(numbers)}" if part == "?" else part for part in statement)
        try:
            await self._connection.execute(numbered, *values)
        except (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError) as error:
            raise ImpossibleError(str(error)) from error

    async def restore(self, rows: Rows) -> None:
        async with self._connection.transaction():
            for table, found in rows.items():
                await self._connection.execute(f"DELETE FROM {table}")  # noqa: S608  # a table of ours
                if not found:
                    continue
                marks = ", ".join(f"${number}" for number in range(1, len(found[0]) + 1))
                await self._connection.executemany(f"INSERT INTO {table} VALUES ({marks})", found)  # noqa: S608


@asynccontextmanager
async def raw(database: Location) -> AsyncIterator[Raw]:
    if isinstance(database, PostgresUrl):
        connection = await asyncpg.connect(database.dsn)
        try:
            yield _Postgres(connection)
        finally:
            await connection.close()
        return
    assert isinstance(database, SqliteFile)
    with closing(sqlite3.connect(database.path, timeout=30, isolation_level="IMMEDIATE")) as opened:
        yield _Sqlite(opened)


async def everything(connection: Raw) -> Rows:
    """All rows there are."""
    return {table: await connection.rows(f"SELECT * FROM {table}") for table in metadata.tables}  # noqa: S608
