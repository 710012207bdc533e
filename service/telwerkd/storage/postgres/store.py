"""PostgreSQL, shared by any number of servers.

Writers of one account are serialised by a write to its row (`telwerkd.storage.postgres.account_lock`): each begins
with it, and then sees all that the one before has committed (READ COMMITTED takes a new view with every statement).
Nothing else is ever waited for, so there is no order of locks to get wrong. A transaction is of one account, so that
the tables can be sharded by account.

What reads, and what writes more than a few events, computes in a thread (`telwerkd.storage.postgres.threads`). A
transaction of few events runs in a greenlet that SQLAlchemy suspends whenever a statement is under way, on the event
loop: a hop between threads for each of its statements would take longer than what it computes.
"""

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, Generic, NamedTuple, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from telwerkd.application.batches import weight_of
from telwerkd.application.commands.ingest_batch import IngestBatch
from telwerkd.application.ports import AnswerVersion, Command, Snapshot, StoreFigures, WriteScheduling, Written
from telwerkd.domain.ids import AccountId
from telwerkd.process.futures import retrieve_exception
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.postgres import proving
from telwerkd.storage.postgres.account_lock import locked_account
from telwerkd.storage.postgres.engine import POOL_SECONDS, Statements, make_engine
from telwerkd.storage.postgres.errors import (
    DATABASE_ERRORS,
    RetryDecision,
    aborted_for_sure,
    lost_its_statements,
    one_line,
    retry_decision,
)
from telwerkd.storage.postgres.pool_watch import PoolWatch
from telwerkd.storage.postgres.proof import prove_write
from telwerkd.storage.postgres.threads import StatementsInLoop
from telwerkd.storage.sql.across import READABLE, AcrossAccounts, AsyncStatement
from telwerkd.storage.sql.memory import Memory
from telwerkd.storage.sql.transaction import AccountTransaction
from telwerkd.storage.unavailable import database_unavailable

T = TypeVar("T")
log = logging.getLogger(__name__)

WRITERS = 4
READERS = 4
VERSION_READERS = 2
"""Connections of one server process: those that write, those that read for answers, those that look where an account
stands; one more looks across accounts, and one proves that a write would be committed."""

_WEIGHT_IN_LOOP_MAX = 1_000
"""Weight of the events of a transaction on the event loop, which between two statements compute a few milliseconds."""

_ATTEMPTS_MAX = 6
_PAUSE_SECONDS = 0.02
"""Before the second attempt; twice as long before each further one, and by chance up to half of it."""

_TRY_UPKEEP = sa.text("SELECT pg_try_advisory_xact_lock(hashtextextended(:account, 0))")


class _Ran(NamedTuple, Generic[T]):
    """What commands of an account have done, before it is committed."""

    results: list[T]
    remembered: tuple[Any, int]
    """What is to be cached, and its weight."""
    refolded: list[int]


