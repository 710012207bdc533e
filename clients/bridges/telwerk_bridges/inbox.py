"""The durable inbox: a SQLite file with what deliveries meant and Telwerk has not acknowledged yet.

It holds events, and of each conversation (and each operator, in the same table) the ids, states and instants that
memory.py needs; never a delivery. What a delivery adds to both is one transaction: once `take` has returned, the loss
of the process or of the machine loses nothing. One process writes at a time, and holds a lock on `PATH.lock`;
`telwerk-bridge list`, `retry` and `drop` may work beside it.
"""

import asyncio
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import aiosqlite

from telwerk.owned_file import FileIdentity, FileLock, FileTakenError, make_file
from telwerk.v1.event_pb2 import Event
from telwerk_bridges.memory import take
from telwerk_bridges.platform import Delivery, OperatorStatus

FORMAT: Final = 1
"""Of the file; in SQLite's `user_version`."""

_PAGE_BYTES: Final = 4096
_BUSY_SECONDS: Final = 10.0
_DAY_SECONDS: Final = 86_400.0
_ROOM_BYTES: Final = 16_384
_FORGOTTEN_PART: Final = 10
_TABLES: Final = 2

_SCHEMA: Final = """
CREATE TABLE conversations (
    target TEXT NOT NULL, conversation_id TEXT NOT NULL, story TEXT NOT NULL, touched REAL NOT NULL,
    PRIMARY KEY (target, conversation_id)
) WITHOUT ROWID;
CREATE INDEX conversations_by_age ON conversations (touched);
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT, account_id TEXT NOT NULL, event BLOB NOT NULL, refusal TEXT
);
CREATE INDEX events_by_account ON events (account_id, refusal, number);
"""


class InboxError(Exception):
    """The file cannot be used; the text says why."""


class InboxFullError(Exception):
    """There is no room for what a delivery means."""


@dataclass(frozen=True)
class Target:
    """Whose events they are: an account of the Telwerk at an address. Another has been told nothing yet."""

    address: str
    account_id: str


class Held(NamedTuple):
    """An event that the file holds; `refusal` says why Telwerk will never take it, if it said so."""

    number: int
    account_id: str
    event: Event
    refusal: str | None = None


