"""A call that fails leaves nothing behind: what it held dies with it, and waits for no collector of cycles."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from telwerk.v1 import (
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.keys_file import Role
from tests.conftest import ALL_TIME, CALL_SECONDS

CALLS = 6
FILL = "x" * 100_000
"""Long, so that what keeps a request keeps much."""

GRPCS_OWN = {
    "_Metadatum",
    "tuple",
    "_MethodResolver",
    "_HandlerCallDetails",
    "cython_function_or_method",
}
"""Of every call, well or not: grpc leaves its headers, of which it takes 16 kB at most, in a cycle."""

INGEST, STREAM = "/telwerk.v1.IngestionService/IngestEvents", "/telwerk.v1.IngestionService/StreamEvents"
QUERY, BATCH = "/telwerk.v1.KpiService/QueryTotals", "/telwerk.v1.KpiService/BatchQuery"
WATCH, EXPLAIN = "/telwerk.v1.KpiService/WatchTimeSeries", "/telwerk.v1.KpiService/ExplainCount"
SET_WIDGET = "/telwerk.v1.SettingsService/SetWidgetSettings"
CHECK, HEALTH_WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


class Uncollected(NamedTuple):
    """A server that collects nothing by itself."""

    process: "subprocess.Popen[str]"
    address: str
    token: str

    def garbage(self) -> dict[str, int]:
        """By type, what only a collector could free, since this was asked before."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        found: dict[str, int] = json.loads(self.process.stdout.readline())
        return {
            name: count for name, count in found.items() if name not in GRPCS_OWN and "find_method_handler" not in name
        }


