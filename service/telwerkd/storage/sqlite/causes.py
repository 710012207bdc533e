"""Messages about why a SQLite file cannot be used, for the person who starts a program on it."""

import errno
import os
import sqlite3
from pathlib import Path

ROOM_BYTES = 2**20
"""What must be free beside the database: its log has room of its own for a small transaction, also on a full disk."""


def is_busy(error: Exception) -> bool:
    """Whether somebody else is at the file just now."""
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def why_not(path: Path, error: BaseException) -> str:
    """Returns one sentence about why a file cannot be used, with what the operator can do."""
    if path.is_dir():
        return f"{path} is a directory: name a file in it"
    if not path.parent.is_dir():
        return f"{path} cannot be opened: does its folder exist? (there is no {path.parent})"
    number = error.errno if isinstance(error, OSError) else None
    code = _code(error)
    if code == sqlite3.SQLITE_FULL or number in _FULL or _is_full(path):
        why = f"cannot be written: its disk is full, or less than {ROOM_BYTES >> 20} MiB of it is free"
    elif number in _DENIED or code in _DENIED_CODES:
        why = (
            "cannot be written: the file and its folder must belong to the user that runs this, on a file system that "
            f"is not read-only ({error})"
        )
    elif code == sqlite3.SQLITE_CORRUPT:
        why = f"is damaged, restore a backup ({error})"
    else:
        why = f"cannot be opened as a SQLite database: {error}"
    return f"{path} {why}"


_FULL = {errno.ENOSPC, errno.EDQUOT}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_DENIED_CODES = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}


def _is_full(path: Path) -> bool:
    # SQLite says that it cannot open a file where there was no room for it.
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False


def _code(error: BaseException) -> int | None:
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None
