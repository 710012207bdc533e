"""What a client says where it reaches no server: as what it is, with the proxy that stands between."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.conftest import serving
from tests.relay import leading_once
from tests.tools.conftest import Client, Endpoint
from tests.tools.test_conformance import BATCH, play, refused, scenario_of
from tests.tools.test_watching import QUERY

pytestmark = pytest.mark.parametrize("client", ["typescript", "go", "java"], indirect=True)


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address that is bound and not listening: nobody else can take the port, and nobody answers."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{bound.getsockname()[1]}"


def proxied(address: str) -> dict[str, str]:
    """The environment that leads through a proxy, as each of the languages reads it."""
    names = ("grpc_proxy", "http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    no_proxy = dict.fromkeys(("no_proxy", "NO_PROXY", "no_grpc_proxy"), "")
    return {**dict.fromkeys(names, f"http://{address}"), **no_proxy, "GRPC_PROXY_EXP": address}


def unreachable(*says: str) -> dict[str, Any]:
    error = {**refused("UNAVAILABLE"), "says": says}
    return {"name": "sent", "call": "IngestionService/IngestEvents", "request": BATCH, "error": error}


def test_where_nobody_listens_it_says_so(client: Client, nobody, tmp_path):
    scenario = scenario_of(tmp_path, [unreachable(f"no server listens at {nobody}", "telwerkd serve")])
    play(client, Endpoint(nobody, database=tmp_path), scenario)


def test_plain_text_to_a_server_with_tls_is_not_told_as_nobody_listening(client: Client, tls, tmp_path):
    scenario = scenario_of(tmp_path, [unreachable(f"the connection to {tls.address} ended", "want TLS")])
    play(client, tls._replace(ca=None, key=""), scenario)


def test_tls_to_a_server_in_plain_text_is_not_told_as_nobody_listening(client: Client, plain, tmp_path):
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    scenario = scenario_of(tmp_path, [unreachable(f"no secure connection to {plain.address}", "is TLS on there")])
    play(client, plain._replace(ca=ca), scenario)


def test_a_certificate_that_is_not_trusted_is_told_as_that(client: Client, tls, tmp_path):
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(str(stranger))
    scenario = scenario_of(tmp_path, [unreachable(f"no secure connection to {tls.address}", "certificate")])
    play(client, tls._replace(ca=stranger), scenario)


def test_loopback_is_reached_whatever_proxy_the_environment_names(client: Client, plain, nobody, tmp_path):
    sent = {"name": "sent", "call": "IngestionService/IngestEvents", "request": BATCH}
    taken = {**sent, "response": {"acceptedCount": 1, "verdicts": ["VERDICT_ACCEPTED"]}}
    play(client, plain, scenario_of(tmp_path, [taken]), **proxied(nobody))


def test_a_proxy_that_stands_between_is_named(client: Client, nobody, tmp_path):
    scenario = scenario_of(tmp_path, [unreachable("kpi.invalid:443", "through the proxy", nobody)])
    play(client, Endpoint("kpi.invalid:443", database=tmp_path), scenario, **proxied(nobody))


def broken(client: Client, endpoint: Endpoint, tmp_path: Path, between: dict[str, Any], *says: str) -> None:
    """A watch, of which the first answer has come; without patience its error is that of the break."""
    answers = [
        {"kpiId": "feedback_count", "unit": "Feedback items", "availability": "AVAILABILITY_AVAILABLE", "rowCount": 1}
    ]
    series = [{"kpiId": "feedback_count", "key": {}, "counts": ["0"]}]
    day = {"bucketStartSeconds": ["1767571200"], "endSeconds": "1767657600", "timeZone": "UTC"}
    step = {
        "name": "watched",
        "call": "watch",
        "request": {"accountId": "acme", "query": QUERY},
        "between": [between],
        "responses": [{**day, "answers": answers, "series": series}] * 2,
        "error": {**refused("UNAVAILABLE"), "says": says},
    }
    play(client, endpoint, scenario_of(tmp_path, [step]), TELWERK_PATIENCE_MS="0")


def test_a_connection_that_worked_and_broke_is_told_as_that(client: Client, endpoint: Endpoint, tmp_path):
    says = (f"the connection to {endpoint.address} ended while a call was running", "call again")
    broken(client, endpoint, tmp_path, {"name": "killed", "pause": "stop"}, *says)


def test_a_connection_that_was_too_old_is_told_as_that(client: Client, tmp_path):
    database, config = tmp_path / "telwerk.db", tmp_path / "telwerk.toml"
    # The first call of a virtual machine takes its time.
    config.write_text("connection_age_seconds = 3.0\nconnection_grace_seconds = 1.0\n")
    with serving(database, "--config", str(config)) as server:
        says = (f"the connection to {server.address} ended", "connection_age_seconds", "call again")
        nothing = {"name": "nothing", "build": [], "events": []}
        broken(client, Endpoint(server.address, database), tmp_path, nothing, *says)


def test_a_way_that_worked_and_ends_at_once_is_not_said_to_need_tls(client: Client, plain, tmp_path):
    """As where what stands between has no server left."""
    with leading_once(plain.address) as address:
        sent = {"name": "sent", "call": "IngestionService/IngestEvents", "request": BATCH}
        taken = {**sent, "response": {"acceptedCount": 1, "verdicts": ["VERDICT_ACCEPTED"]}}
        # gRPC for Java says the same of a connection that does not come about and of one that broke.
        says = f"the connection to {address} ended while" if client.language == "java" else "cannot be reached"
        steps = [taken, {"name": "killed", "pause": "stop"}, unreachable(address, says)]
        play(client, plain._replace(address=address), scenario_of(tmp_path, steps))
