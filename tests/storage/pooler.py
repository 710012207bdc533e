"""A pooler in transaction mode, as PgBouncer is one: every transaction may get another session of the server.

It knows nothing of prepared statements, as PgBouncer before 1.21, and refuses settings of a connection that it does not
know. Between two transactions it always goes on to its next session, which PgBouncer does only under load.
"""

import asyncio
import struct
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

_Message = tuple[bytes, bytes]
"""Its kind, and all of it."""
_KNOWN = {"user", "database", "application_name", "client_encoding"}
_IDLE = b"I"
_FAREWELL = b"X"
_ROLLBACK = b"S\0\0\0\x04Q\0\0\0\x0dROLLBACK\0"
_SSL_REQUEST = 80877103


class _Session:
    """A connection to the server, which one client has at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, greeting: bytes) -> None:
        self.reader = reader
        self.writer = writer
        self.greeting = greeting
        self.lock = asyncio.Lock()


class Pooler:
    """So many sessions, given to transactions in turn."""

    def __init__(self, server: str, sessions: int) -> None:
        parts = urlsplit(server)
        self._socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.5432"
        self._startup = _startup({"user": parts.username or "postgres", "database": parts.path[1:]})
        self._count = sessions
        self._sessions: list[_Session] = []

    async def open(self) -> None:
        """Connects to the server."""
        for _ in range(self._count):
            reader, writer = await asyncio.open_unix_connection(self._socket)
            writer.write(self._startup)
            greeting, kind = b"", b""
            while kind != b"Z":
                kind, message = await _message(reader)
                greeting += message
            self._sessions.append(_Session(reader, writer, greeting))
        self._turns = cycle(self._sessions)

    def close(self) -> None:
        """Leaves the server."""
        for session in self._sessions:
            session.writer.close()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client."""
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            if await self._greet(reader, writer):
                reading = asyncio.create_task(_message(reader))
                while True:
                    reading = await self._transaction(reading, reader, writer)
        writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        while True:
            [size] = struct.unpack("!i", await reader.readexactly(4))
            body = await reader.readexactly(size - 4)
            if struct.unpack("!i", body[:4])[0] != _SSL_REQUEST:
                break
            writer.write(b"N")
        given = body[4:].rstrip(b"\0").split(b"\0")[::2]
        for name in given:
            if name.decode() not in _KNOWN:
                text = f"SFATAL\0C08P01\0Munsupported startup parameter: {name.decode()}\0\0".encode()
                writer.write(b"E" + struct.pack("!i", len(text) + 4) + text)
                return False
        writer.write(self._sessions[0].greeting)
        return True

    async def _transaction(
        self, reading: "asyncio.Task[_Message]", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> "asyncio.Task[_Message]":
        """Passes on what both say from one moment without a transaction to the next."""
        await asyncio.wait({reading})
        if reading.result()[0] == _FAREWELL:
            raise ConnectionResetError
        session = next(self._turns)
        async with session.lock:
            answering = asyncio.create_task(_answered(session, writer))
            try:
                while not answering.done():
                    await asyncio.wait({answering, reading}, return_when=asyncio.FIRST_COMPLETED)
                    if reading.done() and not answering.done():
                        kind, message = reading.result()
                        if kind == _FAREWELL:
                            raise ConnectionResetError
                        session.writer.write(message)
                        reading = asyncio.create_task(_message(reader))
            except (ConnectionError, asyncio.IncompleteReadError):
                # The client has gone: the session is for the others.
                session.writer.write(_ROLLBACK)
                await answering
                raise
        return reading


async def _answered(session: _Session, writer: asyncio.StreamWriter) -> None:
    """Passes the server's answers on until no transaction is open."""
    while True:
        kind, message = await _message(session.reader)
        writer.write(message)
        if kind == b"Z" and message.endswith(_IDLE):
            return


def _startup(values: dict[str, str]) -> bytes:
    body = struct.pack("!i", 3 << 16) + b"".join(f"{k}\0{v}\0".encode() for k, v in values.items()) + b"\0"
    return struct.pack("!i", len(body) + 4) + body


async def _message(reader: asyncio.StreamReader) -> _Message:
    head = await reader.readexactly(5)
    return head[:1], head + await reader.readexactly(struct.unpack("!i", head[1:])[0] - 4)


@asynccontextmanager
async def pooled(server: str, sessions: int = 2) -> AsyncIterator[str]:
    """The URL of a database through a pooler."""
    parts, pooler = urlsplit(server), Pooler(server, sessions)
    await pooler.open()
    with tempfile.TemporaryDirectory(prefix="telwerk-pool-") as folder:
        listening = await asyncio.start_unix_server(pooler.serve, Path(folder) / ".s.PGSQL.5432")
        try:
            yield f"postgresql://{parts.username or 'postgres'}@{parts.path}?host={folder}"
        finally:
            listening.close()
            pooler.close()
