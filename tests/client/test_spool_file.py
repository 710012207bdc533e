"""A spool is opened only where it is whole, of this version, of this account and nobody else's; each else is told."""

import logging
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from telwerk import Telwerk
from telwerk.sending import SpoolError
from telwerk.spool_file import SpoolFile
from tests.client.senders import action
from tests.client.spooling import AWAY, BYTES, names_in, opened, run


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


@pytest.fixture
def client() -> Iterator[Telwerk]:
    with Telwerk(AWAY) as client:
        yield client


def filled(spool: Path, count: int = 3) -> None:
    file = SpoolFile(spool, "acme", BYTES)
    file.append([action(number).SerializeToString() for number in range(count)])
    file.close()


# --- files that are not opened ---------------------------------------------------------------------------------------


def newer(spool: Path) -> None:
    filled(spool)
    with closing(sqlite3.connect(spool)) as connection:
        connection.execute("PRAGMA user_version = 99")


def of_another_program(spool: Path) -> None:
    with closing(sqlite3.connect(spool)) as connection:
        connection.execute("CREATE TABLE events (number INTEGER)")


def of_another_program_with_a_version(spool: Path) -> None:
    with closing(sqlite3.connect(spool)) as connection:
        connection.execute("PRAGMA user_version = 1")


def no_database(spool: Path) -> None:
    spool.write_bytes(b"no database at all " * 1_000)


def a_short_text(spool: Path) -> None:
    spool.write_bytes(b"hello\n")


def of_another_account(spool: Path) -> None:
    SpoolFile(spool, "other", BYTES).close()
    file = SpoolFile(spool, "other", BYTES)
    file.append([action(1).SerializeToString()])
    file.close()


def truncated(spool: Path) -> None:
    filled(spool, 1_000)
    os.truncate(spool, spool.stat().st_size // 2)


def overwritten(spool: Path) -> None:
    filled(spool, 1_000)
    with spool.open("r+b") as file:
        file.seek(20_480)
        file.write(b"\xff" * 8_192)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (newer, "has format 99, and this telwerk knows format 1: it was written by a newer one"),
        (of_another_program, "is not a spool but another program's database"),
        (of_another_program_with_a_version, "is not a spool but another program's database"),
        (no_database, "is not a spool, nor any database"),
        (a_short_text, "is not a spool, nor any database"),
        (of_another_account, "holds events of the account 'other', not of 'acme'"),
        (truncated, r"is damaged \("),
        (overwritten, r"is damaged \("),
    ],
    ids=lambda one: getattr(one, "__name__", None),
)
def test_a_file_that_cannot_be_a_spool_of_the_sender_is_named_with_the_reason_and_left_as_it_is(
    make: Callable[[Path], None], said: str, client: Telwerk, spool: Path
) -> None:
    make(spool)
    before = spool.read_bytes()
    for _ in range(2):
        with pytest.raises(SpoolError, match=f"{spool} {said}"):
            opened(client, spool)
    assert spool.read_bytes() == before


def test_a_folder_that_is_missing_is_named(client: Telwerk, tmp_path: Path) -> None:
    spool = tmp_path / "missing" / "spool.db"
    with pytest.raises(SpoolError, match=f"{spool} cannot be opened: there is no folder {spool.parent}"):
        opened(client, spool)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/dev/null")])
def test_what_is_not_a_file_is_named(make: Callable[[Path], None], client: Telwerk, tmp_path: Path) -> None:
    spool = tmp_path / "spool.db"
    make(spool)
    with pytest.raises(SpoolError, match="cannot be opened: it is not a file"):
        opened(client, spool)
    assert list(tmp_path.iterdir()) == [spool]


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_must_not_be_written_is_named(what: str) -> None:
    """As an unprivileged user, which root becomes for it: root may write everything."""
    with TemporaryDirectory() as folder:
        spool = Path(folder) / "spool.db"
        filled(spool)
        locked = spool.with_name("spool.db.lock")
        for path, mode in ((spool, 0o666), (locked, 0o666), (Path(folder), 0o777)):
            path.chmod(mode)
        if what == "folder":
            locked.unlink()
        (Path(folder) if what == "folder" else spool).chmod(0o555)
        program = f"""
            import os
            import telwerk.spool
            from telwerk import EventSender, Telwerk
            client = Telwerk({AWAY!r})
            if not os.geteuid():
                os.seteuid(65534)
            try:
                EventSender(client, "acme", spool={str(spool)!r})
            except Exception as error:
                print(type(error).__name__, error)
            client.close()
        """
        named = locked if what == "folder" else spool
        done = run(program)
        assert done.stdout == f"SpoolError the spool {spool} cannot be opened: Permission denied ({named})\n", done


