"""A request is read to its bound, whatever form it comes in, and what is left of it unread takes nobody's time."""

import asyncio
import json

import pytest
import pytest_asyncio

from telwerkd.transport.grpc.peers import host_of
from telwerkd.transport.http.exchange import Exchange, Scope
from tests.transport.http.serving import KPI, http_started

LIST = KPI + "ListKpis"
HEAD = f"POST {LIST} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    async with http_started(tmp_path_factory.mktemp("http"), request_bytes_max=10_000) as server:
        yield server


def exchange(scope: Scope) -> Exchange:
    """A request of which no more than its head is there."""
    whole = {"method": "GET", "path": "/", "headers": [], **scope}
    return Exchange(whole, asyncio.Queue().get, asyncio.Queue().put)


@pytest.mark.parametrize(
    ("client", "over_grpc"),
    [
        (("192.0.2.1", 5_000), "ipv4:192.0.2.1:7"),
        (("2001:db8::1", 5_000), "ipv6:%5B2001:db8::2%5D:7"),
        (None, "unix:/run/telwerk.sock"),
    ],
)
def test_a_client_counts_as_the_same_over_both_ports(client, over_grpc):
    """Limits of an address are those of all its calls."""
    assert host_of(exchange({"client": client}).peer) == host_of(over_grpc)


def test_a_header_that_is_repeated_is_one_with_commas():
    """None of its values goes past the checks (RFC 9110, 5.3)."""
    found = exchange({"headers": [(b"origin", b"a"), (b"host", b"x"), (b"origin", b"b")]})
    assert (found.header("origin"), found.header("host"), found.header("accept")) == ("a, b", "x", None)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_beyond_the_bound_is_refused_before_it_is_sent(server):
    """By what it declares, and where it declares nothing as soon as it is too much: the rest is not waited for."""
    declared = await server.raw(HEAD + b"Content-Length: 99999999999\r\n\r\n")
    assert declared.startswith(b"HTTP/1.1 413 ")
    assert b"request_bytes_max" in declared
    chunk = b"4000\r\n" + bytes(0x4000) + b"\r\n"
    chunked = await server.raw(HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunk)
    assert chunked.startswith(b"HTTP/1.1 413 ")


@pytest.mark.asyncio(loop_scope="module")
async def test_a_body_may_come_in_pieces_of_any_size(server):
    """One byte at a time in chunks, several requests on one connection, their answers in order."""
    body = json.dumps({"languageCode": "nl", "x": "y" * 3_000}).encode()
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    first = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    last = HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}"
    answer = await server.raw(first + first + last)
    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert [answer.count(f'"languageCode":"{code}"'.encode()) for code in ("nl", "en")] == [2, 1]


@pytest.mark.asyncio(loop_scope="module")
async def test_a_target_for_proxies_is_answered_as_its_path(server):
    """A whole URL, as every server must take it; of what it is on the way only the host is looked at."""
    host, port = server.place
    for origin in (f"http://{host}:{port}", "HTTPS://localhost"):
        head = f"POST {origin}{LIST}?a=b HTTP/1.1\r\nHost: elsewhere.example\r\nContent-Type: application/json\r\n"
        answer = await server.raw(f"{head}Connection: close\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"languageCode" in answer
    home = await server.raw(b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert home.startswith(b"HTTP/1.1 200 ")


@pytest.mark.asyncio(loop_scope="module")
async def test_little_that_nobody_reads_is_passed_over_and_much_ends_the_connection(server):
    """Else a client that is refused at the head would have all that it sends received."""
    unread = b"POST /nix HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n"
    then = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert (await server.raw(unread % 1_000 + bytes(1_000) + then)).endswith(b"ok\n")
    answer = await server.raw(unread % 100_000 + bytes(100_000) + then)
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"\r\nconnection: close\r\n" in answer
    assert not answer.endswith(b"ok\n")
