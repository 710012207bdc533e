"""A sender with a spool loses nothing that was added: the same laws for both senders."""

import asyncio
import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest

from telwerk import EventSender, Telwerk, errors
from telwerk.outbox import Limits
from telwerk.sending import NotSentError, SenderClosedError
from telwerk.spool import Spool
from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion
from tests.client.senders import Kind, action, counted
from tests.client.spooling import AT_ONCE, AWAY, BYTES, add_all, numbers_in, spooling
from tests.client.test_sender import Answer, Scripted, scripted, unavailable
from tests.conftest import eventually, free_address, serving
from tests.effort import examples

KILLS = examples(6)
"""Each costs two starts."""


@pytest.fixture(params=["threads", "tasks"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool.db"


# --- nothing is lost -------------------------------------------------------------------------------------------------


def test_neither_sigkill_of_the_producer_nor_of_the_server_loses_an_event_or_counts_it_twice(
    tmp_path: Path, spool: Path
) -> None:
    """Producers of both kinds take turns on one spool, while the server is there, is killed, or is away."""
    chance, database, address = random.Random(5), tmp_path / "telwerk.db", free_address()  # noqa: S311 - to be repeatable
    added = set[int]()
    for number in range(KILLS):
        kind: Kind = "tasks" if number // 2 % 2 else "threads"
        with ExitStack() as stack:
            server = None
            if number % 2:
                server = stack.enter_context(serving(database, "--listen", address))
            process = stack.enter_context(producer(kind, address, spool, first=number * 100_000))
            assert process.stdout is not None
            added.update(int(process.stdout.readline()) for _ in range(chance.randint(1, 400)))
            killed = [process, server.process] if server else [process]
            for one in chance.sample(killed, len(killed)):
                one.send_signal(signal.SIGKILL)
                one.wait(timeout=30)
            added.update(int(line) for line in process.stdout)
    with serving(database, "--listen", address):
        with Telwerk(address) as client, EventSender(client, "acme", spool=spool):
            pass
        with closing(sqlite3.connect(database)) as connection:
            stored = [int(row[0].removeprefix("e")) for row in connection.execute("SELECT event_id FROM events")]
        assert added - set(stored) == set()
        # Those beyond were being added when the producer was killed. Each of all is counted, and once.
        assert len(set(stored) - added) <= AT_ONCE * KILLS
        assert counted(address) == len(stored) == len(set(stored))
    assert numbers_in(spool) == []


@contextmanager
def producer(kind: Kind, address: str, spool: Path, first: int) -> "Iterator[subprocess.Popen[str]]":
    """See `tests.client.spooling`."""
    command = [sys.executable, "-m", "tests.client.spooling", kind, address, str(spool), str(first)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)
        assert process.stdout is not None
        process.stdout.close()


async def test_what_is_in_the_spool_at_the_start_is_sent_unasked_in_the_order_in_which_it_was_added(
    kind: Kind, spool: Path
) -> None:
    async with spooling(kind, AWAY, spool) as sender:
        await add_all(sender, *range(25))
    async with spooling(kind, AWAY, spool) as sender:
        await add_all(sender, *range(25, 40))
        assert sender.held_count == 40
    assert numbers_in(spool) == list(range(40))
    servicer = Scripted()
    async with scripted(servicer) as address, spooling(kind, address, spool, calls=1) as sender:

        async def all_sent() -> bool:
            return sender.tally.accepted_count == 40

        await eventually(all_sent)
    assert [name for batch in servicer.batches for name in batch] == [f"e{number}" for number in range(40)]
    assert numbers_in(spool) == []


async def test_an_event_is_in_the_file_when_add_returns_and_leaves_it_once_it_is_answered(
    kind: Kind, spool: Path
) -> None:
    servicer = Scripted(*[unavailable] * 3)
    async with scripted(servicer) as address, spooling(kind, address, spool) as sender:
        for number in range(15):
            await sender.add(action(number))
            assert number in numbers_in(spool)
        assert await sender.flush(30)
        assert (numbers_in(spool), sender.held_count) == ([], 0)
    assert servicer.stored.total() == 15


async def test_threads_and_tasks_that_add_at_once_lose_nothing(kind: Kind, spool: Path) -> None:
    servicer = Scripted()
    async with scripted(servicer) as address, spooling(kind, address, spool) as sender:
        async with asyncio.TaskGroup() as group:
            for first in range(0, 1_600, 200):
                group.create_task(add_all(sender, *range(first, first + 200)))
        assert await sender.flush(60)
    assert servicer.stored == Counter(f"e{number}" for number in range(1_600))


async def test_what_is_refused_is_told_and_leaves_the_file(kind: Kind, spool: Path) -> None:
    told: list[str] = []

    def tell(event: pb.Event, _: ingestion.Rejection) -> None:
        # It is still there, so that a process that is killed here tells it again.
        told.append(event.event_id if numbers_in(spool) == [1, 2, 3] else "too late")

    servicer, options = Scripted(first_refused), {"calls": 1, "limits": Limits(linger_seconds=60)}
    async with scripted(servicer) as address, spooling(kind, address, spool, on_rejected=tell, **options) as sender:
        await add_all(sender, 1, 2, 3)
        assert await sender.flush(30)
        assert (sender.tally.accepted_count, sender.tally.rejected_count) == (2, 1)
        assert numbers_in(spool) == []
    assert told == ["e1"]


async def first_refused(server: Scripted, request: Any, _context: Any) -> Answer:
    answer = server.take(list(request.events)[1:])
    answer.verdicts.insert(0, ingestion.VERDICT_REJECTED)
    return answer


async def test_a_removal_whose_wait_is_cancelled_is_done_all_the_same(spool: Path) -> None:
    own = Spool(spool, "acme", BYTES, waits=True, changed=lambda: None)
    for number in range(1, 20):
        own.append(action(number).SerializeToString()).result()
        own.remove([number]).cancel()
    own.append(action(20).SerializeToString()).result()
    own.close(SenderClosedError("closed"))
    assert numbers_in(spool) == [20]


# --- closing, and what stops a sender --------------------------------------------------------------------------------


async def test_what_is_not_sent_at_the_end_stays_for_the_next_sender_which_is_no_error(
    kind: Kind, spool: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with spooling(kind, AWAY, spool) as sender:
        await add_all(sender, 1, 2)
        assert not await sender.flush(0.1)
        await sender.close(0.1)
        assert f"2 events stay in the spool {spool}" in caplog.text
        with pytest.raises(SenderClosedError):
            await sender.add(action(3))
        await sender.close()
        assert [path.name for path in spool.parent.glob("spool.db-*")] == []
    servicer = Scripted()
    async with scripted(servicer) as address, spooling(kind, address, spool) as sender:
        assert await sender.flush(30)
    assert servicer.stored.total() == 2


async def test_a_key_that_is_refused_stops_the_sender_and_the_next_one_sends_what_it_leaves(
    kind: Kind, spool: Path
) -> None:
    servicer = Scripted(unauthenticated)
    async with scripted(servicer) as address:
        async with spooling(kind, address, spool) as sender:
            await add_all(sender, 1)
            with pytest.raises(errors.UnauthenticatedError):
                await sender.flush(30)
            with pytest.raises(errors.UnauthenticatedError):
                await sender.add(action(2))
            with pytest.raises(NotSentError, match=f"1 events stay in the spool {spool}") as caught:
                await sender.close()
            assert caught.value.events == []
            assert isinstance(caught.value.__cause__, errors.UnauthenticatedError)
        async with spooling(kind, address, spool) as sender:
            assert await sender.flush(30)
            assert sender.tally.accepted_count == 1


async def unauthenticated(_server: Scripted, _request: Any, context: Any) -> Answer:
    return await context.abort(grpc.StatusCode.UNAUTHENTICATED, "the API key has expired")
