"""A server that fails on one event holds up that event alone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc.aio

from telwerk import AsyncTelwerk
from telwerk.v1 import ingestion_service_pb2 as ingestion_pb, ingestion_service_pb2_grpc as ingestion_grpc
from telwerk_bridges.chatwoot import Chatwoot
from telwerk_bridges.forwarding import Forwarder
from telwerk_bridges.inbox import Inbox, Target, opened
from telwerk_bridges.payload import Node
from tests.bridges.days import Happening, deliveries
from tests.conftest import eventually


class FailsOn(ingestion_grpc.IngestionServiceServicer):
    """Stores what it is sent, and fails as a whole on a batch with an event of this conversation."""

    def __init__(self, conversation_id: str) -> None:
        self.conversation_id: str | None = conversation_id
        self.stored: list[str] = []

    async def IngestEvents(  # noqa: N802 - the contract's name
        self, request: ingestion_pb.IngestEventsRequest, context: grpc.aio.ServicerContext
    ) -> ingestion_pb.IngestEventsResponse:
        names = [event.conversation_id for event in request.events]
        if self.conversation_id in names:
            await context.abort(grpc.StatusCode.INTERNAL, "a defect")
        self.stored += names
        verdicts = [ingestion_pb.VERDICT_ACCEPTED] * len(names)
        return ingestion_pb.IngestEventsResponse(accepted_count=len(names), verdicts=verdicts)


@asynccontextmanager
async def failing(servicer: FailsOn) -> AsyncIterator[str]:
    server = grpc.aio.server()
    ingestion_grpc.add_IngestionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(0)


async def take(inbox: Inbox, number: int) -> None:
    story = [Happening(1_793_610_000_000, "contact")]
    delivery = Chatwoot("secret").read(Node(deliveries(story, number, [0])[1]), 0)
    assert delivery
    assert await inbox.take(Target("here", "acme"), delivery) == 1


async def test_an_event_on_which_the_server_fails_blocks_no_other(tmp_path: Path) -> None:
    """The others, before and after it and those that come later, are sent; and it too once the server is mended."""
    servicer = FailsOn("chatwoot-3")
    async with failing(servicer) as address, opened(tmp_path / "bridge.db", 2**24) as inbox:
        for number in range(1, 6):
            await take(inbox, number)
        forwarder = Forwarder(inbox, lambda: AsyncTelwerk(address), "acme", patience_seconds=0.3)
        task = asyncio.create_task(forwarder.run())
        try:

            async def has(*numbers: int) -> bool:
                return sorted(set(servicer.stored)) == [f"chatwoot-{number}" for number in numbers]

            await eventually(lambda: has(1, 2, 4, 5))
            await take(inbox, 6)
            forwarder.wake()
            await eventually(lambda: has(1, 2, 4, 5, 6))
            assert (await inbox.counts()).waiting == 1
            servicer.conversation_id = None
            await eventually(lambda: has(1, 2, 3, 4, 5, 6))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
