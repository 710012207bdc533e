"""The page on the port of HTTP: its files and no others, compressed, kept by browsers, under strict headers."""

import gzip
import json
import logging
import socket
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio

from telwerkd.server import http_ports
from telwerkd.server.http_ports import start_lines, warn_of_no_page
from telwerkd.server.settings.settings import Settings
from telwerkd.server.wiring import running
from telwerkd.transport.security.keys_file import Role, create
from telwerkd.transport.security.tls import StartupError
from tests.conftest import SureClock, eventually
from tests.transport.http.serving import BATCH, WATCH, envelope, envelopes, http_started

pytestmark = pytest.mark.asyncio(loop_scope="module")

INDEX = b"<!doctype html><title>Telwerk</title>" * 50
SCRIPT, LICENCES, LOGO = "app-AB12CD34.js", "licences.txt", "logo.svg"
CODE = b"'a script'".ljust(4_000)
LARGE = "large-00000000.js"
STRICT = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self'; "
        "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
YEAR = {"startDate": {"year": 2026, "month": 1, "day": 1}, "endDate": {"year": 2027, "month": 1, "day": 1}}
QUERY = {"kpiIds": ["feedback_count"], "granularity": "GRANULARITY_YEAR", "range": {"dates": YEAR}}


def built(folder: Path) -> Path:
    """A small page, as a build makes one. The bytes under `.br` only have to be others."""
    (folder / "assets").mkdir(parents=True)
    for name, content in (("index.html", INDEX), (f"assets/{SCRIPT}", CODE)):
        (folder / name).write_bytes(content)
        (folder / f"{name}.gz").write_bytes(gzip.compress(content))
        (folder / f"{name}.br").write_bytes(b"br of " + name.encode())
    (folder / "assets" / LICENCES).write_text("MIT")
    (folder / "assets" / LOGO).write_text("<svg/>")
    (folder / "assets" / LARGE).write_bytes(b" " * 6 * 2**20)
    (folder / "notes.md").write_text("not of the page")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    """A server with the page, and keys."""
    folder = tmp_path_factory.mktemp("page")
    keys = folder / "keys.toml"
    token = create(keys, ["acme"], [Role.QUERY], "acme")
    settings = {"keys_file": str(keys), "reply_stall_seconds": 0.5}
    async with http_started(folder, page=built(folder / "page"), **settings) as running_server:
        running_server.client.headers = {"accept-encoding": "identity"}
        yield running_server, token


@pytest.mark.parametrize("path", ["/", f"/assets/{SCRIPT}", "/?view=compare&from=2026-01-01"])
async def test_a_file_is_there_without_a_key_under_strict_headers(server, path):
    """By GET and by HEAD, which says the same and sends nothing."""
    client = server[0].client
    answer, head = await client.get(path), await client.head(path)
    assert answer.status_code == head.status_code == 200
    assert answer.content == (CODE if SCRIPT in path else INDEX)
    assert head.content == b""
    assert {name: value for name, value in answer.headers.items() if name != "date"} == {
        name: value for name, value in head.headers.items() if name != "date"
    }
    assert STRICT.items() <= dict(answer.headers).items()
    assert "camera=()" in answer.headers["permissions-policy"]
    assert len(answer.headers.get_list("x-content-type-options")) == 1


