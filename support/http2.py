"""A client that speaks HTTP/2 by hand, to do what no client of gRPC does: not reading, stopping halfway."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.settings import SettingCodes


def framed(message: bytes, *, gzipped: bool = False) -> bytes:
    """A message as gRPC sends it: whether it is compressed, and how long it is."""
    return bytes([gzipped]) + len(message).to_bytes(4) + message


def _text(event: ResponseReceived | TrailersReceived) -> dict[Any, Any]:
    """Its headers, which are text by `header_encoding`, though h2 declares bytes."""
    return dict(event.headers or [])


class RawClient:
    """One connection. `reading` False is a window of 0: the server may send headers, and not one byte of a message."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, reading: bool) -> None:
        self._reader, self._writer = reader, writer
        self._h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._h2.initiate_connection()
        if not reading:
            self._h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: 0})
        self._flush()
        self._events = asyncio.Queue[Event | None]()
        self.closed = asyncio.Event()
        self.text = ""
        """Of the last status."""
        self._listening = asyncio.create_task(self._listen())

    def call(
        self,
        method: str,
        message: bytes | None,
        *,
        ends: bool = True,
        gzipped: bool = False,
        timeout: str = "1H",
        metadata: Iterable[tuple[str, str]] = (),
    ) -> int:
        """Begins a call; without a message its request never comes. Gives the number of its stream.

        The `timeout` is told to the server, and else is nobody's.
        """
        stream = self._h2.get_next_available_stream_id()
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "localhost"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("grpc-encoding", "gzip" if gzipped else "identity"),
            ("grpc-timeout", timeout),
            *metadata,
        ]
        self._h2.send_headers(stream, headers, end_stream=ends and message is None)
        if message is not None:
            self._send(stream, framed(message, gzipped=gzipped), ends=ends)
        self._flush()
        return stream

    def _send(self, stream: int, data: bytes, *, ends: bool) -> None:
        size = self._h2.max_outbound_frame_size
        for start in range(0, len(data), size):
            self._h2.send_data(stream, data[start : start + size], end_stream=ends and start + size >= len(data))

    async def status(self, stream: int) -> int | None:
        """The gRPC status with which the server ends a call; None if it resets the stream without one."""
        status: int | None = None
        self.text = ""
        while True:
            event = await self._next()
            if getattr(event, "stream_id", None) != stream:
                continue
            if isinstance(event, ResponseReceived | TrailersReceived):
                headers = _text(event)
                self.text = headers.get("grpc-message", self.text)
                found = headers.get("grpc-status")
                status = status if found is None else int(found)
            if isinstance(event, StreamEnded | StreamReset):
                return status

    async def statuses(self, *streams: int) -> list[int | None]:
        """As `status`, of several calls."""
        found, left = dict[int, int | None](), set(streams)
        while left:
            event = await self._next()
            if isinstance(event, TrailersReceived | ResponseReceived):
                status = _text(event).get("grpc-status")
                if status is not None:
                    found[event.stream_id] = int(status)
            if isinstance(event, StreamEnded | StreamReset):
                left.discard(event.stream_id)
        return [found.get(stream) for stream in streams]

    async def headers(self, stream: int) -> None:
        """Returns when the server has begun to answer a call."""
        while True:
            event = await self._next()
            if isinstance(event, ResponseReceived) and event.stream_id == stream:
                return

    async def all_ended(self, *streams: int) -> None:
        """Returns when the server has ended each of these calls."""
        left = set(streams)
        while left:
            event = await self._next()
            if isinstance(event, StreamEnded | StreamReset):
                left.discard(event.stream_id)

    async def read_late(self, stream: int) -> bytes:
        """Opens the window of a call at last; gives what comes then."""
        self._h2.increment_flow_control_window(2**20, stream)
        self._flush()
        while True:
            event = await self._next()
            if isinstance(event, DataReceived) and event.stream_id == stream:
                return event.data

    def reset(self, stream: int) -> None:
        """Gives a call up."""
        self._h2.reset_stream(stream)
        self._flush()

    async def _next(self) -> Event:
        event = await self._events.get()
        if event is None:
            raise ConnectionError("the server has closed the connection")
        return event

    def _flush(self) -> None:
        self._writer.write(self._h2.data_to_send())

    async def _listen(self) -> None:
        try:
            while data := await self._reader.read(2**16):
                for event in self._h2.receive_data(data):
                    if isinstance(event, DataReceived) and event.flow_controlled_length:
                        self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                    self._events.put_nowait(event)
                self._flush()
        except ConnectionError:
            pass
        finally:
            self.closed.set()
            self._events.put_nowait(None)

    async def close(self) -> None:
        """Ends the connection without a word."""
        self._listening.cancel()
        self._writer.close()
        await asyncio.gather(self._listening, self._writer.wait_closed(), return_exceptions=True)


@asynccontextmanager
async def raw(address: str, *, reading: bool = True, source: str | None = None) -> AsyncIterator[RawClient]:
    """A connection of its own to a server, from the address `source` (any of 127.0.0.0/8 is the machine's own)."""
    host, _, port = address.rpartition(":")
    local = None if source is None else (source, 0)
    client = RawClient(*await asyncio.open_connection(host, int(port), local_addr=local), reading=reading)
    try:
        yield client
    finally:
        await client.close()
