"""The health service: every status as it is, whoever else asks and however badly they read."""

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2

from support.http2 import raw
from telwerkd.server.settings.settings import Settings
from telwerkd.server.wiring import running
from telwerkd.transport.services.health import Health
from tests.conftest import CALL_SECONDS, Server, connected, eventually, started

WATCH, LIST = "/grpc.health.v1.Health/Watch", "/grpc.health.v1.Health/List"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING


def watched(server: Server, service: str) -> "grpc.aio.UnaryStreamCall[object, health_pb2.HealthCheckResponse]":
    return server.health.Watch(health_pb2.HealthCheckRequest(service=service), timeout=CALL_SECONDS)


async def test_list_tells_the_status_of_every_service(tmp_path):
    """Those that Check knows, each with its status."""
    async with started(tmp_path / "telwerk.db") as server:
        listed = await server.health.List(health_pb2.HealthListRequest(), timeout=CALL_SECONDS)
        assert {"", "liveness", "readiness", "telwerk.v1.KpiService"} <= listed.statuses.keys()
        assert {status.status for status in listed.statuses.values()} == {SERVING}


async def test_a_watch_of_an_unknown_service_is_told_so_and_stays_open(tmp_path):
    """SERVICE_UNKNOWN, as the protocol has it, until the server drains."""
    async with started(tmp_path / "telwerk.db", grace_seconds=5) as server:
        watch = watched(server, "telwerk.v1.Nothing")
        assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
        assert not watch.done()


async def test_a_watcher_that_does_not_read_holds_up_nobody(tmp_path):
    """With an HTTP/2 window of 0 it can be sent nothing. All others learn that the server drains, and it ends."""
    async with AsyncExitStack() as client, AsyncExitStack() as life:
        settings = Settings(database=tmp_path / "telwerk.db", listen="127.0.0.1:0", grace_seconds=1)
        server = await client.enter_async_context(
            connected((await life.enter_async_context(running(settings))).address)
        )
        silent = await client.enter_async_context(raw(server.address, reading=False))
        await silent.headers(silent.call(WATCH, health_pb2.HealthCheckRequest(service="readiness").SerializeToString()))
        watch = watched(server, "readiness")
        assert (await watch.read()).status == SERVING
        stopping = asyncio.create_task(life.aclose())
        assert (await watch.read()).status == NOT_SERVING
        async with asyncio.timeout(CALL_SECONDS):
            await stopping


async def test_all_others_learn_that_the_database_is_gone_beside_a_watcher_that_does_not_read(tmp_path):
    """Who watches, who asks, and who comes to watch then; and that it is back."""
    path, aside = tmp_path / "telwerk.db", tmp_path / "aside"
    readiness = health_pb2.HealthCheckRequest(service="readiness")
    async with started(path, grace_seconds=0.5) as server, raw(server.address, reading=False) as silent:
        await silent.headers(silent.call(WATCH, readiness.SerializeToString()))
        watch = watched(server, "readiness")
        assert (await watch.read()).status == SERVING
        for change, status in ((partial(path.rename, aside), NOT_SERVING), (partial(aside.rename, path), SERVING)):
            change()
            assert (await watch.read()).status == status
            assert (await watched(server, "readiness").read()).status == status
            assert (await server.health.Check(readiness, timeout=CALL_SECONDS)).status == status


async def test_a_watcher_that_does_not_read_is_cut_off(tmp_path):
    """After watch_stall_seconds its place is free for another, though its connection stays."""
    async with (
        started(
            tmp_path / "telwerk.db", watch_stall_seconds=0.2, health_watches_per_peer_max=1, grace_seconds=0.5
        ) as server,
        raw(server.address, reading=False) as silent,
    ):
        await silent.headers(silent.call(WATCH, b""))

        async def free() -> bool:
            watch = watched(server, "")
            try:
                return (await watch.read()).status == SERVING
            except grpc.aio.AioRpcError:
                return False

        await eventually(free)


@pytest.mark.parametrize(
    ("limit", "code"),
    [
        ("health_watches_per_peer_max", grpc.StatusCode.RESOURCE_EXHAUSTED),
        ("health_watches_max", grpc.StatusCode.UNAVAILABLE),
    ],
)
async def test_watches_are_bounded(tmp_path, limit, code):
    """By the address they come from, and in all; the error names the limit. One that ends makes room."""
    async with started(tmp_path / "telwerk.db", **{limit: 2}) as server:
        watches = [watched(server, "") for _ in range(2)]
        assert [(await watch.read()).status for watch in watches] == [SERVING] * 2
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await watched(server, "").read()
        assert caught.value.code() is code
        assert limit in caught.value.details()
        watches[0].cancel()

        async def room() -> bool:
            try:
                return (await watched(server, "").read()).status == SERVING
            except grpc.aio.AioRpcError:
                return False

        await eventually(room)


def test_a_slow_watcher_is_told_the_latest_status_only():
    """What changed in between is not kept for it."""
    health = Health(["s"])
    with health.watching("s") as watcher:
        for serving in (True, False, True):
            health.ready(serving=serving)
        assert watcher.changed.is_set()
        assert watcher.status == SERVING
        health.drain()
        health.ready(serving=True)
        assert watcher.status == NOT_SERVING
    assert health.watchers == 0
