"""A server that is attacked by everything that takes memory, all at once, stays within its bound."""

import asyncio
import time
from contextlib import suppress

import grpc.aio
import psutil
from grpc_health.v1 import health_pb2
from h2.exceptions import ProtocolError

from support.http2 import RawClient, raw
from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from tests.conftest import ALL_TIME, CALL_SECONDS, connected, serving
from tests.effort import rounds

SECONDS = rounds(6)
MEMORY = 64 * 2**20
MARGIN = 300 * 2**20
"""Beside the bound: the server itself, what grpc has received and not handed over yet, and one piece being decoded."""

LARGE = 5 * 2**20
"""grpc holds a message five to eight times over while it hands it on, which no setting of it bounds."""
OPTIONS = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]

INGEST, STREAM = "/telwerk.v1.IngestionService/IngestEvents", "/telwerk.v1.IngestionService/StreamEvents"
QUERY, BATCH = "/telwerk.v1.KpiService/QueryTotals", "/telwerk.v1.KpiService/BatchQuery"
HEALTH = "/grpc.health.v1.Health/Check"


def surveys() -> bytes:
    """A batch of few bytes and many answers."""
    batch = ingestion.IngestEventsRequest(account_id="a")
    for n in range(1_500):
        event = batch.events.add(event_id=f"{time.monotonic_ns()}-{n}", conversation_id=f"{n}", widget_id="w")
        event.occur_time.FromSeconds(1_767_600_000)
        for place in range(100):
            event.post_chat_survey_answered.answers.add(question_id=f"{n % 100}{place}", option_id="o")
    return batch.SerializeToString()


EMPTY_EVENTS = ingestion.IngestEventsRequest(account_id="a").SerializeToString() + b"\x12\x00" * (LARGE // 2)
EMPTY_VALUES = (
    kpi.QueryTotalsRequest(
        account_id="a", kpi_ids=["feedback_count"], range=ALL_TIME, filter=kpi.Filter(values=kpi.ValueFilter())
    ).SerializeToString()
    + kpi.QueryTotalsRequest(
        filter=kpi.Filter(values=kpi.ValueFilter(any_of=[kpi.Value()] * 300_000))
    ).SerializeToString()
)

LARGE_EVENT = pb.Event(event_id="e", topics_set=pb.TopicsSet(topic_ids=[""] * 1_500_000))


def requests() -> list[tuple[str, bytes]]:
    """A call each: of long names, of what is small on the wire and large in memory, and of no message at all."""
    return [
        (HEALTH, health_pb2.HealthCheckRequest(service="x" * LARGE).SerializeToString()),
        (INGEST, EMPTY_EVENTS),
        (INGEST, b"\xff" * LARGE),
        (INGEST, ingestion.IngestEventsRequest(events=[LARGE_EVENT]).SerializeToString()),
        (INGEST, surveys()),
        (QUERY, EMPTY_VALUES),
        (QUERY, kpi.QueryTotalsRequest(time_zone="x" * LARGE).SerializeToString()),
        (BATCH, b"\x12\x00" * (LARGE // 2)),
    ]


async def attack(address: str, end: float, method: str, request: bytes) -> None:
    """One call after the other, whatever is answered."""
    async with grpc.aio.insecure_channel(address, OPTIONS) as channel:
        while time.monotonic() < end:
            with suppress(grpc.aio.AioRpcError):
                await channel.unary_unary(method)(request, timeout=CALL_SECONDS)


async def heavy_stream(address: str, end: float) -> None:
    """One large batch behind the other, as fast as they are taken."""
    message = surveys()
    async with grpc.aio.insecure_channel(address, OPTIONS) as channel:
        stream = channel.stream_stream(STREAM)()
        with suppress(TimeoutError, grpc.aio.AioRpcError, asyncio.InvalidStateError):
            async with asyncio.timeout(end - time.monotonic()):
                while True:
                    await stream.write(message)


async def never_reads(address: str, end: float) -> None:
    """Calls whose answers of some kilobytes are not taken."""
    async with raw(address, reading=False) as client:
        while time.monotonic() < end:
            with suppress(ProtocolError):  # as many calls at once as the server lets it, or it has hung up
                client.call("/telwerk.v1.KpiService/ListKpis", b"")
            await asyncio.sleep(0.01)


async def peak_of(process: psutil.Process, end: float) -> int:
    """The most memory that it has until then, in bytes."""
    peak = 0
    while time.monotonic() < end:
        peak = max(peak, process.memory_info().rss)
        await asyncio.sleep(0.02)
    return peak


async def test_memory_stays_within_its_bound_under_all_attacks_at_once(tmp_path):
    """`memory_bytes_max` and 300 MB, whatever requests, streams and unread answers come at the same time."""
    config = tmp_path / "telwerk.toml"
    config.write_text(f"memory_bytes_max = {MEMORY}\n", encoding="utf-8")
    with serving(tmp_path / "telwerk.db", "--config", str(config)) as running:
        address, made = running.address, requests()
        end = time.monotonic() + SECONDS
        peak, *_ = await asyncio.gather(
            peak_of(psutil.Process(running.process.pid), end),
            heavy_stream(address, end),
            never_reads(address, end),
            *(attack(address, end, *each) for each in made),
        )
        async with connected(address) as client:
            assert await client.total("b", "feedback_count") == 0, "it answers as before"
    assert peak < MEMORY + MARGIN, f"PEAK {peak / 2**20:.0f} MB"


UNREAD = 192 * 2**20
ANSWER_SECONDS = 8


def long_answer(number: int) -> bytes:
    """A request for some megabytes, each for others."""
    request = kpi.QueryTimeSeriesRequest(
        account_id="a", kpi_ids=["feedback_count", "goals_reached"], granularity=kpi.GRANULARITY_QUARTER_HOUR
    )
    request.compare_to.previous_period = True
    request.range.instants.start_time.FromSeconds(1_735_689_600 + 900 * number)
    request.range.instants.end_time.FromSeconds(1_767_225_600 + 900 * number)
    return request.SerializeToString()


async def long_answers(client: RawClient, end: float) -> None:
    """Calls as often as the server lets it."""
    number = 0
    while time.monotonic() < end:
        with suppress(ProtocolError):
            client.call("/telwerk.v1.KpiService/QueryTimeSeries", long_answer(number))
        number += 1
        await asyncio.sleep(0.02)


async def test_answers_that_nobody_reads_take_no_more_than_the_bound(tmp_path):
    """gRPC keeps a copy of each beside the answer: both are in memory until it is read."""
    config = tmp_path / "telwerk.toml"
    caches = "answer_cache_bytes_max = 0\nrollup_cache_bytes_max = 0\n"
    config.write_text(f"memory_bytes_max = {UNREAD}\nreply_stall_seconds = 60\n{caches}", encoding="utf-8")
    with serving(tmp_path / "telwerk.db", "--config", str(config)) as running:
        process, end = psutil.Process(running.process.pid), time.monotonic() + ANSWER_SECONDS
        before = process.memory_info().rss
        async with raw(running.address, reading=False) as client:
            peak, _ = await asyncio.gather(peak_of(process, end), long_answers(client, end))
    assert peak - before < UNREAD + UNREAD // 2, f"{(peak - before) / 2**20:.0f} MB"
