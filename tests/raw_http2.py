"""A client of HTTP/2 that misbehaves as no library would: it opens no window, so that nothing can be sent to it."""

import asyncio
import struct
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import NamedTuple

DATA, HEADERS, RST_STREAM, SETTINGS, PING = 0, 1, 3, 4, 6
END_STREAM, END_HEADERS, ACK = 1, 4, 1
INITIAL_WINDOW_SIZE = 4
FRAME_BYTES = 16_384


class Frame(NamedTuple):
    kind: int
    flags: int
    stream: int
    payload: bytes


class RawClient:
    """A connection whose every stream has a window of `window` bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._next = 1

    def send(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        self._writer.write(
            len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload  # a frame
        )

    def call(self, method: str, request: bytes, metadata: Iterable[tuple[str, str]] = ()) -> int:
        """Sends a whole call; the number of its stream."""
        stream, self._next = self._next, self._next + 2
        headers = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", method),
            (":authority", "test"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            *metadata,
        ]
        self.send(HEADERS, END_HEADERS, stream, b"".join(literal(*header) for header in headers))
        message = b"\0" + struct.pack(">I", len(request)) + request
        self.send(DATA, END_STREAM, stream, message)
        return stream

    async def frame(self) -> Frame:
        """The next frame; settings and pings are acknowledged by the way."""
        while True:
            head = await self._reader.readexactly(9)
            payload = await self._reader.readexactly(int.from_bytes(head[:3]))
            frame = Frame(head[3], head[4], int.from_bytes(head[5:]) & 0x7FFFFFFF, payload)
            if frame.kind in {SETTINGS, PING}:
                if not frame.flags & ACK:
                    self.send(frame.kind, ACK, 0, payload if frame.kind == PING else b"")
                continue
            return frame

    async def reset(self, stream: int) -> Frame:
        """The frame by which the server ends a stream."""
        while (frame := await self.frame()).kind != RST_STREAM or frame.stream != stream:
            pass
        return frame


def literal(name: str, value: str) -> bytes:
    """A header that is neither compressed nor remembered."""
    return b"\0" + short(name) + short(value)


def short(text: str) -> bytes:
    encoded = text.encode()
    assert len(encoded) < 127
    return bytes([len(encoded)]) + encoded


@asynccontextmanager
async def raw_client(address: str, window: int = 0) -> AsyncIterator[RawClient]:
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        client = RawClient(reader, writer)
        client.send(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW_SIZE, window))
        yield client
    finally:
        writer.close()
