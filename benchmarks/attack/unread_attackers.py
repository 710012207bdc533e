"""Attackers that read nothing: with an HTTP/2 window of 0 they may be sent headers, and no byte of a message."""

import asyncio
import time
import uuid
from collections.abc import Callable
from contextlib import suppress

from grpc_health.v1 import health_pb2
from h2.exceptions import ProtocolError

from benchmarks.attack.attacker import ACCOUNT, INGEST, SERIES, WATCH, Attacker
from benchmarks.attack.requests import batch_of, message, quarter_hours
from support.http2 import raw
from telwerk.v1 import kpi_service_pb2 as kpi

_HEALTH_WATCH = "/grpc.health.v1.Health/Watch"
_CALL_EVERY_SECONDS = 0.01


async def health_watches(attacker: Attacker) -> None:
    """Without a key."""
    request = health_pb2.HealthCheckRequest(service="readiness").SerializeToString()
    await _unread(attacker, 8, _HEALTH_WATCH, lambda _: request, with_key=False)


async def watches(attacker: Attacker) -> None:
    """With a commit now and then, which every one of them is to be told."""
    asked = kpi.WatchTimeSeriesRequest(account_id=ACCOUNT, query=quarter_hours(days=300)).SerializeToString()

    async def commits() -> None:
        channel = attacker.channel()
        while time.perf_counter() < attacker.end:
            await attacker.call(channel, INGEST, batch_of([message(uuid.uuid4().hex)]))
            await asyncio.sleep(0.5)

    await asyncio.gather(commits(), _unread(attacker, 4, WATCH, lambda _: asked))


async def answers(attacker: Attacker) -> None:
    """Each to another question, so that none is an answer that is kept already."""
    await _unread(attacker, 8, SERIES, lambda n: quarter_hours(moved=n).SerializeToString())


async def _unread(
    attacker: Attacker, connections: int, method: str, request: Callable[[int], bytes], *, with_key: bool = True
) -> None:
    """Call upon call until the end, on so many connections; one that the server closes is opened again."""
    metadata = attacker.metadata if with_key else ()

    async def connection(number: int) -> None:
        while time.perf_counter() < attacker.end:
            with suppress(OSError):
                async with raw(attacker.address, reading=False) as client:
                    while time.perf_counter() < attacker.end and not client.closed.is_set():
                        try:
                            client.call(method, request(number), metadata=metadata)
                            attacker.met["called"] += 1
                        except ProtocolError as error:  # as many streams as the server lets it open
                            attacker.met[type(error).__name__] += 1
                        number += connections
                        await asyncio.sleep(_CALL_EVERY_SECONDS)
            await asyncio.sleep(_CALL_EVERY_SECONDS)

    await asyncio.gather(*(connection(number) for number in range(connections)))
