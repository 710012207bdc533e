"""The load generator: a process of its own, so that it takes no time from a server, nor the harness from it.

What is given back tells how busy it was: a client that needs a whole core measures itself.
"""

import asyncio
import math
import multiprocessing
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import grpc.aio
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from benchmarks.workload import Part
from telwerk.v1 import ingestion_service_pb2 as pb, kpi_service_pb2 as kpi

P = ParamSpec("P")
T = TypeVar("T")

INGEST = "/telwerk.v1.IngestionService/IngestEvents"
STREAM = "/telwerk.v1.IngestionService/StreamEvents"
HEALTH = "/grpc.health.v1.Health/Check"
NO_OP_STREAM = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
"""An empty request is answered by the library at once: it asks nothing."""
SERIES = "/telwerk.v1.KpiService/QueryTimeSeries"
TOTALS = "/telwerk.v1.KpiService/QueryTotals"

_CALL_SECONDS_MAX = 120.0
_REPLY_BYTES_MAX = 64 * 2**20


def _all_accepted(reply: bytes) -> int:
    """How many events a call stored. The workload has none that may be refused: then nothing would be measured."""
    response = pb.IngestEventsResponse.FromString(reply)
    if response.rejections or response.duplicate_count:
        raise RuntimeError(f"not all events were accepted: {str(response)[:300]}")
    return response.accepted_count


def _all_of_stream_accepted(reply: bytes) -> int:
    """The same of one answer of a stream."""
    response = pb.StreamEventsResponse.FromString(reply)
    if response.HasField("error") or response.rejections or response.duplicate_count:
        raise RuntimeError(f"not all events were accepted: {str(response)[:300]}")
    return response.accepted_count


_DECODE: dict[str, Callable[[bytes], Any]] = {
    HEALTH: health_pb2.HealthCheckResponse.FromString,
    NO_OP_STREAM: reflection_pb2.ServerReflectionResponse.FromString,
    INGEST: _all_accepted,
    STREAM: _all_of_stream_accepted,
    SERIES: kpi.QueryTimeSeriesResponse.FromString,
    TOTALS: kpi.QueryTotalsResponse.FromString,
}


@dataclass(frozen=True, slots=True)
class Sent:
    """What a load was met with."""

    seconds: float
    """From the first call to the last answer."""
    calls: int
    events: int
    cpu_share: float
    """CPU seconds of this client per second: near 1, it was itself the limit."""
    latencies_seconds: tuple[float, ...]


class Client:
    """Runs functions in a process of its own, one at a time."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The result of `work` there."""
        return self._pool.submit(work, *args, **kwargs).result()

    def start(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        """Begins `work` there, and does not wait for it."""
        return self._pool.submit(work, *args, **kwargs)


@contextmanager
def client() -> Iterator[Client]:
    """A client, until the end of the block."""
    # Spawned, not forked: gRPC's threads do not survive a fork.
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        yield Client(pool)


# --- what runs in that process ---------------------------------------------------------------------------------------


def send(
    address: str,
    part: Part,
    *,
    made_before: bool = True,
    events_per_second: float | None = None,
    connections: int = 1,
) -> Sent:
    """Sends a part, as fast as it is answered unless a rate is said.

    `made_before`: it is serialised before the clock starts; else on the way, for parts too large for that.
    """
    lanes = [part.lane(number) for number in range(part.lanes)]
    calls = [list(lane) for lane in lanes] if made_before else lanes
    return asyncio.run(_send(address, calls, part.call_events, events_per_second, connections))


def ask(
    address: str,
    method: str,
    requests: Sequence[bytes],
    *,
    callers: int = 1,
    connections: int = 1,
    per_second: float | None = None,
    seconds_max: float = math.inf,
) -> Sent:
    """Makes calls by so many callers, each of which waits for its answer; an answer is decoded within its time.

    At most `per_second` calls are begun in a second, if that is said; after `seconds_max` no further one.
    """
    return asyncio.run(_ask(address, method, requests, callers, connections, per_second, seconds_max))


def stream(address: str, method: str, requests: Sequence[bytes]) -> Sent:
    """Writes requests into one stream without waiting, and reads an answer to each beside it."""
    return asyncio.run(_stream(address, method, requests))


def answer(address: str, request: bytes) -> bytes:
    """The serialised answer to one question about a time series."""
    with grpc.insecure_channel(address, [("grpc.max_receive_message_length", _REPLY_BYTES_MAX)]) as channel:
        ask_bytes: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(SERIES)
        return ask_bytes(request, timeout=_CALL_SECONDS_MAX)


async def _send(
    address: str, lanes: Sequence[Iterable[bytes]], call_events: int, events_per_second: float | None, connections: int
) -> Sent:
    pace = None if events_per_second is None else _Pace(call_events / events_per_second)
    latencies: list[float] = []
    async with _channels(address, connections) as channels:

        async def send_lane(channel: grpc.aio.Channel, calls: Iterable[bytes]) -> int:
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, int] = channel.unary_unary(INGEST, None, _all_accepted)
            events = 0
            for request in calls:
                if pace:
                    await pace.turn()
                begun = time.perf_counter()
                accepted = await call(request, timeout=_CALL_SECONDS_MAX)
                latencies.append(time.perf_counter() - begun)
                events += accepted
            return events

        begun, cpu = time.perf_counter(), time.process_time()
        sent = await asyncio.gather(*(send_lane(channels[i % connections], calls) for i, calls in enumerate(lanes)))
        seconds = time.perf_counter() - begun
        return Sent(seconds, len(latencies), sum(sent), (time.process_time() - cpu) / seconds, tuple(latencies))


