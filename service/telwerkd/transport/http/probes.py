"""The endpoints for monitoring: liveness, readiness and metrics."""

from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias

import grpc
import msgspec

from telwerkd.domain.errors import TelwerkError
from telwerkd.transport.http.exchange import Exchange
from telwerkd.transport.http.responses import error_of, refuse, respond_error
from telwerkd.transport.security.auth import check_watcher
from telwerkd.transport.security.grants import Credentials
from telwerkd.transport.services.health import Health

Exposition: TypeAlias = Callable[[str], Awaitable[tuple[bytes, str]]]
"""Metrics as Prometheus reads them, and their content type, for what a request accepts."""

LIVE, READY, METRICS = "/healthz", "/readyz", "/metrics"
PATHS: Final = frozenset({LIVE, READY, METRICS})

_JSON: Final = [(b"content-type", b"application/json")]
_TEXT: Final = [(b"content-type", b"text/plain; charset=utf-8")]


class Probes:
    """Answers the three endpoints. If API keys are in use, metrics require one: they cover all accounts."""

    def __init__(self, health: Health, exposition: Exposition, credentials: Credentials | None) -> None:
        self._health = health
        self._exposition = exposition
        self._credentials = credentials

    async def answer(self, exchange: Exchange) -> None:
        """Answers a request for one of `PATHS`."""
        if exchange.method not in {"GET", "HEAD"}:
            text = f"{exchange.path} is read by GET"
            await refuse(exchange, 405, grpc.StatusCode.UNIMPLEMENTED, text, [(b"allow", b"GET, HEAD")])
        elif exchange.path == LIVE:
            await exchange.respond(200, _TEXT, b"ok\n")
        elif exchange.path == READY:
            await self._ready(exchange)
        else:
            await self._metrics(exchange)

    async def _ready(self, exchange: Exchange) -> None:
        reason = self._health.not_ready_because
        if reason is None:
            await exchange.respond(200, _JSON, msgspec.json.encode({"status": "SERVING"}))
        else:
            await exchange.respond(503, _JSON, msgspec.json.encode({"status": "NOT_SERVING", "reason": reason}))

    async def _metrics(self, exchange: Exchange) -> None:
        try:
            if self._credentials is not None:
                await check_watcher(self._credentials, exchange.headers)
            body, content_type = await self._exposition(exchange.header("accept") or "")
        except TelwerkError as error:
            await respond_error(exchange, error_of(error))
            return
        await exchange.respond(200, [(b"content-type", content_type.encode())], body)
