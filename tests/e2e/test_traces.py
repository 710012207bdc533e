"""Traces: what a collector receives of an ingest and a query, and that no collector is ever waited for."""

import asyncio
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc.aio
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.server.telemetry.trace_export import exporter_wanted
from telwerkd.transport.security.tls import StartupError
from tests.conftest import ALL_TIME, CALL_SECONDS, Server, started, wired
from tests.transport.http.serving import http_started

TRACE, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
CALLED = {"metadata": [("traceparent", f"00-{TRACE}-{CALLER}-01")], "timeout": CALL_SECONDS}


class Collector(ThreadingHTTPServer):
    """A receiver of OTLP by HTTP, which answers once it may."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        self.spans: list[Span] = []
        self.resource: dict[str, str] = {}
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.asked = threading.Event()
        super().__init__(("127.0.0.1", 0), _Receiver)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> Span:
        [span] = self.named(name)
        return span


class _Receiver(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:  # the library's name
        request = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
        self.server.asked.set()
        self.server.may_answer.wait(CALL_SECONDS)
        for of in request.resource_spans:
            self.server.resource = {each.key: each.value.string_value for each in of.resource.attributes}
            self.server.spans += [span for scope in of.scope_spans for span in scope.spans]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_about: object) -> None:
        """No line for each request."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{receiver.server_port}")
        yield receiver
        receiver.may_answer.set()
        for thread in threading.enumerate():
            if thread.name == "last spans":  # of a server that did not wait for it
                thread.join(CALL_SECONDS)
        receiver.shutdown()


def attributes(span: Span) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value") or "string_value") for each in span.attributes}


def year() -> kpi.QueryTotalsRequest:
    return kpi.QueryTotalsRequest(account_id="acme", kpi_ids=["satisfaction_score"], range=ALL_TIME)


async def ingest_and_query(server: Server) -> None:
    events = wired("09:00:00 anna assigned in sales\n09:01:10 contact rates 4")
    await server.ingestion.IngestEvents(ingestion.IngestEventsRequest(account_id="acme", events=events), **CALLED)
    await server.kpis.QueryTotals(year(), **CALLED)


async def test_a_collector_receives_the_spans_of_an_ingest_and_a_query_parented_to_the_callers(tmp_path, collector):
    """Each stage once, within the server's span; and the waiting is linked to the transaction that it ended in."""
    async with started(tmp_path / "telwerk.db") as server:
        await ingest_and_query(server)
        port = int(server.address.rpartition(":")[2])
    ingested = collector.one("telwerk.v1.IngestionService/IngestEvents")
    asked = collector.one("telwerk.v1.KpiService/QueryTotals")
    assert all(span.trace_id.hex() == TRACE for span in collector.spans)
    for call, stages in (
        (ingested, ["decode", "group commit wait", "transaction", "encode"]),
        (asked, ["decode", "plan", "read", "assemble", "encode"]),
    ):
        assert call.parent_span_id.hex() == CALLER
        assert call.kind == Span.SPAN_KIND_SERVER
        within = [span for span in collector.spans if span.parent_span_id == call.span_id]
        assert sorted(span.name for span in within) == sorted(stages)
        assert all(call.start_time_unix_nano <= span.start_time_unix_nano for span in within)
    [link] = collector.one("group commit wait").links
    assert link.span_id == collector.one("transaction").span_id
    told = attributes(asked)
    assert told.pop("client.port") > 0
    assert told == {
        "server.port": port,
        "rpc.system.name": "grpc",
        "rpc.method": "telwerk.v1.KpiService/QueryTotals",
        "rpc.response.status_code": "OK",
        "server.address": "127.0.0.1",
        "network.transport": "tcp",
        "client.address": "127.0.0.1",
        "telwerk.account_id": "acme",
    }
    assert collector.resource["service.name"] == "telwerkd"


async def test_a_call_over_http_is_a_part_of_its_callers_trace_too(tmp_path, collector):
    asked = {"accountId": "acme", "kpiIds": ["satisfaction_score"], "range": MessageToDict(ALL_TIME)}
    async with http_started(tmp_path) as server:
        reply = await server.call("/telwerk.v1.KpiService/QueryTotals", asked, **dict(CALLED["metadata"]))
        assert reply.status_code == 200
    call = collector.one("telwerk.v1.KpiService/QueryTotals")
    assert (call.trace_id.hex(), call.parent_span_id.hex()) == (TRACE, CALLER)
    told = attributes(call)
    assert (told["rpc.system.name"], told["server.port"]) == ("connectrpc", server.place[1])
    assert {span.name for span in collector.spans if span.parent_span_id == call.span_id} >= {"plan", "read", "encode"}


