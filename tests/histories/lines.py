"""A line between clients and a server that can be cut, and led to another server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress


class Line:
    """Passes on what comes to its address."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.address = ""
        self._tasks: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Breaks every connection, without a word."""
        for task in self._tasks:
            task.cancel()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        sides = [writer]
        try:
            host, _, port = self.upstream.rpartition(":")
            to_reader, to_writer = await asyncio.open_connection(host, int(port))
            sides.append(to_writer)
            ways = [
                asyncio.ensure_future(_pass_on(reader, to_writer)),
                asyncio.ensure_future(_pass_on(to_reader, writer)),
            ]
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            for side in sides:
                side.transport.abort()

    async def end(self) -> None:
        self.cut()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()


@asynccontextmanager
async def line_to(upstream: str) -> AsyncIterator[Line]:
    """A line to a server that listens at host:port."""
    line = Line(upstream)
    listening = await asyncio.start_server(line.serve, "127.0.0.1", 0)
    line.address = f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    try:
        yield line
    finally:
        listening.close()
        await line.end()
