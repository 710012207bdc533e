"""Connections and calls that are opened and left alone take their place for a while, and no one else's."""

import asyncio
import gzip
import resource
import socket
import subprocess
from contextlib import AsyncExitStack, ExitStack

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2

from support.http2 import RawClient, raw
from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.process.descriptors import KEPT_BACK, connections_for
from telwerkd.transport.grpc.gate import Refusals
from telwerkd.transport.grpc.peers import host_of
from telwerkd.transport.security.keys_file import Role, create
from tests.conftest import CALL_SECONDS, connected, eventually, serving, started, wired

CHECK, INGEST, STREAM = (
    "/grpc.health.v1.Health/Check",
    "/telwerk.v1.IngestionService/IngestEvents",
    "/telwerk.v1.IngestionService/StreamEvents",
)
UNAVAILABLE, EXHAUSTED = grpc.StatusCode.UNAVAILABLE.value[0], grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


async def test_silent_connections_leave_room_for_others_and_for_the_database(tmp_path, monkeypatch):
    """400 of them where 256 files may be open: a new client is served, and what it sends is stored."""
    config = tmp_path / "telwerkd.toml"
    config.write_text("handshake_seconds = 3\n", encoding="utf-8")
    original = subprocess.Popen

    def limited(*arguments, **options):
        return original(
            *arguments, **options, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
        )

    with monkeypatch.context() as patch, ExitStack() as stack:
        patch.setattr(subprocess, "Popen", limited)
        server = stack.enter_context(serving(tmp_path / "telwerk.db", "--config", str(config)))
        patch.undo()
        host, _, port = server.address.rpartition(":")
        for _ in range(400):
            stack.enter_context(socket.create_connection((host, int(port)), 10))
        async with connected(server.address) as client:
            request = ingestion.IngestEventsRequest(account_id="a", events=wired("09:00:00 contact: message"))
            response = await client.ingestion.IngestEvents(request, timeout=20, wait_for_ready=True)
            assert response.accepted_count == 1


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


async def test_a_message_that_is_larger_than_allowed_is_not_inflated_to_its_end(tmp_path):
    """RESOURCE_EXHAUSTED once the bound is passed: an older gRPC inflates all of it, and then says how much it was."""
    bomb = gzip.compress(bytes(2**20), 9)
    async with started(tmp_path / "telwerk.db", message_bytes_max=2**16) as server, raw(server.address) as client:
        assert await client.status(client.call(CHECK, bomb, gzipped=True)) == EXHAUSTED
        assert client.text == "Decompressed message larger than max"


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


async def test_calls_that_come_all_at_once_are_all_served(tmp_path):
    """More than gRPC keeps by default until they are looked at: it would cancel some, whoever they are of."""
    async with started(tmp_path / "telwerk.db") as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw(server.address)) for _ in range(4)]
        calls = [(client, [client.call(CHECK, b"") for _ in range(900)]) for client in clients]
        assert {status for client, called in calls for status in await client.statuses(*called)} == {0}


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


@pytest.mark.parametrize(
    ("settings", "speaks"),
    [({"handshake_seconds": 0.3}, False), ({"connection_idle_seconds": 0.3}, True)],
    ids=["silent", "idle"],
)
async def test_a_connection_that_does_nothing_is_closed(tmp_path, settings, speaks):
    """One that never says what it is, and one without a call."""
    async with started(tmp_path / "telwerk.db", **settings) as server, asyncio.timeout(CALL_SECONDS):
        if speaks:
            async with raw(server.address) as client:
                await client.closed.wait()
            return
        host, _, port = server.address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        while await reader.read(1_000):
            pass
        writer.close()


async def test_a_connection_has_an_end_and_clients_do_not_notice(tmp_path):
    """Calls one after another over several connections' lives; a stuck reader goes with its connection."""
    async with (
        started(tmp_path / "telwerk.db", connection_age_seconds=0.5, connection_grace_seconds=0.3) as server,
        raw(server.address, reading=False) as silent,
    ):
        silent.call("/grpc.health.v1.Health/Watch", b"")
        while not silent.closed.is_set():
            await server.health.Check(health_pb2.HealthCheckRequest(), timeout=CALL_SECONDS)
            await asyncio.sleep(0.02)


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


@pytest.mark.parametrize(
    ("peer", "host"),
    [
        ("ipv4:192.0.2.1:50051", "ipv4:192.0.2.1"),
        ("ipv6:%5B2001:db8::1%5D:50051", "ipv6:2001:db8::/64"),
        ("ipv6:[2001:db8::ffff:1]:1", "ipv6:2001:db8::/64"),
        ("ipv6:%5B::ffff:192.0.2.1%5D:1", "ipv4:192.0.2.1"),
        ("unix:", "unix"),
        ("unix:/run/t.sock", "unix"),
    ],
)
def test_a_host_is_a_peer_without_its_port(peer, host):
    """An IPv6 address is its network: one customer has all of them."""
    assert host_of(peer) == host


def test_connections_leave_files_for_the_rest():
    assert connections_for(256) == 256 - KEPT_BACK
    assert connections_for(64) == 16
    assert connections_for(1_000_000) == connections_for(resource.RLIM_INFINITY) == 10_000
