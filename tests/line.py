"""A connection through which bytes go, or wait, or come one by one, or break off: between any two programs."""

import asyncio
import socket
import struct
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from enum import Enum
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
_CHUNK_BYTES = 65_536
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close by a reset, without a farewell."""


class Way(Enum):
    """What becomes of bytes."""

    THROUGH = "they go through"
    STALL = "they wait"
    BYTEWISE = "one at a time"
    RESET = "the connection is reset"
    HALF = "the half of them goes through, and then the connection is reset"
    VANISH = "they are lost, and nobody is told"


class Line:
    """Passes bytes on as `being` says at the moment; both directions alike."""

    def __init__(self, connect: Callable[[], Awaitable[Streams]]) -> None:
        self.connect = connect
        """How the other side is reached; another way of it holds for connections to come."""
        self._way = Way.THROUGH
        self._changed = asyncio.Event()
        self._open = set[asyncio.Task[None]]()

    @contextmanager
    def being(self, way: Way) -> Iterator[None]:
        """So it is meanwhile."""
        self._turn(way)
        try:
            yield
        finally:
            self._turn(Way.THROUGH)

    def _turn(self, way: Way) -> None:
        self._way = way
        self._changed.set()
        self._changed = asyncio.Event()

    def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = [writer]
        try:
            with suppress(OSError):
                to_reader, to_writer = await self.connect()
                writers.append(to_writer)
                there = asyncio.create_task(self._pass_on(reader, to_writer))
                back = asyncio.create_task(self._pass_on(to_reader, writer))
                both = {there, back}
                try:
                    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for each in both:
                        each.cancel()
                    await asyncio.wait(both)
        finally:
            for each_writer in writers:
                _reset(each_writer)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await self._read(reader):
                while self._way is Way.STALL:
                    await self._changed.wait()
                match self._way:
                    case Way.RESET:
                        return
                    case Way.HALF:
                        writer.write(data[: len(data) // 2])
                        await writer.drain()
                        return
                    case Way.VANISH:
                        continue
                    case Way.BYTEWISE:
                        for byte in data:
                            writer.write(bytes((byte,)))
                            await writer.drain()
                            await asyncio.sleep(0)
                    case _:
                        writer.write(data)
                        await writer.drain()

    async def _read(self, reader: asyncio.StreamReader) -> bytes:
        """What comes, or nothing when the connection is to be reset, whether anything comes or not."""
        reading = asyncio.ensure_future(reader.read(_CHUNK_BYTES))
        try:
            while not reading.done():
                if self._way is Way.RESET:
                    return b""
                turning = asyncio.ensure_future(self._changed.wait())
                await asyncio.wait({reading, turning}, return_when=asyncio.FIRST_COMPLETED)
                turning.cancel()
            return reading.result()
        finally:
            reading.cancel()

    def cut(self) -> None:
        """Resets every connection."""
        for task in self._open:
            task.cancel()

    async def end(self) -> None:
        """Returns when nothing is left of any connection."""
        self.cut()
        await asyncio.gather(*self._open, return_exceptions=True)


def _reset(writer: asyncio.StreamWriter) -> None:
    end = writer.get_extra_info("socket")
    if end is not None and end.family != socket.AF_UNIX:
        with suppress(OSError):
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    writer.transport.abort()


def reaching(address: str) -> Callable[[], Awaitable[Streams]]:
    """How a server at host:port is reached."""
    host, _, port = address.rpartition(":")
    return lambda: asyncio.open_connection(host, int(port))


@asynccontextmanager
async def line_to(address: str) -> AsyncIterator[tuple[str, Line]]:
    """An address of loopback that leads to another, and the line between."""
    line = Line(reaching(address))
    listening = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}", line
    finally:
        listening.close()
        await line.end()


@asynccontextmanager
async def line_to_postgres(url: str) -> AsyncIterator[tuple[str, Line]]:
    """A URL that leads to the same database on a socket, and the line between."""
    parts = urlsplit(url)
    socket_ = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.{parts.port or 5432}"
    line = Line(lambda: asyncio.open_unix_connection(socket_))
    with tempfile.TemporaryDirectory(prefix="telwerk-line-") as folder:
        listening = await asyncio.start_unix_server(line.serve, Path(folder) / ".s.PGSQL.5432")
        try:
            yield f"postgresql://{parts.username}@{parts.path}?host={folder}", line
        finally:
            listening.close()
            await line.end()
