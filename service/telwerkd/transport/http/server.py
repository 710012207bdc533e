"""An HTTP server in the running event loop: uvicorn's connections, started and drained with the gRPC server."""

import asyncio
import ssl
from collections.abc import Sequence
from contextlib import suppress
from email.utils import formatdate
from socket import socket
from time import time
from typing import Any, Final

from uvicorn.config import Config
from uvicorn.server import ServerState

from telwerkd.transport.http.app import App
from telwerkd.transport.http.connection import HttpConnection, HttpLimits
from telwerkd.transport.http.parsing import ParsingTurns

_BACKLOG: Final = 1_024
_ACCEPTED_MAX: Final = 8
"""Connections accepted in one iteration of the event loop: each takes some tenths of a millisecond, and gRPC waits."""
_CLOSING_SECONDS: Final = 1.0
"""What may be sent after the last response was written; then connections are cut."""
_LOOK_SECONDS: Final = 0.02
_DATE_SECONDS: Final = 1.0


class HttpServer:
    """Serves an app on bound sockets."""

    def __init__(self, app: App, limits: HttpLimits, tls: ssl.SSLContext | None) -> None:
        self._limits = limits
        self._tls = tls
        self._state = ServerState()
        self._turns = ParsingTurns()
        application: Any = app
        self._config = Config(
            application,
            http=HttpConnection,
            ws="none",
            lifespan="off",
            log_config=None,
            # The app logs what matters; the rest is what clients do.
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            # A request that waited for another's end would else begin with that one's key and span.
            reset_contextvars=True,
            timeout_keep_alive=limits.idle_seconds,  # type: ignore[arg-type]  # seconds for a timer
            h11_max_incomplete_event_size=limits.http_header_bytes_max,
        )
        self._config.load()
        self._servers = list[asyncio.Server]()
        self._dating: asyncio.TimerHandle | None = None

    async def start(self, sockets: Sequence[socket]) -> None:
        """Starts to accept connections."""
        loop = asyncio.get_running_loop()
        self._date()
        for listening in sockets:
            server = await loop.create_server(
                lambda: HttpConnection(self._config, self._state, self._limits, self._turns, loop),
                sock=listening,
                ssl=self._tls,
                backlog=_ACCEPTED_MAX,
                ssl_handshake_timeout=None if self._tls is None else self._limits.handshake_seconds,
            )
            # asyncio takes one number for both: how many may wait, and how many of them it accepts in a turn.
            listening.listen(_BACKLOG)
            self._servers.append(server)

    async def stop(self, grace_seconds: float) -> None:
        """Stops accepting connections; cancels requests that have not ended within the grace period."""
        for server in self._servers:
            server.close()
        for connection in list(self._state.connections):
            connection.shutdown()
        if self._state.tasks:
            await asyncio.wait(set(self._state.tasks), timeout=grace_seconds)
        running = set(self._state.tasks)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(_CLOSING_SECONDS):
                while self._state.connections:  # noqa: ASYNC110  # a set of uvicorn's, which tells of no change
                    await asyncio.sleep(_LOOK_SECONDS)
        for connection in list(self._state.connections):
            connection.transport.abort()
        if self._dating is not None:
            self._dating.cancel()

    def _date(self) -> None:
        self._state.default_headers = [(b"date", formatdate(time(), usegmt=True).encode())]
        self._dating = asyncio.get_running_loop().call_later(_DATE_SECONDS, self._date)