@pytest.mark.parametrize(
    ("path", "content_type", "kept"),
    [
        ("/", "text/html; charset=utf-8", "no-cache"),
        (f"/assets/{SCRIPT}", "text/javascript; charset=utf-8", "public, max-age=31536000, immutable"),
        (f"/assets/{LICENCES}", "text/plain; charset=utf-8", "no-cache"),
        (f"/assets/{LOGO}", "image/svg+xml", "no-cache"),
    ],
)
async def test_only_what_has_a_name_of_its_content_is_kept_for_ever(server, path, content_type, kept):
    answer = await server[0].client.get(path)
    assert answer.headers["content-type"] == content_type
    assert answer.headers.get_list("cache-control") == [kept]


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, None),
        ("", None),
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.5, gzip;q=0.8", "gzip"),
        ("br;q=0, gzip;q=0", None),
        ("br;q=0, *", "gzip"),
        ("*;q=0.1", "br"),
        ("gzip;q=0.5, identity", None),
        ("GZIP;Q=1.000", "gzip"),
        ("gzip;q=2, br;q=-1", None),
        ("identity;q=0, *;q=0", None),
        pytest.param("gzip;q=0.5," * 90, "gzip", id="many"),
        pytest.param("gzip;q=0.5," * 91, None, id="too many"),
    ],
)
async def test_a_file_is_sent_as_the_client_likes_it(server, accepted, coding):
    """Compressed only for those who say that they read it; every answer says that this was looked at."""
    request = httpx2.Request("GET", f"http://{server[0].running.http_address}/assets/{SCRIPT}")
    if accepted is not None:
        request.headers["accept-encoding"] = accepted
    answer = await server[0].client.send(request, stream=True)
    content = b"".join([part async for part in answer.aiter_raw()])
    assert answer.headers.get("content-encoding") == coding
    assert answer.headers["vary"] == "accept-encoding"
    if coding == "br":
        assert content == f"br of assets/{SCRIPT}".encode()
    else:
        assert (gzip.decompress(content) if coding else content) == CODE


