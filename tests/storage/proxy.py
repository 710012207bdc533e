"""A wire to PostgreSQL that can be cut, also at the one moment at which it matters most."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_COMMIT = b"COMMIT;\x00"


class Wire:
    """What goes through is passed on, until it is told not to."""

    def __init__(self, server: str) -> None:
        self.cuts_commits = 0
        """How many commits still to cut off: they reach the server, and its answers do not come back."""
        self.is_cut = False
        self._server = server
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[None]] = set()

    def cut(self) -> None:
        """Nothing goes through, and every connection is closed."""
        self.is_cut = True
        for writer in self._writers:
            writer.close()

    async def end(self) -> None:
        """Returns when nothing is left of any connection."""
        self.cut()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        sides = {writer}
        with suppress(ConnectionError):
            if not self.is_cut:
                to_reader, to_writer = await _connected(self._server)
                sides.add(to_writer)
                self._writers |= sides
                await self._between(reader, writer, to_reader, to_writer)
        self._writers -= sides
        for side in sides:
            side.close()
            with suppress(ConnectionError):
                await side.wait_closed()
        self._serving.discard(task)

    async def _between(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        to_reader: asyncio.StreamReader,
        to_writer: asyncio.StreamWriter,
    ) -> None:
        answering = asyncio.create_task(_pass_on(to_reader, writer))
        try:
            while data := await reader.read(65_536):
                if _COMMIT in data and self.cuts_commits:
                    self.cuts_commits -= 1
                    answering.cancel()
                    await asyncio.wait({answering})
                    to_writer.write(data)
                    await to_reader.read(65_536)  # the server has answered, so it has committed
                    return
                to_writer.write(data)
                await to_writer.drain()
        finally:
            answering.cancel()
            await asyncio.wait({answering})


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _connected(server: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(server)
    folder = parse_qs(parts.query).get("host")
    if folder:
        return await asyncio.open_unix_connection(f"{folder[0]}/.s.PGSQL.{parts.port or 5432}")
    return await asyncio.open_connection(parts.hostname, parts.port or 5432)


@asynccontextmanager
async def wired_to(server: str) -> AsyncIterator[tuple[str, Wire]]:
    """The URL of a database through a wire, and the wire."""
    parts, wire = urlsplit(server), Wire(server)
    with tempfile.TemporaryDirectory(prefix="telwerk-wire-") as folder:
        listening = await asyncio.start_unix_server(wire.serve, Path(folder) / ".s.PGSQL.5432")
        login = f"{parts.netloc.rpartition('@')[0]}@" if "@" in parts.netloc else ""
        try:
            yield f"postgresql://{login}{parts.path}?host={folder}", wire
        finally:
            listening.close()
            await wire.end()
