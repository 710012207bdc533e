"""A model of PostgreSQL, below the real `PostgresStore`: its sessions, the lock of its rows, and what a network does.

The tables are those of a SQLite file; what is modelled is what several servers see of one another. A transaction that
writes begins with the account's row (`account_lock`), and waits there until whoever has it commits or is gone. One at a
time is let in, whichever account it is of; PostgreSQL lets in one of each account, and no two accounts share a row.
Between any two of its statements a transaction can be held up, a server can die, a session can break, and a commit can
be done or not when the network says that it failed.
"""

import asyncio
import enum
import random
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import asyncpg
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.util import await_only, greenlet_spawn

from telwerkd.application.ports import Snapshot, Store
from telwerkd.domain.ids import AccountId
from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.postgres.store import PostgresStore
from telwerkd.storage.sql.transaction import AccountTransaction
from telwerkd.storage.sqlite.engine import configured

T = TypeVar("T")
_LOCK_SECONDS = 10.0
"""`lock_timeout` of the program's transactions."""
_LOCK = "UPDATE accounts SET version = version"
_WRITABLE = sa.text("SELECT 'off' AS read_only, '0' AS file_limit, NULL AS denied")


class Trouble(enum.Enum):
    """What a transaction can meet."""

    CUT_BEFORE_COMMIT = "loses its connection as it commits, and nothing is stored"
    CUT_AFTER_COMMIT = "loses its connection as it commits, and all is stored"
    NOT_SERIALIZED = "is aborted as it commits"
    DEADLOCK = "is aborted as it locks its row"
    CUT = "loses its connection as it locks its row"
    SHUT_DOWN = "is ended by an administrator as it locks its row"
    FULL = "finds no room as it locks its row"
    NO_CONNECTION = "gets no connection"


_AT_COMMIT = {Trouble.CUT_BEFORE_COMMIT, Trouble.CUT_AFTER_COMMIT, Trouble.NOT_SERIALIZED}


class Course(Protocol):
    """The course of things, which `SimulatedLoop` draws."""

    chance: random.Random

    def delay(self) -> float:
        """How long something takes."""

    def trace(self, *what: object) -> None:
        """Notes what happened."""

    def create_future(self) -> "asyncio.Future[Any]":
        """As a loop does."""

    def call_later(self, delay: float, callback: Callable[..., object], *args: Any) -> object:
        """As a loop does."""


@cache
def _pool(path: Path) -> sa.Engine:
    return sa.create_engine(
        "sqlite+pysqlite://",
        creator=partial(configured, path, writes=True, any_text=False),
        poolclass=sa.QueuePool,
        pool_size=10,
        max_overflow=-1,
    )


class ModelledPostgres:
    """A database that several servers share."""

    def __init__(self, loop: Course, path: Path) -> None:
        self.loop = loop
        self.troubles: deque[Trouble] = deque()
        """What the next transactions that write meet."""
        self.writing: _Session | None = None
        self._waiting: deque[tuple[_Session, asyncio.Future[None]]] = deque()
        self.upkeep: dict[str, _Session] = {}
        """Who has an account's advisory lock."""
        self.pool = _pool(path)

    def meets(self, *kinds: Trouble) -> Trouble | None:
        """The next trouble, if it is one of these; then it is over."""
        if self.troubles and self.troubles[0] in kinds:
            return self.troubles.popleft()
        return None

    async def lock(self, session: "_Session") -> None:
        """Returns when the session may write, and nobody else does."""
        if self.writing is None:
            self.writing = session
        elif self.writing is not session:
            turn = self.loop.create_future()
            self._waiting.append((session, turn))
            try:
                async with asyncio.timeout(_LOCK_SECONDS):
                    await turn
            except TimeoutError:
                raise asyncpg.LockNotAvailableError("canceling statement due to lock timeout") from None

    def release(self, session: "_Session") -> None:
        """Whatever the session had, others may have."""
        self.upkeep = {account: holder for account, holder in self.upkeep.items() if holder is not session}
        self._waiting = deque((waiting, turn) for waiting, turn in self._waiting if waiting is not session)
        if self.writing is session:
            self.writing = None
            while self._waiting and self.writing is None:
                place = self.loop.chance.randrange(len(self._waiting))
                self.writing, turn = self._waiting[place]
                del self._waiting[place]
                if turn.done():
                    self.writing = None
                else:
                    turn.set_result(None)

    def close(self) -> None:
        """Closes the file."""
        self.pool.dispose()


