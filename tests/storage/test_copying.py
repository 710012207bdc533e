"""Moving from SQLite to PostgreSQL: every answer stays what it was, also when the copy was interrupted."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from telwerkd.domain.ids import AccountId, ConversationId
from telwerkd.storage.copying import copy
from telwerkd.storage.location import PostgresUrl, SqliteFile, located
from telwerkd.storage.open_store import migrate, opened, prepare
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.schema.tables import metadata
from telwerkd.storage.sql.bulk_postgres import PostgresBulk
from tests.commands import Do
from tests.postgres import execute, fresh_database
from tests.storage.stored_schemas import ACCOUNT, facts, tables_of, written

OTHER = AccountId("other")
PORTION_ROWS = 3
"""So that every table has several."""


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """An account with something in every table, and one with one setting only."""
    path = tmp_path / "telwerk.db"
    await prepare(SqliteFile(path))
    async with opened(SqliteFile(path)) as store:
        await written(store)
        await store.write([(OTHER, Do(lambda tx: tx.remove_conversation(ConversationId("never there"))))])
    return path


@pytest.fixture
def target(postgres: str) -> Iterator[PostgresUrl]:
    """An empty database."""
    with fresh_database(postgres) as url:
        found = located(url)
        assert isinstance(found, PostgresUrl)
        yield found


def everything(database: SqliteFile | PostgresUrl) -> dict[str, list[tuple[Any, ...]]]:
    """All rows, without the columns that only PostgreSQL has."""
    found = {}
    for name, table in tables_of(database).items():
        kept = [place for place, column in enumerate(table["columns"]) if not column.endswith("_digest")]
        found[name] = sorted(repr([row[place] for place in kept]) for row in table["rows"])
    return found


async def said(file: Path, target: PostgresUrl) -> dict[str, int]:
    """Copies; gives what it told."""
    told: dict[str, int] = {}
    await copy(
        file, target, lambda account, rows: told.update({account: rows}), portion_rows=PORTION_ROWS, lock_seconds=0.1
    )
    return told


async def test_a_copy_has_every_row_and_gives_every_answer(file, target):
    """Row by row the same; every counter equals its log there too."""
    told = await said(file, target)
    assert everything(target) == everything(SqliteFile(file))
    assert told == {ACCOUNT: sum(map(len, everything(target).values())) - 1, OTHER: 1}
    async with opened(SqliteFile(file)) as before, opened(target) as after:
        assert await after.read(ACCOUNT, facts) == await before.read(ACCOUNT, facts)
    await prepare(target)


async def test_a_copy_locks_the_account_before_it_looks_what_is_missing(file, target):
    """Each transaction that writes begins with a write to the account's row, as a server's does."""
    transactions: list[list[str]] = []

    def begun(_connection: sa.Connection) -> None:
        transactions.append([])

    def sent(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        if re.search(rf"\b({'|'.join(metadata.tables)})\b", text):
            transactions[-1].append(text)

    await migrate(target)
    with listening(sa.Engine, "begin", begun), listening(sa.Engine, "before_cursor_execute", sent):
        await said(file, target)
    writing = [texts for texts in transactions if any(text.startswith(("INSERT", "DELETE")) for text in texts)]
    assert len(writing) > 10
    assert {texts[0].partition(" WHERE")[0] for texts in writing} == {"UPDATE accounts SET version = version"}


@contextmanager
def listening(*what: Any) -> Iterator[None]:
    """SQLAlchemy tells of an event meanwhile."""
    sa.event.listen(*what)
    try:
        yield
    finally:
        sa.event.remove(*what)


def interrupted(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """The next copy fails after so many portions."""
    original, portions = PostgresBulk.insert, 0

    def insert(self: PostgresBulk, *arguments: Any, **named: Any) -> None:
        nonlocal portions
        portions += 1
        if portions > after:
            raise ConnectionResetError
        original(self, *arguments, **named)

    monkeypatch.setattr(PostgresBulk, "insert", insert)


@pytest.mark.parametrize("portions", [0, 1, 2, 5, 9, 14])
async def test_an_interrupted_copy_goes_on_where_it_was(file, target, monkeypatch, portions):
    """What is there already is not written again; until all is there, no server starts on it."""
    with monkeypatch.context() as patched:
        interrupted(patched, portions)
        with pytest.raises(SchemaError, match="cannot be reached"):
            await said(file, target)
    with pytest.raises(SchemaError, match=r"a copy into .* is not done"):
        await prepare(target)
    await said(file, target)
    assert everything(target) == everything(SqliteFile(file))
    await prepare(target)


async def test_what_has_changed_since_an_interruption_is_copied_again(file, target, monkeypatch):
    """The file may have had a server meanwhile."""
    with monkeypatch.context() as patched:
        interrupted(patched, 12)
        with pytest.raises(SchemaError):
            await said(file, target)
    async with opened(SqliteFile(file)) as store:
        await store.write([(ACCOUNT, Do(lambda tx: tx.put_time_zone("Asia/Tokyo")))])
        await store.write([(ACCOUNT, Do(lambda tx: tx.remove_conversation(ConversationId("c1"))))])
    await said(file, target)
    assert everything(target) == everything(SqliteFile(file))


async def test_a_difference_at_the_end_is_found(file, target, monkeypatch):
    """Somebody else writes into the target: the copy fails, and no server starts."""
    original = PostgresBulk.insert

    def insert(self: PostgresBulk, table: Any, columns: Any, rows: Any, replacing: Any = None) -> None:
        spoilt = [(*row[:-1], row[-1] + b"x") for row in rows] if table.name == "counters" else rows
        original(self, table, columns, spoilt, replacing)

    with monkeypatch.context() as patched:
        patched.setattr(PostgresBulk, "insert", insert)
        with pytest.raises(SchemaError, match="does not hold what was copied into counters"):
            await said(file, target)
    with pytest.raises(SchemaError, match="is not done"):
        await prepare(target)


async def test_a_target_that_holds_something_is_left_alone(file, target):
    """Nothing is merged into accounts that are there."""
    await migrate(target)
    async with opened(target) as store:
        await store.write([(OTHER, Do(lambda tx: tx.bump_version()))])
    with pytest.raises(SchemaError, match="holds accounts already"):
        await said(file, target)
    assert execute(target.dsn, "SELECT count(*) FROM accounts")[0][0] == 1


async def test_a_file_that_is_not_there_or_busy_is_refused(file, target, tmp_path):
    """And the text says why."""
    with pytest.raises(SchemaError, match="there is no database"):
        await said(tmp_path / "nowhere.db", target)
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(SchemaError, match="stop the server that works on it"):
        await said(file, target)
    connection.close()


async def test_a_server_cannot_write_to_the_file_meanwhile(file, target, monkeypatch):
    """So nothing is acknowledged that is not copied."""
    original: Callable[..., None] = PostgresBulk.insert
    refused = []

    def insert(self: PostgresBulk, *arguments: Any, **named: Any) -> None:
        connection = sqlite3.connect(file, timeout=0.05)
        try:
            connection.execute("DELETE FROM deltas")
        except sqlite3.OperationalError as error:
            refused.append(str(error))
        connection.close()
        original(self, *arguments, **named)

    monkeypatch.setattr(PostgresBulk, "insert", insert)
    await said(file, target)
    assert set(refused) == {"database is locked"}
