"""The app that receives webhooks: checks the signature, reads, and answers once what it means is durable.

    export TELWERK_ADDRESS=kpi.example:443 TELWERK_TLS=true TELWERK_API_KEY=… TELWERK_ACCOUNT=acme
    export TELWERK_BRIDGE_CHATWOOT_SECRET=… TELWERK_BRIDGE_INBOX=/var/lib/telwerk/bridge.db
    telwerk-bridge serve

An answer of 200 says that the events are in the inbox, or are none; they are sent to Telwerk in the background. 503
says that nothing was taken. `GET /health` tells how many events wait, `/readyz` whether deliveries can be taken, be
Telwerk there or not, and `/metrics` counts.
"""

import asyncio
import json
import logging
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

from telwerk_bridges.config import Configuration, Source, configured
from telwerk_bridges.forwarding import Forwarder
from telwerk_bridges.inbox import Inbox, InboxError, InboxFullError, locked, opened
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import SignatureError
from telwerk_bridges.receiving import Bodies, RefusedError

_FORGET_SECONDS: Final = 3_600.0
_SERVER_ERROR: Final = 500

_log = logging.getLogger("telwerk.bridges")


def from_environment(environment: Mapping[str, str] = os.environ) -> Starlette:
    """The app as its environment describes it.

    Raises:
        ConfigurationError: a variable is missing, or cannot be.
    """
    return create_app(configured(environment))


def create_app(configuration: Configuration) -> Starlette:
    """The app of this bridge; it opens its inbox when it is started."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            stack.enter_context(locked(configuration.inbox_path))
            inbox = await stack.enter_async_context(opened(configuration.inbox_path, configuration.inbox_bytes_max))
            app.state.bridge = Bridge(configuration, inbox)
            await stack.enter_async_context(app.state.bridge.running())
            yield

    routes = [Route("/health", _health), Route("/readyz", _ready), Route("/metrics", _metrics)]
    for source in configuration.sources:
        receive = _receiver(source)
        routes += [Route(path, receive, methods=["POST"]) for path in (source.path, f"{source.path}/")]
    return Starlette(routes=routes, lifespan=lifespan)


class Bridge:
    """What the routes share."""

    def __init__(self, configuration: Configuration, inbox: Inbox) -> None:
        self._configuration = configuration
        self.inbox = inbox
        self.bodies = Bodies()
        self.answers: Counter[tuple[str, int]] = Counter()
        self.forwarders = {
            source.account_id: Forwarder(inbox, partial(configuration.connect, source), source.account_id)
            for source in configuration.sources
        }

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Forwards meanwhile. What is not answered at the end stays in the inbox."""
        tasks = [asyncio.create_task(one.run()) for one in self.forwarders.values()]
        tasks.append(asyncio.create_task(self._forget()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def take(self, source: Source, body: bytes, now_seconds: float) -> int:
        """Stores what a verified body means; how many events that are.

        Raises:
            ValueError: it is no JSON.
            PayloadError: it is not what the platform documents.
            InboxFullError, InboxError: it cannot be stored.
        """
        told = source.platform.read(Node(json.loads(body)), int(now_seconds * 1_000))
        if told is None:
            return 0
        count = await self.inbox.take(self._configuration.target(source), told)
        if count:
            self.forwarders[source.account_id].wake()
        return count

    async def _forget(self) -> None:
        while True:
            with suppress(InboxError, InboxFullError):
                await self.inbox.forget(self._configuration.memory_days)
            await asyncio.sleep(_FORGET_SECONDS)


def _receiver(source: Source) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def receive(request: Request) -> JSONResponse:
        bridge: Bridge = request.app.state.bridge
        answer = await _answer(bridge, source, request)
        bridge.answers[source.path, answer.status_code] += 1
        return answer

    return receive


async def _answer(bridge: Bridge, source: Source, request: Request) -> JSONResponse:
    try:
        # Nothing is known yet of who sends it.
        body = await bridge.bodies.read(request)
        now = time.time()
        source.platform.verify(request.headers, body, now)
        return JSONResponse({"events": await bridge.take(source, body, now)})
    except RefusedError as error:
        status, text = error.status, str(error)
    except SignatureError as error:
        status, text = 401, str(error)
    except PayloadError as error:
        status, text = 422, str(error)
    except InboxFullError as error:
        status, text = 503, f"{error} (TELWERK_BRIDGE_INBOX_MIB_MAX, or the disk)"
    except InboxError as error:
        status, text = 503, str(error)
    except (ValueError, RecursionError):
        status, text = 400, "the body is no JSON"
    except asyncio.CancelledError:
        # So the server ends what takes longer than its stop may; whoever sends it is told.
        status, text = 503, "the bridge stops"
    return _refused(source, status, text)


def _refused(source: Source, status: int, text: str) -> JSONResponse:
    """Why not, in the answer and in the log."""
    level = logging.ERROR if status >= _SERVER_ERROR else logging.WARNING
    _log.log(level, "%s: a delivery is refused with %d: %s", source.path, status, text)
    # What is left of the request is not read.
    headers = {"connection": "close"} if status in {408, 413} else None
    return JSONResponse({"error": text}, status, headers)


async def _health(request: Request) -> JSONResponse:
    bridge: Bridge = request.app.state.bridge
    return JSONResponse({"waiting_events": (await bridge.inbox.counts()).waiting})


async def _ready(request: Request) -> PlainTextResponse:
    bridge: Bridge = request.app.state.bridge
    try:
        await bridge.inbox.check()
    except (InboxError, InboxFullError) as error:
        return PlainTextResponse(str(error), 503)
    return PlainTextResponse("ready")


async def _metrics(request: Request) -> PlainTextResponse:
    bridge: Bridge = request.app.state.bridge
    counts = await bridge.inbox.counts()
    lines = [
        "# TYPE telwerk_bridge_deliveries_total counter",
        *(
            f'telwerk_bridge_deliveries_total{{path="{path}",status="{status}"}} {count}'
            for (path, status), count in sorted(bridge.answers.items())
        ),
        "# TYPE telwerk_bridge_events_waiting gauge",
        f"telwerk_bridge_events_waiting {counts.waiting}",
        "# TYPE telwerk_bridge_events_refused gauge",
        f"telwerk_bridge_events_refused {counts.refused}",
        "# TYPE telwerk_bridge_forwarding_failing gauge",
        *(
            f'telwerk_bridge_forwarding_failing{{account="{_label(account)}"}} {int(one.trouble is not None)}'
            for account, one in bridge.forwarders.items()
        ),
        "# TYPE telwerk_bridge_inbox_bytes gauge",
        f"telwerk_bridge_inbox_bytes {counts.bytes_used}",
    ]
    return PlainTextResponse("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4")


def _label(text: str) -> str:
    """As a label's value is written."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
