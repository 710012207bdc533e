"""A whole server in this process, called without sockets: its services behind all their interceptors.

So a case takes a fraction of a millisecond, and nothing but gRPC's own core is left out.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import grpc
import grpc.aio
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped]  # it has no py.typed

from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.server import http_ports, wiring
from telwerkd.server.settings.settings import Settings
from telwerkd.server.upkeep_tasks import PERIODS, Periods
from telwerkd.server.wiring import Running, running
from telwerkd.storage.location import Location
from telwerkd.transport.grpc.errors import DETAILS_KEY
from telwerkd.transport.http.context import HttpContext
from telwerkd.transport.http.methods import Method, Methods
from telwerkd.transport.http.server import HttpServer
from telwerkd.transport.server import SERVICES
from tests.conftest import SureClock
from tests.fuzz.finding import ViolationError

CALL_SECONDS: Final = 60.0
"""Whoever has no answer by then has met a hang."""


class Everything(Methods):
    """What services are registered with, in place of a `grpc.aio.Server`: all their methods."""

    def add_registered_method_handlers(self, service_name: str, method_handlers: Mapping[str, Any]) -> None:
        service = next(one for one in SERVICES if one.full_name == service_name)
        for name, handler in method_handlers.items():
            rpc, path = service.methods_by_name[name], f"/{service_name}/{name}"
            self._handlers[path] = handler
            taken, given = GetMessageClass(rpc.input_type), GetMessageClass(rpc.output_type)
            self.by_path[path] = Method(path, taken, given, rpc.server_streaming)


class _Context(HttpContext):
    """A call with any number of requests. Its peer is of another address each time, as if many called."""

    def __init__(self, requests: Sequence[bytes], taken: "list[bytes]", enough: asyncio.Event) -> None:
        async def write(reply: bytes) -> None:
            taken.append(reply)
            enough.set()

        async def none() -> bytes:
            return b""

        super().__init__("ipv4:127.0.0.1:1", (), none, write, None)
        self._left = list(requests)

    async def read(self) -> Any:
        if not self._left:
            return grpc.aio.EOF
        raw = self._left.pop(0)
        return raw if self.decode is None else self.decode(raw)


class Answer(NamedTuple):
    """How a call ended."""

    code: grpc.StatusCode
    text: str
    status: Any
    """With its details; None of a success."""
    replies: list[Any]

    def detail(self, kind: type[Any]) -> Any:
        """The detail of this kind; None without one."""
        for packed in self.status.details if self.status is not None else ():
            found = kind()
            if packed.Unpack(found):
                return found
        return None


class Inside:
    """A server, and what is needed to call it."""

    def __init__(self, methods: Everything, budget: MemoryBudget, app: Any) -> None:
        self.server: Running | None = None
        self.methods = methods.by_path
        self.budget = budget
        self.app = app
        self._methods = methods

    async def call(self, path: str, *requests: bytes) -> Answer:
        """Calls a method; of an endless stream the first replies. Raises ViolationError if it does not end."""
        method = self.methods[path]
        replies: list[bytes] = []
        enough = asyncio.Event()
        context = _Context(requests, replies, enough)
        calling = asyncio.ensure_future(self._methods.call(method, (), context))
        try:
            async with asyncio.timeout(CALL_SECONDS):
                if method.is_stream and len(requests) == 1:
                    await self._some(calling, enough)
                else:
                    with suppress(grpc.aio.AbortError):
                        replies += [reply for reply in [await calling] if not method.is_stream]
        except TimeoutError:
            raise ViolationError(f"{path} does not end") from None
        return _answer(context, [method.reply.FromString(reply) for reply in replies], is_stream=method.is_stream)

    @staticmethod
    async def _some(calling: "asyncio.Future[bytes]", enough: asyncio.Event) -> None:
        waiting = asyncio.ensure_future(enough.wait())
        both: set[asyncio.Future[Any]] = {calling, waiting}
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not calling.done():
            await asyncio.wait({calling}, timeout=0)
        calling.cancel()
        with suppress(asyncio.CancelledError, grpc.aio.AbortError):
            await calling


def _answer(context: HttpContext, replies: list[Any], *, is_stream: bool) -> Answer:
    code = context.code()
    if code in {None, grpc.StatusCode.OK}:
        return Answer(grpc.StatusCode.OK, "", None, replies)
    trailers = dict(context.trailing_metadata())
    status = status_pb2.Status.FromString(trailers[DETAILS_KEY]) if DETAILS_KEY in trailers else None
    # A call of one reply that was ended with a status has none.
    return Answer(code, context.details(), status, replies if is_stream else [])


def refused_field(answer: Answer) -> str | None:
    """The field that a refusal names; None if it names none."""
    info = answer.detail(error_details_pb2.BadRequest)
    return info.field_violations[0].field if info is not None and info.field_violations else None


@asynccontextmanager
async def inside(database: Location, periods: Periods = PERIODS, **settings: Any) -> AsyncIterator[Inside]:
    """A server of a database, from the root that `telwerkd serve` uses too."""
    made: list[Inside] = []

    class Ports(http_ports.HttpPorts):
        def __init__(self, *given: Any) -> None:
            _, _, services, interceptors, _, budget, *_ = given
            apps: list[Any] = []

            class Kept(HttpServer):
                def __init__(self, app: Any, *rest: Any) -> None:
                    apps.append(app)
                    super().__init__(app, *rest)

            with patch.object(http_ports, "HttpServer", Kept):
                super().__init__(*given)
            methods = Everything(interceptors)
            services.register(methods)
            made.append(Inside(methods, budget, apps[0]))

    given = {"account_shared_queries_max": 64, "listen": "127.0.0.1:0", "http_listen": "127.0.0.1:0", **settings}
    with patch.object(wiring, "HttpPorts", Ports):
        async with running(Settings(database=database, **given), clock=SureClock(), periods=periods) as server:
            [found] = made
            found.server = server
            yield found
