"""Credentials and what is told to grpc, with both clients and the command."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import trustme

from telwerk import AsyncTelwerk, Telwerk, errors
from telwerk.connection import SERVICE_CONFIG, Connection
from telwerk.v1 import admin_service_pb2, ingestion_service_pb2, kpi_service_pb2, settings_service_pb2
from tests.client.command import telwerk
from tests.conftest import serving


class Secured(NamedTuple):
    """A server that asks its clients for a certificate and a key, and what it takes to satisfy it."""

    address: str
    ca: Path
    certificate: tuple[Path, Path]
    key: str


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("tls")
    ca = trustme.CA()
    ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    for name, identity in (("server", "127.0.0.1"), ("client", "producer.example")):
        leaf = ca.issue_cert(identity)
        leaf.private_key_pem.write_to_path(str(folder / f"{name}.key"))
        (folder / f"{name}.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
    keys = ["keys", "create", "-f", folder / "keys.toml", "--account", "acme", "--role", "query"]
    made = subprocess.run(
        [sys.executable, "-m", "telwerkd.cli", *keys], capture_output=True, text=True, check=True
    ).stdout
    flags = {
        "--tls-cert": "server.pem",
        "--tls-key": "server.key",
        "--tls-client-ca": "ca.pem",
        "--keys-file": "keys.toml",
    }
    given = [text for flag, name in flags.items() for text in (flag, str(folder / name))]
    with serving(folder / "telwerk.db", *given) as server:
        key = next(word for word in made.split() if word.startswith("tw_"))
        yield Secured(server.address, folder / "ca.pem", (folder / "client.pem", folder / "client.key"), key)


async def test_both_clients_and_the_command_get_in_with_certificate_and_key(secured: Secured) -> None:
    given = {"tls": secured.ca, "client_certificate": secured.certificate, "api_key": secured.key}
    with Telwerk(secured.address, **given) as client:
        assert client.kpis()
    async with AsyncTelwerk(secured.address, **given) as asynchronous:
        assert await asynchronous.kpis()
    chain, private = map(str, secured.certificate)
    environment = {"TELWERK_TLS_CA": str(secured.ca), "TELWERK_API_KEY": secured.key}
    flags = ("--client-cert", chain, "--client-key", private)
    done = telwerk(*flags, "kpis", "-o", "json", address=secured.address, **environment)
    assert json.loads(done.stdout)


def test_without_the_clients_certificate_the_server_is_unreachable_and_the_text_says_why(secured: Secured) -> None:
    with (
        Telwerk(secured.address, tls=secured.ca, api_key=secured.key) as client,
        pytest.raises(errors.UnreachableError, match="may ask for a client certificate"),
    ):
        client.kpis()


@pytest.mark.parametrize("tls", [True, False], ids=["another authority", "plain text"])
def test_a_server_that_is_not_to_be_trusted_or_not_asked_for_tls_is_unreachable(secured: Secured, *, tls: bool) -> None:
    with Telwerk(secured.address, tls=tls) as client, pytest.raises(errors.UnreachableError):
        client.kpis()


@pytest.mark.parametrize("key", ["tw_old_expired", "not a key", "tw_x_" + "y" * 200])
async def test_a_wrong_key_is_unauthenticated_and_is_not_in_the_error(secured: Secured, key: str) -> None:
    given = {"tls": secured.ca, "client_certificate": secured.certificate, "api_key": key}
    with Telwerk(secured.address, **given) as client, pytest.raises(errors.UnauthenticatedError) as caught:
        client.kpis()
    assert key not in str(caught.value)
    async with AsyncTelwerk(secured.address, **given) as asynchronous:
        with pytest.raises(errors.UnauthenticatedError):
            await asynchronous.kpis()


def test_a_certificate_without_tls_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="TLS only"):
        Telwerk(client_certificate=(tmp_path / "c.pem", tmp_path / "c.key"))


def test_a_key_is_not_shown_with_its_connection() -> None:
    assert "tw_secret" not in repr(Connection(api_key="tw_secret"))


def test_every_unary_method_is_retried_and_no_stream_is() -> None:
    """The most specific entry that names a method is grpc's; what has none is never retried."""
    modules = (admin_service_pb2, ingestion_service_pb2, kpi_service_pb2, settings_service_pb2)
    services = [service for module in modules for service in module.DESCRIPTOR.services_by_name.values()]
    entries = {
        (name["service"], name.get("method")): "retryPolicy" in entry
        for entry in json.loads(SERVICE_CONFIG)["methodConfig"]
        for name in entry["name"]
    }
    for service in services:
        for method in service.methods:
            retried = entries.pop((service.full_name, method.name), entries[service.full_name, None])
            assert retried is not (method.client_streaming or method.server_streaming), method.full_name
    assert set(entries) == {(service.full_name, None) for service in services}


def test_a_key_that_is_a_function_is_asked_for_before_each_call():
    """As tokens need it, which expire."""
    tokens = iter(["first", "second"])
    connection = Connection(api_key=lambda: next(tokens))
    assert [connection.metadata, connection.metadata] == [
        (("authorization", "Bearer first"),),
        (("authorization", "Bearer second"),),
    ]
    assert "first" not in repr(connection)
