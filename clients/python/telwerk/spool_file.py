"""The file of a spool: events of one account in SQLite, in the order in which they were added.

    PATH        the database: a row for each event that the server has not answered
    PATH-wal    SQLite's write-ahead log, and PATH-shm, its index; both go when the file is closed
    PATH.lock   held by the one sender that has the spool

`append` is durable when it returns: the log is synced. `remove` is not synced, for an event that comes back after a
loss of power is only sent again. Of at most `bytes_max` bytes on disk the log has a quarter. Used by one thread at a
time.
"""

import logging
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from telwerk.owned_file import FileIdentity, FileLock, FileTakenError, make_file
from telwerk.sender_errors import SpoolError
from telwerk.v1.event_pb2 import Event

FORMAT: Final = 1
"""Of the file; in SQLite's `user_version`."""

BYTES_MIN: Final = 4 * 2**20
"""The least that `spool_bytes_max` may be."""

EVENT_PART: Final = 32
"""An event is at most this part of the spool."""

_APPLICATION_ID: Final = 0x5457_5370  # TWSp
_PAGE_BYTES: Final = 4096
_FRAME_BYTES: Final = _PAGE_BYTES + 24
_INDEX_BYTES: Final = 2**16
_CHECKPOINT_FRAMES: Final = 1_000
_ROW_BYTES: Final = 32
_TREE_PAGES: Final = 8
_VACUUM_PAGES: Final = 256

_SCHEMA: Final = f"""
BEGIN IMMEDIATE;
CREATE TABLE spool (account_id TEXT NOT NULL);
CREATE TABLE events (number INTEGER PRIMARY KEY, event BLOB NOT NULL, checksum INTEGER NOT NULL);
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {FORMAT};
COMMIT;
"""

_log = logging.getLogger("telwerk.sender")


class Stored(NamedTuple):
    """An event of the file; None where the row is damaged."""

    number: int
    event: Event | None