class _Session:
    """A connection of a server, and its transaction: what the store needs of SQLAlchemy's `AsyncConnection`."""

    def __init__(self, postgres: ModelledPostgres, *, read_only: bool) -> None:
        self.postgres = postgres
        self._loop = postgres.loop
        self.real = postgres.pool.connect()
        driver = self.real.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        self.driver = driver
        self.driver.execute(f"PRAGMA query_only = {int(read_only)}")
        self.is_open = True

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["_Session"]:
        """A transaction, rolled back unless it is committed."""
        self.driver.execute("BEGIN")
        try:
            yield self
        finally:
            self.end()

    async def commit(self) -> None:
        """Commits, as far as anybody can say."""
        await asyncio.sleep(self._loop.delay())
        if not self.is_open:
            raise ConnectionResetError("the session is gone")
        trouble = self.postgres.meets(*_AT_COMMIT) if self.postgres.writing is self else None
        if trouble is Trouble.NOT_SERIALIZED:
            self.end()
            raise asyncpg.SerializationError("could not serialize access")
        if trouble is not Trouble.CUT_BEFORE_COMMIT:
            self.driver.execute("COMMIT")
            self._loop.trace("committed")
        self.end()
        if trouble is not None:
            raise ConnectionResetError("connection reset by peer")
        await asyncio.sleep(self._loop.delay())

    def end(self) -> None:
        """Ends what it is at; nothing of it is stored."""
        if self.is_open and self.driver.in_transaction:
            self.driver.execute("ROLLBACK")
        self.postgres.release(self)

    async def invalidate(self, _error: BaseException | None = None) -> None:
        """Gives it up."""

    def close(self) -> None:
        """Ends the session."""
        if self.is_open:
            self.end()
            self.is_open = False
            self.real.close()

    async def run_sync(self, work: Callable[..., T]) -> T:
        """Runs `work` in a greenlet, which each of its statements may suspend."""
        return await greenlet_spawn(work, _Statements(self))

    async def execute(self, query: Any, values: Any = None) -> Any:
        """The rows of a statement across accounts."""
        await asyncio.sleep(self._loop.delay())
        return self.real.execute(query, values)


