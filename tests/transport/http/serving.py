"""Servers with an HTTP port for the tests beside, and what is said to them."""

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from google.protobuf.message import Message

from telwerkd.server.settings.settings import Settings
from telwerkd.server.upkeep_tasks import PERIODS, Periods
from telwerkd.server.wiring import Running, running
from telwerkd.transport.http.page import BUILT
from tests.conftest import SureClock

KPI = "/telwerk.v1.KpiService/"
TOTALS, SERIES, BATCH, WATCH = (
    KPI + name for name in ("QueryTotals", "QueryTimeSeries", "BatchQuery", "WatchTimeSeries")
)
INGEST = "/telwerk.v1.IngestionService/IngestEvents"


class HttpServer(NamedTuple):
    """A server in this process, and a client of its HTTP port."""

    running: Running
    client: httpx2.AsyncClient

    @property
    def place(self) -> tuple[str, int]:
        """Host and port of HTTP."""
        host, _, port = (self.running.http_address or "").rpartition(":")
        return host.strip("[]"), int(port)

    async def call(self, path: str, body: Any, **headers: str) -> httpx2.Response:
        """A call in JSON."""
        return await self.client.post(
            path, json=body, headers={name.replace("_", "-"): v for name, v in headers.items()}
        )

    async def raw(self, *parts: bytes, seconds: float = 20) -> bytes:
        """What the server answers to these bytes, until it closes."""
        reader, writer = await asyncio.open_connection(*self.place)
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
            async with asyncio.timeout(seconds):
                return await reader.read()
        except ConnectionResetError:
            return b""
        finally:
            writer.close()


@asynccontextmanager
async def http_started(
    folder: Path, *, periods: Periods = PERIODS, page: Path = BUILT, **settings: Any
) -> AsyncIterator[HttpServer]:
    """A server on an empty database, and a client of its HTTP port; `page` is the folder of its page."""
    wanted = {"database": str(folder / "telwerk.db"), "listen": "127.0.0.1:0", "http_listen": "127.0.0.1:0", **settings}
    async with (
        running(Settings(**wanted), clock=SureClock(), periods=periods, page=page) as server,
        httpx2.AsyncClient(base_url=f"http://{server.http_address}", timeout=30, trust_env=False) as client,
    ):
        yield HttpServer(server, client)


def details(response: httpx2.Response, kind: type[Message]) -> Message | None:
    """The detail of this kind that an error has."""
    for detail in response.json().get("details", []):
        if detail["type"] == kind.DESCRIPTOR.full_name:
            value = detail["value"]
            return kind.FromString(base64.b64decode(value + "=" * (-len(value) % 4)))
    return None


def envelope(message: bytes, flags: int = 0) -> bytes:
    return struct.pack(">BI", flags, len(message)) + message


async def envelopes(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, Any]]:
    """The flags and the JSON of each envelope of a stream."""
    buffer = b""
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) >= 5 and len(buffer) >= 5 + int.from_bytes(buffer[1:5]):
            end = 5 + int.from_bytes(buffer[1:5])
            yield buffer[0], json.loads(buffer[5:end])
            buffer = buffer[end:]
    assert buffer == b""
