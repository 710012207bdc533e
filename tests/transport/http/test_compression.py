"""Bodies in gzip are unpacked a piece at a time, each counted in memory before the next is made."""

import gzip

import pytest

from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.domain.errors import UnavailableError
from telwerkd.server.settings.settings import Settings
from telwerkd.transport.http.calls import BodyLimits, ConnectCalls
from telwerkd.transport.http.compression import Unpacking
from telwerkd.transport.http.json_requests import JsonRequests
from telwerkd.transport.http.methods import Methods

MIB = 2**20
BODY_BYTES = 16 * MIB


def calls_with(budget: MemoryBudget) -> ConnectCalls:
    limits = BodyLimits(BODY_BYTES, BODY_BYTES)
    return ConnectCalls(Methods([]), JsonRequests(Settings().event_limits, BODY_BYTES), limits, budget)


async def test_unpacking_ends_where_memory_does():
    """While others hold the rest of it: little more than there is has been made by then, of sixteen times as much."""
    budget = MemoryBudget(4 * MIB)
    calls, unpacking = calls_with(budget), Unpacking(gzip.compress(bytes(BODY_BYTES)), BODY_BYTES, "message_bytes_max")
    with budget.reserve(1, "another") as _, budget.reserve(1, "the request") as memory:
        with pytest.raises(UnavailableError, match="memory_bytes_max"):
            await calls._unpacked(unpacking, 1, memory)
        assert 0 < unpacking.size <= 4 * MIB
    assert budget.bytes_reserved == 0
    calls.close()


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 3 * MIB])
async def test_what_was_packed_is_unpacked(size):
    calls, body = calls_with(MemoryBudget(64 * MIB)), bytes(range(256)) * (size // 256) + bytes(size % 256)
    with calls.budget.reserve(0, "the request") as memory:
        assert await calls._unpacked(Unpacking(gzip.compress(body), size or 1, "x"), 1, memory) == body
    calls.close()
