"""The floor of ingest: the same requests decoded and stored, with the same durability; no rules, no counters.

    python -m benchmarks.bare_pipe DATABASE LISTEN

DATABASE is a SQLite file or a `postgresql://` URL. The server is made as Telwerk's is: grpc.aio, one event loop, group
commit of what arrives while a transaction runs, one writing thread on SQLite (WAL, `synchronous = FULL`). It leaves out
whatever it can: no validation, no answer for each event, no search for duplicates.
"""

import asyncio
import signal
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeAlias

import asyncpg
import grpc.aio

from telwerk.v1 import ingestion_service_pb2 as pb, ingestion_service_pb2_grpc as rpc

Row: TypeAlias = tuple[str, str, str, int, bytes]
Store: TypeAlias = Callable[[list[Row]], Awaitable[None]]
"""Stores rows in one transaction; returns when they are durable."""

TRANSACTION_EVENTS_MAX = 10_000
_MESSAGE_BYTES_MAX = 16 * 2**20

_TABLE = """
CREATE TABLE IF NOT EXISTS floor_events (
    account_id TEXT {collate} NOT NULL, conversation_id TEXT {collate} NOT NULL, event_id TEXT {collate} NOT NULL,
    occur_time BIGINT NOT NULL, body {blob} NOT NULL, PRIMARY KEY (account_id, conversation_id, event_id)
) {options}
"""


class BarePipe(rpc.IngestionServiceServicer):
    """`telwerk.v1.IngestionService`, without the service."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: list[tuple[list[Row], asyncio.Future[None]]] = []
        self._wake = asyncio.Event()

    async def IngestEvents(  # noqa: N802  # the contract's name
        self, request: pb.IngestEventsRequest, context: grpc.aio.ServicerContext[Any, Any]
    ) -> pb.IngestEventsResponse:
        """Answers after the commit."""
        del context
        rows = rows_of(request)
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append((rows, stored))
        self._wake.set()
        await stored
        return pb.IngestEventsResponse(accepted_count=len(rows))

    def StreamEvents(  # noqa: N802  # the contract's name
        self, request_iterator: AsyncIterator[pb.StreamEventsRequest], context: grpc.aio.ServicerContext[Any, Any]
    ) -> AsyncIterator[pb.StreamEventsResponse]:
        """Is not measured."""
        raise NotImplementedError

    async def run(self) -> None:
        """Commits what has arrived, again and again."""
        while True:
            await self._wake.wait()
            rows: list[Row] = []
            taken = 0
            for batch, _ in self._waiting:
                if taken and len(rows) + len(batch) > TRANSACTION_EVENTS_MAX:
                    break
                rows += batch
                taken += 1
            batches, self._waiting = self._waiting[:taken], self._waiting[taken:]
            if not self._waiting:
                self._wake.clear()
            await self._store(rows)
            for _, stored in batches:
                stored.set_result(None)


def rows_of(request: pb.IngestEventsRequest) -> list[Row]:
    """The rows of a call."""
    account = request.account_id
    return [
        (
            account,
            event.conversation_id,
            event.event_id,
            event.occur_time.seconds * 1_000_000 + event.occur_time.nanos // 1_000,
            event.SerializeToString(),
        )
        for event in request.events
    ]


def sqlite_commit(path: str) -> Callable[[list[Row]], None]:
    """Stores rows in a file in one transaction; from whichever thread, one at a time."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute(_TABLE.format(collate="", blob="BLOB", options="WITHOUT ROWID"))

    def commit(rows: list[Row]) -> None:
        rows.sort()
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany("INSERT INTO floor_events VALUES (?, ?, ?, ?, ?)", rows)
        connection.execute("COMMIT")

    return commit


def sqlite_store(path: str) -> Store:
    """A file, written by one thread."""
    commit, thread = sqlite_commit(path), ThreadPoolExecutor(1)

    async def store(rows: list[Row]) -> None:
        await asyncio.get_running_loop().run_in_executor(thread, commit, rows)

    return store


async def postgres_store(url: str) -> Store:
    """A PostgreSQL database, written by one connection of each process."""
    connection = await asyncpg.connect(url)
    # Processes start beside one another: only one of them may create the table.
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(1)")
        await connection.execute(_TABLE.format(collate='COLLATE "C"', blob="BYTEA", options=""))

    async def store(rows: list[Row]) -> None:
        rows.sort()
        async with connection.transaction():
            await connection.executemany("INSERT INTO floor_events VALUES ($1, $2, $3, $4, $5)", rows)

    return store


async def main(database: str, listen: str) -> None:
    """Serves until SIGTERM."""
    server = grpc.aio.server(
        options=[
            ("grpc.so_reuseport", 1),
            ("grpc.max_concurrent_streams", 100),
            ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
        ]
    )
    postgres = database.startswith("postgresql")
    pipe = BarePipe(await postgres_store(database) if postgres else sqlite_store(database))
    rpc.add_IngestionServiceServicer_to_server(pipe, server)
    port = server.add_insecure_port(listen)
    committing = asyncio.create_task(pipe.run())
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await server.start()
    print(f"The bare pipe listens on 127.0.0.1:{port}", flush=True)
    # Whichever ends first: a commit that failed ends the server, and its callers see it.
    await asyncio.wait({committing, asyncio.create_task(stop.wait())}, return_when=asyncio.FIRST_COMPLETED)
    await server.stop(0)
    if committing.done():
        committing.result()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
