"""The account that is not attacked: single events, questions and probes at an even pace, and how long each took."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypedDict

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from benchmarks.results import percentile
from telwerk.v1 import (
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    ingestion_service_pb2_grpc as ingestion_grpc,
    kpi_service_pb2 as kpi,
    kpi_service_pb2_grpc as kpi_grpc,
)

ACCOUNT = "victim"
CALL_SECONDS_MAX = 30.0
_EVERY_SECONDS = 0.04
_PROBE = health_pb2.HealthCheckRequest()


@dataclass
class Latencies:
    """Seconds of each call. One that failed counts as long as the longest that is waited for."""

    ingest: list[float] = field(default_factory=list)
    query: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def p99_seconds(self, kind: str) -> float:
        """The 99th percentile of a kind of call."""
        return percentile(getattr(self, kind), 0.99)


def measure(address: str, key: str, seconds: float) -> Latencies:
    """Makes the victim's calls for so long, each kind on a connection of its own."""
    return asyncio.run(_measure(address, key, seconds))


async def _measure(address: str, key: str, seconds: float) -> Latencies:
    found = Latencies()
    end = time.perf_counter() + seconds
    options = (("grpc.use_local_subchannel_pool", 1),)
    async with (
        grpc.aio.insecure_channel(address, options) as first,
        grpc.aio.insecure_channel(address, options) as second,
        grpc.aio.insecure_channel(address, options) as third,
    ):
        ingest, ask = ingestion_grpc.IngestionServiceStub(first), kpi_grpc.KpiServiceStub(second)
        health = health_pb2_grpc.HealthStub(third)
        await asyncio.gather(
            _paced(end, found.ingest, found.errors, lambda _: ingest.IngestEvents(_event(), **_call(key))),
            _paced(end, found.query, found.errors, lambda n: ask.QueryTimeSeries(_question(n), **_call(key))),
            _paced(end, found.health, found.errors, lambda _: health.Check(_PROBE, timeout=CALL_SECONDS_MAX)),
        )
    return found


class _Call(TypedDict):
    metadata: tuple[tuple[str, str], ...]
    timeout: float


def _call(key: str) -> _Call:
    return {"metadata": (("authorization", f"Bearer {key}"),), "timeout": CALL_SECONDS_MAX}


async def _paced(end: float, seconds: list[float], errors: list[str], call: Callable[[int], Awaitable[object]]) -> None:
    number = 0
    while time.perf_counter() < end:
        begun = time.perf_counter()
        try:
            await call(number)
            seconds.append(time.perf_counter() - begun)
        except grpc.aio.AioRpcError as error:
            seconds.append(CALL_SECONDS_MAX)
            errors.append(f"{error.code().name}: {error.details()}"[:200])
        number += 1
        await asyncio.sleep(max(0.0, begun + _EVERY_SECONDS - time.perf_counter()))


def _event() -> ingestion.IngestEventsRequest:
    now = time.time_ns()
    event = pb.Event(event_id=uuid.uuid4().hex, conversation_id=f"chat-{now % 1_000}", widget_id="web")
    event.occur_time.seconds, event.occur_time.nanos = divmod(now, 10**9)
    event.message_sent.sender = pb.SENDER_CONTACT
    return ingestion.IngestEventsRequest(account_id=ACCOUNT, events=[event])


def _question(number: int) -> kpi.QueryTimeSeriesRequest:
    request = kpi.QueryTimeSeriesRequest(
        account_id=ACCOUNT,
        kpi_ids=["satisfaction_score", "conversation_topics"],
        granularity=kpi.GRANULARITY_DAY,
        group_by=[kpi.DIMENSION_OPERATOR],
    )
    # Another range each time, so that no answer is one that was given before.
    request.range.instants.start_time.seconds = 1_789_999_200 - 86_400 * (number % 300)
    request.range.instants.end_time.seconds = 1_792_591_200
    return request
