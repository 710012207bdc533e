"""The disk of a world: one SQLite file in memory, and what of it is left when the power goes.

A file on tmpfs is copied from one with empty tables, which takes a tenth of a millisecond. Beside the tables of the
program it has a *graveyard*: a trigger keeps the events that purges and erasures take out of the log, so that the
oracle can still be asked about them.
"""

import atexit
import functools
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy as sa

from telwerkd.storage.sqlite import store as sqlite_store
from telwerkd.storage.sqlite.engine import make_engine
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.writer import connection as sqlite_writer

_GRAVEYARD = """
CREATE TABLE graveyard (
    account_id TEXT, conversation_id TEXT, event_id TEXT, occur_time INTEGER, body BLOB, high_water INTEGER
);
CREATE TRIGGER buries AFTER DELETE ON events BEGIN
    INSERT INTO graveyard SELECT OLD.account_id, OLD.conversation_id, OLD.event_id, OLD.occur_time, OLD.body,
        (SELECT high_water FROM accounts WHERE account_id = OLD.account_id);
END;
"""
_SYNCED = 2
"""From which `PRAGMA synchronous` on SQLite flushes its log with every commit."""


@functools.cache
def _empty() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        prepare(path)
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(_GRAVEYARD)
        return path.read_bytes()


@functools.cache
def _folder() -> Path:
    """Where a flush costs nothing, if there is such a place; one for all worlds, so that their engines are the same."""
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  # a folder of our own is made in it
    folder = tempfile.mkdtemp(prefix="telwerk-worlds-", dir=in_memory)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


@contextmanager
def kept_engines() -> Iterator[None]:
    """Has the program use the same engines in all worlds: each would compile all of its statements anew."""
    before = sqlite_store.make_engine, sqlite_writer.make_engine
    sqlite_store.make_engine = sqlite_writer.make_engine = _engine
    try:
        yield
    finally:
        sqlite_store.make_engine, sqlite_writer.make_engine = before


_reading = functools.cache(make_engine)
_idle = list[sa.Engine]()


def _engine(path: Path, *, writes: bool, any_text: bool = False) -> sa.Engine:
    """One for all that read. Who writes has a whole one: of its one connection two would wait for each other, where a
    server is there again while the writer of the one before is at its last transaction.
    """
    if not writes:
        return _reading(path, writes=False, any_text=any_text)
    return _idle.pop() if _idle else make_engine(path, writes=True, any_text=any_text)


def reuse(engine: sa.Engine) -> None:
    """Has the next writer use it: nobody else does any more."""
    _idle.append(engine)


class Disk:
    """A database file, and those beside it."""

    def __init__(self, *, loses_power: bool) -> None:
        """One that never `loses_power` need not remember what was flushed."""
        self._folder = _folder()
        for left in self._folder.iterdir():
            left.unlink()
        self.path = self._folder / "telwerk.db"
        self.path.write_bytes(_empty())
        self.path.chmod(0o600)
        self._loses_power = loses_power
        self._flushed = self._files()

    def committed(self, driver: sqlite3.Connection) -> None:
        """A transaction was committed: it is there for good if SQLite was told to flush."""
        if self._loses_power and driver.execute("PRAGMA synchronous").fetchone()[0] >= _SYNCED:
            self._flushed = self._files()

    def lose_power(self) -> None:
        """Leaves what was flushed. Nobody may have the file open."""
        for path in self._folder.iterdir():
            path.unlink()
        for name, content in self._flushed.items():
            Path(name).write_bytes(content)

    def rows(self, query: str, *parameters: object) -> list[tuple[object, ...]]:
        """What the file says, past all code of the program."""
        with closing(sqlite3.connect(self.path)) as connection:
            return connection.execute(query, parameters).fetchall()

    def _files(self) -> dict[str, bytes]:
        names = (self.path, Path(f"{self.path}-wal"))
        return {str(name): name.read_bytes() for name in names if name.exists()}