async def _ask(
    address: str,
    method: str,
    requests: Sequence[bytes],
    callers: int,
    connections: int,
    per_second: float | None,
    seconds_max: float,
) -> Sent:
    pace = None if per_second is None else _Pace(1 / per_second)
    latencies: list[float] = []
    waiting = iter(requests)
    async with _channels(address, connections) as channels:

        async def ask_on(channel: grpc.aio.Channel) -> None:
            call: grpc.aio.UnaryUnaryMultiCallable[bytes, Any] = channel.unary_unary(method, None, _DECODE[method])
            while time.perf_counter() < end and (request := next(waiting, None)) is not None:
                if pace:
                    await pace.turn()
                begun = time.perf_counter()
                await call(request, timeout=_CALL_SECONDS_MAX)
                latencies.append(time.perf_counter() - begun)

        begun, cpu = time.perf_counter(), time.process_time()
        end = begun + seconds_max
        await asyncio.gather(*(ask_on(channels[i % connections]) for i in range(callers)))
        seconds = time.perf_counter() - begun
        return Sent(seconds, len(latencies), 0, (time.process_time() - cpu) / seconds, tuple(latencies))


async def _stream(address: str, method: str, requests: Sequence[bytes]) -> Sent:
    async with _channels(address, 1) as [channel]:
        begun, cpu = time.perf_counter(), time.process_time()
        call: grpc.aio.StreamStreamCall[bytes, Any] = channel.stream_stream(method, None, _DECODE[method])()

        async def write() -> None:
            for request in requests:
                await call.write(request)
            await call.done_writing()

        writing = asyncio.create_task(write())
        answers = [answer async for answer in call]
        await writing
        if len(answers) != len(requests):
            raise RuntimeError(f"{len(answers)} answers to {len(requests)} requests")
        seconds = time.perf_counter() - begun
        events = len(answers) if method == STREAM else 0
        return Sent(seconds, len(answers), events, (time.process_time() - cpu) / seconds, ())


class _Pace:
    """Lets calls through at an even rate. A call that comes late does not make the next ones hurry."""

    def __init__(self, interval_seconds: float) -> None:
        self._interval_seconds = interval_seconds
        self._next = time.perf_counter()

    async def turn(self) -> None:
        """Returns when it is the caller's turn."""
        turn = max(self._next, time.perf_counter())
        self._next = turn + self._interval_seconds
        await asyncio.sleep(turn - time.perf_counter())


@asynccontextmanager
async def _channels(address: str, count: int) -> AsyncIterator[list[grpc.aio.Channel]]:
    """Connections of their own each, which stand before anything is timed."""
    options: list[tuple[str, Any]] = [
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.max_receive_message_length", _REPLY_BYTES_MAX),
    ]
    channels = [grpc.aio.insecure_channel(address, options) for _ in range(count)]
    try:
        for channel in channels:
            await channel.channel_ready()
        yield channels
    finally:
        for channel in channels:
            await channel.close()