async def test_what_a_browser_has_is_not_sent_again(server):
    """Its tag is strong: each coding has its own."""
    client, path = server[0].client, f"/assets/{SCRIPT}"
    tags = [(await client.get(path, headers={"accept-encoding": one})).headers["etag"] for one in ("identity", "gzip")]
    plain, packed = tags
    assert plain != packed
    for known, status in ((plain, 304), (f'"x", W/{plain}', 304), ("*", 304), (packed, 200), ('"x"', 200)):
        answer = await client.get(path, headers={"if-none-match": known})
        assert (answer.status_code, answer.content) == (status, b"" if status == 304 else CODE), known
        assert answer.headers["etag"] == plain
        assert answer.headers.get("content-length") == (None if status == 304 else str(len(CODE)))
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-security-policy"] == STRICT["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        *("/index.html", "/assets", "/assets/", "/notes.md", "/favicon.ico", "//", f"/assets/{SCRIPT}.br"),
        *("/../keys.toml", "/assets/../../keys.toml", "/assets/..%2f..%2fkeys.toml", "/%2e%2e/keys.toml"),
        *("/assets/..\\..\\keys.toml", "/assets/%00", f"/assets/{SCRIPT}%00.html", f"/ASSETS/{SCRIPT}"),
    ],
)
async def test_nothing_else_is_there(server, path):
    """Whatever a path looks like: it is a name that the page has, or none."""
    answer = await server[0].raw(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 404 ")
    assert b"tw_" not in answer


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_a_file_is_only_read(server, method):
    answer = await server[0].client.request(method, f"/assets/{SCRIPT}")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")


async def test_a_reader_that_takes_nothing_is_cut_off(server):
    """After reply_stall_seconds, however large the file is."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.connect(server[0].place)
        client.setblocking(False)  # noqa: FBT003  # the name of a method of socket's
        client.send(f"GET /assets/{LARGE} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

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
    ("host", "origin", "status"),
    [
        ("127.0.0.1:50080", "http://127.0.0.1:50080", 200),
        ("localhost:50080", "http://localhost:50080", 200),
        ("[::1]:50080", "http://[::1]:50080", 200),
        ("localhost", "https://localhost", 200),
        ("localhost:443", "https://localhost", 200),
        ("localhost:80", "http://localhost", 200),
        ("localhost:80", "https://localhost", 403),
        ("localhost:50080", "http://localhost", 403),
        ("localhost:50080", "http://127.0.0.1:50080", 403),
        ("localhost:50080", "null", 403),
        ("evil.example", "http://evil.example", 403),
    ],
)
async def test_the_page_may_ask_the_server_that_it_is_of(server, host, origin, status):
    """In JSON and as a stream, with a key; behind a proxy with TLS too, which may write a port that browsers do not."""
    serving, token = server
    headers = {"host": host, "origin": origin, "authorization": f"Bearer {token}"}
    batch = {"accountId": "acme", "queries": [{"totals": {"kpiIds": ["feedback_count"], "range": {"dates": YEAR}}}]}
    assert (await serving.client.post(BATCH, headers=headers, json=batch)).status_code == status
    if status == 200:
        stream = {**headers, "content-type": "application/connect+json", "connect-protocol-version": "1"}
        body = envelope(json.dumps({"accountId": "acme", "query": QUERY}).encode())
        async with serving.client.stream("POST", WATCH, headers=stream, content=body) as answer:
            flags, first = await anext(envelopes(answer.aiter_bytes()))
            assert (answer.status_code, flags) == (200, 0)
            assert "snapshot" in first
        del headers["authorization"]
        assert (await serving.client.post(BATCH, headers=headers, json=batch)).status_code == 401
    assert (await serving.client.get("/", headers={"host": host})).status_code == (403 if "evil" in host else 200)


@pytest.mark.parametrize("setting", [True, False])
async def test_without_the_page_its_place_says_so_and_all_else_is_there(tmp_path, *, setting):
    """It was not built, or it is not wanted: then nothing of it is there even if it was built."""
    folder = tmp_path / "page" if setting else built(tmp_path / "page")
    async with http_started(tmp_path, page=folder, http_page=setting) as serving:
        answer = await serving.client.get("/")
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain; charset=utf-8")
        assert ("make page" in answer.text) is setting
        assert "/telwerk.v1.KpiService/QueryTotals" in answer.text
        assert (await serving.client.get(f"/assets/{SCRIPT}")).status_code == 404
        assert (await serving.client.get("/readyz")).status_code == 200


async def test_files_that_are_too_large_for_a_page_end_the_start(tmp_path):
    page = built(tmp_path / "page")
    with (page / "assets" / "large-12345678.js").open("wb") as large:
        large.truncate(8 * 2**20)
    settings = Settings(database=str(tmp_path / "t.db"), listen="127.0.0.1:0", http_listen="127.0.0.1:0")
    with pytest.raises(StartupError, match="has more than 8388608 bytes; http_page = false goes on without it"):
        async with running(settings, clock=SureClock(), page=page):
            pass


@pytest.mark.parametrize(
    ("settings", "http", "url"),
    [
        ({}, "127.0.0.1:50080", "http://127.0.0.1:50080/"),
        ({}, "0.0.0.0:8080", "http://127.0.0.1:8080/"),
        ({"tls_cert": "a", "tls_key": "b"}, "[::1]:8443", "https://[::1]:8443/"),
        ({"http_page": False}, "127.0.0.1:50080", None),
        ({}, "unix:/run/telwerk.sock", None),
        ({}, None, None),
    ],
)
async def test_the_last_line_at_the_start_is_an_address_to_open(tmp_path, monkeypatch, settings, http, url):
    monkeypatch.setattr(http_ports, "BUILT", built(tmp_path / "page"))
    lines = start_lines(Settings(**settings), "127.0.0.1:1", http, "127.0.0.1:2").splitlines()
    assert [line for line in lines if "page" in line] == ([] if url is None else [f"Telwerk's page is at {url}"])
    assert url is None or url in lines[-1]


@pytest.mark.parametrize(
    ("settings", "said"), [({}, 1), ({"http_page": False}, 0), ({"http_listen": ""}, 0), ({"built": True}, 0)]
)
async def test_that_the_page_was_not_built_is_said_in_the_log(tmp_path, monkeypatch, caplog, settings, said):
    """With the command that builds it; and only where it is wanted."""
    monkeypatch.delenv("TELWERK_HTTP_LISTEN", raising=False)
    wanted = dict(settings)
    folder = built(tmp_path / "page") if wanted.pop("built", False) else tmp_path
    monkeypatch.setattr(http_ports, "BUILT", folder)
    with caplog.at_level(logging.WARNING):
        warn_of_no_page(Settings(**wanted))
    assert [record.getMessage().count("`make page`") for record in caplog.records] == [1] * said
