"""Compressed requests are what they were before they were compressed, and are inflated a little at a time."""

import asyncio
import gzip
import random
import zlib
from typing import Any, NoReturn

import grpc
import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given, strategies as st

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.domain.errors import LimitExceededError, UnavailableError
from telwerkd.transport.grpc.inflating import Inflating
from tests.conftest import ALL_TIME, CALL_SECONDS, Server, started

MESSAGE_MAX, METHOD_MAX = 100_000, 10_000
WHOLE, SMALL = "/whole", "/small"
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


class AbortedError(Exception):
    """How a call was ended."""


class Context:
    async def abort(self, code: grpc.StatusCode, text: str) -> NoReturn:
        raise AbortedError(code, text)


async def inflated(raw: bytes, method: str = WHOLE) -> bytes:
    bounds = {WHOLE: (MESSAGE_MAX, "all"), SMALL: (METHOD_MAX, "small_max")}
    inflating = Inflating(MESSAGE_MAX, lambda of, _: bounds[of], MemoryBudget(2**30))
    context: Any = Context()
    return await inflating.inflated(raw, context, method)


@given(st.binary(max_size=3_000).map(lambda content: b"\x0a" + content), st.integers(1, 9))
def test_a_message_is_the_same_however_it_was_compressed(message, level):
    """By gzip, by deflate, and not at all."""
    for sent in (message, gzip.compress(message, level), zlib.compress(message, level)):
        assert asyncio.run(inflated(sent)) == message


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"x",
        b"x\x9c",
        zlib.compress(b"cut")[:-1],
        zlib.compress(b"more") + b"!",
        b"\x1f\x8b" + bytes(9),
        gzip.compress(b"", mtime=0)[:-5],
    ],
    ids=["nothing", "a byte", "a head", "cut zlib", "more than zlib", "no gzip", "cut gzip"],
)
def test_what_cannot_be_inflated_is_taken_as_it_is(sent):
    """It is then no message, or one with a field 15 that was not compressed."""
    assert asyncio.run(inflated(sent)) == sent


@pytest.mark.parametrize("compress", [gzip.compress, zlib.compress])
def test_a_message_is_inflated_to_its_bound_and_no_further(compress):
    """Beyond that of its method it is refused by the setting's name, beyond that of any message as gRPC refuses it."""
    fits, beyond = bytes(METHOD_MAX), bytes(METHOD_MAX + 1)
    assert asyncio.run(inflated(compress(fits), SMALL)) == fits
    with pytest.raises(LimitExceededError, match=f"at most {METHOD_MAX} .small_max"):
        asyncio.run(inflated(compress(beyond), SMALL))
    largest = bytes(MESSAGE_MAX)
    assert asyncio.run(inflated(compress(largest))) == largest
    with pytest.raises(AbortedError) as caught:
        asyncio.run(inflated(compress(bytes(MESSAGE_MAX + 1))))
    assert caught.value.args == (EXHAUSTED, "Decompressed message larger than max")


async def test_others_have_their_turns_while_a_large_message_is_inflated():
    """Not more than 128 KiB is inflated in a turn of the event loop, however many messages there are."""
    size, turns, most = 8 * 2**20, 0, 2**17
    budget = MemoryBudget(2**30)
    inflating = Inflating(size, lambda *_: (size, "all"), budget)
    context: Any = Context()
    message = random.Random(1).randbytes(2**16) * (size // 2**16)  # noqa: S311  # not a secret

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(others())
    await asyncio.sleep(0)
    sent = gzip.compress(message, 1)
    found = await asyncio.gather(*(inflating.inflated(sent, context, WHOLE) for _ in range(2)))
    counting.cancel()
    assert found == [message, message]
    assert turns >= 2 * size // most - 2
    assert not budget.bytes_reserved
    another = budget.reserve(2**30 - 2**18, "another")
    with pytest.raises(UnavailableError, match="memory_bytes_max"):
        await inflating.inflated(sent, context, WHOLE)
    assert budget.bytes_reserved == another.size


def events(count: int) -> list[pb.Event]:
    return [
        pb.Event(
            event_id=f"e{n}",
            conversation_id="c",
            widget_id="w",
            occur_time=Timestamp(seconds=1_767_600_000 + n),
            conversation_ended=pb.ConversationEnded(),
        )
        for n in range(count)
    ]


async def stored(server: Server, account: str, how: grpc.Compression) -> tuple[int, int]:
    """Sends events by a call and by a stream; how many were accepted and then found to be there."""
    request = ingestion.IngestEventsRequest(account_id=account, events=events(2_000))
    answer = await server.ingestion.IngestEvents(request, compression=how, timeout=CALL_SECONDS)
    again = server.ingestion.StreamEvents(compression=how, timeout=CALL_SECONDS)
    for _ in range(2):
        await again.write(ingestion.StreamEventsRequest(account_id=account, events=events(2_000)))
    await again.done_writing()
    duplicates = sum([reply.duplicate_count async for reply in again])
    asked = kpi.QueryTotalsRequest(account_id=account, kpi_ids=["unanswered_ended_conversations"], range=ALL_TIME)
    await server.kpis.QueryTotals(asked, compression=how, timeout=CALL_SECONDS)
    return answer.accepted_count, duplicates


async def test_clients_may_compress_whatever_they_send(tmp_path):
    """Calls and streams, by gzip and deflate; what is larger than any message may be ends a call, and a stream too."""
    async with started(tmp_path / "telwerk.db", message_bytes_max=2**20) as server:
        for how in (grpc.Compression.Gzip, grpc.Compression.Deflate, grpc.Compression.NoCompression):
            assert await stored(server, f"account-{how.name}", how) == (2_000, 4_000)
        bomb = ingestion.IngestEventsRequest(account_id="x" * 2**21)
        for how in (grpc.Compression.Gzip, grpc.Compression.Deflate):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await server.ingestion.IngestEvents(bomb, compression=how, timeout=CALL_SECONDS)
            assert caught.value.code() is EXHAUSTED
            stream = server.ingestion.StreamEvents(compression=how, timeout=CALL_SECONDS)
            await stream.write(ingestion.StreamEventsRequest(account_id="x" * 2**21))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stream.read()
            assert caught.value.code() is EXHAUSTED
