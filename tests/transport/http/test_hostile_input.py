"""Whatever is sent to the HTTP port is answered with the right status and one sentence, and nothing is left open."""

import asyncio
import gzip
import json
import re
import socket

import pytest
import pytest_asyncio
from google.rpc import error_details_pb2

from telwerkd.transport.security.keys_file import Role, create
from tests.conftest import eventually
from tests.transport.http.serving import BATCH, INGEST, KPI, SERIES, TOTALS, WATCH, details, envelope, http_started

pytestmark = pytest.mark.asyncio(loop_scope="module")

JSON = {"content-type": "application/json"}
PROTO = {"content-type": "application/proto"}
STREAM = {"content-type": "application/connect+json"}
LIST = KPI + "ListKpis"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    bounds = {"request_bytes_max": 10_000, "message_bytes_max": 100_000, "http_header_bytes_max": 4_096}
    times = {"handshake_seconds": 0.5, "first_message_seconds": 0.5, "reply_stall_seconds": 1.0}
    async with http_started(tmp_path_factory.mktemp("http"), **bounds, **times) as server:
        yield server


REQUESTS = {
    "a path that is none": ("POST", "/nix", JSON, b"{}", 404, "unimplemented"),
    "a service without a method": ("POST", "/telwerk.v1.KpiService/", JSON, b"{}", 404, "unimplemented"),
    "a method that changes settings": (
        "POST",
        "/telwerk.v1.SettingsService/SetAccountSettings",
        JSON,
        b"{}",
        404,
        "unimplemented",
    ),
    "a method that erases": ("POST", "/telwerk.v1.AdminService/EraseConversation", JSON, b"{}", 404, "unimplemented"),
    "a stream of requests": ("POST", "/telwerk.v1.IngestionService/StreamEvents", JSON, b"{}", 404, "unimplemented"),
    "the path encoded": ("POST", LIST + "%00", JSON, b"{}", 404, "unimplemented"),
    "dots in the path": ("POST", "/../telwerk.v1.KpiService/Nix", JSON, b"{}", 404, "unimplemented"),
    "a call by GET": ("GET", LIST, {}, b"", 405, "unimplemented"),
    "a call by PUT": ("PUT", LIST, JSON, b"{}", 405, "unimplemented"),
    "a method of no kind": ("NIX", LIST, JSON, b"{}", 405, "unimplemented"),
    "a preflight without an origin": ("OPTIONS", LIST, {}, b"", 405, "unimplemented"),
    "a probe by POST": ("POST", "/readyz", JSON, b"{}", 405, "unimplemented"),
    "the page by POST": ("POST", "/", JSON, b"{}", 405, "unimplemented"),
    "no type": ("POST", LIST, {}, b"{}", 415, "invalid_argument"),
    "a form": ("POST", LIST, {"content-type": "text/plain"}, b"{}", 415, "invalid_argument"),
    "gRPC's type": ("POST", LIST, {"content-type": "application/grpc"}, b"", 415, "invalid_argument"),
    "another charset": (
        "POST",
        LIST,
        {"content-type": "application/json; charset=utf-16"},
        b"{}",
        415,
        "invalid_argument",
    ),
    "a stream's type for one answer": ("POST", LIST, STREAM, b"{}", 415, "invalid_argument"),
    "one answer's type for a stream": ("POST", WATCH, JSON, b"{}", 415, "invalid_argument"),
    "another version": ("POST", LIST, JSON | {"connect-protocol-version": "2"}, b"{}", 400, "invalid_argument"),
    "a timeout in words": ("POST", LIST, JSON | {"connect-timeout-ms": "soon"}, b"{}", 400, "invalid_argument"),
    "a timeout below zero": ("POST", LIST, JSON | {"connect-timeout-ms": "-1"}, b"{}", 400, "invalid_argument"),
    "a timeout of 11 digits": ("POST", LIST, JSON | {"connect-timeout-ms": "1" * 11}, b"{}", 400, "invalid_argument"),
    "an encoding not known": ("POST", LIST, JSON | {"content-encoding": "br"}, b"{}", 501, "unimplemented"),
    "no gzip": ("POST", LIST, JSON | {"content-encoding": "gzip"}, b"{}", 400, "invalid_argument"),
    "half a gzip": (
        "POST",
        LIST,
        JSON | {"content-encoding": "gzip"},
        gzip.compress(b"{}")[:-4],
        400,
        "invalid_argument",
    ),
    "a gzip and more": (
        "POST",
        LIST,
        JSON | {"content-encoding": "gzip"},
        gzip.compress(b"{}") + b"x",
        400,
        "invalid_argument",
    ),
    "a bomb": (
        "POST",
        LIST,
        JSON | {"content-encoding": "gzip"},
        gzip.compress(b"[" * 2_000_000),
        413,
        "invalid_argument",
    ),
    "a bomb of events": (
        "POST",
        INGEST,
        PROTO | {"content-encoding": "gzip"},
        gzip.compress(bytes(9_000_000)),
        413,
        "invalid_argument",
    ),
    "nothing": ("POST", TOTALS, JSON, b"", 400, "invalid_argument"),
    "a list": ("POST", TOTALS, JSON, b"[]", 400, "invalid_argument"),
    "no JSON": ("POST", TOTALS, JSON, b"{nix", 400, "invalid_argument"),
    "no UTF-8": ("POST", TOTALS, JSON, b'{"accountId":"\xff"}', 400, "invalid_argument"),
    "half a pair": ("POST", TOTALS, JSON, b'{"accountId":"\\ud800"}', 400, "invalid_argument"),
    "depth": ("POST", TOTALS, JSON, b'{"a":' + b"[" * 4_900, 400, "invalid_argument"),
    "depth in what is not known": (
        "POST",
        TOTALS,
        JSON,
        b'{"a":' + b"[" * 4_000 + b"]" * 4_000 + b"}",
        400,
        "invalid_argument",
    ),
    "a number of many digits": ("POST", TOTALS, JSON, b'{"pageSize":' + b"9" * 9_000 + b"}", 400, "invalid_argument"),
    "a number that is none": ("POST", TOTALS, JSON, b'{"pageSize":NaN}', 400, "invalid_argument"),
    "half a pair as a name": ("POST", TOTALS, JSON, b'{"\\ud800":1}', 400, "invalid_argument"),
    "half a pair as an enumerator": ("POST", SERIES, JSON, b'{"granularity":"\\ud800"}', 400, "invalid_argument"),
    "a text of many digits": ("POST", TOTALS, JSON, b'{"pageSize":"' + b"9" * 9_000 + b'"}', 400, "invalid_argument"),
    "the wrong kind": ("POST", TOTALS, JSON, b'{"accountId":{"a":1}}', 400, "invalid_argument"),
    "an enumerator that is none": ("POST", SERIES, JSON, b'{"granularity":"NIX"}', 400, "invalid_argument"),
    "events that are no list": ("POST", INGEST, JSON, b'{"events":{}}', 400, "invalid_argument"),
    "events that are none": ("POST", INGEST, JSON, b'{"accountId":"a","events":[1,2]}', 400, "invalid_argument"),
    "events of depth": ("POST", INGEST, JSON, b'{"events":[' + b"[" * 90_000, 400, "invalid_argument"),
    "objects without end": ("POST", INGEST, JSON, b'{"events":[' + b"{}," * 30_000, 400, "invalid_argument"),
    "much beside the events": (
        "POST",
        INGEST,
        JSON,
        b'{"events":[],"x":[' + b"[]," * 20_000 + b"1]}",
        400,
        "invalid_argument",
    ),
    "queries that are none": ("POST", BATCH, JSON, b'{"accountId":"a","queries":[[]]}', 400, "invalid_argument"),
    "bytes that are no message": ("POST", TOTALS, PROTO, b"\xff\xff\xff", 400, "invalid_argument"),
    "too large a query": ("POST", TOTALS, JSON, b'{"a":"' + b"x" * 20_000 + b'"}', 413, "invalid_argument"),
    "too large a batch": ("POST", INGEST, JSON, b'{"a":"' + b"x" * 200_000 + b'"}', 413, "invalid_argument"),
    "too large a message": ("POST", INGEST, PROTO, bytes(200_000), 413, "invalid_argument"),
    "a foreign host": ("POST", LIST, JSON | {"host": "evil.example"}, b"{}", 403, "permission_denied"),
    "a foreign host with this port": ("GET", "/readyz", {"host": "evil.example:50080"}, b"", 403, "permission_denied"),
    "another address as host": ("POST", LIST, JSON | {"host": "10.1.2.3"}, b"{}", 403, "permission_denied"),
    "a host like ours": ("POST", LIST, JSON | {"host": "127.0.0.1.evil.example"}, b"{}", 403, "permission_denied"),
    "a host that is none": ("GET", "/", {"host": "[::1"}, b"", 403, "permission_denied"),
    "a foreign origin": ("POST", LIST, JSON | {"origin": "https://evil.example"}, b"{}", 403, "permission_denied"),
    "an origin of nobody": ("POST", LIST, JSON | {"origin": "null"}, b"{}", 403, "permission_denied"),
    "another port's page": ("POST", LIST, JSON | {"origin": "http://127.0.0.1:1"}, b"{}", 403, "permission_denied"),
    "a preflight of a foreign page": (
        "OPTIONS",
        LIST,
        {"origin": "https://evil.example", "access-control-request-method": "POST"},
        b"",
        403,
        "permission_denied",
    ),
    "a probe of a foreign page": ("GET", "/metrics", {"origin": "https://evil.example"}, b"", 403, "permission_denied"),
}


