"""Bodies that are not yet known to be signed take a bounded amount of memory."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from starlette.requests import Request
from starlette.types import Message

from telwerk_bridges.receiving import LARGE_BODIES_MAX, SMALL_BODY_BYTES, Bodies, RefusedError


def request_of(receive: Callable[[], Awaitable[Message]]) -> Request:
    return Request({"type": "http", "method": "POST", "path": "/", "headers": []}, receive)


class Slow:
    """A caller who sends a large part at once, and the rest when told to."""

    def __init__(self) -> None:
        self.sent = asyncio.Event()
        self.go = asyncio.Event()

    async def receive(self) -> Message:
        if not self.sent.is_set():
            self.sent.set()
            return {"type": "http.request", "body": b"x" * (SMALL_BODY_BYTES + 1), "more_body": True}
        await self.go.wait()
        return {"type": "http.request", "body": b"", "more_body": False}


async def whole(bodies: Bodies, size: int) -> int:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"x" * size, "more_body": False}

    return len(await bodies.read(request_of(receive)))


async def test_only_so_many_large_bodies_are_read_at_once_and_small_ones_always() -> None:
    """Also once some of them were given up."""
    bodies, callers = Bodies(), [Slow() for _ in range(LARGE_BODIES_MAX)]
    reads = [asyncio.create_task(bodies.read(request_of(caller.receive))) for caller in callers]
    for caller in callers:
        await caller.sent.wait()
    await asyncio.sleep(0)
    with pytest.raises(RefusedError, match="LARGE_BODIES_MAX") as refused:
        await whole(bodies, SMALL_BODY_BYTES + 1)
    assert refused.value.status == 503
    assert await whole(bodies, SMALL_BODY_BYTES) == SMALL_BODY_BYTES
    reads[0].cancel()
    await asyncio.gather(reads[0], return_exceptions=True)
    assert await whole(bodies, SMALL_BODY_BYTES + 1) == SMALL_BODY_BYTES + 1
    for caller in callers:
        caller.go.set()
    assert [len(body) for body in await asyncio.gather(*reads[1:])] == [SMALL_BODY_BYTES + 1] * (LARGE_BODIES_MAX - 1)
    assert await whole(bodies, 2 * SMALL_BODY_BYTES) == 2 * SMALL_BODY_BYTES
