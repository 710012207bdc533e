"""Who attacks: its calls of gRPC, on connections of its own, and what they were met with.

An attacker has no key, or the key of one account. It runs in a process of its own and waits for no answer longer than
it likes. What it is refused is what it hoped to prevent, so errors are counted and never raised.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import grpc.aio

ACCOUNT = "attacker"
INGEST, STREAM, HEALTH, SERIES, TOTALS, BATCH, WATCH, EXPLAIN = (
    "/telwerk.v1.IngestionService/IngestEvents",
    "/telwerk.v1.IngestionService/StreamEvents",
    "/grpc.health.v1.Health/Check",
    "/telwerk.v1.KpiService/QueryTimeSeries",
    "/telwerk.v1.KpiService/QueryTotals",
    "/telwerk.v1.KpiService/BatchQuery",
    "/telwerk.v1.KpiService/WatchTimeSeries",
    "/telwerk.v1.KpiService/ExplainCount",
)
SECONDS_MAX = 60.0
_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)


class Ports(NamedTuple):
    """Where a server is reached."""

    grpc: str
    http: str


class Attacker:
    """One that goes on until `end`, with whatever key it has."""

    def __init__(self, ports: Ports, key: str, end: float) -> None:
        self.address = ports.grpc
        self.http_address = ports.http
        self.end = end
        self.metadata = (("authorization", f"Bearer {key}"),)
        self.met = Counter[str]()
        self._channels: list[grpc.aio.Channel] = []

    def channel(self) -> grpc.aio.Channel:
        """A connection of its own."""
        channel = grpc.aio.insecure_channel(self.address, _OPTIONS)
        self._channels.append(channel)
        return channel

    async def close(self) -> None:
        """Closes its connections."""
        await asyncio.gather(*(channel.close() for channel in self._channels), return_exceptions=True)

    async def call(
        self, channel: grpc.aio.Channel, method: str, request: bytes, *, with_key: bool = True, **more: Any
    ) -> bytes | None:
        """One call; what came of it is counted."""
        unary: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(method)
        metadata = self.metadata if with_key else None
        try:
            reply = await unary(request, metadata=metadata, timeout=SECONDS_MAX, **more)
        except grpc.aio.AioRpcError as error:
            self.met[f"{error.code().name}: {(error.details() or '')[:90]}"] += 1
            return None
        self.met["answered"] += 1
        return reply

    async def again_and_again(self, callers: int, one: Callable[[grpc.aio.Channel, int], Awaitable[Any]]) -> None:
        """So many callers, each on a connection of its own, until the end."""

        async def caller(number: int) -> None:
            channel = self.channel()
            while time.perf_counter() < self.end:
                await one(channel, number)
                number += callers
                await asyncio.sleep(0)

        await asyncio.gather(*(caller(number) for number in range(callers)))


Act: TypeAlias = Callable[[Attacker], Awaitable[None]]


@dataclass(frozen=True)
class Attack:
    """What is done, under the name of the point that it tries."""

    id: str
    what: str
    act: Act
    prepare: Act | None = None