@pytest.mark.parametrize(("method", "path", "headers", "body", "status", "code"), REQUESTS.values(), ids=REQUESTS)
async def test_what_is_wrong_has_its_status_and_one_sentence(server, method, path, headers, body, status, code):
    """Nothing of a stack trace, nothing of Python; no page may read it."""
    answer = await server.client.request(method, path, headers=headers, content=body)
    assert answer.status_code == status, answer.text
    error = answer.json()
    assert error["code"] == code
    message = error["message"]
    assert 0 < len(message) < 800
    assert "\n" not in message
    assert not re.search(
        r"Traceback|Error\b|\bsys\.|recursion|<method|line \d+, in|0x[0-9a-f]{6}|telwerkd\.|<class", message
    ), message
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (await server.call(LIST, {})).status_code == 200


SMUGGLED = (
    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
)
"""Two requests, or one with a longer body, by whichever length one goes by."""

HEADS = {
    "no HTTP": (b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03" + bytes(200), 400),
    "words": (b"hello\r\n\r\n", 400),
    "no host": (b"GET /healthz HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n", 400),
    "two lengths": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
    "a length below zero": (b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n", 400),
    "a large head": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 10_000, 431),
    "a large target": (b"GET /" + b"x" * 10_000, 431),
    "many headers": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 2_000, 431),
    "a large head that is there at once": (
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 5_000 + b"\r\nConnection: close\r\n\r\n",
        431,
    ),
    "many short headers": (
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + b"a:\r\n" * 100 + b"\r\n",
        431,
    ),
    "a header of many lines": (
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\na: b\r\n" + b" \r\n" * 100 + b"\r\n",
        431,
    ),
    "many trailers": (
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"a:\r\n" * 102 + b"\r\n",
        431,
    ),
    "a head that does not end": (b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", 408),
    "nothing at all": (b"", 408),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 403),
    "no host in an older HTTP": (b"GET / HTTP/1.0\r\n\r\n", 403),
    "both lengths": (SMUGGLED, 400),
    "another's address under our name": (
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        403,
    ),
    "an address that is no host's": (
        b"GET http:///healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
        403,
    ),
    "chunks that are none": (
        b"POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nnix\r\n",
        400,
    ),
    "another's address": (b"GET http://evil.example/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", 403),
}


