"""What `telwerkd backup` and `restore` refuse, and what they leave as it was."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from telwerkd.server.maintenance import backups
from telwerkd.storage.location import SqliteFile, located
from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.schema.versions import head, upgrade
from telwerkd.storage.sqlite import schema
from telwerkd.storage.sqlite.file import served
from tests.conftest import rows, started
from tests.disks import disk


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "telwerk.db"
    schema.migrate(path)
    return path


def refused_backup(database: Path, to: Path, *, force: bool = True) -> str:
    with pytest.raises(SchemaError) as caught:
        backups.backup(SqliteFile(database), to, force=force)
    return str(caught.value)


def refused_restore(source: Path, database: Path, *, force: bool = True) -> str:
    before = database.read_bytes() if database.exists() else None
    with pytest.raises(SchemaError) as caught:
        backups.restore(source, SqliteFile(database), force=force)
    assert (database.read_bytes() if database.exists() else None) == before
    assert not list(database.parent.glob("*.part*"))
    return str(caught.value)


def test_a_file_that_is_there_is_replaced_only_by_force(tmp_path: Path, database: Path):
    """Also one of which only the log is there: it would be taken for the backup's."""
    to = tmp_path / "backup.db"
    to.write_text("something else")
    assert "is there already" in refused_backup(database, to, force=False)
    assert to.read_text() == "something else"
    backups.backup(SqliteFile(database), to, force=True)
    assert rows(to, "SELECT count(*) FROM events") == [(0,)]
    to.rename(tmp_path / "backup.db-wal")
    assert "is there already" in refused_backup(database, to, force=False)


@pytest.mark.parametrize("name", ["telwerk.db", "telwerk.db-wal", "telwerk.db-server", "link.db", "hard.db"])
def test_a_backup_never_replaces_the_database_itself_or_what_belongs_to_it(tmp_path: Path, database: Path, name: str):
    (tmp_path / "link.db").symlink_to(database)
    (tmp_path / "hard.db").hardlink_to(database)
    assert "is the database itself" in refused_backup(database, tmp_path / name)


def test_a_backup_does_not_replace_what_a_server_serves(tmp_path: Path, database: Path):
    other = tmp_path / "other.db"
    schema.migrate(other)
    with served(other):
        assert "another server serves" in refused_backup(database, other)


@pytest.mark.parametrize(
    ("to", "expected"),
    [(".", "is a directory"), ("nowhere/backup.db", "does its folder exist?"), ("/dev/null", "no regular file")],
)
def test_a_place_that_no_file_can_have_is_named(database: Path, to: str, expected: str):
    assert expected in refused_backup(database, database.parent / to)


def test_a_database_that_is_not_there_or_not_ours_is_named_and_none_is_made(tmp_path: Path):
    to = tmp_path / "backup.db"
    assert "there is no database" in refused_backup(tmp_path / "nope.db", to)
    with closing(sqlite3.connect(tmp_path / "theirs.db")) as theirs:
        theirs.execute("CREATE TABLE theirs (x)")
    assert "tables of another program" in refused_backup(tmp_path / "theirs.db", to)
    (tmp_path / "empty.db").touch()
    assert "is empty" in refused_backup(tmp_path / "empty.db", to)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty.db", "theirs.db"]


def test_a_damaged_database_makes_no_backup_and_a_damaged_backup_is_not_restored(tmp_path: Path, database: Path):
    good = tmp_path / "good.db"
    backups.backup(SqliteFile(database), good, force=False)
    damaged = tmp_path / "damaged.db"
    content = bytearray(good.read_bytes())
    content[4_096 * 3 : 4_096 * 6] = b"\xff" * 4_096 * 3
    damaged.write_bytes(content)
    assert "is damaged" in refused_backup(damaged, tmp_path / "backup.db")
    assert not (tmp_path / "backup.db").exists()
    assert "is damaged" in refused_restore(damaged, database)
    (tmp_path / "text.db").write_text("this is no database")
    assert "cannot be opened as a SQLite database" in refused_restore(tmp_path / "text.db", database)
    assert "there is no backup" in refused_restore(tmp_path / "nope.db", database)


def test_a_restore_does_not_replace_what_is_there_without_force_what_is_served_or_itself(
    tmp_path: Path, database: Path
):
    backup = tmp_path / "backup.db"
    backups.backup(SqliteFile(database), backup, force=False)
    assert "is there already" in refused_restore(backup, database, force=False)
    assert "are the same file" in refused_restore(backup, backup)
    with served(database):
        assert "must be stopped first" in refused_restore(backup, database)


async def test_a_backup_whose_counters_differ_is_not_restored(tmp_path: Path):
    chat = "09:00:00 anna assigned\n09:00:05 contact rates 4"
    async with started(tmp_path / "telwerk.db") as server:
        await server.ingest_chat("acme", chat)
        await asyncio.to_thread(backups.backup, SqliteFile(tmp_path / "telwerk.db"), tmp_path / "b.db", force=False)
    target = tmp_path / "restored.db"
    with closing(sqlite3.connect(tmp_path / "b.db")) as changed:
        changed.execute("DELETE FROM deltas")
        changed.execute("DELETE FROM counters")
        changed.commit()
    said = await asyncio.to_thread(refused_restore, tmp_path / "b.db", target)
    assert "does not verify" in said
    assert not target.exists()


def test_a_backup_of_an_older_schema_can_be_made_and_is_brought_up_to_date_where_it_is_restored(tmp_path: Path):
    """As one that was made before an upgrade is; the backup itself stays as it was."""
    with sa.create_engine(f"sqlite:///{tmp_path / 'old.db'}").connect() as connection:
        upgrade(connection, "0001")
    backups.backup(SqliteFile(tmp_path / "old.db"), tmp_path / "b.db", force=False)
    backups.restore(tmp_path / "b.db", SqliteFile(tmp_path / "new.db"), force=False)
    revisions = [rows(tmp_path / name, "SELECT version_num FROM alembic_version") for name in ("b.db", "new.db")]
    assert revisions == [[("0001",)], [(head(),)]]


def test_on_postgresql_its_own_tools_are_named_and_no_password_is_shown(tmp_path: Path):
    url = located("postgresql://anna:secret@db.example/telwerk")
    for refused in (
        lambda: backups.backup(url, tmp_path / "b.db", force=False),
        lambda: backups.restore(tmp_path / "b.db", url, force=False),
    ):
        with pytest.raises(SchemaError, match=r"pg_dump.*pg_basebackup") as caught:
            refused()
        assert "secret" not in str(caught.value)


def test_a_full_disk_is_told_and_nothing_is_left_on_it(tmp_path: Path, database: Path):
    with closing(sqlite3.connect(database)) as connection:
        accounts = [(f"{number:0>100}",) for number in range(3_000)]
        connection.executemany("INSERT INTO accounts (account_id, version, high_water) VALUES (?, 1, 0)", accounts)
        connection.commit()
    folder = tmp_path / "small"
    folder.mkdir()
    with disk("disk", folder, 2**20) as small:
        small.fill()
        assert "disk is full" in refused_backup(database, small.folder / "backup.db")
        assert not list(small.folder.glob("backup*"))
