"""The HTTP port: calls as Connect has them, other paths and headers, and bytes that are hardly HTTP.

Most go to the application itself, without a socket; some of the bytes over one, where the parser is met too.
"""

import asyncio
import gzip
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Final, NamedTuple

from google.protobuf import json_format

from telwerkd.storage.location import Location
from telwerkd.transport.http.methods import OFFERED
from tests.fuzz.finding import Run, ViolationError, complaints, told
from tests.fuzz.inside import CALL_SECONDS, Inside, inside
from tests.fuzz.messages import Messages, methods, path_of
from tests.fuzz.mutating import bent, bent_json_bytes, bent_text, json_bytes

PATHS: Final = (
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/assets/x.js",
    "/..",
    "//",
    "/%00",
    "/telwerk.v1.KpiService/",
    "http://x/",
    "*",
    "é",
)
VERBS: Final = ("GET", "HEAD", "PUT", "OPTIONS", "DELETE", "TRACE", "PATCH", "X")
NAMES: Final = (
    *("content-type", "content-encoding", "accept-encoding", "connect-protocol-version", "connect-timeout-ms", "host"),
    *(
        "origin",
        "content-length",
        "transfer-encoding",
        "connect-content-encoding",
        "authorization",
        "traceparent",
        "expect",
    ),
    *("accept", "access-control-request-method", "if-none-match", "range", "connection", "x"),
)
VALUES: Final = (
    *("application/json", "application/proto", "application/connect+proto", "gzip", "identity", "br", "1", "5000", "0"),
    *(
        "127.0.0.1",
        "evil.example",
        "https://evil.example",
        "null",
        "chunked",
        "Bearer x",
        "100-continue",
        "*/*",
        "bytes=0-",
    ),
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
)
SOCKET_EVERY: Final = 20
"""One case in so many goes over a socket."""


class Request(NamedTuple):
    verb: str
    path: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Response(NamedTuple):
    status: int
    headers: Mapping[bytes, bytes]
    body: bytes


class _Connection:
    """What the app knows of a connection."""

    def __init__(self) -> None:
        self.is_cut = False

    def serving(self, task: Any) -> None:
        """Nothing goes away here."""

    def abort(self) -> None:
        self.is_cut = True