class Counts(NamedTuple):
    """How many events wait, and how many were refused; the size of what is stored."""

    waiting: int
    refused: int
    bytes_used: int


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds the file's lock, which ends with the process.

    Raises:
        InboxError: another process holds it, or it cannot be made.
    """
    try:
        lock = FileLock(path)
    except FileTakenError as error:
        raise InboxError(f"another bridge has the inbox {path}: each needs a file of its own") from error
    except OSError as error:
        raise InboxError(f"the inbox {path} cannot be opened: {error.strerror}") from error
    try:
        yield
    finally:
        lock.release()


@asynccontextmanager
async def opened(path: Path, bytes_max: int) -> AsyncIterator["Inbox"]:
    """The inbox of this file, which is made if it is not there.

    Raises:
        InboxError: the file is not an inbox, is of a newer version, or cannot be opened.
    """
    connection = None
    try:
        make_file(path)
        connection = await aiosqlite.connect(path, isolation_level=None, timeout=_BUSY_SECONDS)
        await _prepare(connection, path, bytes_max)
    except OSError as error:
        raise InboxError(f"the inbox {path} cannot be opened: {error.strerror}") from error
    except (sqlite3.Error, InboxError) as error:
        if connection:
            await connection.close()
        if isinstance(error, InboxError):
            raise
        raise InboxError(f"the inbox {path} cannot be opened: {error}") from error
    try:
        yield Inbox(connection, path)
    finally:
        await connection.close()


async def _prepare(connection: aiosqlite.Connection, path: Path, bytes_max: int) -> None:
    version = await _number(connection, "PRAGMA user_version")
    if version > FORMAT:
        raise InboxError(f"the inbox {path} is of version {version}, and this bridge knows {FORMAT}: it is newer")
    tables = await _number(connection, "SELECT count(*) FROM sqlite_master WHERE type = 'table'")
    own = "SELECT count(*) FROM sqlite_master WHERE name IN ('conversations', 'events')"
    if (version or tables) and await _number(connection, own) != _TABLES:
        raise InboxError(f"{path} is a database, but no inbox")
    # Nothing is changed before the file is known to be an inbox, or empty.
    await connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
    await connection.execute("PRAGMA journal_mode = WAL")
    await connection.execute("PRAGMA synchronous = FULL")
    if version == 0:
        await connection.executescript(f"BEGIN IMMEDIATE;{_SCHEMA}PRAGMA user_version = {FORMAT};COMMIT;")
    page_bytes = await _number(connection, "PRAGMA page_size")
    await connection.execute(f"PRAGMA max_page_count = {max(bytes_max // page_bytes, 1)}")


async def _number(connection: aiosqlite.Connection, query: str) -> int:
    async with connection.execute(query) as rows:
        row = await rows.fetchone()
    return int(row[0]) if row else 0


class _Shelf:
    """What is remembered for one target, within a transaction."""

    def __init__(self, connection: aiosqlite.Connection, target: str, touched: float | None) -> None:
        self._connection = connection
        self._target = target
        self._touched = touched

    async def read(self, name: str) -> str | None:
        """As `Shelf.read`."""
        query = "SELECT story FROM conversations WHERE target = ? AND conversation_id = ?"
        async with self._connection.execute(query, (self._target, name)) as rows:
            row = await rows.fetchone()
        return str(row[0]) if row else None

    async def write(self, name: str, text: str) -> None:
        """As `Shelf.write`."""
        values = (self._target, name, text, time.time() if self._touched is None else self._touched)
        statement = """
            INSERT INTO conversations VALUES (?, ?, ?, ?) ON CONFLICT (target, conversation_id)
            DO UPDATE SET story = excluded.story, touched = max(touched, excluded.touched)
        """
        await self._connection.execute(statement, values)


class Inbox:
    """See the module; made by `opened`."""

    def __init__(self, connection: aiosqlite.Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._file = FileIdentity(path)
        self._turn = asyncio.Lock()

    async def take(self, target: Target, told: Delivery | OperatorStatus, touched: float | None = None) -> int:
        """Stores what the delivery adds; how many events that are.

        `touched` is when the conversation was active last, for what is no delivery of now; the memory of those that
        were quiet the longest is given up first.

        Raises:
            InboxFullError: it does not fit, even after the memory of the oldest conversations is given up.
            InboxError: the file cannot be written.
        """
        try:
            return await self._take(target, told, touched)
        except InboxFullError:
            if not await self._forget_oldest():
                raise
            return await self._take(target, told, touched)

    async def waiting(self, account_id: str, after: int, limit: int) -> list[Held]:
        """The oldest events of the account that wait for Telwerk, after that number."""
        query = "SELECT number, account_id, event, refusal FROM events WHERE account_id = ? AND refusal IS NULL"
        return await self._held(f"{query} AND number > ? ORDER BY number LIMIT ?", account_id, after, limit)

    async def held(self, *, refused: bool, limit: int) -> list[Held]:
        """The oldest events that were refused, or that wait."""
        query = "SELECT number, account_id, event, refusal FROM events WHERE (refusal IS NOT NULL) = ?"
        return await self._held(f"{query} ORDER BY number LIMIT ?", refused, limit)

    async def answered(self, numbers: Iterable[int], refusals: Iterable[tuple[int, str]]) -> None:
        """Telwerk has these events; and will never have those, which are kept for a look."""
        async with self._transaction() as connection:
            await connection.executemany("DELETE FROM events WHERE number = ?", [(number,) for number in numbers])
            kept = [(text, number) for number, text in refusals]
            await connection.executemany("UPDATE events SET refusal = ? WHERE number = ?", kept)

    async def retry(self, numbers: Sequence[int]) -> int:
        """Refused events wait again; all where none is named. How many."""
        return await self._change("UPDATE events SET refusal = NULL WHERE refusal IS NOT NULL", numbers)

    async def drop(self, numbers: Sequence[int]) -> int:
        """Refused events are given up; all where none is named. How many."""
        return await self._change("DELETE FROM events WHERE refusal IS NOT NULL", numbers)

    async def forget(self, days: float) -> int:
        """Gives up the memory of conversations that no delivery was about for so long. How many."""
        before = time.time() - days * _DAY_SECONDS
        async with self._transaction() as connection:
            return (await connection.execute("DELETE FROM conversations WHERE touched < ?", (before,))).rowcount

    async def check(self) -> None:
        """Tries whether there is room for a delivery, without keeping anything.

        Raises:
            InboxError, InboxFullError: there is none.
        """
        async with self._transaction() as connection:
            await connection.execute("INSERT INTO events (account_id, event) VALUES ('', zeroblob(?))", (_ROOM_BYTES,))
            await connection.execute("ROLLBACK")
            # What is rolled back never comes to the disk. This does, and changes nothing.
            await connection.execute("BEGIN IMMEDIATE")
            await connection.execute(f"PRAGMA user_version = {FORMAT}")
        status = await asyncio.to_thread(os.statvfs, self._path)
        if status.f_bavail * status.f_frsize < _ROOM_BYTES:
            raise InboxFullError("the inbox cannot be written: the disk is full")

    async def counts(self) -> Counts:
        """What the file holds."""
        async with self._turn:
            waiting = await _number(self._connection, "SELECT count(*) FROM events WHERE refusal IS NULL")
            refused = await _number(self._connection, "SELECT count(*) FROM events WHERE refusal IS NOT NULL")
            pages = await _number(self._connection, "PRAGMA page_count")
            free = await _number(self._connection, "PRAGMA freelist_count")
            return Counts(waiting, refused, (pages - free) * await _number(self._connection, "PRAGMA page_size"))

    async def _take(self, target: Target, told: Delivery | OperatorStatus, touched: float | None) -> int:
        async with self._transaction() as connection:
            said = await take(_Shelf(connection, f"{target.account_id}@{target.address}", touched), told)
            await connection.executemany(
                "INSERT INTO events (account_id, event) VALUES (?, ?)",
                [(target.account_id, event.SerializeToString()) for event in said],
            )
            return len(said)

    async def _forget_oldest(self) -> int:
        """Gives up a part of all memories: it makes room without losing an event."""
        query = """
            DELETE FROM conversations WHERE touched <= (
                SELECT touched FROM conversations ORDER BY touched
                LIMIT 1 OFFSET (SELECT count(*) / ? FROM conversations)
            )
        """
        try:
            async with self._transaction() as connection:
                return (await connection.execute(query, (_FORGOTTEN_PART,))).rowcount
        except InboxFullError:
            return 0

    async def _held(self, query: str, *parameters: object) -> list[Held]:
        try:
            async with self._turn, self._connection.execute(query, parameters) as rows:
                return [Held(row[0], row[1], Event.FromString(row[2]), row[3]) for row in await rows.fetchall()]
        except sqlite3.Error as error:
            raise InboxError(f"the inbox {self._path} cannot be read: {error}") from error

    async def _change(self, statement: str, numbers: Sequence[int]) -> int:
        async with self._transaction() as connection:
            if not numbers:
                return (await connection.execute(statement)).rowcount
            done = [await connection.execute(f"{statement} AND number = ?", (number,)) for number in numbers]
            return sum(one.rowcount for one in done)

    def _check_file(self) -> None:
        """What is written to a file without a name would be lost with the process."""
        if not self._file.holds():
            raise InboxError(f"the inbox {self._path} was moved or deleted: put it back, or restart the bridge")

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[aiosqlite.Connection]:
        async with self._turn:
            self._check_file()
            try:
                await self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                await self._connection.execute("COMMIT")
            except BaseException as error:
                # SQLite itself has rolled back after some errors.
                if self._connection.in_transaction:
                    await self._connection.execute("ROLLBACK")
                if isinstance(error, sqlite3.Error):
                    full = error.sqlite_errorcode == sqlite3.SQLITE_FULL
                    raise (InboxFullError if full else InboxError)(f"the inbox cannot be written: {error}") from error
                raise
