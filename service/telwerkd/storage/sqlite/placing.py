"""Atomic replacement of a database file: a finished file becomes the target as a whole, or not at all.

It is made beside the target under another name (`<name>.part`), flushed, and renamed. A process that is killed leaves
the part, which the next one takes over; the file under the final name is always complete. What SQLite keeps beside a
database (`-wal`, `-shm`, `-journal`) belongs to that one database: left there, it would be applied to the next.
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path

from telwerkd.storage.schema.errors import SchemaError
from telwerkd.storage.sqlite.causes import is_busy, why_not
from telwerkd.storage.sqlite.file import connect, lock_name, sole_server

_BESIDE = ("-wal", "-shm", "-journal")
_BUSY_SECONDS = 1.0
_HEADER = b"SQLite format 3\0"


@contextmanager
def part_of(target: Path) -> Iterator[Path]:
    """Makes an empty file beside `target`, with mode 0600, to be filled and placed; removed at the end if not placed.

    Raises:
        SchemaError: it cannot be made, or another process is making one for the same target.
    """
    part = Path(f"{target}.part")
    try:
        file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise SchemaError(why_not(target, error)) from error
    # Held open to the end: closing any descriptor of a file takes away the locks that SQLite has on it.
    try:
        _take(file, part, target)
        _remove_beside(part)
        try:
            yield part
        finally:
            if _is_at(part, os.fstat(file)):
                part.unlink()
            _remove_beside(part)
    finally:
        os.close(file)


def refuse_target(target: Path, *, force: bool) -> None:
    """Raises SchemaError if a target path cannot be written, or exists without `force`: a check before the work."""
    if target.is_dir() or not target.parent.is_dir():
        raise SchemaError(why_not(target, FileNotFoundError()))
    if target.exists() and not target.is_file():
        raise SchemaError(f"{target} is no regular file")
    there = [name for name in (str(target), *_beside(target)) if os.path.lexists(name)]
    if there and not force:
        raise SchemaError(f"{there[0]} is there already: remove it, name another file, or replace it with --force")


@contextmanager
def out_of_service(database: Path, *, makes_lock: bool) -> Iterator[None]:
    """Keeps servers from a file for the block, by its lock; without `makes_lock`, a missing lock file is not created.

    Raises:
        SchemaError: a server has the file.
    """
    with sole_server(database) if makes_lock or lock_name(database).exists() else nullcontext():
        yield


def place(part: Path, target: Path, *, keeps: bool) -> Path | None:
    """Renames a finished file to its target, flushed.

    With `keeps`, the earlier file is kept under another name, which is returned, and the new file gets its owner and
    mode. To be called while the target is `out_of_service`.

    Raises:
        SchemaError: an operation failed, or another program has the target open; the earlier file is unchanged then.
    """
    try:
        kept = None
        if target.is_file():
            _fold_log(target)
            if keeps:
                _like(part, target)
                kept = _kept(target)
        _fold_log(part)
        _remove_beside(target)
        _flush(part)
        part.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise SchemaError(why_not(target, error)) from error
    return kept


def _take(file: int, part: Path, target: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise SchemaError(f"another process is writing {target}") from None
    # Whoever had it may just have put it in its place: then it is finished, and not ours.
    if not _is_at(part, os.fstat(file)):
        raise SchemaError(f"another process has just written {target}")
    os.ftruncate(file, 0)
    os.fchmod(file, 0o600)


def _is_at(path: Path, status: os.stat_result) -> bool:
    with suppress(OSError):
        return os.path.samestat(path.lstat(), status)
    return False


def _fold_log(database: Path) -> None:
    """Checkpoints a database's log into the database, and removes the files beside it.

    A file that is damaged, or no database, is left as it is.
    """
    if not _begins_as_database(database):
        return  # SQLite would remove the log beside it, which may be all that is left
    try:
        with closing(connect(database, busy_seconds=_BUSY_SECONDS)) as alone:
            # Refused while another connection is open: that would remove the next database's log when it is closed.
            alone.execute("PRAGMA journal_mode = DELETE").fetchone()
    except sqlite3.Error as error:
        if is_busy(error):
            raise SchemaError(f"another program has {database} open: let it end first") from error


def _begins_as_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def _kept(target: Path) -> Path:
    kept = Path(f"{target}.before-{datetime.now(UTC):%Y%m%dT%H%M%S%fZ}")
    # Only of one that is damaged: of any other it is folded in.
    for suffix in ("-wal", "-journal"):
        with suppress(FileNotFoundError):
            Path(f"{target}{suffix}").rename(f"{kept}{suffix}")
    try:
        kept.hardlink_to(target)
    except OSError:  # not every file system has links
        target.rename(kept)
    return kept


def _like(part: Path, target: Path) -> None:
    was = target.stat()
    part.chmod(was.st_mode & 0o660 | 0o600)
    if os.geteuid() == 0:
        os.chown(part, was.st_uid, was.st_gid)


def _flush(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def _beside(path: Path) -> list[str]:
    return [f"{path}{suffix}" for suffix in _BESIDE]


def _remove_beside(path: Path) -> None:
    for name in _beside(path):
        with suppress(FileNotFoundError):
            Path(name).unlink()
