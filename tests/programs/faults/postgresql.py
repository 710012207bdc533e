"""What happens to a PostgreSQL: it ends, stands still, refuses, is locked by others; and the way to it."""

import asyncio
import signal
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import asyncpg
import psutil

from tests.line import Line, Way, line_to_postgres
from tests.postgres import PostgresServer, execute
from tests.programs.faults.load import ACCOUNTS
from tests.programs.faults.sockets import injected
from tests.programs.faults.stage import postgres_program, staged
from tests.programs.faults.trial import OUT_OF_TIME, Fault, Found, Readiness

FAMILY, WAY_FAMILY = "PostgreSQL", "Between server and PostgreSQL"
CONNECTIONS = 30
_TERMINATIONS = 20
_TERMINATE = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'telwerkd'"
_EITHER = frozenset({"OK", "UNAVAILABLE"})
_LATE = _EITHER | OUT_OF_TIME
_HARMLESS = {
    "default_transaction_read_only": "off",
    "statement_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "idle_session_timeout": "0",
}
"""Of a connection that is to end what a database was set to."""


async def run(found: list[Found]) -> None:
    """All of them that happen to it."""
    postgres = PostgresServer(f"max_connections={CONNECTIONS}")
    try:
        await asyncio.to_thread(postgres.start)
        with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as name:
            program, database = postgres_program(postgres.url, Path(name))
            async with staged(FAMILY, program, database, found) as trials:
                for fault in (*_processes(postgres), *_settings(postgres.url), *_others(postgres.url)):
                    await trials.trial(fault)
    finally:
        await asyncio.to_thread(postgres.remove)


async def run_on_the_way(found: list[Found]) -> None:
    """All of them that happen between it and the server."""
    postgres = PostgresServer()
    try:
        await asyncio.to_thread(postgres.start)
        with tempfile.TemporaryDirectory(prefix="telwerk-faults-") as name:
            async with line_to_postgres(postgres.url) as (way, line):
                program, database = postgres_program(way, Path(name))
                async with staged(WAY_FAMILY, program, database, found) as trials:
                    for fault in _ways(line):
                        await trials.trial(fault)
    finally:
        await asyncio.to_thread(postgres.remove)


def _processes(postgres: PostgresServer) -> list[Fault]:
    return [
        Fault("restarted, fast", lambda: away(postgres, "fast")),
        Fault("an immediate shutdown, as a crash", lambda: away(postgres, "immediate")),
        Fault("SIGKILL to a backend: all are ended", lambda: _backend_killed(postgres.url), readiness=Readiness.ANY),
        Fault(
            "SIGSTOP to the postmaster: no new connection",
            lambda: stopped([_postmaster(postgres.url)]),
            readiness=Readiness.STAYS,
            seconds=4.0,
        ),
        Fault(
            "SIGSTOP to the postmaster, and connections ended",
            lambda: _stopped_without_connections(postgres.url),
            writes=_LATE,
            asks=_LATE,
        ),
        Fault(
            "SIGSTOP to a backend that writes",
            lambda: stopped([_busy_backend(postgres.url)]),
            readiness=Readiness.ANY,
            writes=_LATE,
            seconds=5.0,
        ),
        Fault(
            "SIGSTOP to all of it",
            lambda: stopped([_postmaster(postgres.url), *_postmaster(postgres.url).children()]),
            writes=_LATE,
            asks=_LATE,
        ),
    ]


def _settings(url: str) -> list[Fault]:
    def set_to(name: str, value: str, readiness: Readiness = Readiness.ANY) -> Fault:
        return Fault(f"{name} = {value}", lambda: _set(url, name, value), readiness=readiness, seconds=4.0)

    return [
        set_to("default_transaction_read_only", "on", Readiness.FOLLOWS),
        set_to("statement_timeout", "1ms"),
        set_to("transaction_timeout", "1ms"),
        set_to("idle_in_transaction_session_timeout", "1ms"),
        set_to("idle_session_timeout", "50ms"),
        set_to("synchronous_commit", "off", Readiness.STAYS),
        set_to("search_path", "pg_catalog"),
    ]


def _others(url: str) -> list[Fault]:
    return [
        Fault("all connections are taken by others", lambda: _taken(url)),
        Fault("connections are not allowed (ALTER DATABASE)", lambda: _not_allowed(url)),
        Fault(
            "somebody holds the table of accounts",
            lambda: _locked(url, "LOCK TABLE accounts IN ACCESS EXCLUSIVE MODE"),
            asks=_LATE,
            writes=_LATE,
        ),
        Fault(
            "somebody holds the row of an account",
            lambda: _locked(url, f"SELECT 1 FROM accounts WHERE account_id = '{ACCOUNTS[0]}' FOR UPDATE"),  # noqa: S608
            readiness=Readiness.STAYS,
            writes=_LATE,
            seconds=13.0,
        ),
        Fault(
            "somebody holds the table of events against writers",
            lambda: _locked(url, "LOCK TABLE events IN SHARE MODE"),
            writes=_LATE,
            seconds=13.0,
        ),
        Fault(
            f"backends are ended, {_TERMINATIONS} times",
            lambda: _terminated_again(url),
            readiness=Readiness.ANY,
        ),
    ]