class _Statements:
    """What the store's work needs of `sqlalchemy.Connection`; each statement is a way there and back."""

    def __init__(self, session: _Session) -> None:
        self._session = session
        self._postgres = session.postgres
        self.dialect = session.real.dialect
        self.connection = session.real.connection

    def execute(self, query: Any, values: Any = None, *, execution_options: Any = None) -> Any:
        self._pass()
        text = query.text if isinstance(query, sa.TextClause) else ""
        if "pg_logical_emit_message" in text:
            return None
        if "transaction_read_only" in text:
            query, values = _WRITABLE, None
        return self._session.real.execute(query, values, execution_options=execution_options)

    def scalar(self, query: Any, values: Any = None) -> Any:
        self._pass()
        text = query.text if isinstance(query, sa.TextClause) else ""
        if "pg_try_advisory_xact_lock" in text:
            return self._postgres.upkeep.setdefault(values["account"], self._session) is self._session
        return self._session.real.scalar(query, values)

    def scalars(self, query: Any, values: Any = None) -> Any:
        self._pass()
        return self._session.real.scalars(query, values)

    def exec_driver_sql(self, text: str, values: Any = None) -> Any:
        if text.startswith((_LOCK, "INSERT INTO accounts")):
            self._lock()
        else:
            self._pass()
        return self._session.real.exec_driver_sql(text, values)

    def _lock(self) -> None:
        self._pass()
        kinds = set(Trouble) - _AT_COMMIT - {Trouble.NO_CONNECTION}
        match self._postgres.meets(*kinds):
            case Trouble.DEADLOCK:
                raise asyncpg.DeadlockDetectedError("deadlock detected")
            case Trouble.SHUT_DOWN:
                raise asyncpg.AdminShutdownError("terminating connection due to administrator command")
            case Trouble.FULL:
                raise asyncpg.DiskFullError("could not extend file")
            case Trouble.CUT:
                raise ConnectionResetError("connection reset by peer")
        if self._postgres.writing is not self._session:
            await_only(self._postgres.lock(self._session))
            if not self._session.is_open:
                raise ConnectionResetError("the session is gone")
            # Each statement of READ COMMITTED sees what was committed before it; nothing was read yet.
            self._session.driver.execute("COMMIT")
            self._session.driver.execute("BEGIN IMMEDIATE")

    def _pass(self) -> None:
        await_only(asyncio.sleep(self._postgres.loop.delay()))
        if not self._session.is_open:
            raise ConnectionResetError("the session is gone")


class _Engine:
    """What the store needs of an `AsyncEngine`."""

    def __init__(self, postgres: ModelledPostgres, sessions: list[_Session], *, read_only: bool) -> None:
        self._postgres = postgres
        self._sessions = sessions
        self._read_only = read_only

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[_Session]:
        """A session, until it is left."""
        await asyncio.sleep(self._postgres.loop.delay())
        if self._postgres.meets(Trouble.NO_CONNECTION):
            raise ConnectionRefusedError("connection refused")
        session = _Session(self._postgres, read_only=self._read_only)
        self._sessions.append(session)
        try:
            yield session
        finally:
            if session in self._sessions:
                self._sessions.remove(session)
            session.close()

    async def dispose(self) -> None:
        """Every session ends where it is used."""


class _Store(PostgresStore):
    """The real one, but that nothing has a real thread, nor statements in the loop for it."""

    async def read(self, account: AccountId, work: Callable[[Snapshot], T]) -> T:
        async def in_thread(session: Any) -> T:
            def run() -> T:
                if not session.is_open:
                    raise ConnectionResetError("the session is gone")
                with AccountTransaction(session.real, account) as view:
                    return work(view)

            result: T = await asyncio.get_running_loop().run_in_executor(self._threads, run)
            return result

        return await self._shielded(self._answered(self._readers, in_thread))

    def _computing(self, _commands: Any, run: Callable[[Any], T]) -> Callable[[Any], Awaitable[T]]:
        """On the event loop whatever it is: a thread would have to wait there for the locks of others."""
        return lambda session: session.run_sync(run)


class SharedPostgres:
    """The database, as one life of a server has it."""

    def __init__(self, postgres: ModelledPostgres) -> None:
        self._postgres = postgres
        self._sessions: list[_Session] = []

    async def opened(self) -> Store:
        url = PostgresUrl("postgresql://modelled/world", "postgresql://modelled/world")
        self._store = _Store(url, self._pool)
        return self._store

    def _pool(self, *_: object, read_only: bool = False) -> AsyncEngine:
        return cast("AsyncEngine", _Engine(self._postgres, self._sessions, read_only=read_only))

    async def close(self) -> None:
        await self._store.close()

    def drop(self) -> None:
        """The server is gone: PostgreSQL finds out some time."""
        for session in self._sessions:
            self._postgres.loop.call_later(self._postgres.loop.delay(), session.close)
        self._sessions.clear()

    def kill_writers(self) -> None:
        """Nothing outlives the server."""
