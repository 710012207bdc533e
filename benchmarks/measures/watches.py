"""R11: what a thousand watches of one account cost: CPU for each update of each, and memory.

The watches are read in this process, which has nothing else to do meanwhile: only the server's CPU time counts.
"""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import count
from tempfile import NamedTemporaryFile

import grpc.aio

from benchmarks.bench import Bench, Feed
from benchmarks.measures.queries import stored_in_days
from benchmarks.questions import MESSAGES, ZONES, YearByDay
from benchmarks.results import Bar, Line, Row
from benchmarks.servers import Server, telwerkd
from benchmarks.workload import ACCOUNT, DAY_SECONDS, START_SECONDS
from telwerk.v1 import (
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    ingestion_service_pb2_grpc as ingestion_grpc,
    kpi_service_pb2 as kpi,
    kpi_service_pb2_grpc as kpi_grpc,
)

_WATCHES = 1_000
_OF_A_CONNECTION = 50
"""Watches; the server takes twice as many calls."""
_MORE_COMMITS = 10
"""So many times as many commits are told to one watch: each takes the thousandth part, and CPU time comes in ticks."""
_EVERY_SECONDS = 0.25
"""Commits without a watch: about as fast as one with a watch is told."""
_WATCHED_DAY = 100
"""Of the workload: what happens in it is in the year that is watched."""
_KB_MAX = 64.0
_CALL_SECONDS_MAX = 120.0


def of_one_account(bench: Bench) -> Iterator[Line]:
    """R11."""
    with NamedTemporaryFile("w", suffix=".toml") as config:
        config.write(f"watches_max = {_WATCHES}\nwatches_per_account_max = {_WATCHES}\n")
        config.flush()
        yield from _beside_one(bench, config.name)


def _beside_one(bench: Bench, config: str) -> Iterator[Line]:
    with telwerkd("--config", config) as server:
        workload, conversations = stored_in_days(bench.scale.stored_events // 10)
        bench.load(server, Feed(workload).take(conversations))
        commits = _commits()
        few, many = bench.scale.watched_commits * _MORE_COMMITS, bench.scale.watched_commits
        asyncio.run(_told(server, commits, 1, few))  # warm
        pairs, memory = [], []
        for _ in bench.pairs("R11"):
            before = server.memory_bytes()
            none, _ = asyncio.run(_told(server, commits, 0, few))
            first, _ = asyncio.run(_told(server, commits, 1, few))
            all_of_them, held = asyncio.run(_told(server, commits, _WATCHES, many))
            memory.append((held - before) / _WATCHES / 1e3)
            pairs.append(((all_of_them - none) / _WATCHES * 1e3, (first - none) * 1e3))
    what = f"CPU of an update, for each of {_WATCHES:,} watches of one account"
    note = "a year by day; without what the commit takes by itself"
    yield Row("R11", what, "of one watch", "ms", pairs, Bar("≤", 0.2), note)
    # Later ones find what the first have taken: no process gives all of it back.
    yield Row("R11", f"memory of each of {_WATCHES:,} watches", "allowed", "kB", [(memory[0], _KB_MAX)], Bar("≤", 1))


def _commits() -> Iterator[ingestion.IngestEventsRequest]:
    """Messages, each in a call of its own, and later than the one before."""
    for number in count():
        event = pb.Event(event_id=f"{number}", conversation_id="watched", widget_id="web")
        event.occur_time.seconds = START_SECONDS + _WATCHED_DAY * DAY_SECONDS + number
        event.message_sent.sender = pb.SENDER_CONTACT
        yield ingestion.IngestEventsRequest(account_id=ACCOUNT, events=[event])


async def _told(
    server: Server, commits: Iterator[ingestion.IngestEventsRequest], watches: int, told: int
) -> tuple[float, int]:
    """CPU seconds of so many commits of which so many watches are told, each; and the memory held at the end."""
    read = asyncio.Queue[kpi.WatchTimeSeriesResponse]()
    async with AsyncExitStack() as opened, asyncio.TaskGroup() as reading:
        ingest = ingestion_grpc.IngestionServiceStub(await opened.enter_async_context(_channel(server)))
        readers = []
        for first in range(0, watches, _OF_A_CONNECTION):
            stub = kpi_grpc.KpiServiceStub(await opened.enter_async_context(_channel(server)))
            some = range(first, min(first + _OF_A_CONNECTION, watches))
            readers += [reading.create_task(_read(stub, read)) for _ in some]
            await _updated(read, len(some))  # no more at once: an account's questions that wait are bounded
        await asyncio.to_thread(server.finish)
        before = server.cpu_seconds()
        for _ in range(told):
            answer = await ingest.IngestEvents(next(commits), timeout=_CALL_SECONDS_MAX)
            if answer.accepted_count != 1:
                raise RuntimeError(f"an event was not accepted: {answer}")
            # One commit after the other: each watch is told of each by itself.
            await _updated(read, watches) if watches else await asyncio.sleep(_EVERY_SECONDS)
        await asyncio.to_thread(server.finish)
        spent, held = server.cpu_seconds() - before, server.memory_bytes()
        for reader in readers:
            reader.cancel()
    return spent / told, held


def _channel(server: Server) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)])


async def _read(stub: "kpi_grpc.KpiServiceAsyncStub", read: "asyncio.Queue[kpi.WatchTimeSeriesResponse]") -> None:
    query = kpi.QueryTimeSeriesRequest.FromString(YearByDay(ZONES[0], kpi_id=MESSAGES).request())
    async for update in stub.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id=ACCOUNT, query=query)):
        read.put_nowait(update)
    raise RuntimeError("a watch ended")


async def _updated(read: "asyncio.Queue[kpi.WatchTimeSeriesResponse]", updates: int) -> None:
    """Returns when so many more were read.

    Raises:
        TimeoutError: not all of them came.
    """
    async with asyncio.timeout(_CALL_SECONDS_MAX):
        for _ in range(updates):
            await read.get()
