"""A SQLite file in its file system: the server's lock, whether the file was replaced, and whether there is room.

SQLite goes on with a file that was deleted or replaced: what it commits then is in no directory, and lost with the last
process that has it open. So the writer checks before each transaction, and after it, before it is acknowledged.
"""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.sqlite.causes import ROOM_BYTES, is_busy, why_not

Inode = tuple[int, int]
"""Device and number: what a name leads to."""

_SUFFIXES = ("", "-wal", "-shm")
_START_BUSY_SECONDS = 1.0
_STATEMENTS_KEPT = 256
"""Prepared statements of a connection: `SqliteBulk` has one for each size of a page."""


class FileGoneError(Exception):
    """A file of the database is missing, or is another one than was opened; the text says which."""


class OpenedFile:
    """The open files of a database: the database, its log, and the log's index."""

    def __init__(self, path: Path, inodes: tuple[Inode, ...] | None = None) -> None:
        self._path = path
        # As SQLite does: of a name that is a link, the files lie beside what it leads to.
        self._names = [f"{path.resolve()}{suffix}" for suffix in _SUFFIXES]
        self.inodes = tuple(map(_inode, self._names)) if inodes is None else inodes
        self._bytes = self._index_bytes = 0

    def check(self, length: Callable[[], int]) -> None:
        """Raises FileGoneError if a file was replaced or truncated since it was opened.

        `length` returns how many bytes the database has. It is called when its file has become shorter, which VACUUM
        may do; after a copy was written over it, or over half of it, the log does not belong to it any more.
        """
        now = [_status(name) for name in self._names]
        for name, opened, status in zip(self._names, self.inodes, now, strict=True):
            if (status.st_dev, status.st_ino) != opened:
                raise FileGoneError(f"{name} was replaced by another file: {_BACK}")
        bytes_now = now[0].st_size
        if bytes_now < self._bytes and bytes_now < max(length(), 1):
            raise FileGoneError(f"{self._names[0]} was cut short, or another was written over it: {_BACK}")
        index_bytes_now = now[2].st_size
        if index_bytes_now < self._index_bytes:
            # It only grows while somebody has it open. SQLite would not find in it what is in the log.
            raise FileGoneError(f"{self._names[2]} was cut short: {_ANEW}")
        self._bytes, self._index_bytes = bytes_now, index_bytes_now

    def check_writable(self) -> None:
        """Raises OSError unless the files have write permission and the disk has room."""
        for each in self._names:
            if not os.access(each, os.W_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), each)
        name = Path(f"{self._path}-room")
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            name.unlink()
            if os.write(file, bytes(ROOM_BYTES)) < ROOM_BYTES:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        finally:
            os.close(file)


_ANEW = "nothing is stored until this server is started again, which makes it anew from the log"
_BACK = "nothing is stored until the file that this server opened is back in its place, or the server is started again"


def connect(path: Path, *, busy_seconds: float) -> sqlite3.Connection:
    """Opens a connection to an existing file. SQLite by itself would create a missing one, empty."""
    return sqlite3.connect(
        f"file:{quote(str(path.absolute()))}?mode=rw",
        uri=True,
        timeout=busy_seconds,
        isolation_level=None,  # transactions begin by our own statements, not by the driver's guess
        check_same_thread=False,
        cached_statements=_STATEMENTS_KEPT,
    )


def use_log(connection: sqlite3.Connection) -> None:
    """Sets a connection to WAL mode with full flushes, and creates the log if there is none."""
    connection.execute("PRAGMA journal_mode = WAL")
    # Under NORMAL a power loss takes every acknowledged row since the last checkpoint.
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def empty_log(connection: sqlite3.Connection) -> None:
    """Checkpoints the log into the database, and truncates it if no reader uses it; waits for nobody."""
    [[busy_ms]] = connection.execute("PRAGMA busy_timeout").fetchall()
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")


def length(connection: sqlite3.Connection) -> int:
    """Returns how many bytes a database has, by its own account."""
    [pages], [page_bytes] = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages * page_bytes)


def prove_write(connection: sqlite3.Connection) -> None:
    """Commits a transaction that changes nothing, as durably as any other: a page of the log, and a flush.

    Raises:
        sqlite3.OperationalError: it cannot be committed.
    """
    [version] = connection.execute("PRAGMA user_version").fetchone()
    connection.execute(f"PRAGMA user_version = {version}")


@contextmanager
def served(path: Path) -> Iterator[OpenedFile]:
    """Locks a file for this server, for the block, and proves that it takes writes.

    Raises:
        SchemaError: another server has the lock, or the file takes no writes; the text says why.
    """
    with sole_server(path):
        try:
            connection = connect(path, busy_seconds=_START_BUSY_SECONDS)
        except sqlite3.Error as error:
            raise SchemaError(why_not(path, error)) from error
        # Kept open: so the log stays in its place, whatever becomes of the process that writes.
        with closing(connection):
            try:
                use_log(connection)
                file = OpenedFile(path)
                file.check_writable()
                prove_write(connection)
            except (sqlite3.Error, OSError) as error:
                if not is_busy(error):
                    raise SchemaError(why_not(path, error)) from error
                file = OpenedFile(path)
            yield file


def lock_name(path: Path) -> Path:
    """Returns the file whose lock shows that a server has the database open.

    Not the database itself: when any descriptor of that is closed, SQLite's own locks on it are gone. Of two names of a
    database, one of them a link, it is the same.
    """
    return Path(f"{path.resolve()}-server")


@contextmanager
def sole_server(path: Path) -> Iterator[None]:
    """Holds the lock of a file's one server for the block.

    Raises:
        SchemaError: a server has the lock.
    """
    try:
        file = os.open(lock_name(path), os.O_RDWR | os.O_CREAT, 0o600)
        _give_to_owner(file, path)
    except OSError as error:
        raise SchemaError(why_not(path, error)) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SchemaError(
                f"another server serves {path}: one file has one server, which must be stopped first; "
                "several share a PostgreSQL (`telwerkd copy`)"
            ) from None
        yield
    finally:
        os.close(file)


def _give_to_owner(file: int, path: Path) -> None:
    """Gives a file that root made beside another user's database to that user."""
    if os.geteuid() == 0:
        of = (path if path.exists() else path.parent).stat()
        os.fchown(file, of.st_uid, of.st_gid)


def _inode(name: str) -> Inode:
    status = os.stat(name)  # noqa: PTH116  # as below
    return status.st_dev, status.st_ino


def _status(name: str) -> os.stat_result:
    try:
        return os.stat(name)  # noqa: PTH116  # six times for each transaction; a Path takes three times as long
    except OSError as error:
        raise FileGoneError(f"{name} is gone ({error.strerror}): {_BACK}") from None