@pytest.mark.parametrize(("head", "status"), HEADS.values(), ids=HEADS)
async def test_what_is_no_request_is_answered_and_cut_off(server, head, status):
    answer = await server.raw(head)
    found = re.match(rb"HTTP/1\.1 (\d+) ", answer)
    assert found, answer
    assert int(found[1]) == status
    assert b"message" in answer
    assert b"ok\n" not in answer


async def test_a_head_may_have_a_hundred_lines(server):
    head = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    assert (await server.raw(head + b"a:\r\n" * 97 + b"\r\n")).endswith(b"ok\n")
    assert b"more than 100 lines" in await server.raw(head + b"a:\r\n" * 98 + b"\r\n")


async def test_a_body_that_does_not_come_is_not_waited_for(server):
    """As the first message of a call over gRPC: first_message_seconds, and the same error."""
    head = f"POST {TOTALS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
    answer = await server.raw(head + b"Connection: close\r\nContent-Length: 10\r\n\r\n{")
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"first_message_seconds" in answer


async def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_nothing(server):
    """No task, and no error in the log: the server fails tests for those."""
    head = f"POST {TOTALS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n".encode()
    before = len(asyncio.all_tasks())
    for _ in range(20):
        with socket.create_connection(server.place) as client:
            client.sendall(head + b"Content-Length: 10\r\n\r\n{")

    async def none_left() -> bool:
        return len(asyncio.all_tasks()) <= before

    await eventually(none_left)


