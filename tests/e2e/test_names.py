"""An account at its limit on names recovers, and its operator can raise the limit, on a server that runs."""

import subprocess
import sys

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    ingestion_service_pb2 as ingestion,
)
from tests.conftest import CALL_SECONDS, Server, eventually, started, wired


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
