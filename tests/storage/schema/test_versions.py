"""The schema's versions, on both databases: from every earlier one to this program's, and never into the unknown."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from telwerkd.storage.location import Location, PostgresUrl, SqliteFile, located
from telwerkd.storage.open_store import distribute, migrate, opened, prepare
from telwerkd.storage.postgres import schema
from telwerkd.storage.schema import versions
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.schema.versions import head, revisions
from tests.conftest import rows
from tests.postgres import BARRED, execute, fresh_database
from tests.storage.stored_schemas import ACCOUNT, FOLDER, facts, fill

Databases = Callable[[], AbstractContextManager[Location]]


@pytest.fixture
def database(databases: Databases) -> Iterator[Location]:
    """With nothing in it, not even tables."""
    with databases() as database:
        yield database


async def on(database: Location, work: Callable[[sa.Connection], Any]) -> Any:
    """Runs it on a connection."""
    if isinstance(database, SqliteFile):
        engine = sa.create_engine(sa.URL.create("sqlite", database=str(database.path)), poolclass=sa.NullPool)
        with engine.connect() as connection:
            return work(connection)
    async with schema.connected(database) as connection:
        return await connection.run_sync(work)


def change(database: Location, statement: str) -> None:
    if isinstance(database, PostgresUrl):
        execute(database.dsn, statement)
        return
    with sqlite3.connect(database.path) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("revision", revisions())
async def test_a_database_of_every_earlier_schema_is_brought_up_to_date_with_all_its_counts(database, revision):
    """What an earlier program wrote is counted as it was, and every counter equals its log."""
    content = json.loads((FOLDER / f"{revision}.json").read_text(encoding="utf-8"))
    kind = "sqlite" if isinstance(database, SqliteFile) else "postgres"

    def as_it_was(connection: sa.Connection) -> None:
        versions.upgrade(connection, revision)
        fill(connection, content[kind])

    await on(database, as_it_was)
    assert await migrate(database) == head()
    await prepare(database)
    async with opened(database) as store:
        assert await store.read(ACCOUNT, facts) == content["facts"]


async def test_the_tables_are_those_that_the_statements_are_made_for(database):
    """After all migrations each table has the columns of `tables.py`; on PostgreSQL also the digests of values."""
    await migrate(database)

    def shape(connection: sa.Connection) -> dict[str, list[str]]:
        inspector = sa.inspect(connection)
        tables = inspector.get_table_names()
        return {name: sorted(column["name"] for column in inspector.get_columns(name)) for name in tables}

    found = await on(database, shape)
    del found["alembic_version"]
    wanted = {name: sorted(table.c.keys()) for name, table in schema.metadata.tables.items()}
    if isinstance(database, PostgresUrl):
        for table, column in (("counters", "value"), ("base_counters", "value"), ("names", "name")):
            wanted[table] = sorted([*wanted[table], f"{column}_digest"])
    assert found == wanted


async def test_two_migrations_at_once_make_one_schema(url):
    """All succeed: one does it, and the others find it done."""
    database = located(url)
    assert await asyncio.gather(*(migrate(database) for _ in range(3))) == [head()] * 3
    await asyncio.gather(*(prepare(database) for _ in range(3)))


async def test_servers_that_start_together_on_an_empty_database_make_one_schema(url):
    """As replicas do, at the first start of all."""
    database = located(url)
    await asyncio.gather(*(prepare(database) for _ in range(4)))
    assert rows(database, "SELECT version_num FROM alembic_version")[0][0] == head()


@pytest.mark.parametrize("use", [prepare, migrate])
async def test_a_schema_from_the_future_is_refused(database, use):
    """Whoever wrote it knows more than we do; nothing is changed, and the text says to upgrade."""
    await migrate(database)
    change(database, "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(SchemaError, match=r"schema 9999, which this program does not know.*upgrade"):
        await use(database)
    assert rows(database, "SELECT version_num FROM alembic_version")[0][0] == "9999"


def test_the_schemas_that_are_known_are_those_of_the_migrations():
    """By the names of their files, which alembic does not read."""
    scripts = ScriptDirectory(str(Path(versions.__file__).parent / "migrations"))
    assert revisions() == [script.revision for script in scripts.walk_revisions()][::-1]
    assert head() == scripts.get_current_head()


async def test_an_older_schema_is_refused_with_the_command_to_run(database):
    """Only on purpose is a database migrated."""
    oldest = revisions()[0]
    await on(database, lambda connection: versions.upgrade(connection, oldest))
    with pytest.raises(
        SchemaError, match=rf"has schema {oldest}, this program needs {head()}: .*`telwerkd migrate --database"
    ):
        await prepare(database)
    assert rows(database, "SELECT version_num FROM alembic_version")[0][0] == oldest


@pytest.mark.parametrize("use", [prepare, migrate])
async def test_tables_of_another_program_are_left_alone(database, use):
    """They are named, and nothing is made beside them."""
    change(database, "CREATE TABLE invoices (id integer)")
    with pytest.raises(SchemaError, match=r"another program .invoices"):
        await use(database)


async def test_an_empty_database_is_not_filled_by_who_only_looks(database):
    """`verify` and `rebuild` make no database."""
    with pytest.raises(SchemaError, match=r"there is no database|is empty"):
        await prepare(database, create=False)


async def test_only_a_cluster_can_be_distributed(database):
    """Without Citus the text says what is missing."""
    await migrate(database)
    with pytest.raises(SchemaError, match=r"CREATE EXTENSION citus|only PostgreSQL with Citus"):
        await distribute(database)


# --- databases that cannot be used -----------------------------------------------------------------------------------


@pytest.fixture
def url(postgres: str) -> Iterator[str]:
    """Of an empty database."""
    with fresh_database(postgres) as url:
        yield url


async def refused(url: str) -> str:
    """Why a server does not start on it; never with a password in it."""
    with pytest.raises(SchemaError) as caught:
        await prepare(located(url))
    assert "secret" not in str(caught.value)
    return str(caught.value)


async def test_a_server_that_is_not_there(unused_tcp_port):
    """The text says where it was looked for."""
    said = await refused(f"postgresql://me:secret@127.0.0.1:{unused_tcp_port}/telwerk")
    assert said.startswith(f"postgresql://me@127.0.0.1:{unused_tcp_port}/telwerk cannot be reached: ")


async def test_a_database_that_is_not_there(postgres):
    """PostgreSQL's own words name it."""
    assert 'database "nowhere" does not exist' in await refused(postgres.replace("/postgres?", "/nowhere?"))


