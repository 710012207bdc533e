"""How each client calls: deadlines, tries, what goes along; against a server that answers as a test wants."""

import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, NamedTuple

import grpc
import pytest
import trustme

from telwerk.v1 import ingestion_service_pb2 as ingestion, ingestion_service_pb2_grpc as ingestion_grpc
from tests.tools.conftest import Endpoint, run
from tests.tools.test_conformance import BATCH, play, refused, scenario_of

DEFAULT_TIMEOUT_SECONDS = 30.0
HASTY_MS = 4_000
"""Enough for a client that has just started to reach the server."""
RETRY_BUFFER_BYTES = 1024 * 1024
"""Above this, gRPC by itself silently never tries a call again: in Java and Node.js; elsewhere above 256 KiB."""


class Seen(NamedTuple):
    """A call as the server saw it."""

    bytes: int
    seconds_left: float | None
    metadata: dict[str, Any]


class Scripted(ingestion_grpc.IngestionServiceServicer):
    """Notes every call, and answers as `answer` does, which is given how many calls came."""

    def __init__(self, answer: Callable[[int, grpc.ServicerContext], ingestion.IngestEventsResponse]) -> None:
        self.answer = answer
        self.calls: list[Seen] = []

    def IngestEvents(self, request, context):  # noqa: N802 -- the contract's name
        metadata = dict(context.invocation_metadata())
        self.calls.append(Seen(request.ByteSize(), context.time_remaining(), metadata))
        return self.answer(len(self.calls), context)

    def StreamEvents(self, request_iterator, context):  # noqa: N802 -- the contract's name
        for number, request in enumerate(request_iterator, start=1):
            self.calls.append(Seen(request.ByteSize(), context.time_remaining(), {}))
            yield ingestion.StreamEventsResponse(request_number=number)


@contextmanager
def scripted(answer: Callable[[int, grpc.ServicerContext], ingestion.IngestEventsResponse]) -> Iterator[Any]:
    """A server, and what it saw."""
    servicer = Scripted(answer)
    server = grpc.server(ThreadPoolExecutor(4), options=[("grpc.so_reuseport", 0)])
    ingestion_grpc.add_IngestionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield Endpoint(f"127.0.0.1:{port}", database=None), servicer.calls
    finally:
        server.stop(None).wait()


def accepted(_number: int, _context: grpc.ServicerContext) -> ingestion.IngestEventsResponse:
    return ingestion.IngestEventsResponse(accepted_count=1)


def away_until(number: int) -> Callable[[int, grpc.ServicerContext], ingestion.IngestEventsResponse]:
    """Not available, until so many calls came."""

    def answer(calls: int, context: grpc.ServicerContext) -> ingestion.IngestEventsResponse:
        if calls < number:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return accepted(calls, context)

    return answer


def send(**fields: Any) -> dict[str, Any]:
    return {"name": "sent", "call": "IngestionService/IngestEvents", "request": BATCH, **fields}


ACCEPTED = {"acceptedCount": 1}
LARGE = {"accountId": "acme", "events": [{**BATCH["events"][0], "eventId": f"{n:0300}"} for n in range(4_000)]}


@pytest.mark.parametrize("request_body", [BATCH, LARGE], ids=["small", "large"])
def test_a_call_is_tried_again_until_the_server_is_there(client, tmp_path, request_body):
    """Also where it is larger than what gRPC by itself keeps for another try."""
    with scripted(away_until(3)) as (endpoint, calls):
        play(client, endpoint, scenario_of(tmp_path, [send(request=request_body, response=ACCEPTED)]))
    assert len(calls) == 3
    assert len({call.bytes for call in calls}) == 1
    assert (calls[0].bytes > RETRY_BUFFER_BYTES) == (request_body is LARGE)


def test_after_five_tries_the_error_is_the_callers(client, tmp_path):
    with scripted(away_until(6)) as (endpoint, calls):
        play(client, endpoint, scenario_of(tmp_path, [send(error=refused("UNAVAILABLE"))]))
    assert len(calls) == 5


def test_what_cannot_get_better_is_not_tried_again(client, tmp_path):
    def broken(_calls: int, context: grpc.ServicerContext) -> ingestion.IngestEventsResponse:
        context.abort(grpc.StatusCode.INTERNAL, "broken")

    with scripted(broken) as (endpoint, calls):
        play(client, endpoint, scenario_of(tmp_path, [send(error=refused("INTERNAL"))]))
    assert len(calls) == 1


def test_a_call_has_a_deadline_and_a_stream_goes_on(client, tmp_path):
    stream = {
        "name": "streamed",
        "call": "IngestionService/StreamEvents",
        "requests": [BATCH],
        "responses": [{"requestNumber": "1"}],
    }
    with scripted(accepted) as (endpoint, calls):
        play(client, endpoint, scenario_of(tmp_path, [send(response=ACCEPTED), stream]))
    unary, streamed = calls
    assert unary.seconds_left is not None
    assert 0 < unary.seconds_left <= DEFAULT_TIMEOUT_SECONDS
    # The player gives the stream a longer one of its own, so that no test hangs.
    assert streamed.seconds_left is None or streamed.seconds_left > DEFAULT_TIMEOUT_SECONDS


def test_the_callers_own_deadline_holds(client, tmp_path):
    """A server that says nothing is left at the deadline, with an error that says so."""
    ended = threading.Event()

    def silent(_calls: int, context: grpc.ServicerContext) -> ingestion.IngestEventsResponse:
        context.add_callback(ended.set)
        ended.wait(60)
        return ingestion.IngestEventsResponse()

    with scripted(silent) as (endpoint, calls):
        play(client, endpoint, scenario_of(tmp_path, [send(timeoutMs=HASTY_MS, error=refused("DEADLINE_EXCEEDED"))]))
    assert len(calls) == 1
    assert calls[0].seconds_left is not None
    assert calls[0].seconds_left <= HASTY_MS / 1_000


def test_the_server_learns_which_client_calls(client, tmp_path):
    with scripted(accepted) as (endpoint, calls):
        played = [send(response=ACCEPTED)]
        play(client, endpoint._replace(key="tw_crm_secret"), scenario_of(tmp_path, played))
    assert calls[0].metadata["user-agent"].startswith(f"telwerk-{client.language}")
    assert calls[0].metadata["authorization"] == "Bearer tw_crm_secret"


def test_where_no_server_is_the_error_says_unavailable(client, tmp_path):
    with socket.socket() as bound:
        # Bound and not listening: nobody else can take the port, and nobody answers.
        bound.bind(("127.0.0.1", 0))
        endpoint = Endpoint(f"127.0.0.1:{bound.getsockname()[1]}", database=None)
        play(client, endpoint, scenario_of(tmp_path, [send(error=refused("UNAVAILABLE"))]))


def test_a_server_whose_certificate_is_not_trusted_gets_no_call(client, tls, tmp_path):
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    played = run(*client.player, scenario_of(tmp_path, [send(error=refused("UNAVAILABLE"))]), tls.address, stranger)
    assert played.returncode == 0, f"{played.stdout}\n{played.stderr}"
