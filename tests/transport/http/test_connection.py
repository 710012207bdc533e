"""Connections of the HTTP port share the event loop."""

import asyncio
import gc
import os
import socket
import struct
import weakref
from collections import Counter
from contextlib import asynccontextmanager, suppress
from itertools import pairwise

import pytest

from telwerkd.transport.http.connection import HttpLimits
from telwerkd.transport.http.server import HttpServer
from tests.conftest import eventually

LIMITS = HttpLimits(
    connections_max=1_000,
    handshake_seconds=20,
    idle_seconds=60,
    age_seconds=3_600,
    grace_seconds=3_600,
    http_header_bytes_max=8_192,
)
CONNECTIONS, REQUESTS = 40, 20


@asynccontextmanager
async def serving(app):
    """A port on which an application answers."""
    server = HttpServer(app, LIMITS, None)
    listening = socket.create_server(("127.0.0.1", 0))
    await server.start([listening])
    try:
        yield listening.getsockname()
    finally:
        await server.stop(1.0)


class Turns:
    """Counts the turns of the loop."""

    def __init__(self):
        self.now = 0
        self._counting = asyncio.create_task(self._count())

    async def _count(self):
        while True:
            self.now += 1
            await asyncio.sleep(0)

    def end(self):
        self._counting.cancel()


@pytest.mark.parametrize("end", ["closed", "reset", "cut while it waits", "cut amid its body"])
async def test_a_connection_that_has_ended_is_freed_without_the_collector(end):
    """Whatever it was at: with it goes what it had received."""
    connections, waits = [], asyncio.Event()

    async def app(scope, receive, send):
        connections.append(weakref.ref(scope["state"]["connection"]))
        while (await receive()).get("more_body"):
            pass
        if end == "cut while it waits":
            with suppress(asyncio.CancelledError):
                scope["state"]["connection"].serving(asyncio.current_task())
                waits.set()
                await asyncio.sleep(60)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})
        waits.set()

    gc.collect()
    gc.disable()
    try:
        async with serving(app) as place:
            reader, writer = await asyncio.open_connection(*place)
            length = 100_000 if end == "cut amid its body" else 10
            writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n0123456789" % length)
            if end != "cut amid its body":
                await waits.wait()
            if end == "reset":
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.close()
            del reader, writer

            async def freed():
                return bool(connections) and connections[0]() is None

            await eventually(freed)
    finally:
        gc.enable()


async def test_requests_that_are_sent_at_once_wait_for_the_turns_of_others():
    """However many connections send twenty before any answer, one is begun in a turn of the loop; all are answered."""
    turns, begun = Turns(), Counter()

    async def app(scope, _receive, send):
        begun[turns.now] += 1
        body = scope["path"].encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})

    async def client(address):
        reader, writer = await asyncio.open_connection(*address)
        requests = [f"GET /{n:02} HTTP/1.1\r\nHost: a\r\n\r\n" for n in range(REQUESTS)]
        writer.write("".join(requests).encode())
        answered = []
        for _ in range(REQUESTS):
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200")
            answered.append(int((await reader.readexactly(3))[1:]))
        writer.close()
        return answered

    async with serving(app) as address:
        answers = await asyncio.gather(*(client(address) for _ in range(CONNECTIONS)))
        turns.end()
    assert answers == [list(range(REQUESTS))] * CONNECTIONS
    assert sum(begun.values()) == CONNECTIONS * REQUESTS
    assert max(begun.values()) == 1


def descriptors():
    """How many this process has open."""
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


async def test_few_connections_are_accepted_in_a_turn_and_many_may_wait():
    """Those that come at once are accepted a few at a time; nobody is turned away, and others have their turns."""

    async def app(_scope, _receive, _send):
        raise AssertionError

    async with serving(app) as address:
        waiting = [socket.create_connection(address, timeout=20) for _ in range(4 * CONNECTIONS)]
        none, accepted = descriptors(), [0]
        while accepted[-1] < len(waiting):
            await asyncio.sleep(0)
            accepted.append(descriptors() - none)
        for each in waiting:
            each.close()
        while descriptors() > none - len(waiting):  # noqa: ASYNC110  # the system tells of no change
            await asyncio.sleep(0)
    assert max(after - before for before, after in pairwise(accepted)) < CONNECTIONS / 2