async def test_a_wrong_password(url):
    """The role is named, the password is not."""
    execute(
        url, f"DO $$ BEGIN CREATE ROLE {BARRED} LOGIN PASSWORD 'other'; EXCEPTION WHEN duplicate_object THEN END $$"
    )
    said = await refused(url.replace("postgres@", f"{BARRED}:secret@"))
    assert f'password authentication failed for user "{BARRED}"' in said


async def test_a_server_without_a_connection_left(url):
    """The text says what to do."""
    execute(url, "DROP ROLE IF EXISTS few", "CREATE ROLE few LOGIN CONNECTION LIMIT 0")
    said = await refused(url.replace("postgres@", "few@"))
    assert "has no connection left: raise its max_connections, or run fewer servers" in said


async def test_a_database_that_is_read_only(url):
    """Perhaps a standby: the text says how to name the primary."""
    name = execute(url, "SELECT current_database()")[0][0]
    execute(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    assert "is read-only, perhaps a standby: name the primary" in await refused(url)


@asynccontextmanager
async def listener(answer: bytes | None) -> AsyncIterator[int]:
    """Another product: it answers so to anything, or not at all."""

    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()
        await writer.wait_closed()
        gone.set()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]
        await gone.wait()


@pytest.mark.parametrize("answer", [b"-ERR unknown command\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", b"N" * 400])
async def test_another_product(answer):
    """It speaks another language; the text says that it cannot be used."""
    async with listener(answer) as port:
        said = await refused(f"postgresql://me:secret@127.0.0.1:{port}/telwerk?sslmode=disable")
        assert said.startswith(f"postgresql://me@127.0.0.1:{port}/telwerk ")


async def test_a_server_that_never_answers():
    """After a while it is given up, with a question."""
    async with listener(None) as port:
        database = located(f"postgresql://me:secret@127.0.0.1:{port}/telwerk?sslmode=disable")
        assert isinstance(database, PostgresUrl)
        with pytest.raises(SchemaError, match=r"does not answer within 0.5 s: is it PostgreSQL that listens there\?"):
            async with schema.connected(database, connect_seconds=0.5):
                pass
