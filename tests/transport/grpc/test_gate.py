"""Every call passes the gate: how many may be open, how long a request may take to come, how soon a refusal is told."""

from contextlib import AsyncExitStack

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2

from support.http2 import RawClient, raw
from telwerk.v1 import kpi_service_pb2 as kpi
from telwerkd.transport.grpc.gate import Refusals
from telwerkd.transport.security.keys_file import Role, create
from tests.conftest import CALL_SECONDS, eventually, started

CHECK, INGEST, STREAM = (
    "/grpc.health.v1.Health/Check",
    "/telwerk.v1.IngestionService/IngestEvents",
    "/telwerk.v1.IngestionService/StreamEvents",
)
UNAVAILABLE, EXHAUSTED = grpc.StatusCode.UNAVAILABLE.value[0], grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


@pytest.mark.parametrize("method", [CHECK, INGEST, STREAM])
async def test_a_call_whose_request_does_not_come_is_ended(tmp_path, method):
    """UNAVAILABLE after first_message_seconds, whichever kind of call it is."""
    async with started(tmp_path / "telwerk.db", first_message_seconds=0.2) as server, raw(server.address) as client:
        assert await client.status(client.call(method, None, ends=False)) == UNAVAILABLE


async def test_a_call_that_ends_without_a_request_is_answered(tmp_path):
    """INVALID_ARGUMENT: gRPC for Python would leave it open for ever."""
    async with started(tmp_path / "telwerk.db") as server, raw(server.address) as client:
        status = await client.status(client.call(CHECK, None))
        assert status == grpc.StatusCode.INVALID_ARGUMENT.value[0]


async def filled(client: RawClient, places: int, refusal: int) -> int:
    """Takes all places for calls: one more is refused. Gives the first call, which stays open.

    A probe may arrive before the calls, which are of another method, and take the place of one: then another is opened.
    """
    first, *_ = [client.call(STREAM, None, ends=False) for _ in range(places)]

    async def refused() -> bool:
        if await client.status(client.call(CHECK, b"")) == refusal:
            return True
        client.call(STREAM, None, ends=False)
        return False

    await eventually(refused)
    return first


@pytest.mark.parametrize(("limit", "status"), [("calls_per_peer_max", EXHAUSTED), ("calls_max", UNAVAILABLE)])
async def test_open_calls_are_bounded(tmp_path, limit, status):
    """By address and in all; a call beyond is refused at once, and one that ends makes room."""
    async with started(tmp_path / "telwerk.db", **{limit: 3}) as server, raw(server.address) as client:
        half_open = await filled(client, 3, status)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await server.health.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
        assert limit in caught.value.details()
        client.reset(half_open)

        async def answered() -> bool:
            return await client.status(client.call(CHECK, b"")) == 0

        await eventually(answered)


async def test_addresses_that_open_all_they_can_leave_calls_for_the_next_one(tmp_path):
    """Neither two addresses nor more of them hold all of `calls_max`; who is refused is told that it is its share."""
    async with (
        started(tmp_path / "telwerk.db", calls_max=32, calls_per_peer_max=16) as server,
        AsyncExitStack() as stack,
    ):
        for number in range(4):
            client = await stack.enter_async_context(raw(server.address, source=f"127.0.0.{number + 10}"))
            await filled(client, 16, EXHAUSTED)
        assert "calls_max" in client.text
        other = await stack.enter_async_context(raw(server.address, source="127.0.0.99"))
        assert await other.status(other.call(CHECK, b"")) == 0


async def test_an_address_that_is_alone_may_open_all_that_one_may(tmp_path):
    """Nothing is kept for others while there are none."""
    async with (
        started(tmp_path / "telwerk.db", calls_max=4, calls_per_peer_max=4) as server,
        raw(server.address) as client,
    ):
        await filled(client, 4, EXHAUSTED)
        assert "(calls_per_peer_max)" in client.text


async def test_refused_calls_are_delayed_and_a_right_key_is_not(tmp_path):
    """After refused_calls_max of them; whoever has a key, at the same address, is answered meanwhile."""
    keys = tmp_path / "keys.toml"
    token = create(keys, ["a"], [Role.QUERY], None)
    settings = {"keys_file": keys, "refused_calls_max": 3, "refused_delay_seconds": 600}
    async with started(tmp_path / "telwerk.db", grace_seconds=0, **settings) as server:
        for bad in ("Bearer tw_x_y", None, "Bearer no"):
            metadata = (("authorization", bad),) if bad else ()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await server.kpis.ListKpis(kpi.ListKpisRequest(), metadata=metadata, timeout=CALL_SECONDS)
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        waiting = server.kpis.ListKpis(kpi.ListKpisRequest(), metadata=(("authorization", "Bearer no"),))
        good = (("authorization", f"Bearer {token}"),)
        for _ in range(10):
            assert (await server.kpis.ListKpis(kpi.ListKpisRequest(), metadata=good, timeout=CALL_SECONDS)).kpis
        assert not waiting.done()
        waiting.cancel()


async def test_a_method_that_does_not_exist_is_unimplemented(tmp_path):
    """As gRPC itself has it, and delayed as other refusals are."""
    async with started(
        tmp_path / "telwerk.db", refused_calls_max=1, refused_delay_seconds=600, grace_seconds=0
    ) as server:
        unknown = server.channel.unary_unary("/telwerk.v1.KpiService/Nothing")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await unknown(b"", timeout=CALL_SECONDS)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
        waiting = unknown(b"")
        await server.health.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
        assert not waiting.done()
        waiting.cancel()


def test_refusals_are_forgotten_after_a_minute_and_the_table_is_bounded():
    """By the least recent; another host is never delayed for them."""
    now = 0.0
    refusals = Refusals(1, 5.0, clock=lambda: now)
    assert [refusals.delay("a") for _ in range(3)] == [0.0, 5.0, 5.0]
    assert refusals.delay("b") == 0.0
    now = 60.0
    assert refusals.delay("a") == 0.0
    for number in range(10_000):
        refusals.delay(f"n{number}")
    assert len(refusals._seen) == 4_096
    assert refusals.delay("a") == 0.0
