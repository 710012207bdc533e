"""Copying a SQLite file in use, and putting a file in a database's place."""

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.sqlite.backup import copy_file, damages
from telwerkd.storage.sqlite.placing import out_of_service, part_of, place

PAGE_BYTES = 4_096
STEPS_MIN = 3
"""More steps than one: with a single one, no commit could come between."""
COMMITS_MAX = 200
"""A copy that begins again at each commit would see more, for ever."""


def database(path: Path, name: str = "first", size: int = 0) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE named (name TEXT, filler BLOB)")
        connection.execute("INSERT INTO named VALUES (?, zeroblob(?))", (name, size))
        connection.commit()
    return path


def names(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM named")]


def test_a_copy_ends_although_commits_keep_coming_and_is_what_was_committed_when_it_began(tmp_path: Path):
    """A commit between any two steps: they restart an online backup that holds no transaction."""
    source = database(tmp_path / "telwerk.db", size=(STEPS_MIN + 1) * 1_024 * PAGE_BYTES)
    commits = 0
    with closing(sqlite3.connect(source)) as writer:
        writer.execute("INSERT INTO named VALUES ('acknowledged before', NULL)")
        writer.commit()

        def commit(_done: int, _all: int) -> None:
            nonlocal commits
            commits += 1
            assert commits < COMMITS_MAX, "it does not come to its end"
            writer.execute("INSERT INTO named VALUES ('during', NULL)")
            writer.commit()

        copy_file(source, tmp_path / "copy.db", commit)
    assert commits >= STEPS_MIN
    assert names(tmp_path / "copy.db") == ["first", "acknowledged before"]
    assert damages(tmp_path / "copy.db") == []


def test_a_copy_is_one_file_that_can_be_read_where_nothing_can_be_written(tmp_path: Path):
    """Of a database in WAL mode too: what its log has is in the copy, which has none."""
    with closing(sqlite3.connect(database(tmp_path / "telwerk.db"))) as holding_the_log_open:
        holding_the_log_open.execute("INSERT INTO named VALUES ('in the log', NULL)")
        holding_the_log_open.commit()
        copy_file(tmp_path / "telwerk.db", tmp_path / "copy.db", lambda *_: None)
    assert [path.name for path in tmp_path.glob("copy.db*")] == ["copy.db"]
    with closing(sqlite3.connect(f"file:{tmp_path / 'copy.db'}?immutable=1", uri=True)) as read_only:
        assert len(read_only.execute("SELECT name FROM named").fetchall()) == 2
    assert (tmp_path / "copy.db").read_bytes()[18:20] == b"\x01\x01", "the header asks for a log"


def test_damaged_pages_are_found(tmp_path: Path):
    path = database(tmp_path / "telwerk.db", size=100 * PAGE_BYTES)
    with path.open("r+b") as file:
        file.seek(PAGE_BYTES)
        file.write(b"\xff" * PAGE_BYTES)
    assert damages(path)


def test_nothing_stands_under_the_name_until_it_is_whole_and_what_was_left_by_a_kill_is_taken_over(tmp_path: Path):
    target = tmp_path / "backup.db"
    (tmp_path / "backup.db.part").write_text("half of an earlier one")
    (tmp_path / "backup.db.part-journal").write_text("its journal")
    with part_of(target) as part:
        database(part, "whole")
        assert not target.exists()
        place(part, target, keeps=False)
    assert names(target) == ["whole"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["backup.db"]


def test_a_part_that_is_not_placed_is_removed_and_has_one_owner(tmp_path: Path):
    target = tmp_path / "backup.db"
    with part_of(target):
        with pytest.raises(SchemaError, match="another process is writing"), part_of(target):
            pass
        assert (tmp_path / "backup.db.part").exists(), "the second took the first one's away"
    assert list(tmp_path.iterdir()) == []


def test_what_belongs_to_the_old_database_is_not_played_into_the_new_one(tmp_path: Path):
    """Its log is folded into it before it is kept: neither it loses what the log has, nor does the other get it."""
    target = database(tmp_path / "telwerk.db", "old")
    _leave_log(target)
    with out_of_service(target, makes_lock=True), part_of(target) as part:
        database(part, "new")
        kept = place(part, target, keeps=True)
    assert names(target) == ["new"]
    assert kept
    assert names(kept) == ["old", "in the log"]
    assert {path.name for path in tmp_path.iterdir()} == {"telwerk.db", kept.name, "telwerk.db-server"}


def _leave_log(target: Path) -> None:
    """Leaves a log beside a database, as a process that was killed does."""
    writer = sqlite3.connect(target)
    writer.execute("INSERT INTO named VALUES ('in the log', NULL)")
    writer.commit()
    left = [(path, path.read_bytes()) for path in (target, Path(f"{target}-wal"))]
    writer.close()
    for path, content in left:
        path.write_bytes(content)


def test_a_database_that_another_program_has_open_is_not_replaced(tmp_path: Path):
    """Closing it would remove the log of the one that has taken its place."""
    target = database(tmp_path / "telwerk.db", "old")
    with closing(sqlite3.connect(target)) as other, part_of(target) as part:
        other.execute("SELECT * FROM named").fetchall()
        database(part, "new")
        with pytest.raises(SchemaError, match=r"another program has .* open"):
            place(part, target, keeps=True)
    assert names(target) == ["old"]


def test_a_damaged_database_can_be_replaced_and_is_kept_with_its_log(tmp_path: Path):
    target = tmp_path / "telwerk.db"
    target.write_text("no database " * 1_000)
    (tmp_path / "telwerk.db-wal").write_text("a log")
    with part_of(target) as part:
        database(part, "new")
        kept = place(part, target, keeps=True)
    assert kept
    assert names(target) == ["new"]
    assert Path(f"{kept}-wal").read_text() == "a log"
