"""Operations on a database of either kind: migrate, shard, prepare, open.

The modules for PostgreSQL are imported only where one is used: they take 10 MB, and most servers have a file.
"""
# ruff: noqa: PLC0415

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

from telwerkd.application.ports import StoreFigures
from telwerkd.storage.location import Location, PostgresUrl
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.sqlite import schema as sqlite_schema
from telwerkd.storage.sqlite.file import served
from telwerkd.storage.sqlite.store import SqliteStore
from telwerkd.storage.sqlite.writer.process import WRITER_STALL_SECONDS, WriterProcess

if TYPE_CHECKING:
    from telwerkd.storage.postgres.store import PostgresStore

AnyStore: TypeAlias = "SqliteStore | PostgresStore"


async def migrate(database: Location) -> str:
    """Brings a database's schema up to date. Returns its revision.

    Raises:
        SchemaError: it is not a database that this program can use.
    """
    if isinstance(database, PostgresUrl):
        from telwerkd.storage.postgres import schema as postgres_schema

        return await postgres_schema.migrate(database)
    return sqlite_schema.migrate(database.path)


async def distribute(database: Location) -> list[str]:
    """Shards the tables by account over a Citus cluster. Returns the names of those that were not sharded before.

    Raises:
        SchemaError: there is no Citus.
    """
    if isinstance(database, PostgresUrl):
        from telwerkd.storage.postgres import schema as postgres_schema

        return await postgres_schema.distribute(database)
    raise SchemaError(f"{database} is a SQLite file: only PostgreSQL with Citus can be sharded")


async def prepare(database: Location, *, create: bool = True) -> None:
    """Makes the schema if there is none and `create` is set, and checks that this program can use the database.

    Raises:
        SchemaError: it is not a database that this program can use, or its schema is another than this program's.
    """
    if isinstance(database, PostgresUrl):
        from telwerkd.storage.postgres import schema as postgres_schema

        await postgres_schema.prepare(database, create=create)
    else:
        sqlite_schema.prepare(database.path, create=create)


@asynccontextmanager
async def opened(
    database: Location, *, serving: bool = False, writer_stall_seconds: float = WRITER_STALL_SECONDS
) -> AsyncIterator[AnyStore]:
    """Opens the store of a prepared database for the block; at the end waits for running writes, and closes it.

    For a server, a process of its own writes to a SQLite file, which is locked against other servers.

    Raises:
        SchemaError: a server cannot write to the database, or another one serves the file.
        UnavailableError: the writer process does not start; or, at the end, its last writes may not be stored.
    """
    if isinstance(database, PostgresUrl):
        from telwerkd.storage.postgres import schema as postgres_schema
        from telwerkd.storage.postgres.store import PostgresStore

        if serving:
            await postgres_schema.refuse_unwritable(database)
        postgres = PostgresStore(database)
        try:
            yield postgres
        finally:
            await postgres.close()
        return
    if not serving:
        async with _closing(SqliteStore(database.path)) as commands:
            yield commands
        return
    with served(database.path) as file:
        figures = StoreFigures()
        writer = WriterProcess(database.path, file, writer_stall_seconds, figures)
        await writer.start()
        async with _closing(SqliteStore(database.path, writer, figures)) as sqlite:
            yield sqlite


@asynccontextmanager
async def _closing(store: SqliteStore) -> AsyncIterator[SqliteStore]:
    try:
        yield store
    finally:
        await store.close()
