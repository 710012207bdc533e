"""The Connect project's own client for Python speaks with the server as it comes: compressed, in both codecs."""

import asyncio

import pytest
import pytest_asyncio
from connectrpc.client import ConnectClient
from connectrpc.compat import google_protobuf_binary_codec, google_protobuf_json_codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from google.protobuf import message_factory
from google.rpc import error_details_pb2

from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from tests.conftest import ALL_TIME, wired
from tests.transport.http.serving import http_started

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATED = "09:00:00 anna assigned in sales\n09:00:05 contact: message\n09:01:10 contact rates 4"
SERVICES = {**dict(kpi.DESCRIPTOR.services_by_name), **dict(ingestion.DESCRIPTOR.services_by_name)}


def method(service: str, name: str) -> MethodInfo:
    rpc = SERVICES[service].methods_by_name[name]
    return MethodInfo(
        name=name,
        service_name=f"telwerk.v1.{service}",
        input=message_factory.GetMessageClass(rpc.input_type),
        output=message_factory.GetMessageClass(rpc.output_type),
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=StreamType.SERVER_STREAM if rpc.server_streaming else StreamType.UNARY,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def url(tmp_path_factory):
    async with http_started(tmp_path_factory.mktemp("connect")) as server:
        yield f"http://{server.running.http_address}"


@pytest.mark.parametrize("codec", [google_protobuf_json_codec, google_protobuf_binary_codec])
async def test_calls_watches_and_errors_of_connects_own_client(url, codec):
    account = codec.__name__
    async with ConnectClient(url, codec=codec(), timeout_ms=30_000) as client:
        sent = ingestion.IngestEventsRequest(account_id=account, events=wired(RATED))
        query = kpi.QueryTimeSeriesRequest(
            kpi_ids=["satisfaction_score"], range=ALL_TIME, granularity=kpi.GRANULARITY_YEAR, time_zone="UTC"
        )
        watch = kpi.WatchTimeSeriesRequest(account_id=account, query=query)
        updates = client.execute_server_stream(request=watch, method=method("KpiService", "WatchTimeSeries"))
        assert len((await anext(updates)).snapshot.bucket_start_seconds) == 200
        stored = await client.execute_unary(request=sent, method=method("IngestionService", "IngestEvents"))
        assert stored.accepted_count == 3
        assert list((await anext(updates)).changes.series[0].counts) == [1]
        await updates.aclose()
        asked = kpi.QueryTotalsRequest(account_id=account, kpi_ids=["satisfaction_score"], range=ALL_TIME)
        answer = await client.execute_unary(request=asked, method=method("KpiService", "QueryTotals"))
        assert (answer.totals[0].count, answer.totals[0].mean) == (1, 4)
        with pytest.raises(ConnectError) as caught:
            await client.execute_unary(request=kpi.QueryTotalsRequest(), method=method("KpiService", "QueryTotals"))
        assert caught.value.code.value == "invalid_argument"
        told = error_details_pb2.ErrorInfo.FromString(caught.value.details[0].message_bytes)
        assert (caught.value.details[0].type_name, told.reason) == ("google.rpc.ErrorInfo", "INVALID_REQUEST")
        failing = client.execute_server_stream(
            request=kpi.WatchTimeSeriesRequest(), method=method("KpiService", "WatchTimeSeries")
        )
        with pytest.raises(ConnectError, match="account_id"):
            await anext(failing)
        async with asyncio.timeout(30):
            await updates.aclose()
