"""Asks a server everything, and keeps what it answers in a form that two servers can be compared by.

A reply is compared by its bytes, written anew with protobuf's deterministic order of fields; an error by its status,
its text and the bytes of its details.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import grpc.aio
from google.protobuf import descriptor_pool, message_factory, text_format
from google.protobuf.message import Message

from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from tests.conftest import CALL_SECONDS, Server, SureClock, eventually
from tests.golden.questions import STARS, Question, dates, totals
from tests.golden.verdicts import event, streamed
from tests.golden.world import ACME, ERASED, LATE_FROM, NOW, PURGED, Step

SETTINGS = {
    "batch_events_max": 500,
    "names_max": 60,
    "conversation_events_max": 60,
    "conversation_pending_max": 10,
    "groups_max": 35,
    "points_max": 300_000,
    "transaction_shared_seconds_max": 60.0,
}
"""Bounds small enough to be met; but how fast the machine is must not divide a batch, and with it the names left."""

_PACKAGE = "telwerk.v1"
_DETAILS = "grpc-status-details-bin"


class GoldenClock(SureClock):
    """Stands still until it is set, and is always believed."""

    def __init__(self, seconds: int) -> None:
        self.seconds = seconds
        super().__init__(lambda: self.seconds * 1_000_000_000, lambda: self.seconds * 1_000_000_000)


@dataclass(frozen=True)
class Reply:
    """What was answered: a message, or an error."""

    content: bytes
    text: str

    @classmethod
    def of(cls, message: Message) -> "Reply":
        text = text_format.MessageToString(message, as_utf8=True)
        return cls(message.SerializeToString(deterministic=True), f"{message.DESCRIPTOR.name}\n{text}")

    @classmethod
    def of_error(cls, error: grpc.aio.AioRpcError) -> "Reply":
        details = dict(error.trailing_metadata() or ()).get(_DETAILS, b"")
        assert isinstance(details, bytes)
        text = f"{error.code().name}\n{error.details()}\n"
        return cls(text.encode() + details, f"{text}{details!r}\n")

    @property
    def digest(self) -> str:
        return sha256(self.content).hexdigest()


Replies = dict[str, Reply]


async def fill(server: Server, clock: GoldenClock, log: Iterable[Step]) -> Replies:
    """Sends a golden log; what each call answered."""
    replies: Replies = {}
    for step in log:
        clock.seconds = step.clock_seconds
        if step.method.startswith("AdminService/"):
            await settled(server)  # what is purged or erased depends on which limits are counted already
        replies[step.name] = await _ask(server, step.method, step.request)
    return replies


async def settled(server: Server) -> None:
    """Returns when no limit that is due is open in any account."""

    async def done() -> bool:
        for account in (ACME, PURGED, ERASED):
            asked = totals("", STARS, account_id=account)
            found = await server.kpis.QueryTotals(asked.request, timeout=CALL_SECONDS)
            if found.complete_until.seconds < NOW:
                return False
        return True

    await eventually(done)


async def answers(server: Server, questions: Iterable[Question]) -> Replies:
    """What is answered to each; where there are pages, to the first four of each."""
    replies: Replies = {}
    for question in questions:
        async for name, reply in _pages(server, question):
            assert name not in replies, f"two questions are named {name}"
            replies[name] = reply
    return replies


async def _pages(server: Server, question: Question) -> AsyncIterator[tuple[str, Reply]]:
    request = question.request
    for page in range(1, 5):
        found = await _call(server, question.method, request)
        name = question.name if page == 1 else f"{question.name}, page {page}"
        yield name, found if isinstance(found, Reply) else Reply.of(found)
        token = getattr(found, "next_page_token", "")
        if not token:
            return
        request = type(request)()
        request.CopyFrom(question.request)
        request.page_token = token


async def _ask(server: Server, method: str, request: Message) -> Reply:
    found = await _call(server, method, request)
    return found if isinstance(found, Reply) else Reply.of(found)


async def _call(server: Server, method: str, request: Message) -> Any:
    """The message, or the error as a reply."""
    service, _, name = method.partition("/")
    described = descriptor_pool.Default().FindMethodByName(f"{_PACKAGE}.{service}.{name}")
    kind = message_factory.GetMessageClass(described.output_type)
    call = server.channel.unary_unary(f"/{_PACKAGE}.{method}")
    try:
        return kind.FromString(await call(request.SerializeToString(), timeout=CALL_SECONDS))
    except grpc.aio.AioRpcError as error:
        return Reply.of_error(error)


async def stream(server: Server) -> Replies:
    """What one stream answers, request by request, and how it ends."""
    replies: Replies = {}
    call = server.ingestion.StreamEvents()
    for name, request in streamed():
        await call.write(request)
        found = await asyncio.wait_for(call.read(), CALL_SECONDS)
        assert isinstance(found, ingestion.StreamEventsResponse), f"the stream ended at {name}"
        replies[name] = Reply.of(found)
    call.cancel()
    return replies


async def watch(server: Server) -> Replies:
    """The snapshot of a watch, and what changes by one batch."""
    query = kpi.QueryTimeSeriesRequest(
        account_id="watched",
        kpi_ids=["inactivity_actions"],
        range=dates((2026, 2, 1), (2026, 2, 8)),
        granularity=kpi.GRANULARITY_HOUR,
        time_zone="Europe/Amsterdam",
        group_by=[kpi.DIMENSION_VALUE],
    )

    def acted(n: int) -> Any:
        return event(f"w{n}", "c", inactivity_action_performed={"action": 1 + n % 3})

    replies: Replies = {}
    await server.ingest("watched", [acted(0), acted(1)])
    call = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id="watched", query=query))
    replies["watch/snapshot"] = Reply.of(await asyncio.wait_for(call.read(), CALL_SECONDS))
    await server.ingest("watched", [acted(n) for n in range(2, 9)])
    replies["watch/changes"] = Reply.of(await asyncio.wait_for(call.read(), CALL_SECONDS))
    call.cancel()
    return replies


def start_clock() -> GoldenClock:
    """As it stands when the first event is sent."""
    return GoldenClock(LATE_FROM)