async def test_calls_that_share_a_transaction_are_all_linked_to_it(tmp_path, collector):
    """And it to them: it stands in the trace of the first."""
    events = [wired(f"09:0{n}:00 contact: message", f"c{n}") for n in range(5)]
    async with started(tmp_path / "telwerk.db") as server:
        await asyncio.gather(*(server.ingest(f"a{n}", batch) for n, batch in enumerate(events)))
    transactions = {span.span_id: span for span in collector.named("transaction")}
    linked = [
        (wait, transactions[link.span_id]) for wait in collector.named("group commit wait") for link in wait.links
    ]
    assert len(linked) == len(events)
    for wait, transaction in linked:
        calls = {transaction.parent_span_id, *(link.span_id for link in transaction.links)}
        assert wait.parent_span_id in calls
    assert sum(attributes(transaction)["telwerk.calls"] for transaction in transactions.values()) == len(events)


async def test_only_what_the_server_failed_at_is_an_error_and_no_span_says_what_was_sent(tmp_path, collector):
    """A caller's mistake is none; a method that there is not has no name of its own."""
    async with started(tmp_path / "telwerk.db") as server:
        with pytest.raises(grpc.aio.AioRpcError, match="secret-kpi"):
            await server.kpis.QueryTotals(kpi.QueryTotalsRequest(account_id="acme", kpi_ids=["secret-kpi"]), **CALLED)
        with pytest.raises(grpc.aio.AioRpcError, match="UNIMPLEMENTED"):
            await server.channel.unary_unary("/no.Service/Secret")(b"", **CALLED)
        await server.kpis.QueryTotals(
            year(), metadata=[("traceparent", "00-nonsense"), ("baggage", "secret-kpi;;=")], timeout=CALL_SECONDS
        )
    refused, unknown = collector.named("telwerk.v1.KpiService/QueryTotals")[0], collector.one("grpc")
    assert attributes(refused)["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert "error.type" not in attributes(refused)
    assert refused.status.code == Status.STATUS_CODE_UNSET
    assert attributes(unknown)["rpc.method"] == "_OTHER"
    assert attributes(unknown)["error.type"] == attributes(unknown)["rpc.response.status_code"] == "UNIMPLEMENTED"
    assert unknown.status.code == Status.STATUS_CODE_ERROR
    assert not any(b"secret-kpi" in span.SerializeToString() for span in collector.spans)
    lost = collector.named("telwerk.v1.KpiService/QueryTotals")[-1]
    assert (lost.parent_span_id, lost.trace_id.hex() == TRACE) == (b"", False)


async def test_a_collector_that_hangs_delays_neither_calls_nor_the_stop(tmp_path, collector, monkeypatch):
    """It is given its time, says nothing, and the server goes: spans are lost, and nothing else."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "1")
    collector.may_answer.clear()
    async with started(tmp_path / "telwerk.db") as server:
        await ingest_and_query(server)
        await asyncio.to_thread(collector.asked.wait, CALL_SECONDS)
        await ingest_and_query(server)
    assert not collector.spans


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c:4318/v1/traces"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, None),
        ({"OTEL_SDK_DISABLED": "True", "OTEL_TRACES_EXPORTER": "otlp"}, None),
        ({"OTEL_TRACES_EXPORTER": "Console"}, "console"),
    ],
)
def test_the_standard_variables_switch_traces_on(environment, wanted):
    assert exporter_wanted(environment) == wanted


@pytest.mark.usefixtures("collector")
@pytest.mark.parametrize("wrong", [{"OTEL_TRACES_EXPORTER": "zipkin"}, {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}])
async def test_what_cannot_be_sent_so_ends_the_start(tmp_path, monkeypatch, wrong):
    """With the variable's name, not without a word."""
    [(name, value)] = wrong.items()
    monkeypatch.setenv(name, value)
    with pytest.raises(StartupError, match=f"{name} is '{value}'"):
        async with started(tmp_path / "telwerk.db"):
            pass
