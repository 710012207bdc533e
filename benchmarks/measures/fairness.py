"""F1: what an account waits while another one floods the server, beside what it waits alone.

Whoever floods a server does so from another machine. Here it has the same cores; so its process yields them to all
others (`nice`), and what is measured is what its calls do to the server.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterator
from itertools import chain, count, islice

import grpc.aio

from benchmarks.attack.victim import Latencies, measure
from benchmarks.bench import Bench, Feed
from benchmarks.client import INGEST, SERIES, Client, client
from benchmarks.measures.queries import stored_in_days
from benchmarks.questions import YEAR_DAYS, ZONES, YearByDay
from benchmarks.results import Bar, Line, Row
from benchmarks.servers import Server, telwerkd
from benchmarks.workload import Part, Workload

_FLOODERS = 32
"""Callers of the account that floods, each with a call open all the time: half send events, half ask for years."""

_FLOODED_PER_DAY = 10_000
"""Conversations of the flood in a day of the past: at the pace of the stored ones it would soon be of the future,
and refused.
"""

_NICENESS = 19
"""Of the process that floods."""

_FLOOD_SECONDS = 1.0
"""How long it has flooded before the other account is measured."""

_BEGUN_CPU_SECONDS = 0.25
"""What the server has used when the flood counts as begun: a process of the least priority begins when it can."""

_BEGIN_SECONDS_MAX = 60.0

_LOOK_SECONDS = 0.02

_KINDS: tuple[tuple[str, str], ...] = (("ingest", "single events"), ("query", "new queries"))


def of_two_accounts(bench: Bench) -> Iterator[Line]:
    """F1: p99 of an account's calls with another one flooding, ÷ alone."""
    with telwerkd() as server, client() as flooder:
        flooder.run(os.nice, _NICENESS)
        workload, conversations = stored_in_days(bench.scale.stored_events // 10)
        bench.load(server, Feed(workload).take(conversations))
        feed = Feed(Workload(conversations_per_day=_FLOODED_PER_DAY, first=conversations), conversations)
        _measure(bench, server)  # warm
        pairs: dict[str, list[tuple[float, float]]] = {kind: [] for kind, _ in _KINDS}
        for _ in bench.pairs("F1"):
            alone = _measure(bench, server)
            flooded, calls = _flooded(bench, flooder, server, feed)
            for kind, of_kind in pairs.items():
                of_kind.append((flooded.p99_seconds(kind) * 1e3, alone.p99_seconds(kind) * 1e3))
    note = (
        f"{_FLOODERS} callers flood, from a process of the least priority on the same cores; {calls:,} of their calls "
        "in the last pair"
    )
    for kind, what in _KINDS:
        yield Row("F1", f"p99 of {what} while another account floods", "alone", "ms", pairs[kind], Bar("≤", 2), note)


def _measure(bench: Bench, server: Server) -> Latencies:
    found = bench.asker.run(measure, server.address, "", bench.scale.fair_seconds)
    if found.errors:
        raise RuntimeError(f"calls of the account that does not flood failed: {found.errors[0]}")
    return found


def _flooded(bench: Bench, flooder: Client, server: Server, feed: Feed) -> tuple[Latencies, int]:
    # More than can be sent; the feed begins after it the next time.
    conversations = round(bench.scale.bulk_conversations * max(1.0, bench.scale.fair_seconds))
    part = feed.take(conversations, _FLOODERS // 2)
    seconds = bench.scale.fair_seconds + 3 * _FLOOD_SECONDS
    before = server.cpu_seconds()
    flooding = flooder.start(flood, server.address, part, seconds)
    until_begun(server, before)
    time.sleep(_FLOOD_SECONDS)
    found = _measure(bench, server)
    calls = flooding.result()
    server.finish()
    return found, calls


def until_begun(server: Server, before: float) -> None:
    """Returns when the server has work, beyond the CPU seconds that it had used before.

    Raises:
        TimeoutError: it has none.
    """
    deadline = time.monotonic() + _BEGIN_SECONDS_MAX
    while server.cpu_seconds() - before < _BEGUN_CPU_SECONDS:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no flood came within {_BEGIN_SECONDS_MAX:.0f} s")
        time.sleep(_LOOK_SECONDS)


def flood(address: str, part: Part, seconds: float) -> int:
    """Sends a part, and asks for years, as fast as it is answered; how many calls were."""
    return asyncio.run(_flood(address, part, seconds))


async def _flood(address: str, part: Part, seconds: float) -> int:
    answered = 0

    async def caller(method: str, requests: Iterator[bytes]) -> None:
        nonlocal answered
        async with grpc.aio.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            call: Callable[..., grpc.aio.UnaryUnaryCall[bytes, bytes]] = channel.unary_unary(method)
            for request in requests:
                if time.perf_counter() >= end:
                    return
                try:
                    await call(request, timeout=60.0)
                    answered += 1
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(0.01)  # turned away, as a flood should be

    # The first request of each is made before the clock starts: together they take a second and more.
    senders = [caller(INGEST, _made(part.lane(number))) for number in range(part.lanes)]
    askers = [caller(SERIES, _made(_years(number))) for number in range(_FLOODERS - part.lanes)]
    end = time.perf_counter() + seconds
    await asyncio.gather(*senders, *askers)
    return answered


def _made(requests: Iterator[bytes]) -> Iterator[bytes]:
    """The requests, of which the first is there already."""
    return chain(list(islice(requests, 1)), requests)


def _years(first: int) -> Iterator[bytes]:
    """Years by day and operator, another one each time."""
    for number in count(first):
        yield YearByDay(ZONES[number % len(ZONES)], 1 + number * 7 % YEAR_DAYS, by_operator=True).request()
