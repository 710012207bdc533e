"""A server's end: told by signals, in bounded time, with an exit code that says whether all may be stored."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2

from support.http2 import RawClient, raw
from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.application.ingest.group_commit import Ingest
from telwerkd.application.ingest.waiting_room import WaitingRoom
from telwerkd.server import wiring
from telwerkd.server.background import BackgroundTaskError
from telwerkd.server.settings.settings import Settings
from telwerkd.server.stopping import EXIT_NOT_STORED
from telwerkd.storage.location import PostgresUrl, located
from tests.conftest import ALL_TIME, ServerProcess, connected, serving, wired, writer_of
from tests.line import Way, line_to_postgres
from tests.postgres import fresh_database

ENDED_SECONDS = 60.0


async def ended(server: ServerProcess) -> int:
    return await asyncio.to_thread(server.process.wait, ENDED_SECONDS)


def watch() -> bytes:
    query = kpi.QueryTimeSeriesRequest(kpi_ids=["inactivity_actions"], range=ALL_TIME, granularity=kpi.GRANULARITY_YEAR)
    return kpi.WatchTimeSeriesRequest(account_id="a", query=query).SerializeToString()


def batch() -> bytes:
    return ingestion.StreamEventsRequest(account_id="a", events=wired("09:00:00 contact: message")).SerializeToString()


STUCK = {
    "a watch of health": ("/grpc.health.v1.Health/Watch", health_pb2.HealthCheckRequest().SerializeToString(), True),
    "a watch of numbers": ("/telwerk.v1.KpiService/WatchTimeSeries", watch(), True),
    "a stream of events": ("/telwerk.v1.IngestionService/StreamEvents", batch(), False),
    "a single reply": ("/telwerk.v1.IngestionService/IngestEvents", batch(), True),
    "reflection": ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", b"\x3a\x00", False),
}


async def test_readers_that_read_nothing_do_not_hold_up_the_stop(tmp_path):
    """With an HTTP/2 window of 0, each on a connection of its own: after the grace they are cancelled, exit code 0."""
    with serving(tmp_path / "telwerk.db", "--config", str(config(tmp_path, grace_seconds=0.5))) as server:
        async with AsyncExitStack() as connections:
            for method, message, ends in STUCK.values():
                silent = await connections.enter_async_context(raw(server.address, reading=False))
                await silent.headers(silent.call(method, message, ends=ends))
            server.process.send_signal(signal.SIGTERM)
            assert await ended(server) == 0


def config(folder: Path, **settings: float) -> Path:
    path = folder / "telwerkd.toml"
    path.write_text("".join(f"{name} = {value}\n" for name, value in settings.items()), encoding="utf-8")
    return path


async def unanswered(server: ServerProcess, client: RawClient, then: Callable[[], Awaitable[None]]) -> None:
    """Sends a batch to a server whose writer is stopped, and goes on when it is there."""
    writer = writer_of(server.process.pid)
    writer.suspend()
    client.call("/telwerk.v1.IngestionService/IngestEvents", batch())
    async with connected(server.address) as other:
        await other.health.Check(health_pb2.HealthCheckRequest(), timeout=30)
    try:
        await then()
    finally:
        if writer.is_running():
            writer.kill()


async def test_a_writer_that_hangs_does_not_hold_up_the_stop_and_the_exit_code_says_so(tmp_path, capfd):
    """In bounded time, and the log tells that something may not be stored. Nothing of that was acknowledged."""
    with serving(tmp_path / "telwerk.db", "--config", str(config(tmp_path, grace_seconds=0.5))) as server:
        async with raw(server.address) as client:

            async def stop() -> None:
                server.process.send_signal(signal.SIGTERM)
                assert await ended(server) == EXIT_NOT_STORED

            await unanswered(server, client, stop)
    assert re.search("may not be stored|were not stored", capfd.readouterr().err)


async def test_a_database_that_falls_silent_does_not_hold_up_the_stop_and_the_exit_code_says_so(
    postgres, tmp_path, capfd
):
    with fresh_database(postgres) as database:
        async with line_to_postgres(database) as (url, line), AsyncExitStack() as running:
            through = located(url)
            assert isinstance(through, PostgresUrl)
            # Its start and its end do not hold up this program, which passes on what it sends.
            beside = serving(through, "--config", str(config(tmp_path, grace_seconds=0.5)))
            server = await asyncio.to_thread(beside.__enter__)
            running.push_async_callback(asyncio.to_thread, beside.__exit__, None, None, None)
            async with connected(server.address) as client:
                with line.being(Way.STALL):
                    sent = asyncio.create_task(client.ingest("a", wired("09:00:00 contact: message")))
                    await client.health.Check(health_pb2.HealthCheckRequest(), timeout=30)
                    server.process.send_signal(signal.SIGTERM)
                    assert await ended(server) == EXIT_NOT_STORED
                with pytest.raises(grpc.aio.AioRpcError):
                    await sent
    assert re.search("may not be stored|were not stored", capfd.readouterr().err)


async def test_a_second_signal_ends_the_process_at_once(tmp_path):
    """Whatever still runs; the exit code is that of a signal."""
    with serving(tmp_path / "telwerk.db", "--config", str(config(tmp_path, grace_seconds=600))) as server:
        async with connected(server.address) as client, raw(server.address, reading=False) as silent:
            await silent.headers(silent.call("/grpc.health.v1.Health/Watch", b""))
            watch = client.health.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            server.process.send_signal(signal.SIGTERM)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            server.process.send_signal(signal.SIGTERM)
            assert await ended(server) == 128 + signal.SIGTERM


async def test_a_terminal_that_goes_away_stops_the_server_gracefully(tmp_path):
    """SIGHUP drains as SIGTERM does."""
    with serving(tmp_path / "telwerk.db") as server:
        async with connected(server.address) as client:
            watch = client.health.Watch(health_pb2.HealthCheckRequest())
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            server.process.send_signal(signal.SIGHUP)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
        assert await ended(server) == 0


def test_a_server_under_nohup_stays_when_the_terminal_goes(tmp_path):
    """SIGHUP that is ignored at the start stays ignored."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TELWERK_")}
    command = [sys.executable, "-m", "telwerkd.cli", "serve", "--database", str(tmp_path / "t.db")]
    with subprocess.Popen(
        ["nohup", *command, "--listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=environment,
    ) as process:
        assert process.stdout is not None
        assert re.match("Telwerk listens on", process.stdout.readline())
        process.send_signal(signal.SIGHUP)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(1)
        process.terminate()
        assert process.wait(ENDED_SECONDS) == 0


async def test_a_task_that_dies_ends_the_server(tmp_path, monkeypatch):
    """A defect in group commit must not leave callers waiting for ever: the server says so and ends."""

    async def broken(_self: Ingest) -> None:
        await asyncio.sleep(0)
        raise ZeroDivisionError

    monkeypatch.setattr(Ingest, "run", broken)

    async def live() -> None:
        settings = Settings(database=tmp_path / "t.db", listen="127.0.0.1:0", grace_seconds=0)
        async with wiring.running(settings) as running, asyncio.timeout(30):
            await running.failed.wait()

    with pytest.raises(BackgroundTaskError, match="group commit"):
        await live()


async def test_callers_are_told_when_group_commit_dies(tmp_path, monkeypatch):
    """A call that waits to be stored when that happens gets UNAVAILABLE at once, and the server ends."""

    def defect(*_, **__):
        raise ZeroDivisionError

    async def live() -> None:
        settings = Settings(database=tmp_path / "t.db", listen="127.0.0.1:0", grace_seconds=0)
        async with wiring.running(settings) as running, connected(running.address) as server:
            monkeypatch.setattr(WaitingRoom, "take", defect)
            with pytest.raises(grpc.aio.AioRpcError) as error:
                await server.ingest("acme", wired("09:00:00 anna assigned in sales"))
            assert error.value.code() is grpc.StatusCode.UNAVAILABLE
            async with asyncio.timeout(30):
                await running.failed.wait()

    with pytest.raises(BackgroundTaskError, match="group commit"):
        await live()