class SpoolFile:
    """See the module. Opens the file, which is made if it is not there.

    Raises:
        SpoolError: the file is not a spool of this account, is damaged, of a newer version, or somebody else's; or it
            cannot be read and written.
    """

    def __init__(self, path: Path, account_id: str, bytes_max: int) -> None:
        # As SQLite does, which has the log beside the file and not beside a symbolic link to it. Also, the file stays
        # the same when the process goes to another folder.
        self.path = path = Path(os.path.realpath(path))
        self._log_path = Path(f"{path}-wal")
        self._log_bytes_max = bytes_max // 4
        # What is in the log when it is copied into the database, and what the transaction before that adds.
        self._frames_max = (self._log_bytes_max - _INDEX_BYTES) * 9 // 10 // 2 // _FRAME_BYTES
        self._pages_max = (bytes_max - self._log_bytes_max) // _PAGE_BYTES
        self._event_bytes_max = bytes_max // EVENT_PART
        with self._explained("opened"):
            if not path.parent.is_dir():
                raise SpoolError(f"the spool {path} cannot be opened: there is no folder {path.parent}")
            if path.exists() and not path.is_file():
                raise SpoolError(f"the spool {path} cannot be opened: it is not a file")
            self._lock = FileLock(path)
        try:
            with self._explained("opened"):
                make_file(path)
                self._identity = FileIdentity(path)
                self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            try:
                self._open(account_id)
            except BaseException:
                self._connection.close()
                raise
        except BaseException:
            self._lock.release()
            raise

    def _open(self, account_id: str) -> None:
        with self._explained("opened"):
            self._check_format()
            self._prepare()
            self._take_account(account_id)
            self.count = self._number("SELECT count(*) FROM events")
            """Events that are to be sent."""
            self.number_last = self._number("SELECT coalesce(max(number), 0) FROM events")

    def _check_format(self) -> None:
        """Changes nothing before the file is known to be a spool, or empty."""
        version = self._number("PRAGMA user_version")
        if self._number("PRAGMA application_id") != _APPLICATION_ID:
            if version or self._number("SELECT count(*) FROM sqlite_master"):
                raise SpoolError(f"{self.path} is not a spool but another program's database: name another file")
            return
        if version > FORMAT:
            raise SpoolError(
                f"the spool {self.path} has format {version}, and this telwerk knows format {FORMAT}: it was written "
                "by a newer one"
            )
        damage = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if damage != "ok":
            raise self._damaged(damage)

    def _prepare(self) -> None:
        run = self._connection.execute
        if not self._number("PRAGMA application_id"):
            run(f"PRAGMA page_size = {_PAGE_BYTES}")
            run("PRAGMA auto_vacuum = INCREMENTAL")
            self._connection.executescript(_SCHEMA)
        run("PRAGMA journal_mode = WAL")
        run(f"PRAGMA wal_autocheckpoint = {min(self._frames_max, _CHECKPOINT_FRAMES)}")
        # Deleted pages are not overwritten with zeros, which some builds of SQLite do: it would go through the log.
        run("PRAGMA secure_delete = FAST")

    def _take_account(self, account_id: str) -> None:
        row = self._connection.execute("SELECT account_id FROM spool").fetchone()
        if row == (account_id,):
            return
        if row and self._number("SELECT count(*) FROM events"):
            raise SpoolError(
                f"the spool {self.path} holds events of the account {row[0]!r}, not of {account_id!r}: each account "
                "needs a file of its own"
            )
        with self._transaction(sync=True) as connection:
            connection.execute("DELETE FROM spool")
            connection.execute("INSERT INTO spool VALUES (?)", (account_id,))

    def close(self) -> None:
        """Copies the log into the database, removes it, and gives up the lock."""
        with suppress(sqlite3.Error):
            self._connection.close()
        self._lock.release()

    def check_size(self, event: bytes) -> None:
        """Tells an event that never fits.

        Raises:
            SpoolError: it is too large.
        """
        if len(event) > self._event_bytes_max:
            raise SpoolError(
                f"the event has {len(event):,} bytes, and the spool {self.path} takes events of at most "
                f"{self._event_bytes_max:,} (spool_bytes_max / {EVENT_PART})"
            )

    def fitting(self, events: Sequence[bytes]) -> int:
        """How many of these, from the first, fit now and into one transaction."""
        with self._explained("read"):
            pages_used = self._number("PRAGMA page_count") - self._number("PRAGMA freelist_count")
        pages = min(self._pages_max - pages_used, self._frames_max, _CHECKPOINT_FRAMES)
        pages_of_one = min(self._pages_max - pages_used, self._frames_max)
        bytes_total = 0
        for index, event in enumerate(events):
            bytes_total += len(event) + _ROW_BYTES
            if _pages(bytes_total) > (pages if index else pages_of_one):
                return index
        return len(events)

    def append(self, events: Sequence[bytes]) -> None:
        """Adds them in this order, or none of them; durable when it returns.

        Raises:
            SpoolError: the file cannot be written.
        """
        rows = [(number, event, zlib.crc32(event)) for number, event in enumerate(events, start=self.number_last + 1)]
        with self._explained("written"), self._transaction(sync=True) as connection:
            connection.executemany("INSERT INTO events VALUES (?, ?, ?)", rows)
        self.number_last += len(rows)
        self.count += len(rows)

    def read(self, after: int, events_max: int, bytes_max: int) -> list[Stored]:
        """The oldest events after that number, at least one if there is any.

        Raises:
            SpoolError: the file cannot be read.
        """
        query = "SELECT number, event, checksum FROM events WHERE number > ? ORDER BY number LIMIT ?"
        found: list[Stored] = []
        with self._explained("read"), closing(self._connection.execute(query, (after, events_max))) as rows:
            for number, data, checksum in rows:
                event = _event(data, checksum)
                found.append(Stored(number, event))
                if event is None:
                    self.count -= 1
                    _log.error("the spool %s is damaged: event %d cannot be read, and stays there", self.path, number)
                    continue
                bytes_max -= len(data)
                if bytes_max <= 0:
                    break
        return found

    def remove(self, numbers: Sequence[int]) -> None:
        """The server has answered these.

        Raises:
            SpoolError: the file cannot be written; some or all are still in it.
        """
        # Each row may be alone on its page.
        step = max(1, min(self._frames_max, _CHECKPOINT_FRAMES) // 4)
        with self._explained("written"):
            for start in range(0, len(numbers), step):
                part = [(number,) for number in numbers[start : start + step]]
                with self._transaction(sync=False) as connection:
                    done = connection.executemany("DELETE FROM events WHERE number = ?", part)
                self.count -= done.rowcount
            if self.count == 0 and self._number("PRAGMA freelist_count") > _VACUUM_PAGES:
                self._shrink()

    def _shrink(self) -> None:
        """After an outage the file becomes small again, in steps: one that is too large for the cache fills the log."""
        step = min(self._frames_max, _CHECKPOINT_FRAMES)
        for _ in range(0, self._number("PRAGMA freelist_count"), step):
            # A script, for it takes a step for each page.
            self._connection.executescript(f"PRAGMA incremental_vacuum({step})")
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()

    def _keep_log_small(self) -> None:
        """The log grows while it cannot be copied into the database: on a full disk."""
        try:
            log_bytes = self._log_path.stat().st_size
        except FileNotFoundError:
            return
        if log_bytes > self._log_bytes_max - _INDEX_BYTES:
            busy = self._number("PRAGMA wal_checkpoint(TRUNCATE)")
            if busy:
                raise SpoolError(f"the spool {self.path} cannot be written: another program reads it")

    @contextmanager
    def _transaction(self, *, sync: bool) -> Iterator[sqlite3.Connection]:
        if not self._identity.holds():
            raise SpoolError(f"the spool {self.path} was moved or deleted: put it back, or make the sender anew")
        self._keep_log_small()
        connection = self._connection
        connection.execute(f"PRAGMA synchronous = {'FULL' if sync else 'NORMAL'}")
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            # SQLite itself has rolled back after some errors.
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def _number(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Errors of the system and of SQLite in words of the user's."""
        try:
            yield
        except FileTakenError as error:
            raise SpoolError(
                f"another sender has the spool {self.path}, in this or another process: each needs a file of its own"
            ) from error
        except OSError as error:
            named = f" ({error.filename})" if error.filename else ""
            raise SpoolError(f"the spool {self.path} cannot be {what}: {error.strerror}{named}") from error
        except sqlite3.Error as error:
            raise self._error(error, what) from error

    def _error(self, error: sqlite3.Error, what: str) -> SpoolError:
        match getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF:
            case sqlite3.SQLITE_NOTADB:
                return SpoolError(f"{self.path} is not a spool, nor any database: name another file")
            case sqlite3.SQLITE_CORRUPT:
                return self._damaged(str(error))
            case sqlite3.SQLITE_FULL:
                return SpoolError(f"the spool {self.path} cannot be {what}: the disk is full")
        return SpoolError(f"the spool {self.path} cannot be {what}: {error}")

    def _damaged(self, how: str) -> SpoolError:
        return SpoolError(
            f"the spool {self.path} is damaged ({how}): move it away to go on, and rescue its events with "
            "`sqlite3 FILE .recover`"
        )


def _pages(bytes_total: int) -> int:
    """At most so many pages does an addition of so many bytes take: each at least half full, and those of the tree."""
    return 2 * -(-bytes_total // _PAGE_BYTES) + _TREE_PAGES


def _event(data: object, checksum: object) -> Event | None:
    if not isinstance(data, bytes) or zlib.crc32(data) != checksum:
        return None
    try:
        return Event.FromString(data)
    except DecodeError:
        return None
