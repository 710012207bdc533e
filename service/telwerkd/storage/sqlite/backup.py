"""A copy of a SQLite file that a server may be writing to, and the check of a file's structure.

The copy is SQLite's online backup inside a read transaction. Without one, each commit of another process makes the
backup begin again from its first page, and under steady load it never ends. With one it reads the state that was
committed when it began, whatever is committed meanwhile. Writers do not wait for it; the log (`-wal`) cannot be cut
back before the copy ends, so it grows by what is written in that time.
"""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.sqlite.causes import is_busy, why_not
from telwerkd.storage.sqlite.file import connect

Tell = Callable[[int, int], None]
"""Told how many bytes are copied, of how many."""

_PAGES_AT_ONCE = 1_024
_BUSY_SECONDS = 10.0
_FINDINGS_MAX = 20


def copy_file(source: Path, target: Path, tell: Tell) -> None:
    """Copies the committed state of `source` into `target`, which is empty or holds a failed copy.

    The copy is a single file without a log beside it, so that it can be read from a read-only medium. It is not flushed
    to the disk yet.

    Raises:
        SchemaError: the source cannot be read, or the target not written; the text says why.
    """
    with closing(_reading(source)) as reading:
        try:
            [size] = reading.execute("PRAGMA page_size").fetchone()
            with closing(_unguarded(target)) as copy:
                reading.backup(
                    copy,
                    pages=_PAGES_AT_ONCE,
                    progress=lambda _, left, pages: tell((pages - left) * size, pages * size),
                )
            with closing(_unguarded(target)) as copy:
                copy.execute("PRAGMA journal_mode = DELETE").fetchone()
        except sqlite3.Error as error:
            at_fault = source if _is_of_reading(error) else target
            raise SchemaError(why_not(at_fault, error)) from error


def damages(path: Path) -> list[str]:
    """Returns what SQLite finds wrong with a file's structure (pages, rows, indexes); an empty list if it is intact.

    Safe beside a running server.

    Raises:
        SchemaError: it cannot be read at all.
    """
    with closing(_reading(path)) as reading:
        try:
            found = [str(text) for (text,) in reading.execute(f"PRAGMA integrity_check({_FINDINGS_MAX})")]
        except sqlite3.DatabaseError as error:
            return [str(error)]
    return [] if found == ["ok"] else [" ".join(text.split()) for text in found]


def _reading(path: Path) -> sqlite3.Connection:
    """Opens a connection in a read transaction; a file without write permission as immutable."""
    if not path.is_file():
        raise SchemaError(f"there is no database {path}")
    try:
        return _begun(connect(path, busy_seconds=_BUSY_SECONDS))
    except sqlite3.Error as error:
        if is_busy(error) or Path(f"{path}-wal").exists():
            raise SchemaError(why_not(path, error)) from error
    # Without a log beside it, nothing of it can change unseen: on a medium that is read-only SQLite wants to be told.
    try:
        name = f"file:{quote(str(path.absolute()))}?mode=ro&immutable=1"
        return _begun(sqlite3.connect(name, uri=True, isolation_level=None))
    except sqlite3.Error as error:
        raise SchemaError(why_not(path, error)) from error


def _begun(connection: sqlite3.Connection) -> sqlite3.Connection:
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _unguarded(path: Path) -> sqlite3.Connection:
    """Opens a connection without flushes to a file that nobody else uses and that is deleted after a failure."""
    connection = sqlite3.connect(path.absolute(), isolation_level=None)
    connection.execute("PRAGMA synchronous = OFF")
    return connection


def _is_of_reading(error: sqlite3.Error) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    return isinstance(code, int) and (code & 0xFF == sqlite3.SQLITE_CORRUPT or code == sqlite3.SQLITE_IOERR_READ)