class Https:
    """The cases of one server."""

    def __init__(self, server: Inside, run: Run) -> None:
        self._server = server
        self._run = run
        self._messages = Messages(run.chance(-1))
        offered = {f"/{name}/{method}" for name, (_, names) in OFFERED.items() for method in names}
        self._methods = [method for method in methods() if path_of(method) in offered]

    async def case(self, number: int) -> None:
        chance = self._run.chance(number)
        request = self._request(chance)
        self._run.cases += 1
        try:
            if number % SOCKET_EVERY:
                response = await self._asked(request)
                self._judge(request, response)
                outcome = str(response.status)
            else:
                outcome = f"over a socket: {await self._sent(_written(chance, request))}"
            self._run.outcomes[outcome] += 1
        except Exception as error:  # noqa: BLE001  # that is what is looked for
            self._run.found(number, told(error), request)

    def _request(self, chance: Random) -> Request:
        self._messages.chance = chance
        method = chance.choice(self._methods)
        is_json = chance.randrange(4) > 0
        body = self._body(chance, method.input_type, is_json=is_json)
        kind = ("application/connect+" if method.server_streaming else "application/") + (
            "json" if is_json else "proto"
        )
        headers = [(b"host", b"127.0.0.1:50080"), (b"content-type", kind.encode())]
        if method.server_streaming:
            body = bytes([chance.choice((0, 0, 0, 1, 2))]) + len(body).to_bytes(4, "big") + body
            headers.append((b"connect-timeout-ms", b"20"))  # else it goes on for ever
        if not chance.randrange(8):
            body = gzip.compress(body, mtime=0)
            headers.append((b"content-encoding", b"gzip"))
        if not chance.randrange(12):
            body = bent(chance, body)
        while not chance.randrange(5):
            value = chance.choice(VALUES)
            value = bent_text(chance, value) if not chance.randrange(3) else value
            headers.append((chance.choice(NAMES).encode(), value.encode("utf-8", "surrogatepass")))
        verb = chance.choice(VERBS) if not chance.randrange(16) else "POST"
        path = chance.choice(PATHS) if not chance.randrange(10) else path_of(method)
        return Request(verb, bent_text(chance, path) if not chance.randrange(20) else path, headers, body)

    def _body(self, chance: Random, kind: Any, *, is_json: bool) -> bytes:
        if not is_json:
            return self._messages.raw(kind)
        try:
            fields = json_format.MessageToDict(self._messages.made(kind))
        except (ValueError, json_format.Error):
            fields = {}
        return json_bytes(fields) if chance.randrange(3) else bent_json_bytes(chance, fields)

    async def _asked(self, request: Request) -> Response:
        """The answer of the application."""
        sent: list[Any] = []
        pieces = [request.body]
        connection = _Connection()

        async def receive() -> Any:
            if pieces:
                return {"type": "http.request", "body": pieces.pop(), "more_body": False}
            await asyncio.sleep(CALL_SECONDS)
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        path = request.path.encode("utf-8", "surrogatepass").decode("latin-1")
        scope = {
            "type": "http",
            "method": request.verb,
            "path": path,
            "headers": request.headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 50_080),
            "state": {"connection": connection},
        }
        try:
            async with asyncio.timeout(CALL_SECONDS / 2):
                await self._server.app(scope, receive, send)
        except TimeoutError:
            raise ViolationError("no answer") from None
        if not sent:
            raise ViolationError("nothing was sent" + (", and the connection cut" if connection.is_cut else ""))
        body = b"".join(bytes(message["body"]) for message in sent[1:])
        return Response(sent[0]["status"], dict(sent[0]["headers"]), body)

    @staticmethod
    def _judge(request: Request, response: Response) -> None:
        if response.status >= 500 and response.status not in {501, 504}:
            raise ViolationError(f"answered {response.status}: {response.body[:300]!r}")
        body = gzip.decompress(response.body) if response.headers.get(b"content-encoding") == b"gzip" else response.body
        if response.status >= 400 and body and request.verb != "HEAD":
            refusal = json.loads(body)
            if not refusal.get("message") or refusal.get("code") in {None, "unknown", "internal"}:
                raise ViolationError(f"a refusal that says nothing: {body[:300]!r}")
            if refusal["code"] == "invalid_argument" and "Traceback" in refusal["message"]:
                raise ViolationError(f"a refusal with a traceback: {body[:300]!r}")

    async def _sent(self, raw: bytes) -> str:
        """What the port answers to bytes, until it closes or waits for more."""
        server = self._server.server
        assert server is not None
        host, _, port = (server.http_address or "").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        answer = b""
        try:
            with suppress(ConnectionError):
                writer.write(raw)
                writer.write_eof()
                async with asyncio.timeout(CALL_SECONDS):
                    answer = await reader.read()
        except TimeoutError:
            raise ViolationError("the port neither answers nor closes") from None
        finally:
            writer.transport.abort()
        first = answer.partition(b"\r\n")[0].decode("latin-1")
        if first and (not first.startswith("HTTP/1.1 ") or " 500" in first):
            raise ViolationError(f"the port answers {answer[:300]!r}")
        return first[9:12] or "closed"


def _written(chance: Random, request: Request) -> bytes:
    """A request as bytes; of most, not only that."""
    head = [f"{request.verb} {request.path} HTTP/1.1".encode("utf-8", "surrogatepass")]
    head += [name + b": " + value for name, value in request.headers]
    head += [b"connection: close"] if chance.randrange(8) else []
    body = request.body
    if not chance.randrange(4):
        head.append(b"transfer-encoding: chunked")
        body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    else:
        head.append(b"content-length: %d" % max(0, len(body) + chance.choice((0, 0, 0, 0, 1, -1))))
    raw = b"\r\n".join(head) + b"\r\n\r\n" + body
    return bent(chance, raw) if not chance.randrange(3) else raw


async def fuzz(database: Location, run: Run, cases: int, numbers: Sequence[int] | None = None) -> None:
    """Runs cases against a server of an empty database."""
    with complaints("telwerkd", "asyncio", "uvicorn") as lines:
        async with inside(database) as server:
            https = Https(server, run)
            left = iter(numbers or range(cases))

            async def lane() -> None:
                for number in left:
                    await https.case(number)

            await asyncio.gather(*(lane() for _ in range(16)))
    for line in lines[:20]:
        run.found("log", "an error is logged", line)
