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

from support.http2 import raw
from telwerk.v1 import ingestion_service_pb2 as ingestion
from tests.conftest import CALL_SECONDS, connected, serving, started, wired

CHECK = "/grpc.health.v1.Health/Check"
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED.value[0]


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


async def test_a_message_that_is_larger_than_allowed_is_not_inflated_to_its_end(tmp_path):
    """RESOURCE_EXHAUSTED once the bound is passed: an older gRPC inflates all of it, and then says how much it was."""
    bomb = gzip.compress(bytes(2**20), 9)
    async with started(tmp_path / "telwerk.db", message_bytes_max=2**16) as server, raw(server.address) as client:
        assert await client.status(client.call(CHECK, bomb, gzipped=True)) == EXHAUSTED
        assert client.text == "Decompressed message larger than max"


async def test_calls_that_come_all_at_once_are_all_served(tmp_path):
    """More than gRPC keeps by default until they are looked at: it would cancel some, whoever they are of."""
    async with started(tmp_path / "telwerk.db") as server, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(raw(server.address)) for _ in range(4)]
        calls = [(client, [client.call(CHECK, b"") for _ in range(900)]) for client in clients]
        assert {status for client, called in calls for status in await client.statuses(*called)} == {0}


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
