"""A connection of the HTTP port: uvicorn's, with limits that uvicorn lacks.

uvicorn bounds the head of a request in bytes, but not in time, and neither the number nor the age of connections; a
connection whose client reads nothing would stay open for ever.
"""

import asyncio
import random
import sys
from dataclasses import dataclass
from typing import Any, Final

import h11
import msgspec
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from telwerkd.transport.http.chunks import HEAD_LINES_MAX, Requests, TooManyLinesError
from telwerkd.transport.http.parsing import Parsing, ParsingTurns

_TEXTS: Final = {
    431: "the head of the request has more bytes than are allowed (http_header_bytes_max)",
    501: "this transfer coding is not known here",
}
_INVALID: Final = "this is no request of HTTP/1.1"
_TOO_MANY_LINES: Final = f"the head of the request, or what trails it, has more than {HEAD_LINES_MAX} lines"
_AGE_SPREAD: Final = 0.1
"""As gRPC's core has it: connections that were opened together do not all end together."""

_TIMED_OUT: Final = "the head of the request did not come in time (handshake_seconds)"


@dataclass(frozen=True)
class HttpLimits:
    """Limits of a connection; the names are those of the settings, or of `ConnectionLimits`."""

    connections_max: int
    handshake_seconds: float
    """Timeout of the TLS handshake, and then of the head of each request."""
    idle_seconds: float
    age_seconds: float
    """Age, with a random spread of a tenth, at which a connection is closed after the current response."""
    grace_seconds: float
    """Time after that until it is aborted."""
    http_header_bytes_max: int


class _Flow(FlowControl):
    """Flow control that also pauses reading while received bytes are not parsed yet."""

    is_held = False
    _is_wanted = True

    def hold(self) -> None:
        """Reads no more until `release`."""
        self.is_held = True
        super().pause_reading()

    def release(self) -> None:
        """Reads on, if that is wanted."""
        if self.is_held:
            self.is_held = False
            if self._is_wanted:
                super().resume_reading()

    def pause_reading(self) -> None:
        """Reads no more."""
        self._is_wanted = False
        super().pause_reading()

    def resume_reading(self) -> None:
        """Reads on, once all is parsed."""
        self._is_wanted = True
        if not self.is_held:
            super().resume_reading()


class HttpConnection(H11Protocol):
    """One connection."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        limits: HttpLimits,
        turns: ParsingTurns,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        super().__init__(config, server_state, {"connection": self}, loop)
        self.conn: Requests = Requests(h11.SERVER, limits.http_header_bytes_max)
        self._parsing = Parsing(self.conn, self._received, self._go_on, self._parsed, turns)
        self._limits = limits
        self._timers = list[asyncio.TimerHandle]()
        self._head: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[Any] | None = None
        self._is_old = False
        self.flow: _Flow

    def serving(self, task: "asyncio.Task[Any] | None") -> None:
        """Sets the task that is cancelled if the client disconnects."""
        self._task = task

    def abort(self) -> None:
        """Cuts the connection, whatever was not sent."""
        if self.cycle is not None:
            self.cycle.disconnected = True
        self.transport.abort()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as in uvicorn
        """Checks the limit of connections, and starts the timers of age and of the first head."""
        super().connection_made(transport)
        self.flow = _Flow(transport)
        if len(self.connections) > self._limits.connections_max:
            transport.abort()
            return
        age = self._limits.age_seconds * random.uniform(1 - _AGE_SPREAD, 1 + _AGE_SPREAD)  # noqa: S311  # no secret
        end = age + self._limits.grace_seconds
        self._timers = [self.loop.call_later(age, self._grow_old), self.loop.call_later(end, self.abort)]
        self._await_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops the timers and cancels the running task: the client has disconnected."""
        super().connection_lost(exc)
        self._head_came()
        self._unset_keepalive_if_required()  # uvicorn leaves it where the client reset the connection
        for timer in self._timers:
            timer.cancel()
        if self._task is not None:
            self._task.cancel()
        # Else it is in cycles with each of these, and what it holds waits for the garbage collector.
        self._parsing.end()
        self.app_state.clear()
        self.scope = self.cycle = None  # type: ignore[assignment]  # as before the first request

    def data_received(self, data: bytes) -> None:
        """Reads on, once this is parsed."""
        self._parsing.add(data)
        if self._parsing.is_waiting or self._parsing.has_received:
            self.flow.hold()

    def _parsed(self) -> None:
        self.flow.release()

    def handle_events(self) -> None:
        """Begins the received request; of pipelined ones each waits for its scheduling turn after the one before."""
        if self._parsing.has_turn or not (self.conn.trailing_data[0] or self._parsing.has_received):
            super().handle_events()
        else:
            self._parsing.resume()
            if self._parsing.is_waiting:
                self.flow.hold()

    def _received(self, data: bytes) -> None:
        if not self.transport.is_closing():
            super().data_received(data)
            self._watch_head()

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            super().handle_events()
            self._watch_head()

    def _watch_head(self) -> None:
        """Applies the timeout to the head of a request, however slowly it comes."""
        # Also the rest of a request that was answered already.
        has_begun = bool(self.conn.trailing_data[0]) or self.conn.their_state is h11.SEND_BODY
        if self._is_between_requests and has_begun:
            self._await_head()
        else:
            self._head_came()

    def on_response_complete(self) -> None:
        """Closes it where it is old."""
        super().on_response_complete()
        if self._is_old and self._is_between_requests:
            self.shutdown()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # the signature is uvicorn's
        """Answers a request that cannot be parsed; called by uvicorn while it handles the parser's error."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        text = _TOO_MANY_LINES if isinstance(error, TooManyLinesError) else _TEXTS.get(status, _INVALID)
        self._end_with(status, text)

    @property
    def _is_between_requests(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _await_head(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(self._limits.handshake_seconds, self._late)

    def _head_came(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _late(self) -> None:
        self._end_with(408, _TIMED_OUT)

    def _grow_old(self) -> None:
        self._is_old = True
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.keep_alive = False
        elif self._head is None:
            self.shutdown()

    def _end_with(self, status: int, text: str) -> None:
        """Answers with an error and closes; aborts the connection if a response has begun."""
        if self.transport.is_closing():
            return
        if self.conn.our_state not in {h11.IDLE, h11.SEND_RESPONSE}:
            self.abort()
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        body = msgspec.json.encode({"code": "invalid_argument", "message": text})
        head = [("content-type", "application/json"), ("content-length", str(len(body))), ("connection", "close")]
        events: list[h11.Event] = [
            h11.Response(status_code=status, headers=head, reason=b""),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ]
        for event in events:
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