class PostgresStore(AcrossAccounts):
    """`telwerkd.application.ports.Store` over a PostgreSQL database that has its tables.

    It does not read in the event loop (no `ReadsInline`): statements are awaited, and what a query computes must not
    run in a greenlet (`telwerkd.storage.postgres.threads`).
    """

    scheduling = WriteScheduling(merges_accounts=False, writes_at_once=WRITERS)
    reads_at_once = READERS

    def __init__(self, url: PostgresUrl, make: Callable[..., AsyncEngine] = make_engine) -> None:
        """`make` makes the connection pools, as `make_engine` does."""
        super().__init__(self._run_across)
        self._statements = Statements()
        self._writers = make(url, WRITERS, "READ COMMITTED", self._statements)
        self._readers = make(url, READERS, "REPEATABLE READ", self._statements, read_only=True)
        self._threads = ThreadPoolExecutor(READERS, "postgres-reader")
        self._writer_threads = ThreadPoolExecutor(WRITERS, "postgres-writer")
        self._version_readers = make(url, VERSION_READERS, "REPEATABLE READ", self._statements, read_only=True)
        # Of its own: slow queries must not make limits late.
        self._upkeep = make(url, 1, "READ COMMITTED", self._statements)
        # Of its own: neither may slow work make the database seem away, nor a wait for its connections hide that it is.
        self._provers = make(url, proving.CONNECTIONS, "READ COMMITTED", self._statements)
        self._watches = {
            self._writers: PoolWatch("writing", WRITERS),
            self._readers: PoolWatch("reading", READERS),
            self._version_readers: PoolWatch("reading", VERSION_READERS),
            self._upkeep: PoolWatch("upkeep", 1),
            self._provers: PoolWatch("readiness", proving.CONNECTIONS),
        }
        self.figures = StoreFigures()
        self.figures.retries.update({watch.label: 0 for watch in self._watches.values()})
        self._proving = proving.Proving(lambda: self._answered(self._provers, _in_greenlet(_prove)), self._cut)
        self._writing: set[asyncio.Task[Any]] = set()
        self._memory = Memory()

    async def read(self, account: AccountId, work: Callable[[Snapshot], T]) -> T:
        """Runs `work` on one consistent view, in a thread."""

        def run(connection: sa.Connection) -> T:
            with AccountTransaction(connection, account) as view:
                return work(view)

        # A caller that goes away must not take the connection from under a thread that uses it.
        return await self._shielded(self._answered(self._readers, _in_thread(self._threads, run)))

    async def write(self, commands: Sequence[tuple[AccountId, Command[T]]]) -> list[T]:
        """Runs the commands, which are all of one account, and commits them together."""
        if not commands:
            return []
        account = commands[0][0]
        if any(other != account for other, _ in commands):
            raise ValueError("a transaction is of one account")

        of_account = [command for _, command in commands]

        async def written() -> list[T]:
            begun = monotonic()
            run = partial(self._run_all, account=account, commands=of_account)
            ran = await self._answered(self._writers, self._computing(of_account, run))
            return self._committed(account, of_account[0], ran, begun)

        return await self._shielded(written())

    async def upkeep(self, account: AccountId, command: Command[T]) -> T | None:
        """Runs `command` as `write` does; None if another server is running the account's upkeep.

        The advisory lock only avoids duplicate work: it is not shared between the nodes of a cluster. Correctness
        relies on the lock of the account's row alone.
        """

        def run(connection: sa.Connection) -> _Ran[T] | None:
            if not connection.scalar(_TRY_UPKEEP, {"account": account}):
                return None
            return self._run_all(connection, account, [command])

        async def written() -> T | None:
            begun = monotonic()
            ran = await self._answered(self._writers, self._computing([command], run))
            return None if ran is None else self._committed(account, command, ran, begun)[0]

        return await self._shielded(written())

    def _run_all(self, connection: sa.Connection, account: AccountId, commands: Sequence[Command[T]]) -> "_Ran[T]":
        """Runs commands of an account, each with what the one before it has cached."""
        first, recalled = locked_account(connection, account), self._memory.of(account)
        ran = _Ran[T]([], (None, 0), [])
        for index, command in enumerate(commands):
            row = None if index else first
            with AccountTransaction(connection, account, row, ran.remembered[0] or recalled) as tx:
                tx.check_rules()
                ran.results.append(command.run(tx))
            ran.refolded.extend(tx.refolded)
            if tx.remembered[0] is not None:
                ran = ran._replace(remembered=tx.remembered)
        return ran

    def _committed(self, account: AccountId, first: Command[T], ran: "_Ran[T]", begun: float) -> list[T]:
        """Notes what a committed transaction has done, under the name of its first command, and returns its results."""
        self._memory.keep(account, *ran.remembered)
        self.figures.note(first, Written(ran.results, monotonic() - begun, ran.refolded))
        return ran.results

    async def answer_version(self, account: AccountId) -> AnswerVersion:
        """Returns the account's version and its earliest open limit."""

        def work(connection: sa.Connection) -> AnswerVersion:
            view = AccountTransaction(connection, account)
            return AnswerVersion(view.account().version, view.earliest_due())

        return await self._answered(self._version_readers, _in_greenlet(work))

    async def close(self) -> None:
        """Waits for running transactions, and closes the connections."""
        await self._proving.close()
        await asyncio.gather(*self._writing, return_exceptions=True)
        self._threads.shutdown()
        self._writer_threads.shutdown()
        for engine in self._watches:
            await engine.dispose()

    async def ping(self) -> None:
        """Checks that the tables can be read, and that a write would be committed now.

        Raises:
            UnavailableError: one of both fails, or takes more than a few seconds; or no running write comes to an end.
        """
        met = self._watches[self._provers].outage.met
        try:
            await self._proving.prove()
        except proving.NotProvenError as error:
            met(str(error))
            raise database_unavailable() from error
        if self._watches[self._writers].stands_still(POOL_SECONDS):
            # Whoever writes now is sent away after waiting for one of them.
            met("every connection that writes waits for an answer")
            raise database_unavailable()
        for watch in self._watches.values():
            watch.outage.over()

    def _cut(self, before: float) -> None:
        for engine, watch in self._watches.items():
            if engine is not self._provers:
                watch.cut(before)

    async def _run_across(self, look: AsyncStatement) -> Sequence[Any]:
        return await self._answered(self._upkeep, look)

    def _computing(
        self, commands: Sequence[Command[Any]], run: Callable[[sa.Connection], T]
    ) -> Callable[[AsyncConnection], Awaitable[T]]:
        """Returns the work of commands: computed on the event loop if it is short, else in a thread."""
        return _in_greenlet(run) if _are_brief(commands) else _in_thread(self._writer_threads, run)

    async def _answered(self, engine: AsyncEngine, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Runs `work` in a transaction, retried after errors that allow it, and returns its result.

        Raises:
            UnavailableError: no attempt succeeded, or it is unknown whether one was committed.
        """
        for attempt in range(1, _ATTEMPTS_MAX + 1):
            try:
                return await _once(engine, self._watches[engine], work)
            except DATABASE_ERRORS as error:
                decision = retry_decision(error)
                if decision is RetryDecision.DEFECT:
                    raise
                if decision is RetryDecision.LATER or attempt == _ATTEMPTS_MAX:
                    self._watches[engine].outage.met(one_line(error))
                    raise database_unavailable() from error
                if lost_its_statements(error):
                    self._statements.learn()
            self.figures.retries[self._watches[engine].label] += 1
            await asyncio.sleep(_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1))  # noqa: S311  # spreads, hides nothing
        raise AssertionError("the last attempt returns or raises")

    async def _shielded(self, writing: Awaitable[T]) -> T:
        """Awaits a transaction in a task that survives the caller's cancellation.

        So no commit is broken off, and no thread loses the connection that it reads on.
        """
        task = asyncio.ensure_future(writing)
        self._writing.add(task)
        task.add_done_callback(self._writing.discard)
        task.add_done_callback(retrieve_exception)
        return await asyncio.shield(task)


def _prove(connection: sa.Connection) -> None:
    connection.execute(READABLE)
    prove_write(connection)


def _are_brief(commands: Sequence[Command[Any]]) -> bool:
    """Whether commands store few events, and do nothing else.

    These may compute in a greenlet (`telwerkd.storage.postgres.threads`), although they use numpy: opening hours are
    laid out in arrays of a year, none of which is large, and delta entries are only converted to columns, without
    arithmetic on temporary arrays.
    """
    weight = 0
    for command in commands:
        if not isinstance(command, IngestBatch) or sum(map(len, command.batches)) > _WEIGHT_IN_LOOP_MAX:
            return False
        weight += sum(weight_of(submitted) for batch in command.batches for submitted in batch)
    return weight <= _WEIGHT_IN_LOOP_MAX


def _in_greenlet(work: Callable[[sa.Connection], T]) -> Callable[[AsyncConnection], Awaitable[T]]:
    return lambda connection: connection.run_sync(work)


def _in_thread(
    threads: ThreadPoolExecutor, work: Callable[[sa.Connection], T]
) -> Callable[[AsyncConnection], Awaitable[T]]:
    def run(connection: AsyncConnection) -> Awaitable[T]:
        loop = asyncio.get_running_loop()
        statements = cast("sa.Connection", StatementsInLoop(connection, loop))
        return loop.run_in_executor(threads, copy_context().run, work, statements)

    return run


async def _once(engine: AsyncEngine, watch: PoolWatch, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async with engine.connect() as connection:
        with watch.using(connection):
            return await _transaction(connection, work)


async def _transaction(connection: AsyncConnection, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    try:
        return await _committed(connection, work)
    except DATABASE_ERRORS as error:
        if not aborted_for_sure(error):
            # Where a statement, or the rollback, was cancelled, the session may be in a transaction of which the driver
            # knows nothing: no other could begin on it. A new connection may also lead to the new primary, and prepares
            # nothing that a pooler has forgotten.
            await connection.invalidate(error)
        raise


async def _committed(connection: AsyncConnection, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
    async with connection.begin() as transaction:
        result = await work(connection)
        try:
            await transaction.commit()
        except DATABASE_ERRORS as error:
            await connection.invalidate(error)
            if aborted_for_sure(error):
                raise
            # PostgreSQL may have kept it all the same.
            log.warning("the outcome of a commit is unknown: %s", one_line(error))
            raise database_unavailable() from error
        return result
