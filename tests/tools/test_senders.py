"""The background sender of each client, against a server that answers as a test wants: nothing lost, nothing twice."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from telwerk.v1 import ingestion_service_pb2 as ingestion, ingestion_service_pb2_grpc as ingestion_grpc
from tests.tools.conftest import CLIENTS, Client, Endpoint, run
from tests.tools.test_conformance import play, scenario_of

Answer = ingestion.IngestEventsResponse
Behaviour = Callable[["Server", Any, grpc.ServicerContext], Answer]

QUOTA_SECONDS = 0.7
SMALL = {"batchEvents": 10, "lingerMs": 10, "bufferEvents": 50}


class Server(ingestion_grpc.IngestionServiceServicer):
    """Does what it is told, batch after batch, and then takes everything."""

    def __init__(self, *script: Behaviour, always: Behaviour | None = None) -> None:
        self._script = list(script)
        self._always = always or accept
        self.batches: list[list[str]] = []
        self.times: list[float] = []
        self.stored: Counter[str] = Counter()

    def IngestEvents(self, request, context):  # noqa: N802 - the contract's name
        self.batches.append([event.event_id for event in request.events])
        self.times.append(time.monotonic())
        behave = self._script.pop(0) if self._script else self._always
        return behave(self, request, context)

    def take(self, taken: list[Any]) -> Answer:
        """Stores, as the real one does: each id once."""
        known = [event.event_id in self.stored for event in taken]
        self.stored.update({event.event_id for event in taken} - self.stored.keys())
        verdicts = [ingestion.VERDICT_DUPLICATE if one else ingestion.VERDICT_ACCEPTED for one in known]
        return Answer(accepted_count=known.count(False), duplicate_count=known.count(True), verdicts=verdicts)


def accept(server: Server, request: Any, _context: grpc.ServicerContext) -> Answer:
    return server.take(list(request.events))


def half(server: Server, request: Any, _context: grpc.ServicerContext) -> Answer:
    return server.take(list(request.events)[: len(request.events) // 2])


def nothing(_server: Server, _request: Any, _context: grpc.ServicerContext) -> Answer:
    return Answer()


def stored_but_reset(server: Server, request: Any, context: grpc.ServicerContext) -> Answer:
    """The commit went through and the answer did not."""
    server.take(list(request.events))
    context.abort(grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 2")


def unavailable(_server: Server, _request: Any, context: grpc.ServicerContext) -> Answer:
    context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")


def too_late(server: Server, request: Any, context: grpc.ServicerContext) -> Answer:
    server.take(list(request.events))
    context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "too late")


def quota(_server: Server, _request: Any, context: grpc.ServicerContext) -> Answer:
    """The account uses its whole share; the server says when to call again."""
    delay = Duration()
    delay.FromNanoseconds(int(QUOTA_SECONDS * 1e9))
    details = [ErrorInfo(reason="QUOTA_EXCEEDED", domain="telwerk"), RetryInfo(retry_delay=delay)]
    status = Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0], message="its share is used up")
    for detail in details:
        status.details.append(AnyMessage())
        status.details[-1].Pack(detail)
    context.abort_with_status(rpc_status.to_status(status))


def too_large_with(event_id: str) -> Behaviour:
    """What gRPC says, without a reason, of a message over its limit."""

    def behave(server: Server, request: Any, context: grpc.ServicerContext) -> Answer:
        if event_id in {event.event_id for event in request.events}:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "Received message larger than max")
        return accept(server, request, context)

    return behave


def no_key(_server: Server, _request: Any, context: grpc.ServicerContext) -> Answer:
    context.abort(grpc.StatusCode.UNAUTHENTICATED, "the key is not known")


@contextmanager
def scripted(server: Server) -> Iterator[Endpoint]:
    grpc_server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    ingestion_grpc.add_IngestionServiceServicer_to_server(server, grpc_server)
    port = grpc_server.add_insecure_port("127.0.0.1:0")
    grpc_server.start()
    try:
        yield Endpoint(f"127.0.0.1:{port}", database=Path())
    finally:
        grpc_server.stop(None).wait()


def action(number: int) -> dict[str, Any]:
    """A call of a builder; see clients/conformance/README.md."""
    return {
        "kind": "feedback_left",
        "conversation": "chat",
        "widget": "web",
        "at": "2026-01-05T09:00:00Z",
        "eventId": f"e{number:03d}",
    }


def opened(**options: Any) -> dict[str, Any]:
    return {"name": "opened", "sender": "open", "accountId": "acme", "options": {**SMALL, **options}}


def added(*numbers: int, **fields: Any) -> dict[str, Any]:
    return {"name": "added", "sender": "add", "build": [action(number) for number in numbers], **fields}


def step(name: str, **fields: Any) -> dict[str, Any]:
    return {"name": name, "sender": name, **fields}


def failed(code: str) -> dict[str, Any]:
    return {"code": code, "reason": "", "fields": []}


def ids(count: int) -> list[str]:
    return [f"e{number:03d}" for number in range(count)]


def played(client: Client, server: Server, tmp_path: Path, *steps: dict[str, Any]) -> None:
    with scripted(server) as endpoint:
        play(client, endpoint, scenario_of(tmp_path, list(steps)))


def test_all_that_is_added_arrives_in_batches_of_the_size_that_was_set(client, tmp_path):
    server = Server()
    closed = step("close", tally={"taken": 95, "rejected": 0}, unsent=[])
    played(client, server, tmp_path, opened(), added(*range(95)), closed)
    assert max(len(batch) for batch in server.batches) <= 10
    assert server.stored == Counter(ids(95))


@pytest.mark.parametrize(
    "failure", [unavailable, stored_but_reset, too_late, half, nothing], ids=lambda one: one.__name__
)
def test_whatever_a_server_does_every_event_is_stored_once_and_resent_with_its_id(client, tmp_path, failure):
    """The failure, then fine, then the failure again (more often than gRPC itself repeats a call)."""
    server = Server(failure, accept, *[failure] * 6)
    closed = step("close", tally={"taken": 40, "rejected": 0}, unsent=[])
    played(client, server, tmp_path, opened(), added(*range(40)), closed)
    assert server.stored == Counter(ids(40))
    assert len(server.batches) > 4


@pytest.mark.parametrize("client", ["typescript", "go", "java"], indirect=True)
def test_a_quota_that_is_used_up_is_waited_for_as_long_as_the_server_asks(client, tmp_path):
    """And its batch is sent again as it was: neither halved nor refused."""
    server = Server(quota)
    closed = step("close", tally={"taken": 10, "rejected": 0}, unsent=[])
    played(client, server, tmp_path, opened(calls=1, lingerMs=60_000), added(*range(10)), closed)
    assert server.batches == [ids(10)] * 2
    assert server.times[1] - server.times[0] >= QUOTA_SECONDS


def test_an_event_that_is_too_large_for_any_call_is_told_alone_and_sinks_no_other(client, tmp_path):
    server = Server(always=too_large_with("e003"))
    told = [{"eventId": "e003", "reason": "LIMIT_EXCEEDED", "field": ""}]
    closed = step("close", tally={"taken": 9, "rejected": 1}, rejected=told, unsent=[])
    played(client, server, tmp_path, opened(), added(*range(10)), closed)
    assert server.stored == Counter(set(ids(10)) - {"e003"})


def test_without_room_the_next_event_is_refused_or_waits_as_was_chosen(client, tmp_path):
    limits = {"batchEvents": 5, "lingerMs": 0, "bufferEvents": 20}
    server = Server(*[unavailable] * 6)
    full = added(20, error=failed("BUFFER_FULL"))
    flushed = step("flush", tally={"taken": 20, "rejected": 0})
    closed = step("close", tally={"taken": 21, "rejected": 0}, unsent=[])
    failing = opened(**limits, whenFull="fail")
    played(client, server, tmp_path, failing, added(*range(20)), full, flushed, added(20), closed)
    assert server.stored == Counter(ids(21))
    waiting = Server(*[unavailable] * 6)
    closed = step("close", tally={"taken": 60, "rejected": 0}, unsent=[])
    played(client, waiting, tmp_path, opened(**limits), added(*range(60)), closed)
    assert waiting.stored == Counter(ids(60))


def test_what_sending_again_cannot_mend_stops_the_sender_and_every_event_is_handed_back(client, tmp_path):
    server = Server(always=no_key)
    refused = failed("UNAUTHENTICATED")
    flushed, another = step("flush", error=refused), added(3, error=refused)
    closed = step("close", unsent=ids(3), tally={"taken": 0, "rejected": 0})
    played(client, server, tmp_path, opened(lingerMs=60_000), added(*range(3)), flushed, another, closed)
    assert server.batches == [ids(3)]


def test_closing_ends_at_its_deadline_and_hands_back_what_was_not_sent(client, tmp_path):
    server = Server(always=unavailable)
    closed = step("close", timeoutMs=500, unsent=ids(20))
    after = added(20, error=failed("CLOSED"))
    played(client, server, tmp_path, opened(), added(*range(20)), closed, after, step("close", unsent=[]))
    assert not server.stored


FORGETFUL = {
    "node": (
        "forgetful.mjs",
        """
