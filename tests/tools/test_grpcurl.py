"""grpcurl, as people explore a server and call it by hand: all by reflection, without a proto file."""

import json
from pathlib import Path

import pytest

from tests.tools.conftest import Endpoint, run

SERVICES = {
    "grpc.health.v1.Health",
    "grpc.reflection.v1.ServerReflection",
    "grpc.reflection.v1alpha.ServerReflection",
    "telwerk.v1.AdminService",
    "telwerk.v1.IngestionService",
    "telwerk.v1.KpiService",
    "telwerk.v1.SettingsService",
}
STATUS_EXIT = 64
"""grpcurl ends with this and the number of gRPC's status."""

INVALID_ARGUMENT, UNAUTHENTICATED = 3, 16
EVENTS = [
    {"eventId": "1", "occurTime": "2026-01-05T09:00:00Z", "operatorAssigned": {"operatorId": "anna"}},
    {"eventId": "2", "occurTime": "2026-01-05T09:10:00Z", "conversationRated": {"stars": 5}},
]
INGEST = {
    "accountId": "acme",
    "events": [{"conversationId": "chat-1", "widgetId": "web", **event} for event in EVENTS],
}
TOTALS = {
    "accountId": "acme",
    "kpiIds": ["satisfaction_score"],
    "range": {
        "dates": {
            "startDate": {"year": 2026, "month": 1, "day": 5},
            "endDate": {"year": 2026, "month": 1, "day": 6},
        }
    },
}


@pytest.fixture
def grpcurl(tools):
    """Runs grpcurl with these flags on a server."""

    def running(endpoint: Endpoint, *command: str, flags: tuple[str | Path, ...] = ()):
        trust = ("-plaintext",) if endpoint.ca is None else ("-cacert", endpoint.ca)
        return run(tools / "grpcurl", *trust, *flags, endpoint.address, *command)

    return running


@pytest.fixture
def call(grpcurl):
    """Calls a method with a request; gives the answer."""

    def calling(endpoint: Endpoint, method: str, request: object):
        key = ("-H", f"authorization: Bearer {endpoint.key}") if endpoint.key else ()
        done = grpcurl(endpoint, method, flags=(*key, "-d", json.dumps(request)))
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return calling


def test_list_names_every_service(grpcurl, endpoint):
    listed = grpcurl(endpoint, "list")
    assert set(listed.stdout.split()) == SERVICES, listed.stderr


def test_list_of_a_service_names_its_methods(grpcurl, plain):
    listed = grpcurl(plain, "list", "telwerk.v1.IngestionService")
    assert listed.stdout.split() == [
        "telwerk.v1.IngestionService.IngestEvents",
        "telwerk.v1.IngestionService.StreamEvents",
    ]


@pytest.mark.parametrize(
    ("symbol", "says"),
    [
        ("telwerk.v1.KpiService.QueryTotals", "rpc QueryTotals ( .telwerk.v1.QueryTotalsRequest )"),
        ("telwerk.v1.ConversationRated", "int32 stars = 1;"),
        ("telwerk.v1.Verdict", "VERDICT_DUPLICATE = 2;"),
    ],
)
def test_describe_shows_the_contract(grpcurl, plain, symbol, says):
    described = grpcurl(plain, "describe", symbol)
    assert says in described.stdout, described.stderr


def test_a_call_sends_and_another_queries(call, endpoint):
    assert call(endpoint, "telwerk.v1.IngestionService/IngestEvents", INGEST)["accepted_count"] == 2
    [total] = call(endpoint, "telwerk.v1.KpiService/QueryTotals", TOTALS)["totals"]
    assert (total["count"], total["mean"]) == ("1", 5)


def test_a_refusal_shows_its_reason_and_field(grpcurl, plain):
    done = grpcurl(
        plain, "telwerk.v1.KpiService/QueryTotals", flags=("-d", json.dumps({**TOTALS, "kpiIds": ["smiles"]}))
    )
    assert done.returncode == STATUS_EXIT + INVALID_ARGUMENT
    for shown in ("InvalidArgument", "google.rpc.ErrorInfo", "UNKNOWN_KPI", "google.rpc.BadRequest", "kpi_ids"):
        assert shown in done.stderr


def test_without_a_key_the_contract_is_open_and_the_data_is_not(grpcurl, tls):
    assert grpcurl(tls, "describe", "telwerk.v1.KpiService").returncode == 0
    done = grpcurl(tls, "telwerk.v1.KpiService/QueryTotals", flags=("-d", json.dumps(TOTALS)))
    assert done.returncode == STATUS_EXIT + UNAUTHENTICATED
    assert "KEY_MISSING" in done.stderr


def test_a_stream_of_requests_is_answered_one_by_one(grpcurl, plain):
    """grpcurl takes them from its input, one JSON after the other."""
    requests = "\n".join(json.dumps(INGEST) for _ in range(2))
    done = grpcurl(plain, "telwerk.v1.IngestionService/StreamEvents", flags=("-d", requests))
    decoder, text, answers = json.JSONDecoder(), done.stdout.strip(), []
    while text:
        answer, end = decoder.raw_decode(text)
        answers.append((answer["request_number"], answer.get("accepted_count"), answer.get("duplicate_count")))
        text = text[end:].strip()
    assert answers == [("1", 2, None), ("2", None, 2)]
