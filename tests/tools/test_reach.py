"""What a client says where it reaches no server: as what it is, with the proxy that stands between."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
import trustme

from tests.tools.conftest import Client, Endpoint
from tests.tools.test_conformance import BATCH, play, refused, scenario_of

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