@pytest.fixture(scope="module")
def uncollected(tmp_path_factory) -> Iterator[Uncollected]:
    """One server for all kinds of calls."""
    folder = tmp_path_factory.mktemp("uncollected")
    token = keys_file.create(folder / "keys.toml", ["a"], list(Role))
    wanted = {"database": str(folder / "telwerk.db"), "listen": "127.0.0.1:0", "keys_file": str(folder / "keys.toml")}
    program = Path(__file__).with_name("uncollected.py")
    process = subprocess.Popen(
        [sys.executable, str(program), json.dumps(wanted)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        server = Uncollected(process, process.stdout.readline().strip(), token)
        server.garbage()
        yield server
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


Call: TypeAlias = Callable[[grpc.aio.Channel, str], Awaitable[None]]


def good_event(name: str) -> pb.Event:
    event = pb.Event(event_id=name, conversation_id="c", widget_id="w", message_sent=pb.MessageSent(sender=1))
    event.occur_time.FromSeconds(1_767_600_000)
    return event


def unary(method: str, request: bytes, *, token: str | None = "", timeout: float = CALL_SECONDS) -> Call:
    """A single call that fails; without a key if `token` is None."""

    async def call(channel: grpc.aio.Channel, good: str) -> None:
        made = channel.unary_unary(method)(request, timeout=timeout, metadata=bearer(good if token == "" else token))
        with pytest.raises(grpc.aio.AioRpcError):
            await made

    return call


def stream(method: str, *requests: bytes, more: bool = False) -> Call:
    """A stream that fails, or is cancelled while there might be more."""

    async def call(channel: grpc.aio.Channel, good: str) -> None:
        made = channel.stream_stream(method)(metadata=bearer(good))
        try:
            async with asyncio.timeout(0.3 if more else CALL_SECONDS):
                for request in requests:
                    await made.write(request)
                if not more:
                    await made.done_writing()
                while await made.read() is not grpc.aio.EOF:
                    pass
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError, TimeoutError):
            pass
        made.cancel()

    return call


def bearer(token: str | None) -> list[tuple[str, str]]:
    return [] if token is None else [("authorization", f"Bearer {token}")]


def raw(message: Any) -> bytes:
    encoded: bytes = message.SerializeToString()
    return encoded


def batch(account: str, count: int = 1, kind: Any = ingestion.IngestEventsRequest) -> bytes:
    return raw(kind(account_id=account, events=[good_event(FILL), *(good_event(f"{n}") for n in range(count - 1))]))


def totals(**fields: Any) -> kpi.QueryTotalsRequest:
    return kpi.QueryTotalsRequest(**{"account_id": "a", "kpi_ids": ["feedback_count"], "range": ALL_TIME, **fields})


FILLED_FILTER = kpi.Filter(operators=kpi.IdFilter(any_of=["b" * 129, *["x" * 100] * 900]))
SERIES = kpi.QueryTimeSeriesRequest(kpi_ids=["nonsense"], range=ALL_TIME, granularity=kpi.GRANULARITY_DAY)
LARGE_SETTINGS = settings.WidgetSettings(widget_id="w", goals=[settings.Goal(goal_id="g", url=FILL)])
TOO_MANY = raw(ingestion.IngestEventsRequest(account_id="a", events=[pb.Event()] * 20_000))

KINDS: dict[str, Call] = {
    "a method that is not there": unary("/telwerk.v1.KpiService/Nonsense", FILL.encode()),
    "health of an unknown service": unary(CHECK, raw(health_pb2.HealthCheckRequest(service="unknown"))),
    "health of a service with a long name": unary(CHECK, raw(health_pb2.HealthCheckRequest(service=FILL))),
    "a watch of health that is left": stream(HEALTH_WATCH, raw(health_pb2.HealthCheckRequest(service="u")), more=True),
    "reflection of a long name": stream(
        REFLECTION, raw(reflection_pb2.ServerReflectionRequest(file_containing_symbol=FILL))
    ),
    "no message": unary(INGEST, b"\xff" * 100_000),
    "no message of a query": unary(QUERY, b"\xff" * 100_000),
    "no message on a stream": stream(STREAM, b"\xff" * 100_000),
    "no key": unary(INGEST, batch("a"), token=None),
    "an unknown key": unary(INGEST, batch("a"), token="tw_x_y"),  # noqa: S106 - no key
    "another account": unary(INGEST, batch("other")),
    "another account of a query": unary(QUERY, raw(totals(account_id="other", filter=FILLED_FILTER))),
    "another account on a stream": stream(STREAM, batch("other", kind=ingestion.StreamEventsRequest)),
    "no account": unary(INGEST, batch("")),
    "no events": unary(INGEST, raw(ingestion.IngestEventsRequest(account_id="a"))),
    "too many events": unary(INGEST, TOO_MANY),
    "too many events on a stream": stream(STREAM, TOO_MANY),
    "a wrong field of a query": unary(QUERY, raw(totals(filter=FILLED_FILTER))),
    "a query of an unknown zone": unary(QUERY, raw(totals(time_zone="Nowhere/Land"))),
    "a query over a limit": unary(
        "/telwerk.v1.KpiService/QueryTimeSeries",
        raw(
            kpi.QueryTimeSeriesRequest(
                account_id="a",
                kpi_ids=["feedback_count"],
                range=ALL_TIME,
                granularity=kpi.GRANULARITY_QUARTER_HOUR,
            )
        ),
    ),
    "a batch of no queries": unary(BATCH, raw(kpi.BatchQueryRequest(account_id="a"))),
    "a watch of no KPI": stream(WATCH, raw(kpi.WatchTimeSeriesRequest(account_id="a", query=SERIES))),
    "an explanation of no KPI": unary(EXPLAIN, raw(kpi.ExplainCountRequest(account_id="a", page_token=FILL))),
    "wrong settings": unary(
        SET_WIDGET, raw(settings.SetWidgetSettingsRequest(account_id="a", settings=LARGE_SETTINGS))
    ),
    "settings that are not there": unary(
        "/telwerk.v1.SettingsService/GetWidgetSettings",
        raw(settings.GetWidgetSettingsRequest(account_id="a", widget_id="nothing")),
    ),
    "a deadline that passes": unary(INGEST, batch("a", 3_000), timeout=0.004),
    "a stream that is left": stream(STREAM, batch("a", 2, ingestion.StreamEventsRequest), more=True),
}

GOOD_IN_BATCH = kpi.BatchQueryRequest(account_id="a", queries=[kpi.BatchedQuery(time_series=SERIES)] * 3)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_failing_call_leaves_nothing_for_the_collector(uncollected, kind):
    """Several calls of a kind, and no context, frame, coroutine or error of theirs is left in a cycle."""
    async with grpc.aio.insecure_channel(uncollected.address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        for _ in range(CALLS if "left" not in kind else 2):
            await KINDS[kind](channel, uncollected.token)
    garbage = await asyncio.to_thread(uncollected.garbage)
    assert not garbage


async def test_a_query_that_fails_in_its_batch_leaves_nothing_either(uncollected):
    """The batch is answered, and the error is told in it."""
    async with grpc.aio.insecure_channel(uncollected.address) as channel:
        for _ in range(CALLS):
            made = channel.unary_unary(BATCH, response_deserializer=kpi.BatchQueryResponse.FromString)
            answer = await made(raw(GOOD_IN_BATCH), metadata=bearer(uncollected.token), timeout=CALL_SECONDS)
            assert [each.error.reason for each in answer.answers] == ["UNKNOWN_KPI"] * 3
    garbage = await asyncio.to_thread(uncollected.garbage)
    assert not garbage


async def test_a_batch_that_is_refused_on_a_stream_leaves_nothing_either(uncollected):
    """It is answered in its place, and the stream ends well."""
    async with grpc.aio.insecure_channel(uncollected.address) as channel:
        for _ in range(CALLS):
            await stream(STREAM, *[raw(ingestion.StreamEventsRequest(account_id="a"))] * 3)(channel, uncollected.token)
    garbage = await asyncio.to_thread(uncollected.garbage)
    assert not garbage