import {{ events, EventSender, Telwerk }} from "{built}/src/index.js";
const sender = new EventSender(new Telwerk("{address}"), "acme", {{ limits: {{ lingerMs: 3_600_000 }} }});
await sender.add(events.rated("chat", {{ widget: "web", at: new Date(), eventId: "e001", stars: 5 }}));
""",
    ),
    "java": (
        "Forgetful.java",
        """
import io.telwerk.client.EventSender;
import io.telwerk.client.Events;
import io.telwerk.client.SenderLimits;
import io.telwerk.client.Telwerk;
import java.time.Duration;
import java.time.Instant;

class Forgetful {{
  public static void main(String[] arguments) throws Exception {{
    SenderLimits limits = new SenderLimits(1_000, 1 << 20, Duration.ofHours(1), 1_000, 1 << 20);
    EventSender sender = EventSender.builder(Telwerk.builder("{address}").build(), "acme").limits(limits).build();
    sender.add(Events.in("chat", "web", Instant.now()).eventId("e001").rated(5));
  }}
}}
""",
    ),
}


@pytest.mark.parametrize("client", ["typescript", "java"], indirect=True)
def test_a_program_that_forgets_to_close_still_sends_what_it_has_and_ends(client, tmp_path):
    """Neither a thread nor a timer keeps it running."""
    name, program = FORGETFUL[client.language]
    server = Server()
    with scripted(server) as endpoint:
        built = CLIENTS / "typescript" / "dist"
        (tmp_path / name).write_text(program.format(address=endpoint.address, built=built), encoding="utf-8")
        # The player's command without the player: `node`, or `java` with the class path.
        ended = run(*client.player[:-1], tmp_path / name)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert server.batches == [["e001"]]
