"""A file that one process has for itself, under a name that lasts: the spool of a sender, the inbox of a bridge."""

import errno
import fcntl
import os
from pathlib import Path
from typing import Final
from weakref import WeakSet


class FileTakenError(Exception):
    """Somebody else holds the lock."""


class FileLock:
    """An exclusive lock on `PATH.lock`, from its making until `release` or the end of the process, SIGKILL included.

    The lock has a file of its own: SQLite's locks on its file would end with any descriptor of that file that this
    process closes. A process that is forked does not hold it; else an orphan would keep the file from the next owner.

    Raises:
        OSError: the lock file cannot be made.
        FileTakenError: another process, or another owner in this one, holds the lock.
    """

    def __init__(self, path: Path) -> None:
        # One file has one lock, whichever symbolic link names it.
        name = f"{os.path.realpath(path)}.lock"
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise FileTakenError(name) from error
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor: int | None = descriptor
        _held.add(self)

    def release(self) -> None:
        """Ends it. May be called again."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
            _held.discard(self)


_held: Final[WeakSet[FileLock]] = WeakSet()


def _release_in_child() -> None:
    # The parent's lock stays: it ends with the last descriptor, and this only was a copy.
    for lock in list(_held):
        lock.release()


os.register_at_fork(after_in_child=_release_in_child)


class FileIdentity:
    """Which file has the name. What is written to a file without a name is lost with the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity = _identity(path)

    def holds(self) -> bool:
        """Whether the name still is that file's."""
        try:
            return _identity(self._path) == self._identity
        except OSError:
            return False


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def make_file(path: Path) -> None:
    """Makes the file, for its owner's eyes only, unless it is there; its name then outlasts a loss of power.

    Raises:
        OSError: it cannot be made, or must not be read and written; or it has a second name, which would have another
            lock.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    if path.stat().st_nlink > 1:
        raise OSError(errno.EMLINK, "it has another name, by a hard link, which must be removed first", str(path))
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
