"""A SQLite file's `-shm`, the index of its log, is cut short beside a server: nothing that was acknowledged is lost."""

import asyncio
import os
import signal
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2

from telwerkd.server.maintenance import audits
from telwerkd.storage.location import SqliteFile
from telwerkd.storage.sqlite.file import FileGoneError, OpenedFile
from tests.conftest import Server, connected, empty_database, eventually, rows, wired
from tests.programs.faults.program import Program

RATED = """
    09:00:00 anna assigned in sales
    09:01:00 contact rates 4
"""


@pytest.mark.parametrize("left", [0, 20_000])
async def test_a_server_ends_or_is_not_ready_and_has_everything_when_it_is_started_again(tmp_path, left):
    """The kernel ends what touches what is no longer there (SIGBUS). It says so, and the next one makes it anew."""
    path = tmp_path / "telwerk.db"
    path.write_bytes(empty_database())
    path.chmod(0o600)
    program = Program(str(path), tmp_path)
    await program.start()
    try:
        async with connected(program.address) as server:
            await server.ingest_chat("acme", RATED, "before")
            os.truncate(f"{path}-shm", left)
            acknowledged = 1 + await _acknowledged_until_told(program, server)
        if not program.is_running:
            assert await program.stop() == -signal.SIGBUS
            assert "Bus error" in program.log.read_text()
        await program.start_again()
        async with connected(program.address) as server:
            assert await server.total("acme", "satisfaction_score") >= acknowledged
            await server.ingest_chat("acme", RATED, "after")
    finally:
        await program.stop()
    assert rows(path, "PRAGMA integrity_check") == [("ok",)]
    assert await audits.verify(SqliteFile(path))


async def _acknowledged_until_told(program: Program, server: Server) -> int:
    """Writes until the server has ended, or says that it is not ready; how many writes it acknowledged."""
    acknowledged = tried = 0

    async def told() -> bool:
        nonlocal acknowledged, tried
        tried += 1
        try:
            await asyncio.wait_for(server.ingest("acme", wired(RATED, f"c{tried}")), 30)
            acknowledged += 1
            request = health_pb2.HealthCheckRequest(service="readiness")
            status = (await server.health.Check(request, timeout=30)).status
        except grpc.aio.AioRpcError as error:
            assert error.code() is grpc.StatusCode.UNAVAILABLE  # noqa: PT017
            return not program.is_running
        return status == health_pb2.HealthCheckResponse.NOT_SERVING

    await eventually(told, 60)
    return acknowledged


def test_what_writes_looks_before_it_trusts_an_index_that_was_cut_short(tmp_path):
    """Though none of what it reads there is missing."""
    path = tmp_path / "telwerk.db"
    for suffix in ("", "-wal", "-shm"):
        Path(f"{path}{suffix}").write_bytes(bytes(65_536))
    file = OpenedFile(path)
    file.check(lambda: 65_536)
    os.truncate(f"{path}-shm", 98_304)
    file.check(lambda: 65_536)
    os.truncate(f"{path}-shm", 65_536)
    with pytest.raises(FileGoneError, match="-shm was cut short"):
        file.check(lambda: 65_536)