def _ways(line: Line) -> list[Fault]:
    def way(name: str, way: Way, readiness: Readiness = Readiness.FOLLOWS, *codes: str) -> Fault:
        may = frozenset({"OK", "UNAVAILABLE", *codes})
        return Fault(name, injected(line, way), readiness=readiness, writes=may, asks=may, seconds=4.0)

    return [
        way("connections are reset", Way.RESET),
        way("connections break off in the middle of a message", Way.HALF),
        way("nothing comes through, and comes later", Way.STALL, Readiness.FOLLOWS, *OUT_OF_TIME),
        way("what is sent is lost, and nobody is told", Way.VANISH, Readiness.FOLLOWS, *OUT_OF_TIME),
        way("one byte at a time", Way.BYTEWISE, Readiness.STAYS),
    ]


@asynccontextmanager
async def away(postgres: PostgresServer, mode: str) -> AsyncIterator[None]:
    """It is stopped, and started again."""
    await asyncio.to_thread(postgres.stop, mode)
    try:
        yield
    finally:
        await asyncio.to_thread(postgres.start)


def _postmaster(url: str) -> psutil.Process:
    [[lines]] = execute(url, "SELECT pg_read_file('postmaster.pid')")
    return psutil.Process(int(lines.splitlines()[0]))


def _busy_backend(url: str) -> psutil.Process:
    """The one of the server's that was asked last."""
    found = execute(url, "SELECT pid FROM pg_stat_activity WHERE application_name = 'telwerkd' ORDER BY query_start")
    return psutil.Process(found[-1][0])


@asynccontextmanager
async def stopped(processes: Sequence[psutil.Process]) -> AsyncIterator[None]:
    """They stand still meanwhile."""
    for process in processes:
        process.suspend()
    try:
        yield
    finally:
        for process in processes:
            with suppress(psutil.NoSuchProcess):
                process.resume()


@asynccontextmanager
async def _stopped_without_connections(url: str) -> AsyncIterator[None]:
    postmaster = _postmaster(url)
    connection = await asyncpg.connect(url)
    async with stopped([postmaster]):
        await connection.execute(_TERMINATE)
        yield
    await connection.close()


@asynccontextmanager
async def _backend_killed(url: str) -> AsyncIterator[None]:
    _busy_backend(url).send_signal(signal.SIGKILL)
    yield


@asynccontextmanager
async def _set(url: str, name: str, value: str) -> AsyncIterator[None]:
    """For connections that are made from now on; and all are."""
    await asyncio.to_thread(execute, url, f"ALTER DATABASE postgres SET {name} = '{value}'", _TERMINATE)
    try:
        yield
    finally:
        connection = await asyncpg.connect(url, server_settings=_HARMLESS)
        await connection.execute(f"ALTER DATABASE postgres RESET {name}")
        await connection.execute(_TERMINATE)
        await connection.close()


@asynccontextmanager
async def _taken(url: str) -> AsyncIterator[None]:
    """Every connection that there may be; those of the server are ended, and taken too."""
    async with AsyncExitStack() as stack:
        first = await asyncpg.connect(url)
        stack.push_async_callback(first.close)
        free = 0
        while free < CONNECTIONS:
            await first.execute(_TERMINATE)
            with suppress(asyncpg.PostgresError):
                while True:
                    stack.push_async_callback((await asyncpg.connect(url)).close)
            [[others]] = await first.fetch("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'telwerkd'")
            if not others:
                break
            free += 1
        yield


@asynccontextmanager
async def _not_allowed(url: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(url.replace("/postgres?", "/template1?"))
    await connection.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS false")
    await connection.execute(_TERMINATE)
    try:
        yield
    finally:
        await connection.execute("ALTER DATABASE postgres ALLOW_CONNECTIONS true")
        await connection.close()


@asynccontextmanager
async def _locked(url: str, statement: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(url)
    try:
        async with connection.transaction():
            await connection.execute(statement)
            yield
    finally:
        await connection.close()


@asynccontextmanager
async def _terminated_again(url: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(url)
    for _ in range(_TERMINATIONS):
        await connection.execute(_TERMINATE)
        await asyncio.sleep(0.1)
    await connection.close()
    yield
