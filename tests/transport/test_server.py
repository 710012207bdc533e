"""What the server is made of: a flood of what anybody may call keeps nobody else's calls waiting to be let in."""

import asyncio

import grpc.aio
import pytest

from telwerkd.transport.server import SERVICES
from tests.conftest import CALL_SECONDS, started

FLOOD = "/grpc.health.v1.Health/List"


@pytest.mark.parametrize(
    "method",
    [
        "/telwerk.v1.IngestionService/IngestEvents",
        "/telwerk.v1.KpiService/QueryTimeSeries",
        "/telwerk.v1.KpiService/QueryTotals",
        "/telwerk.v1.KpiService/BatchQuery",
        "/grpc.health.v1.Health/Check",
    ],
)
async def test_a_call_is_let_in_before_a_flood_that_came_first(tmp_path, method):
    """gRPC lets in one call at a time of each registered method, and one of all that are not registered. Registering
    fewer takes an eighth less of the event loop, and costs this; nor does gRPC end an unread call of the others."""
    async with started(tmp_path / "telwerk.db") as server:
        flooding = server.channel.unary_unary(FLOOD)
        await flooding(b"", timeout=CALL_SECONDS)
        flood = [asyncio.ensure_future(flooding(b"", timeout=CALL_SECONDS)) for _ in range(300)]
        try:
            await server.channel.unary_unary(method)(b"", timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.INVALID_ARGUMENT  # noqa: PT017  # it was let in, which is all
        answered = sum(call.done() for call in flood)
        await asyncio.gather(*flood)
    assert answered < len(flood) // 2


async def test_every_method_is_there(tmp_path):
    """A method that no handler had would be UNIMPLEMENTED."""
    async with started(tmp_path / "telwerk.db") as server:
        for service in SERVICES:
            for method in service.methods:
                call = server.channel.stream_stream(f"/{service.full_name}/{method.name}")(timeout=CALL_SECONDS)
                await call.done_writing()
                if not method.server_streaming or service.full_name.startswith("telwerk"):
                    assert await call.code() is not grpc.StatusCode.UNIMPLEMENTED, method.full_name
                else:
                    call.cancel()
