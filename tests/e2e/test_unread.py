"""Answers that nobody reads: they are kept for a while, and not for ever."""

import asyncio

import pytest
from grpc_health.v1 import health_pb2

from support.http2 import raw
from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from tests.conftest import ALL_TIME, CALL_SECONDS, eventually, started

TOTALS = kpi.QueryTotalsRequest(account_id="a", kpi_ids=["feedback_count"], range=ALL_TIME).SerializeToString()
EMPTY = ingestion.StreamEventsRequest(account_id="a").SerializeToString()

UNREAD = {
    "an answer": ("/telwerk.v1.KpiService/QueryTotals", TOTALS),
    "an answer of a stream": ("/telwerk.v1.IngestionService/StreamEvents", EMPTY),
    "a long list": ("/telwerk.v1.KpiService/ListKpis", b""),
}


def open_calls() -> int:
    """Calls that grpc keeps in this process, whose loop is the server's too."""
    return sum(task.get_name() == "rpc_task" for task in asyncio.all_tasks())


@pytest.mark.parametrize(("method", "request_"), UNREAD.values(), ids=UNREAD)
async def test_an_answer_that_is_not_read_is_not_kept_for_ever(tmp_path, method, request_):
    """To a client whose window stays shut, the call is reset after `reply_stall_seconds`, and nothing is left of it."""
    async with (
        started(tmp_path / "telwerk.db", reply_stall_seconds=0.4) as server,
        raw(server.address, reading=False) as client,
    ):
        streams = [client.call(method, request_) for _ in range(3)]

        async def all_came() -> bool:
            return open_calls() == 3

        async def none_is_kept() -> bool:
            return open_calls() == 0

        await eventually(all_came)
        await eventually(none_is_kept)
        await server.totals("other", "feedback_count")  # grpc lets go of a call of this kind when the next comes
        await server.health.Check(health_pb2.HealthCheckRequest())
        async with asyncio.timeout(CALL_SECONDS):
            await client.all_ended(*streams)


async def test_an_answer_that_is_read_late_but_in_time_arrives(tmp_path):
    """As long as the limit has not passed, the reader may take its time."""
    async with (
        started(tmp_path / "telwerk.db", reply_stall_seconds=60) as server,
        raw(server.address, reading=False) as client,
    ):
        stream = client.call("/telwerk.v1.KpiService/QueryTotals", TOTALS)
        async with asyncio.timeout(CALL_SECONDS):
            await client.headers(stream)  # it is answered, as far as the window lets it be
            assert open_calls() == 1
            assert b"feedback_count" in await client.read_late(stream)
