"""Where HTTP listens, under which conditions, and how it starts and stops with the rest."""

import asyncio
import json
import logging
import resource
import socket
import ssl
import subprocess
import sys
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import grpc.aio
import httpx2
import pytest
import trustme
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2

from telwerkd.process.descriptors import connections_for
from telwerkd.server.settings.contradictions import contradictions
from telwerkd.server.settings.loading import ConfigurationError, load
from telwerkd.server.settings.settings import Settings
from telwerkd.server.startup_checks import check
from telwerkd.server.upkeep_tasks import Periods
from telwerkd.server.wiring import running
from telwerkd.storage.sqlite.store import SqliteStore
from telwerkd.transport.security.tls import StartupError
from tests.conftest import SureClock, connected, eventually
from tests.transport.http.serving import KPI, WATCH, details, envelope, envelopes, http_started

LIST = KPI + "ListKpis"


async def test_a_default_port_that_is_taken_is_warned_of_and_a_configured_one_ends_the_start(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.delenv("TELWERK_HTTP_LISTEN")
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)

        async def held() -> bool:
            """Another test's server may have it for a moment."""
            with suppress(OSError):
                taken.bind(("127.0.0.1", 50080))
                taken.listen()
                return True
            return False

        await eventually(held)
        default = Settings(database=str(tmp_path / "telwerk.db"), listen="127.0.0.1:0")
        address = default.http_listen
        with caplog.at_level(logging.WARNING):
            async with running(default, clock=SureClock()) as server, connected(server.address) as client:
                assert server.http_address is None
                await client.totals("a", "feedback_count")
        [said] = [record.getMessage() for record in caplog.records if "http_listen" in record.getMessage()]
        assert f"cannot listen on {address}: another program listens there" in said
        configured = Settings(database=str(tmp_path / "telwerk.db"), listen="127.0.0.1:0", http_listen=address)
        with pytest.raises(StartupError, match=f"^cannot listen on {address}: another program listens there$"):
            async with running(configured):
                pass


