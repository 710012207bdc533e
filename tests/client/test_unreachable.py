"""Each cause why no server is reached has its own sentence, with both clients: TLS, certificates, proxies."""

import asyncio
import datetime as dt
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from telwerk import AsyncTelwerk, Telwerk, errors
from telwerk.proxies import Proxy, is_local, proxy_of
from tests.client.command import telwerk
from tests.conftest import ServerProcess, serving
from tests.relay import leading_once

NOW = dt.datetime.now(dt.UTC)
DAY = dt.timedelta(days=1)
SECONDS = 20.0


def said(address: str, **given: Any) -> str:
    """What both clients say, which is the same."""

    def synchronously() -> str:
        client = Telwerk(address, timeout_seconds=SECONDS, **given)
        with client, pytest.raises(errors.UnreachableError) as caught:
            client.kpis()
        return str(caught.value)

    async def both() -> tuple[str, str]:
        beside = asyncio.create_task(asyncio.to_thread(synchronously))
        async with AsyncTelwerk(address, timeout_seconds=SECONDS, **given) as client:
            with pytest.raises(errors.UnreachableError) as caught:
                await client.kpis()
        return str(caught.value), await beside

    text, other = asyncio.run(both())
    assert text == other
    return text


# --- TLS -------------------------------------------------------------------------------------------------------------


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ca = trustme.CA()
        self.ca = folder / "ca.pem"
        self._ca.cert_pem.write_to_path(str(self.ca))

    def issue(self, name: str, identity: str = "127.0.0.1", **dates: Any) -> tuple[Path, Path]:
        leaf = self._ca.issue_cert(identity, **dates)
        leaf.private_key_pem.write_to_path(str(self.folder / f"{name}.key"))
        (self.folder / f"{name}.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@contextmanager
def secured(authority: Authority, certificate: tuple[Path, Path], *flags: str) -> Iterator[str]:
    """The address of a server that shows this certificate."""
    chain, key = map(str, certificate)
    flags = ("--tls-cert", chain, "--tls-key", key, "--insecure-no-auth", *flags)
    with serving(authority.folder / f"{Path(chain).stem}.db", *flags) as server:
        yield server.address


@pytest.fixture(scope="module")
def secure(authority: Authority) -> Iterator[str]:
    with secured(authority, authority.issue("good")) as address:
        yield address


def test_plain_text_to_a_server_with_tls(secure: str) -> None:
    assert re.search(r"most likely speaks TLS, and this client plain text .*--tls", said(secure))


def test_tls_to_a_server_without_it(server: ServerProcess, authority: Authority) -> None:
    assert "speaks plain text, and this client TLS" in said(server.address, tls=authority.ca)


def test_an_authority_that_is_not_trusted(secure: str, tmp_path: Path) -> None:
    for tls in (True, Authority(tmp_path).ca):
        assert re.search(r"issued by nobody that this client trusts.*--tls-ca", said(secure, tls=tls))


def test_a_file_of_authorities_that_holds_none(secure: str, authority: Authority) -> None:
    _, key = authority.issue("no-authority")
    assert "names the PEM file of an authority" in said(secure, tls=key)


@pytest.mark.parametrize(
    ("name", "certificate", "expected"),
    [
        ("wrong", {"identity": "other.example"}, "made out to another name than 127.0.0.1"),
        ("expired", {"not_before": NOW - 9 * DAY, "not_after": NOW - DAY}, "has expired"),
        ("early", {"not_before": NOW + 8 * DAY, "not_after": NOW + 9 * DAY}, "is not valid yet"),
    ],
)
def test_a_certificate_that_does_not_hold(
    authority: Authority, name: str, certificate: dict[str, Any], expected: str
) -> None:
    with secured(authority, authority.issue(name, **certificate)) as address:
        text = said(address, tls=authority.ca)
    assert expected in text
    assert "no server listens" not in text


def test_a_client_certificate_that_is_missing(authority: Authority) -> None:
    with secured(authority, authority.issue("asking"), "--tls-client-ca", str(authority.ca)) as address:
        assert "may ask for a client certificate" in said(address, tls=authority.ca)
        assert "most likely speaks TLS" in said(address)


def test_where_nobody_listens_it_is_not_tls_that_is_to_blame(authority: Authority) -> None:
    for tls in (False, authority.ca):
        assert "no server listens at 127.0.0.1:1" in said("127.0.0.1:1", tls=tls)
    assert "no server listens at unix:/nowhere/telwerk.sock" in said("unix:/nowhere/telwerk.sock")


# --- connections that worked ------------------------------------------------------------------------------------------


def broken_watch(client: Telwerk) -> Iterator[str]:
    """None yet, and then what is said of the break."""
    days = {"start": NOW.date(), "end": NOW.date() + DAY}
    updates = client.watch("acme", "feedback_count", patience_seconds=0.0, **days)
    next(updates)
    yield ""
    with pytest.raises(errors.UnreachableError) as caught:
        next(updates)
    yield str(caught.value)


def test_a_server_that_dies_under_a_call_is_not_said_to_want_tls(server: ServerProcess) -> None:
    with Telwerk(server.address) as client:
        said_of_it = broken_watch(client)
        next(said_of_it)
        server.process.kill()
        text = next(said_of_it)
    assert re.fullmatch(f"the connection to {server.address} ended while a call was running (.+): call again", text)


def test_a_connection_that_was_too_old_is_said_to_have_been(tmp_path: Path) -> None:
    config = tmp_path / "telwerk.toml"
    config.write_text("connection_age_seconds = 0.5\nconnection_grace_seconds = 0.5\n")
    with serving(tmp_path / "telwerk.db", "--config", str(config)) as server, Telwerk(server.address) as client:
        *_, text = broken_watch(client)
    assert text.startswith(f"the connection to {server.address} ended because of its age")
    assert "connection_age_seconds" in text


def test_a_way_that_worked_and_ends_at_once_is_not_said_to_need_tls(server: ServerProcess) -> None:
    """As where what stands between has no server left."""
    with leading_once(server.address) as address, Telwerk(address) as client:
        assert client.kpis()
        server.process.kill()
        with pytest.raises(errors.UnreachableError) as caught:
            client.kpis()
    assert f"the server at {address} cannot be reached" in str(caught.value)


# --- proxies ---------------------------------------------------------------------------------------------------------


class ProxyServer(NamedTuple):
    """A proxy that answers every CONNECT alike, and to what it was asked to connect."""

    address: str
    asked: list[str]


@contextmanager
def proxying(status: str, target: str | None = None) -> Iterator[ProxyServer]:
    """A proxy on loopback; with a `target` it connects everybody to that, whatever is asked for."""
    asked: list[str] = []
    with ExitStack() as open_ones, closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                open_ones.enter_context(client)
                asked.append(client.recv(65_536).split()[1].decode())
                client.sendall(f"HTTP/1.1 {status}\r\n\r\n".encode())
                if target is None:
                    client.close()
                    continue
                host, _, port = target.rpartition(":")
                server = open_ones.enter_context(socket.create_connection((host, int(port))))
                for source, sink in ((client, server), (server, client)):
                    threading.Thread(target=_pump, args=(source, sink), daemon=True).start()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield ProxyServer(f"127.0.0.1:{listener.getsockname()[1]}", asked)
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while data := source.recv(65_536):
            sink.sendall(data)
    except OSError:
        pass


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("grpc_proxy", "https_proxy", "http_proxy", "no_proxy", "no_grpc_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("variable", ["http_proxy", "https_proxy", "grpc_proxy", "HTTPS_PROXY", "HTTP_PROXY"])
def test_loopback_never_goes_through_a_proxy(
    server: ServerProcess, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, port = server.address.rpartition(":")
    with proxying("403 Forbidden") as proxy:
        monkeypatch.setenv(variable, f"http://user:secret@{proxy.address}")
        for host in ("127.0.0.1", "localhost", "ipv4:127.0.0.1"):
            with Telwerk(f"{host}:{port}") as client:
                assert client.kpis()

        async def asynchronously() -> bool:
            async with AsyncTelwerk(server.address) as client:
                return bool(await client.kpis())

        assert asyncio.run(asynchronously())
        done = telwerk("kpis", address=server.address, **{variable: f"http://{proxy.address}"})
        assert done.returncode == 0, done.stderr
        assert proxy.asked == []


def test_a_server_elsewhere_is_reached_through_the_proxy(
    server: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    with proxying("200 Connected", server.address) as proxy:
        monkeypatch.setenv("http_proxy", f"http://{proxy.address}")
        with Telwerk("kpi.example:443") as client:
            assert client.kpis()
        assert proxy.asked == ["kpi.example:443"]


def test_a_proxy_that_refuses_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with proxying("403 Forbidden") as proxy:
        monkeypatch.setenv("https_proxy", f"http://user:secret@{proxy.address}")
        text = said("kpi.example:443")
    assert f"the proxy {proxy.address}, which the variable https_proxy names" in text
    assert "403" in text
    assert "secret" not in text


def test_a_proxy_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("grpc_proxy", "http://127.0.0.1:1")
    assert "nothing listens at the proxy 127.0.0.1:1, which the variable grpc_proxy names" in said("kpi.example:443")


@pytest.mark.parametrize(
    "target",
    [
        *("localhost:1", "LOCALHOST:1", "localhost.:1", "a.localhost:1", "127.0.0.1:1", "127.9.9.9:1", "[::1]:1"),
        *("ip6-localhost:1", "ip6-loopback:1", "localhost.localdomain:1", "localhost6.localdomain6:1", "localhost4:1"),
        *("ipv6:[::1]:1", "ipv6:%5B::1%5D:1", "dns:///localhost:1", "dns:localhost:1", "[::ffff:127.0.0.1]:1"),
        *("unix:/run/telwerk.sock", "unix:///run/telwerk.sock", "unix-abstract:telwerk", "0.0.0.0:1", "localhost"),
    ],
)
def test_what_is_on_this_machine(target: str) -> None:
    assert is_local(target)
    assert proxy_of(target, {"http_proxy": "http://proxy.example:3128"}) is None


@pytest.mark.parametrize(
    "target",
    ["kpi.example:443", "10.0.0.1:1", "localhost.example:1", "mylocalhost:1", "[2001:db8::1]:1", "128.0.0.1:1"],
)
def test_what_is_elsewhere(target: str) -> None:
    assert not is_local(target)
    assert proxy_of(target, {"http_proxy": "http://proxy.example:3128"}) == Proxy("proxy.example:3128", "http_proxy")


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"http_proxy": ""},
        {"grpc_proxy": "", "http_proxy": "http://proxy.example:3128"},
        {"http_proxy": "https://proxy.example:3128"},
        {"http_proxy": "http://[proxy"},
        {"http_proxy": "http://proxy.example:3128", "no_proxy": "other.example, .1.2.3"},
        {"http_proxy": "http://proxy.example:3128", "no_proxy": "10.0.0.0/8"},
    ],
)
def test_where_grpc_would_use_no_proxy_none_is_named(environment: dict[str, str]) -> None:
    assert proxy_of("10.1.2.3:443", environment) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:50051", "https://kpi.example"])
def test_a_url_in_place_of_an_address_is_said_to_be_one(url: str) -> None:
    assert said(url) == f"{url} is a URL: give host:port alone (and tls=True, or --tls, for TLS)"
