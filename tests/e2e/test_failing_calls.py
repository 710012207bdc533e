"""A call that fails leaves nothing behind: what it held dies with it, and waits for no collector of cycles."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

from telwerk.v1 import (
    admin_service_pb2 as admin,
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from telwerk.v1.display_name_pb2 import DisplayName, NameKind
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.keys_file import Role
from tests.conftest import ALL_TIME, CALL_SECONDS

CALLS = 6
PEER_MAX = 8
"""Open calls of an address."""
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
SETTINGS, ADMIN = "/telwerk.v1.SettingsService/", "/telwerk.v1.AdminService/"
SET_WIDGET = f"{SETTINGS}SetWidgetSettings"
CHECK, HEALTH_WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"


class Uncollected(NamedTuple):
    """A server that collects nothing by itself."""

    process: "subprocess.Popen[str]"
    address: str
    http: HTTPConnection
    """One for all tests: it outlives their calls, for a connection that ends is no call."""
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
    token = keys_file.create(folder / "keys.toml", ["a", "slow"], list(Role))
    wanted = {
        "database": str(folder / "telwerk.db"),
        "listen": "127.0.0.1:0",
        "http_listen": "127.0.0.1:0",
        "keys_file": str(folder / "keys.toml"),
        "memory_bytes_max": 2**21,
        "calls_per_peer_max": PEER_MAX,
        "account_limits": {"slow": {"account_calls_per_second_max": 0.001}},
    }
    program = Path(__file__).with_name("uncollected.py")
    process = subprocess.Popen(
        [sys.executable, str(program), json.dumps(wanted)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        address, http_address = process.stdout.readline().split()
        server = Uncollected(process, address, HTTPConnection(http_address, timeout=CALL_SECONDS), token)
        server.garbage()
        yield server
        server.http.close()
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


class Client(NamedTuple):
    """Who calls: a connection of each protocol, and a key."""

    channel: grpc.aio.Channel
    http: HTTPConnection
    token: str


@asynccontextmanager
async def client_of(server: Uncollected) -> AsyncIterator[Client]:
    async with (
        grpc.aio.insecure_channel(server.address, [("grpc.use_local_subchannel_pool", 1)]) as channel,
    ):
        yield Client(channel, server.http, server.token)


Call: TypeAlias = Callable[[Client], Awaitable[None]]


def good_event(name: str) -> pb.Event:
    event = pb.Event(event_id=name, conversation_id="c", widget_id="w", message_sent=pb.MessageSent(sender=1))
    event.occur_time.FromSeconds(1_767_600_000)
    return event


def unary(method: str, request: bytes, *, token: str | None = "", timeout: float = CALL_SECONDS) -> Call:
    """A single call that fails; without a key if `token` is None."""

    async def call(client: Client) -> None:
        metadata = bearer(client.token if token == "" else token)
        made = client.channel.unary_unary(method)(request, timeout=timeout, metadata=metadata)
        with pytest.raises(grpc.aio.AioRpcError):
            await made

    return call


def stream(method: str, *requests: bytes, more: bool = False) -> Call:
    """A stream that fails, or is cancelled while there might be more."""

    async def call(client: Client) -> None:
        made = client.channel.stream_stream(method)(metadata=bearer(client.token))
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


def turned_away(limit: str, method: str, request: bytes, *, at_once: int = CALLS) -> Call:
    """Calls of which some are refused by a limit, because of those that come with them or came before."""

    async def call(client: Client) -> None:
        metadata = bearer(client.token)
        ended: list[object] = []
        while len(ended) < CALLS:
            made = [
                client.channel.unary_unary(method)(request, timeout=CALL_SECONDS, metadata=metadata)
                for _ in range(at_once)
            ]
            ended += await asyncio.gather(*made, return_exceptions=True)
        assert any(limit in (each.details() or "") for each in ended if isinstance(each, grpc.aio.AioRpcError)), ended

    return call


async def too_many_calls(client: Client) -> None:
    """One more than an address may have open."""
    open_calls = [client.channel.unary_stream(HEALTH_WATCH)(b"") for _ in range(PEER_MAX + 1)]
    read = await asyncio.gather(*(each.read() for each in open_calls), return_exceptions=True)
    assert any("calls_per_peer_max" in (e.details() or "") for e in read if isinstance(e, grpc.aio.AioRpcError)), read
    for each in open_calls:
        each.cancel()


def http(method: str, body: bytes, status: int, **headers: str) -> Call:
    """A call over HTTP that fails so; with the key unless `headers` has another."""

    async def call(client: Client) -> None:
        given = {"content-type": "application/json", "authorization": f"Bearer {client.token}", **headers}

        def post() -> tuple[int, bytes]:
            client.http.request("POST", method, body, given)
            with client.http.getresponse() as response:
                return response.status, response.read()

        answered, text = await asyncio.to_thread(post)
        assert answered == status, text

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


def batch_in_json(account: str) -> bytes:
    return json.dumps({"accountId": account, "events": [{"eventId": FILL[:50_000]}]}).encode()


NAME = DisplayName(kind=NameKind.NAME_KIND_OPERATOR, id="anna", name=FILL)
FUTURE_PURGE = admin.PurgeEventsRequest(account_id="a", before_time=Timestamp(seconds=2**33))
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
    "wrong names": unary(
        f"{SETTINGS}SetDisplayNames", raw(settings.SetDisplayNamesRequest(account_id="a", names=[NAME]))
    ),
    "names of another account": unary(
        f"{SETTINGS}SetDisplayNames", raw(settings.SetDisplayNamesRequest(account_id="other", names=[NAME]))
    ),
    "a list of names from no page": unary(
        f"{SETTINGS}ListDisplayNames", raw(settings.ListDisplayNamesRequest(account_id="a", page_token=FILL))
    ),
    "values of no dimension": unary(
        "/telwerk.v1.KpiService/ListDimensionValues",
        raw(kpi.ListDimensionValuesRequest(account_id="a", page_token=FILL)),
    ),
    "an erasure of no conversation": unary(
        f"{ADMIN}EraseConversation", raw(admin.EraseConversationRequest(account_id="a", conversation_id=FILL))
    ),
    "a purge of what is to come": unary(f"{ADMIN}PurgeEvents", raw(FUTURE_PURGE)),
    "calls that memory turns away": turned_away("memory_bytes_max", INGEST, batch("a", 2_000)),
    "calls beyond what an account may make": turned_away(
        # One by one: of several at once, memory has no room for a second one while the first is decoded.
        "account_calls_per_second_max",
        QUERY,
        raw(totals(account_id="slow", kpi_ids=[FILL])),
        at_once=1,
    ),
    "calls beyond what an address may have open": too_many_calls,
    "no JSON over HTTP": http(QUERY, b"{" * 50_000, 400),
    "a wrong field over HTTP": http(QUERY, json.dumps({"accountId": "a", "kpiIds": [FILL]}).encode(), 400),
    "an unknown field over HTTP": http(QUERY, json.dumps({"accountId": "a", FILL: 1}).encode(), 400),
    "no key over HTTP": http(INGEST, batch_in_json("a"), 401, authorization=""),
    "another account over HTTP": http(INGEST, batch_in_json("other"), 403),
    "a method that is not there over HTTP": http("/telwerk.v1.KpiService/Nonsense", FILL[:50_000].encode(), 404),
    "a stream that is left": stream(STREAM, batch("a", 2, ingestion.StreamEventsRequest), more=True),
}

GOOD_IN_BATCH = kpi.BatchQueryRequest(account_id="a", queries=[kpi.BatchedQuery(time_series=SERIES)] * 3)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_failing_call_leaves_nothing_for_the_collector(uncollected, kind):
    """Several calls of a kind, and no context, frame, coroutine or error of theirs is left in a cycle."""
    async with client_of(uncollected) as client:
        for _ in range(CALLS if "left" not in kind else 2):
            await KINDS[kind](client)
        await client.channel.close()
        assert not await asyncio.to_thread(uncollected.garbage)


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
    async with client_of(uncollected) as client:
        for _ in range(CALLS):
            await stream(STREAM, *[raw(ingestion.StreamEventsRequest(account_id="a"))] * 3)(client)
        await client.channel.close()
        assert not await asyncio.to_thread(uncollected.garbage)