def test_the_first_line_names_the_port_of_grpc_and_the_next_ones_those_of_http(tmp_path):
    flags = ("--listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--probe-listen", "127.0.0.1:0")
    command = [sys.executable, "-m", "telwerkd.cli", "serve", "--database", str(tmp_path / "telwerk.db"), *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        words = [process.stdout.readline().split() for _ in range(3)]
        assert [line[:-1] for line in words] == [
            ["Telwerk", "listens", "on"],
            ["Telwerk", "serves", "HTTP", "on"],
            ["Telwerk", "serves", "probes", "on"],
        ]
        http, probes = words[1][-1], words[2][-1]
        with httpx2.Client(trust_env=False) as client:
            assert client.post(f"http://{http}{LIST}", json={}).status_code == 200
            assert client.get(f"http://{probes}/readyz").json() == {"status": "SERVING"}
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
        process.stdout.close()


async def test_probes_with_a_port_of_their_own_are_there_alone_in_plain_text(tmp_path):
    """They need neither a certificate, nor a key, nor a host that is known; and nothing else is there."""
    ca = trustme.CA()
    files = issued(ca, tmp_path)
    keys = tmp_path / "keys.toml"
    keys.touch(0o600)
    settings = {"tls_cert": files[0], "tls_key": files[1], "keys_file": str(keys), "probe_listen": "127.0.0.1:0"}
    async with http_started(tmp_path, **settings) as server:
        async with httpx2.AsyncClient(base_url=f"http://{server.running.probe_address}", trust_env=False) as probes:
            assert (await probes.get("/healthz", headers={"host": "10.0.0.7:8081"})).text == "ok\n"
            assert (await probes.get("/readyz")).status_code == 200
            assert (await probes.head("/readyz")).status_code == 200
            assert (await probes.get("/metrics")).status_code == 200
            assert (await probes.post(LIST, json={})).status_code == 404
        async with httpx2.AsyncClient(base_url=base(server, "https"), verify=trusting(ca), trust_env=False) as client:
            assert (await client.get("/readyz")).status_code == 404
            assert (await client.post(LIST, json={})).status_code == 401


async def test_readiness_says_why_not(tmp_path, monkeypatch):
    """503 and the reason while the database does not answer, and 200 for whether it lives."""
    async with http_started(tmp_path, periods=Periods(ping_every_seconds=0.05)) as server:

        async def fails(_self: object) -> None:
            raise RuntimeError("away")

        monkeypatch.setattr(SqliteStore, "ping", fails)

        async def not_ready() -> bool:
            return (await server.client.get("/readyz")).status_code == 503

        await eventually(not_ready)
        answer = await server.client.get("/readyz")
        assert answer.json() == {"status": "NOT_SERVING", "reason": "the database does not answer"}
        assert (await server.client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("address", ["0.0.0.0:0", "[::]:0"])
async def test_http_beyond_loopback_needs_what_grpc_needs_there(tmp_path, address):
    settings = Settings(database=str(tmp_path / "telwerk.db"), listen="127.0.0.1:0", http_listen=address)
    with pytest.raises(StartupError, match="can be reached from other machines"):
        async with running(settings):
            pass


async def test_what_listens_on_every_address_is_called_by_the_address_that_was_reached_or_by_names_that_are_set(
    tmp_path,
):
    flags = {"insecure_plaintext": True, "insecure_no_auth": True, "http_hosts": "telwerk.internal"}
    async with http_started(tmp_path, http_listen="[::]:0", **flags) as server:
        _, port = server.place
        for target in (f"127.0.0.1:{port}", f"[::1]:{port}"):
            async with httpx2.AsyncClient(base_url=f"http://{target}", trust_env=False) as client:
                for host, status in ((target, 200), ("telwerk.internal:80", 200), ("evil.example", 403)):
                    assert (await client.get("/", headers={"host": host})).status_code == status, (target, host)


async def test_pages_of_origins_that_are_named_may_call_and_their_own_port_is_one(tmp_path):
    named = "https://dashboard.example"
    async with http_started(tmp_path, http_origins=f"{named}, http://localhost:5173") as server:
        asked = {"origin": named, "access-control-request-method": "POST"}
        preflight = await server.client.options(LIST, headers=asked)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == named
        assert "connect-protocol-version" in preflight.headers["access-control-allow-headers"]
        answer = await server.call(LIST, {}, origin=named)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (200, named)
        assert "origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
        own = await server.call(LIST, {}, origin=f"http://{server.running.http_address}")
        assert (own.status_code, "access-control-allow-origin" in own.headers) == (200, False)
        assert (await server.call(LIST, {}, origin="http://localhost:5174")).status_code == 403


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("http_listen", "127.0.0.1"),
        ("probe_listen", ":8080"),
        ("http_origins", "*"),
        ("http_origins", "dashboard.example"),
        ("http_origins", "https://dashboard.example/page"),
        ("http_hosts", "*.example"),
        ("http_hosts", "https://telwerk.example"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_by_name(monkeypatch, setting, value):
    monkeypatch.setenv(f"TELWERK_{setting.upper()}", value)
    with pytest.raises(ConfigurationError, match=f"^{setting}"):
        load(None, {})


async def test_http_is_over_tls_where_grpc_is_and_follows_renewed_files(tmp_path):
    """Plain text is not answered; clients without a certificate of the authority are not let in, before and after."""
    ca, clients = trustme.CA(), trustme.CA()
    certificate, key = issued(ca, tmp_path)
    client_ca = tmp_path / "clients.pem"
    client_ca.write_bytes(clients.cert_pem.bytes())
    async with http_started(tmp_path, tls_cert=certificate, tls_key=key, tls_client_ca=str(client_ca)) as server:
        assert await said(server, ca, clients) == 200
        assert await said(server, ca, None) is None
        assert await said(server, ca, trustme.CA()) is None
        with pytest.raises(httpx2.TransportError):
            await server.client.get("/")
        renewed, others = trustme.CA(), trustme.CA()
        issued(renewed, tmp_path)
        client_ca.write_bytes(others.cert_pem.bytes())
        assert await said(server, renewed, others) == 200
        assert await said(server, renewed, clients) is None
        assert await said(server, ca, others) is None


def issued(ca: trustme.CA, folder: Path) -> tuple[str, str]:
    leaf = ca.issue_cert("localhost", "127.0.0.1")
    for name, content in (
        ("tls.key", leaf.private_key_pem.bytes()),
        ("tls.crt", b"".join(pem.bytes() for pem in leaf.cert_chain_pems)),
    ):
        (folder / f"{name}.new").write_bytes(content)
        (folder / f"{name}.new").replace(folder / name)
    return str(folder / "tls.crt"), str(folder / "tls.key")


def trusting(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


async def said(server, ca: trustme.CA, client_ca: trustme.CA | None) -> int | None:
    """The status of a call with a client's certificate of this authority; None if there was no answer."""
    context = trusting(ca)
    if client_ca is not None:
        client_ca.issue_cert("client").configure_cert(context)
    async with httpx2.AsyncClient(base_url=base(server, "https"), verify=context, trust_env=False) as client:
        try:
            return (await client.post(LIST, json={})).status_code
        except httpx2.TransportError:
            return None


def base(server, scheme: str) -> str:
    return f"{scheme}://{server.running.http_address}"


async def test_http_on_a_unix_socket_is_whoever_can_open_it(tmp_path):
    path = tmp_path / "http.sock"
    async with http_started(tmp_path, http_listen=f"unix:{path}"):
        transport = httpx2.AsyncHTTPTransport(uds=str(path))
        async with httpx2.AsyncClient(transport=transport, base_url="http://anything") as client:
            assert (await client.post(LIST, json={})).status_code == 200
    assert not path.exists()


async def test_a_stop_ends_watches_and_connections_that_wait(tmp_path):
    """A watch is told that the server stops; connections without a call are closed, and the stop waits for none."""
    year = {"startDate": {"year": 2026, "month": 1, "day": 1}, "endDate": {"year": 2027, "month": 1, "day": 1}}
    query = {"kpiIds": ["feedback_count"], "granularity": "GRANULARITY_YEAR", "range": {"dates": year}}
    body = envelope(json.dumps({"accountId": "a", "query": query}).encode())
    headers = {"content-type": "application/connect+json"}
    settings = Settings(
        database=str(tmp_path / "t.db"), listen="127.0.0.1:0", http_listen="127.0.0.1:0", grace_seconds=60
    )
    async with AsyncExitStack() as life, httpx2.AsyncClient(trust_env=False, timeout=30) as client:
        server = await life.enter_async_context(running(settings, clock=SureClock()))
        url = f"http://{server.http_address}"
        await client.get(f"{url}/readyz")
        host, _, port = server.http_address.rpartition(":")
        silent, writer = await asyncio.open_connection(host, int(port))
        async with client.stream("POST", url + WATCH, content=body, headers=headers) as answer:
            messages = envelopes(answer.aiter_bytes())
            await anext(messages)
            stopping = asyncio.create_task(life.aclose())
            assert [end["error"]["code"] async for _, end in messages] == ["unavailable"]
        async with asyncio.timeout(30):
            await stopping
        assert await silent.read() == b""
        writer.close()
        with pytest.raises(httpx2.TransportError):
            await client.get(f"{url}/readyz")


async def test_a_stop_does_not_wait_for_requests_that_are_half_there(tmp_path):
    """Over both ports alike; they are told to go elsewhere. The grace is an hour, as is what a request may take."""
    settings = Settings(
        database=str(tmp_path / "t.db"),
        listen="127.0.0.1:0",
        http_listen="127.0.0.1:0",
        grace_seconds=3_600,
        first_message_seconds=3_600,
    )
    life = AsyncExitStack()
    server = await life.enter_async_context(running(settings, clock=SureClock()))
    async with life, connected(server.address) as client:
        host, _, port = server.http_address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"POST {LIST} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        writer.write(f"{head}{{".encode())
        silent = client.channel.stream_unary(LIST)()
        await silent.wait_for_connection()
        await client.health.Check(health_pb2.HealthCheckRequest())
        async with asyncio.timeout(30):
            stopping = asyncio.create_task(life.aclose())
            answer = await reader.read()
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await silent
            await stopping
        writer.close()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"the server is stopping" in answer
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "the server is stopping" in caught.value.details()


@pytest.mark.parametrize("name", ["http_listen", "probe_listen"])
async def test_two_ports_of_one_address_are_told_as_that(tmp_path, name, monkeypatch):
    """Before anything is bound; of HTTP's default address it is a warning, as when another program has it."""
    same = {"database": str(tmp_path / "t.db"), "listen": "127.0.0.1:50080", name: "0.0.0.0:50080"}
    with pytest.raises(StartupError, match=rf"^listen \(127.0.0.1:50080\) and {name} \(0.0.0.0:50080\) are the same "):
        async with running(Settings(**same, insecure_plaintext=True, insecure_no_auth=True)):
            pass
    monkeypatch.delenv("TELWERK_HTTP_LISTEN")
    default = Settings(database=str(tmp_path / "t.db"), listen="127.0.0.1:50080")
    [found] = contradictions(default, {"listen"})
    assert found.startswith("listen (127.0.0.1:50080) and http_listen (127.0.0.1:50080) are the same address")
    check(default)


async def test_both_ports_count_calls_together_and_say_when_to_come_back(tmp_path):
    """429 with RetryInfo and Retry-After while a call over gRPC has the one place of this address."""
    async with http_started(tmp_path, calls_per_peer_max=1) as server, connected(server.running.address) as client:
        watch = client.health.Watch(health_pb2.HealthCheckRequest())
        await watch.read()
        refused = await server.call(LIST, {})
        assert (refused.status_code, refused.json()["code"]) == (429, "resource_exhausted")
        assert "calls_per_peer_max" in refused.json()["message"]
        assert refused.headers["retry-after"] == "1"
        assert details(refused, error_details_pb2.RetryInfo).retry_delay.ToSeconds() == 1
        watch.cancel()


def test_the_connections_of_all_ports_together_leave_room_for_all_else():
    """However few files may be open, and whichever ports there are; what is set is left as it is."""
    for files in (256, 1_024, 1_000_000):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(resource, "getrlimit", lambda _which, files=files: (files, files))
            for ports in (
                {"http_listen": ""},
                {"http_listen": "127.0.0.1:1"},
                {"http_listen": "[::1]:1", "probe_listen": "[::1]:2"},
            ):
                settings = Settings(**ports)
                http = settings.http_limits.connections_max * sum(map(bool, ports.values()))
                assert settings.connection_limits.connections_max + http == connections_for(files)
                assert http == 0 or settings.http_limits.connections_max >= connections_for(files) // 5
            assert Settings(connections_max=7).connection_limits.connections_max == 7


async def test_connections_beyond_the_bound_are_closed_at_once(tmp_path):
    async with http_started(tmp_path, http_connections_max=2) as server:
        with socket.create_connection(server.place), socket.create_connection(server.place):
            await asyncio.sleep(0)

            async def refused() -> bool:
                return await server.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n") == b""

            await eventually(refused)


async def test_a_connection_grows_old(tmp_path):
    """Its clients open another, so that they spread; an answer that is under way is whole."""
    async with http_started(tmp_path, connection_age_seconds=0.2) as server:
        assert await server.raw() == b""
        assert (await server.call(LIST, {})).status_code == 200