async def test_an_answer_that_nobody_reads_ends_its_connection(server):
    """After reply_stall_seconds, however large it is; what it held is free again."""
    head = f"POST {LIST} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.connect(server.place)
    client.settimeout(0)
    with client:
        for _ in range(300):
            try:
                client.send(head.encode())
            except BlockingIOError:
                break

        async def cut() -> bool:
            try:
                client.send(b"x")
            except BlockingIOError:
                return False
            except OSError:
                return True
            return False

        await eventually(cut)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\0\0\0\0",
        envelope(b"{}") * 2,
        envelope(b"{}", 1),
        envelope(b"{}", 2),
        envelope(b"{nix"),
        b"\0\xff\xff\xff\xff{}",
    ],
    ids=["nothing", "half a head", "two messages", "compressed by what", "an end", "no JSON", "too short"],
)
async def test_a_stream_that_does_not_begin_rightly_ends_with_an_error(server, sent):
    answer = await server.client.post(WATCH, headers=STREAM, content=sent)
    assert answer.status_code == 200
    assert answer.content[0] == 2
    assert json.loads(answer.content[5:])["error"]["code"] == "invalid_argument"


@pytest.mark.parametrize(("size", "fits"), [(10_000, True), (10_001, False)])
async def test_the_message_of_a_stream_may_have_as_many_bytes_as_another(server, size, fits):
    """The bound is on the message: the envelope around it does not count."""
    sent = b'{"accountId":"%s"}' % (b"x" * (size - 16))
    assert len(sent) == size
    answer = await server.client.post(WATCH, headers=STREAM, content=envelope(sent))
    error = json.loads(answer.content[5:])["error"]
    assert ("request_bytes_max" in error["message"]) is not fits


# --- with keys -------------------------------------------------------------------------------------------------------


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory):
    """A server with a key for the account acme that may query, and one for every account."""
    folder = tmp_path_factory.mktemp("keys")
    keys = folder / "keys.toml"
    tokens = [create(keys, ["acme"], [Role.QUERY], "acme"), create(keys, ["*"], [Role.QUERY, Role.INGEST], "all")]
    async with http_started(folder, keys_file=str(keys)) as server:
        yield server, *tokens


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


async def test_a_key_may_over_http_what_it_may_over_grpc(guarded):
    """None, a wrong one, and the wrong role or account; of large requests too, before they are read as messages."""
    server, acme, _ = guarded
    large = {"accountId": "other", "events": [{"eventId": "x" * 100}] * 400}
    for headers, path, body, status, reason in (
        ({}, TOTALS, {}, 401, "KEY_MISSING"),
        ({}, "/telwerk.v1.KpiService/ListKpis", {}, 401, "KEY_MISSING"),
        ({"authorization": "Basic eDp5"}, TOTALS, {}, 401, "KEY_MISSING"),
        (bearer("tw_acme_0000"), TOTALS, {}, 401, "KEY_UNKNOWN"),
        (bearer(acme), TOTALS, {"accountId": "other"}, 403, "ACCOUNT_NOT_GRANTED"),
        (bearer(acme), BATCH, {"accountId": "other", "queries": [{}]}, 403, "ACCOUNT_NOT_GRANTED"),
        (bearer(acme), INGEST, {"accountId": "acme"}, 403, "ROLE_NOT_GRANTED"),
        (bearer(acme), INGEST, large, 403, "ROLE_NOT_GRANTED"),
        (bearer(acme), TOTALS, {"accountId": "acme"}, 400, "INVALID_REQUEST"),
    ):
        answer = await server.client.post(path, headers=headers, json=body)
        assert (answer.status_code, reason_of(answer)) == (status, reason)
        assert (answer.headers.get("www-authenticate") == "Bearer") is (status == 401)


def reason_of(answer) -> str:
    return details(answer, error_details_pb2.ErrorInfo).reason


async def test_nothing_is_read_of_a_request_without_a_right_key(guarded):
    """The answer comes although the body never does."""
    server, *_ = guarded
    head = (
        f"POST {INGEST} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(*server.place)
    writer.write(head.encode())
    async with asyncio.timeout(20):
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_metrics_need_a_key_for_every_account_and_the_other_probes_none(guarded):
    server, acme, every = guarded
    assert (await server.client.get("/readyz")).json() == {"status": "SERVING"}
    assert (await server.client.get("/healthz")).text == "ok\n"
    assert (await server.client.get("/metrics")).status_code == 401
    assert (await server.client.get("/metrics", headers=bearer(acme))).status_code == 403
    assert (await server.client.get("/metrics", headers=bearer(every))).status_code == 200
