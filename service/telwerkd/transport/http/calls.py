"""Calls of the contract by the Connect protocol."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import grpc
import grpc.aio

from telwerkd.application.sharing.memory_budget import MemoryBudget, Reservation
from telwerkd.domain.errors import InvalidArgumentError, TelwerkError
from telwerkd.transport.grpc.errors import without_traceback
from telwerkd.transport.grpc.requests import BATCH_QUERY, INGEST_EVENTS
from telwerkd.transport.http.compression import Unpacking, packed, pays
from telwerkd.transport.http.connect import (
    ENVELOPE_BYTES,
    STREAM_CODECS,
    TIMEOUT_HEADER,
    UNARY_CODECS,
    VERSION_HEADER,
    CallError,
    Codec,
    check_version,
    codec_of,
    end_of_stream,
    enveloped,
    opened_envelope,
    timeout_of,
)
from telwerkd.transport.http.context import HttpContext
from telwerkd.transport.http.exchange import BodyTooLargeError, Exchange, Headers
from telwerkd.transport.http.json_messages import to_json
from telwerkd.transport.http.json_requests import JsonRequests
from telwerkd.transport.http.methods import Method, Methods
from telwerkd.transport.http.responses import error_of, refuse, respond_error

_T = TypeVar("_T")

_LOOP_BYTES_MAX: Final = 8_192
"""Larger requests in JSON are read in a thread: they take it about a millisecond."""
_LOOP_REPLY_BYTES_MAX: Final = 65_536
"""As binary messages. Larger replies are made JSON in a thread: they take it some milliseconds."""
_COUNTED_BYTES_MIN: Final = 16_384
_REQUEST_FACTOR: Final = 4
_REPLY_FACTOR: Final = 8
"""Bytes in memory for each byte of a request in JSON, and of a reply as a binary message. Estimates, rather too high:
a count of one byte becomes a string of four characters."""


@dataclass(frozen=True)
class BodyLimits:
    """How many bytes the body of a request may have; the names are those of the settings."""

    message_bytes_max: int
    request_bytes_max: int

    def of(self, method: Method) -> tuple[int, str]:
        """Returns the bound of a method, and its name."""
        if method.path in {INGEST_EVENTS, BATCH_QUERY}:
            return self.message_bytes_max, "message_bytes_max"
        return self.request_bytes_max, "request_bytes_max"


class ConnectCalls:
    """Answers calls of the methods that are offered."""

    def __init__(self, methods: Methods, json: JsonRequests, limits: BodyLimits, budget: MemoryBudget) -> None:
        self._methods = methods
        self._json = json
        self._limits = limits
        self.budget = budget
        # Two, not the event loop's own: who sends large bodies must not keep all threads.
        self._threads = ThreadPoolExecutor(2, "telwerk-json")

    def method(self, path: str) -> Method | None:
        """Returns the method of a path; None if there is none."""
        return self._methods.by_path.get(path)

    async def answer(self, exchange: Exchange, method: Method) -> None:
        """Answers a call, successful or not."""
        codecs = STREAM_CODECS if method.is_stream else UNARY_CODECS
        if exchange.method != "POST":
            text = f"{method.path} is called by POST, not {exchange.method[:20]}"
            await refuse(exchange, 405, grpc.StatusCode.UNIMPLEMENTED, text, [(b"allow", b"POST")])
            return
        codec = codec_of(exchange.header("content-type") or "", codecs)
        if codec is None:
            known = ", ".join(codecs)
            text = f"the body of {method.path} must be of the type {' or '.join(codecs)}"
            accepted = [(b"accept-post", known.encode())]
            await refuse(exchange, 415, grpc.StatusCode.INVALID_ARGUMENT, text, accepted)
            return
        with Reservation(self.budget, "the request") as memory:
            call = _Call(self, exchange, method, codec, memory)
            await (call.stream() if method.is_stream else call.unary())

    async def request(self, exchange: Exchange, method: Method, codec: Codec, memory: Reservation) -> bytes:
        """Returns the bytes of the request's message, whichever way they came. Raises a TelwerkError."""
        bytes_max, setting = self._limits.of(method)
        raw = await exchange.body(bytes_max + ENVELOPE_BYTES * method.is_stream, setting, memory)
        is_packed = exchange.header(method.encoding_header) == "gzip"
        if method.is_stream:
            raw, has_packed = opened_envelope(raw)
            if has_packed and not is_packed:
                raise InvalidArgumentError.of("request", f"is compressed, and no {method.encoding_header} says how")
            is_packed = has_packed
        if not codec.is_json and not is_packed:
            return raw
        if is_packed:
            raw = await self._unpacked(Unpacking(raw, bytes_max, setting), len(raw), memory)
        if not codec.is_json:
            return raw
        if len(raw) > _COUNTED_BYTES_MIN:
            memory.resize(_REQUEST_FACTOR * len(raw))
        read = self._json.reader(method.path, method.request)
        return await self.computed(partial(read, raw), in_thread=len(raw) > _LOOP_BYTES_MAX)

    async def _unpacked(self, unpacking: Unpacking, packed_bytes: int, memory: Reservation) -> bytes:
        """Returns a decompressed body; its memory is reserved as it grows."""
        body = bytearray()
        while piece := await self.computed(unpacking.piece, in_thread=unpacking.takes_long):
            if unpacking.size > _COUNTED_BYTES_MIN:
                # Once more for the copy that is passed on.
                memory.resize(packed_bytes + 2 * unpacking.size)
            body += piece
        return bytes(body)

    async def reply(self, method: Method, codec: Codec, encoded: bytes, memory: Reservation) -> bytes:
        """Returns the reply's body in the call's codec, before compression."""
        if not codec.is_json:
            return encoded
        if len(encoded) > _COUNTED_BYTES_MIN:
            memory.resize(memory.size + _REPLY_FACTOR * len(encoded))
        return await self.computed(
            lambda: to_json(method.reply.FromString(encoded)), in_thread=len(encoded) > _LOOP_REPLY_BYTES_MAX
        )

    async def computed(self, compute: Callable[[], _T], *, in_thread: bool) -> _T:
        """Runs a function, in a thread if it takes long, and returns its result."""
        if not in_thread:
            return compute()
        return await asyncio.get_running_loop().run_in_executor(self._threads, compute)

    def close(self) -> None:
        """Ends the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def run(self, method: Method, context: HttpContext, seconds: float | None) -> tuple[bytes, CallError | None]:
        """Runs a call; returns the encoded reply, and the error if it failed."""
        encoded = b""
        late = CallError(grpc.StatusCode.DEADLINE_EXCEEDED, f"not answered within {seconds or 0:g} s, as was asked")
        if seconds == 0:
            return b"", late
        try:
            async with asyncio.timeout(seconds):
                encoded = await self._methods.call(method, context.invocation_metadata(), context)
        except TimeoutError:
            return b"", late
        except grpc.aio.AbortError as error:
            without_traceback(error)
        code = context.code()
        if code in {None, grpc.StatusCode.OK}:
            return encoded, None
        return b"", CallError.of(code, context.details(), context.trailing_metadata())


class _Call:
    """One call by the Connect protocol."""

    def __init__(
        self, calls: ConnectCalls, exchange: Exchange, method: Method, codec: Codec, memory: Reservation
    ) -> None:
        self._calls = calls
        self._exchange = exchange
        self._method = method
        self._codec = codec
        self._memory = memory
        self._too_large = False

    async def unary(self) -> None:
        """Answers with the one reply, or the error."""
        encoded, error = await self._run()
        if error is not None:
            await respond_error(self._exchange, error, 413 if self._too_large else error.http_status)
            return
        with Reservation(self._calls.budget, "the answer") as memory:
            try:
                body = await self._calls.reply(self._method, self._codec, encoded, memory)
            except TelwerkError as refusal:
                await respond_error(self._exchange, error_of(refusal))
                return
            headers: Headers = [(b"content-type", self._codec.content_type.encode()), (b"vary", b"accept-encoding")]
            if pays(len(body), self._exchange.header("accept-encoding")):
                body = await self._calls.computed(partial(packed, body), in_thread=len(body) > _LOOP_REPLY_BYTES_MAX)
                headers.append((b"content-encoding", b"gzip"))
            await self._exchange.respond(200, headers, body)

    async def stream(self) -> None:
        """Sends replies as they come, and then how it ended."""
        _, error = await self._run()
        if not self._exchange.is_started:
            await self._start()
        await self._exchange.finish(end_of_stream(error))

    async def _run(self) -> tuple[bytes, CallError | None]:
        exchange = self._exchange
        try:
            check_version(exchange.header(VERSION_HEADER))
            seconds = timeout_of(exchange.header(TIMEOUT_HEADER))
        except InvalidArgumentError as refusal:
            return b"", error_of(refusal)
        name = self._method.encoding_header
        encoding = exchange.header(name)
        if encoding not in {None, "", "identity", "gzip"}:
            text = f"the {name} {ascii(encoding)[:100]} is not known here: send gzip or identity"
            return b"", CallError(grpc.StatusCode.UNIMPLEMENTED, text)
        context = HttpContext(exchange.peer, tuple(exchange.headers), self._read, self._write, seconds)
        return await self._calls.run(self._method, context, seconds)

    async def _read(self) -> bytes:
        try:
            raw = await self._calls.request(self._exchange, self._method, self._codec, self._memory)
            # From here on it is counted as one that came over gRPC.
            self._memory.release()
            return raw  # noqa: TRY300  # only what is above is tried
        except BodyTooLargeError:
            self._too_large = True
            raise

    async def _write(self, encoded: bytes) -> None:
        if not self._exchange.is_started:
            await self._start()
        with Reservation(self._calls.budget, "the answer") as memory:
            body = await self._calls.reply(self._method, self._codec, encoded, memory)
            await self._exchange.write(enveloped(body))

    async def _start(self) -> None:
        await self._exchange.start(200, [(b"content-type", self._codec.content_type.encode())])
