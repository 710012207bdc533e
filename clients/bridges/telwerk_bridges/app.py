"""The app that receives webhooks: checks the signature, translates, and answers once Telwerk has the events.

    export TELWERK_ADDRESS=kpi.example:443 TELWERK_TLS=true TELWERK_API_KEY=… TELWERK_ACCOUNT=acme
    export TELWERK_BRIDGE_CHATWOOT_SECRET=…
    uvicorn --factory telwerk_bridges.app:from_environment

Each platform whose secret is set is received at its name: `POST /chatwoot`. `GET /health` tells how many events wait.

An answer of 200 says that the events are durable, or are none. 503 says that they are not yet: the platform may deliver
again, and the events are sent meanwhile; neither counts twice.
"""

import asyncio
import json
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Final, TypeAlias

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from telwerk import AsyncEventSender, AsyncTelwerk
from telwerk.errors import TelwerkError
from telwerk.sending import SenderError, log_rejection
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import Rejection
from telwerk_bridges.chatwoot import Chatwoot
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import Platform, SignatureError

PLATFORMS: Final[Mapping[str, Callable[[str], Platform]]] = {"chatwoot": Chatwoot}
"""Each by the name of its route and of its secret's variable."""

BODY_BYTES_MAX: Final = 2**20
"""A delivery of Chatwoot has some kilobytes."""

BODY_SECONDS: Final = 5.0
"""How long a delivery may take to arrive; Chatwoot itself waits as long for everything."""

ANSWER_SECONDS: Final = 4.0
"""Chatwoot waits five seconds for an answer."""

_DISCARDED_BYTES_MAX: Final = 4 * BODY_BYTES_MAX
_DISCARD_SECONDS: Final = 1.0

_SECRET: Final = "TELWERK_BRIDGE_{}_SECRET"  # noqa: S105 - the name of a variable
_CLOSE_SECONDS: Final = 20.0

Connect: TypeAlias = Callable[[], AsyncTelwerk]
"""Makes the client, within the event loop that it is to belong to."""

_log = logging.getLogger("telwerk.bridges")


class ConfigurationError(Exception):
    """The environment lacks something; the text names the variable."""


def from_environment(environment: Mapping[str, str] = os.environ) -> Starlette:
    """The app as its environment describes it.

    Raises:
        ConfigurationError: a variable is missing.
    """
    account = environment.get("TELWERK_ACCOUNT")
    if not account:
        raise ConfigurationError("TELWERK_ACCOUNT is not set: which account do the events belong to?")
    secrets = {name: environment.get(_SECRET.format(name.upper())) for name in PLATFORMS}
    platforms = {name: PLATFORMS[name](secret) for name, secret in secrets.items() if secret}
    if not platforms:
        wanted = ", ".join(_SECRET.format(name.upper()) for name in PLATFORMS)
        raise ConfigurationError(f"no platform has a secret: set one of {wanted}")
    trusted = environment.get("TELWERK_TLS_CA") or environment.get("TELWERK_TLS", "").lower() in {"1", "true", "yes"}

    def connect() -> AsyncTelwerk:
        address = environment.get("TELWERK_ADDRESS", "127.0.0.1:50051")
        return AsyncTelwerk(address, api_key=environment.get("TELWERK_API_KEY"), tls=trusted)

    return create_app(platforms, connect, account)


def create_app(platforms: Mapping[str, Platform], connect: Connect, account_id: str) -> Starlette:
    """The app for these platforms, all of one account."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            connect() as telwerk,
            AsyncEventSender(
                telwerk, account_id, when_full="raise", on_rejected=_on_rejected, close_seconds=_CLOSE_SECONDS
            ) as sender,
        ):
            app.state.sender = sender
            yield

    async def health(request: Request) -> JSONResponse:
        sender: AsyncEventSender = request.app.state.sender
        return JSONResponse({"waiting_events": sender.held_count})

    receivers = [Route(f"/{name}", _receiver(name, one), methods=["POST"]) for name, one in platforms.items()]
    return Starlette(routes=[*receivers, Route("/health", health)], lifespan=lifespan)


def _receiver(name: str, platform: Platform) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def receive(request: Request) -> JSONResponse:
        # Nothing is known yet of who sends it.
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _body_of(request)
        except TimeoutError:
            return _refused(408, f"a delivery arrives within {BODY_SECONDS:.0f} s (BODY_SECONDS)", close=True)
        if body is None:
            return _refused(413, f"a delivery has at most {BODY_BYTES_MAX} bytes (BODY_BYTES_MAX)", close=True)
        try:
            platform.verify(request.headers, body, time.time())
            events = platform.events(Node(json.loads(body)))
        except SignatureError as error:
            return _refused(401, str(error))
        except PayloadError as error:
            _log.warning("%s: a delivery cannot be read: %s", name, error)
            return _refused(422, str(error))
        except (ValueError, RecursionError):
            return _refused(400, "the body is no JSON")
        return await _send(request.app.state.sender, events)

    return receive


async def _body_of(request: Request) -> bytes | None:
    """The body; None as soon as it is too long, or says that it will be far too long. No more than that is kept."""
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > _DISCARDED_BYTES_MAX:
        return None
    body, chunks = bytearray(), request.stream()
    async for chunk in chunks:
        if len(body) + len(chunk) > BODY_BYTES_MAX:
            await _discard(chunks)
            return None
        body += chunk
    return bytes(body)


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    """Reads on for a moment: a sender that is cut off while it sends never sees the answer."""
    discarded = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            async for chunk in chunks:
                discarded += len(chunk)
                if discarded > _DISCARDED_BYTES_MAX:
                    return


async def _send(sender: AsyncEventSender, events: Sequence[Event]) -> JSONResponse:
    """Answers when the events are answered."""
    try:
        for event in events:
            await sender.add(event)
        if events and not await sender.flush(ANSWER_SECONDS):
            return _refused(503, "Telwerk has not answered yet")
    except (SenderError, TelwerkError) as error:
        _log.error("events cannot be sent: %s", error)
        return _refused(503, "events cannot be sent at present")
    return JSONResponse({"events": len(events)})


def _refused(status: int, text: str, *, close: bool = False) -> JSONResponse:
    """Why not; with `close` the rest of the request is not read either."""
    return JSONResponse({"error": text}, status, {"connection": "close"} if close else None)


def _on_rejected(event: Event, rejection: Rejection) -> None:
    """An id that is known with another content is an answer that the contact gave a second time: the first stays."""
    if rejection.reason != "EVENT_ID_REUSED":
        log_rejection(event, rejection)