def test_without_sqlite_a_spool_says_so_in_a_sentence_and_a_sender_works(tmp_path: Path) -> None:
    program = f"""
        import sys
        sys.modules["_sqlite3"] = None
        from telwerk import EventSender, Telwerk
        client = Telwerk({AWAY!r})
        EventSender(client, "acme").close()
        try:
            EventSender(client, "acme", spool={str(tmp_path / "spool.db")!r})
        except Exception as error:
            print(type(error).__name__, error)
        client.close()
    """
    done = run(program)
    assert done.stdout.startswith("SpoolError a spool needs SQLite, which this Python was made without: "), done
    assert done.stdout.count("\n") == 1


# --- files that are --------------------------------------------------------------------------------------------------


def test_an_empty_file_becomes_a_spool_and_an_empty_spool_may_have_another_account(
    client: Telwerk, spool: Path
) -> None:
    spool.touch()
    for account in ("acme", "other", "acme"):
        opened(client, spool, account).close()


def test_only_its_owner_may_read_a_new_spool(client: Telwerk, spool: Path) -> None:
    opened(client, spool).close()
    assert [oct(path.stat().st_mode & 0o777) for path in spool.parent.iterdir()] == ["0o600", "0o600"]


def test_what_is_added_is_synced_and_what_is_removed_need_not_be(spool: Path) -> None:
    """SQLite's `synchronous` of the transaction: 2 syncs the log with each commit, 1 does not."""
    file = SpoolFile(spool, "acme", BYTES)
    statements: list[str] = []
    file._connection.set_trace_callback(statements.append)
    file.append([b"x"])
    assert statements.index("PRAGMA synchronous = FULL") < statements.index("COMMIT")
    statements.clear()
    file.remove([1])
    assert statements.index("PRAGMA synchronous = NORMAL") < statements.index("COMMIT")
    file.close()


def test_an_event_whose_row_is_damaged_is_logged_kept_and_keeps_no_other_back(
    spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(spool, 4)
    with closing(sqlite3.connect(spool)) as connection, connection:
        connection.execute("UPDATE events SET event = CAST(replace(event, 'e1', 'e9') AS BLOB) WHERE number = 2")
        connection.execute("UPDATE events SET event = 7 WHERE number = 4")
    with caplog.at_level(logging.ERROR, "telwerk.sender"):
        assert names_in(spool) == ["e0", None, "e2", None]
    assert f"the spool {spool} is damaged: event 2 cannot be read, and stays there" in caplog.text
    assert names_in(spool) == ["e0", None, "e2", None]


def test_a_file_that_was_moved_away_takes_nothing_until_it_is_back(client: Telwerk, spool: Path) -> None:
    with opened(client, spool) as sender:
        sender.add(action(1))
        spool.rename(spool.with_suffix(".away"))
        for _ in range(2):
            with pytest.raises(SpoolError, match=f"{spool} was moved or deleted: put it back"):
                sender.add(action(2))
        spool.with_suffix(".away").rename(spool)
        sender.add(action(3))
    assert names_in(spool) == ["e1", "e3"]


def test_a_relative_path_stays_the_same_file_when_the_process_goes_elsewhere(
    client: Telwerk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.chdir(tmp_path)
    with opened(client, Path("spool.db")) as sender:
        monkeypatch.chdir("other")
        sender.add(action(1))
    assert names_in(tmp_path / "spool.db") == ["e1"]
