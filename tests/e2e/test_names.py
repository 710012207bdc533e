"""An account at its limit on names recovers, and its operator can raise the limit, on a server that runs."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    ingestion_service_pb2 as ingestion,
)
from telwerkd.application.names import WIDGETS
from telwerkd.domain.ids import Micros
from tests.chats import at
from tests.conftest import CALL_SECONDS, Server, eventually, rows, started, timestamp, wired
from tests.e2e.test_fairness import Stopped


async def test_an_erased_account_takes_new_names_again(tmp_path):
    """Within moments, though nobody restarts anything."""
    async with started(tmp_path / "telwerk.db", names_max=2) as server:
        for n in range(2):
            await server.ingest_chat("a", f"09:00:00 contact: message on w{n}", f"c{n}")

        async def new_widget_is_taken() -> bool:
            return await accepted(server)

        assert not await accepted(server)
        for n in range(2):
            request = admin.EraseConversationRequest(account_id="a", conversation_id=f"c{n}")
            await admin_grpc.AdminServiceStub(server.channel).EraseConversation(request, timeout=CALL_SECONDS)
        await eventually(new_widget_is_taken)


@pytest.mark.parametrize("call", ["PurgeEvents", "EraseConversation"])
async def test_a_removal_whose_caller_goes_away_frees_names_too(tmp_path, call):
    """What it has begun is done later, and no event needs to be refused before its names are free."""
    path = tmp_path / "telwerk.db"
    stopped = Stopped(path)
    async with stopped as server:
        assert widgets(path, "flood") == {"web"}
        requests = {
            "PurgeEvents": admin.PurgeEventsRequest(account_id="flood", before_time=timestamp(at("10:00:00"))),
            "EraseConversation": admin.EraseConversationRequest(account_id="flood", conversation_id="before"),
        }
        calling = getattr(admin_grpc.AdminServiceStub(server.channel), call)(requests[call], timeout=CALL_SECONDS)
        await stopped.open(1)
        calling.cancel()
        await stopped.open(0)
        stopped.go_on()

        async def names_are_free() -> bool:
            return not widgets(path, "flood")

        await eventually(names_are_free)
        assert widgets(path, "other") == {"web"}


async def test_retention_frees_names(tmp_path):
    """Of the account that it took something out of; no event needs to be refused before."""
    path = tmp_path / "telwerk.db"
    now = wired("09:00:00 contact: message on new", "c2")
    now[0].occur_time.CopyFrom(timestamp(Micros(time.time_ns() // 1_000)))
    async with started(path) as server:
        await server.ingest("a", [*wired("09:00:00 contact: message on old"), *now])
        # A purge keeps its counts, which use its names: only what was never counted goes.
        await server.ingest("a", wired("09:00:00 anna assigned on gone", "c3"))
    assert widgets(path, "a") == {"old", "new", "gone"}
    async with started(path, retention_days=1):

        async def name_is_free() -> bool:
            return widgets(path, "a") == {"old", "new"}

        await eventually(name_is_free)


def widgets(path: Path, account: str) -> set[str]:
    found = rows(path, "SELECT account_id, family, name FROM names")
    return {name for of, family, name in found if (of, family) == (account, WIDGETS)}


async def accepted(server: Server) -> bool:
    response = await server.ingest("a", wired("09:00:00 contact: message on new", "c9"))
    return response.verdicts != [ingestion.VERDICT_REJECTED]


async def test_the_limit_of_one_account_is_shown_and_raised_beside_a_running_server(tmp_path):
    """At once, for that account only; 0 takes the setting again."""
    path = tmp_path / "telwerk.db"
    async with started(path, names_max=1) as server:
        await server.ingest_chat("a", "09:00:00 contact: message on w0", "c0")
        assert not await accepted(server)
        assert "widgets: 1 of 2 (its own)" in limits(path, "--names-max", "2")
        assert await accepted(server)
        assert "widgets: 2 of 10000 (names_max)" in limits(path, "--names-max", "0")


def limits(path, *arguments: str) -> str:
    """What `telwerkd limits` says."""
    command = [sys.executable, "-m", "telwerkd.cli", "limits", "--account", "a", "--database", str(path), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
