"""Nothing that a sender was given is lost, and nothing counts twice: the same laws for both senders."""

import asyncio
import logging
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

from telwerk import Telwerk, errors, events
from telwerk.outbox import Limits
from telwerk.sending import BufferFullError, NotSentError, SenderClosedError, SenderError
from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, ingestion_service_pb2_grpc as ingestion_grpc
from tests.client.senders import AT, Kind, action, counted, sending
from tests.conftest import ServerProcess, eventually, free_address, serving, started
from tests.effort import rounds

SMALL = Limits(batch_events=10, linger_seconds=0.01, buffer_events=50)

Answer = ingestion.IngestEventsResponse


@pytest.fixture(params=["threads", "tasks"])
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


class Scripted(ingestion_grpc.IngestionServiceServicer):
    """A server that does what it is told, batch after batch, and then takes everything."""

    def __init__(self, *script: Callable[[Any, Any], Any]) -> None:
        self._script = list(script)
        self.batches: list[list[str]] = []
        self.stored: Counter[str] = Counter()

    async def IngestEvents(self, request, context):  # noqa: N802 - the contract's name
        self.batches.append([event.event_id for event in request.events])
        behave = self._script.pop(0) if self._script else accept
        return await behave(self, request, context)

    def take(self, taken: list[pb.Event]) -> Answer:
        """Stores, as the real one does: each id once."""
        known = [event.event_id in self.stored for event in taken]
        self.stored.update({event.event_id for event in taken} - self.stored.keys())
        verdicts = [ingestion.VERDICT_DUPLICATE if one else ingestion.VERDICT_ACCEPTED for one in known]
        return Answer(accepted_count=known.count(False), duplicate_count=known.count(True), verdicts=verdicts)


async def accept(server: Scripted, request: Any, _context: Any) -> Answer:
    return server.take(list(request.events))


async def half(server: Scripted, request: Any, _context: Any) -> Answer:
    return server.take(list(request.events)[: len(request.events) // 2])


async def nothing(_server: Scripted, _request: Any, _context: Any) -> Answer:
    return Answer()


async def stored_but_reset(server: Scripted, request: Any, context: Any) -> Answer:
    """The commit went through and the answer did not: what a client sees of a stream that was reset."""
    server.take(list(request.events))
    return await context.abort(grpc.StatusCode.INTERNAL, "Received RST_STREAM with error code 2")


async def unavailable(_server: Scripted, _request: Any, context: Any) -> Answer:
    return await context.abort(grpc.StatusCode.UNAVAILABLE, "not yet")


async def slow(server: Scripted, request: Any, _context: Any) -> Answer:
    """Stores, and lets the caller wait for longer than it will."""
    answer = server.take(list(request.events))
    await asyncio.sleep(60)
    return answer


@asynccontextmanager
async def scripted(servicer: Scripted, **options: int) -> AsyncIterator[str]:
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), *((f"grpc.{k}", v) for k, v in options.items())])
    ingestion_grpc.add_IngestionServiceServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


# --- batches ---------------------------------------------------------------------------------------------------------


async def test_all_that_is_added_arrives_in_batches_of_the_size_that_was_set(kind: Kind) -> None:
    servicer = Scripted()
    async with scripted(servicer) as address, sending(kind, address, limits=SMALL) as sender:
        for number in range(95):
            await sender.add(action(number))
        await sender.close()
        assert sender.held_count == 0
        assert sender.tally.accepted_count == 95
    assert max(len(batch) for batch in servicer.batches) <= 10
    assert servicer.stored == Counter(f"e{number}" for number in range(95))


async def test_an_event_alone_goes_after_the_time_that_was_set_and_without_a_flush(kind: Kind) -> None:
    servicer = Scripted()
    async with scripted(servicer) as address, sending(kind, address, limits=SMALL) as sender:
        await sender.add(action(1))

        async def arrived() -> bool:
            return sender.tally.accepted_count == 1

        await eventually(arrived)
        assert servicer.batches == [["e1"]]


async def test_a_flush_waits_for_no_more_events_and_for_every_answer(kind: Kind) -> None:
    patient = Limits(batch_events=1_000, linger_seconds=3_600)
    servicer = Scripted(unavailable)
    async with scripted(servicer) as address, sending(kind, address, limits=patient) as sender:
        await sender.add(action(1))
        assert await sender.flush(30)
        assert servicer.stored == Counter(["e1"])
        assert await sender.flush(0)


async def test_a_batch_is_bounded_in_bytes_too(kind: Kind) -> None:
    servicer = Scripted()
    size = action(1).ByteSize()
    limits = Limits(batch_events=10, batch_bytes=3 * size, linger_seconds=0.01, buffer_events=50)
    async with scripted(servicer) as address, sending(kind, address, limits=limits) as sender:
        for number in range(9):
            await sender.add(action(number))
        await sender.close()
    assert max(len(batch) for batch in servicer.batches) <= 3
    assert servicer.stored.total() == 9


# --- a server that fails ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [unavailable, stored_but_reset, half, nothing], ids=lambda one: one.__name__)
async def test_whatever_a_server_does_every_event_is_stored_once_and_resent_with_its_id(
    kind: Kind, failure: Callable[..., Any]
) -> None:
    """The failure, then fine, then the failure again (more often than grpc itself repeats a call)."""
    servicer = Scripted(failure, accept, *[failure] * 7)
    async with scripted(servicer) as address, sending(kind, address, limits=SMALL) as sender:
        for number in range(40):
            await sender.add(action(number))
        await sender.close()
        tally = sender.tally
    assert servicer.stored == Counter(f"e{number}" for number in range(40))
    assert tally.accepted_count + tally.duplicate_count == 40
    assert len(servicer.batches) > 4


async def test_a_server_that_is_too_slow_is_asked_again_and_nothing_counts_twice(kind: Kind) -> None:
    servicer = Scripted(slow)
    hasty = {"timeout_seconds": 1.0}
    full = Limits(batch_events=10, linger_seconds=60, buffer_events=50)
    async with scripted(servicer) as address, sending(kind, address, hasty, limits=full) as sender:
        for number in range(10):
            await sender.add(action(number))
        await sender.close()
        assert (sender.tally.duplicate_count, sender.tally.accepted_count) == (10, 0)
    assert servicer.batches == [[f"e{number}" for number in range(10)]] * 2


async def test_a_producer_loses_nothing_to_a_server_that_is_killed_and_restarted_at_random(
    kind: Kind, tmp_path: Path
) -> None:
    """kill -9 while events come, in full three times: in the end every event is counted once."""
    chance = random.Random(7)  # noqa: S311 - to be repeatable
    all_kills = rounds(3)
    database, total = tmp_path / "telwerk.db", 700 + 600 * all_kills
    address = free_address()
    with serving(database, "--listen", address) as first:
        async with sending(
            kind,
            address,
            {"timeout_seconds": 5.0},
            limits=Limits(batch_events=50, linger_seconds=0.02, buffer_events=200),
            close_seconds=60,
        ) as sender:

            async def produce() -> None:
                for number in range(total):
                    await sender.add(action(number))
                await sender.close()

            producing = asyncio.create_task(produce())
            await kill_when(first, sender, 300)
            for kills in range(1, all_kills):
                with serving(database, "--listen", address) as again:
                    await kill_when(again, sender, 300 + kills * 600 + chance.randrange(300))
            with serving(database, "--listen", address):
                await producing
                assert counted(address) == total
            tally = sender.tally
            assert (tally.accepted_count + tally.duplicate_count, tally.rejected_count) == (total, 0)


async def kill_when(server: ServerProcess, sender: Any, answered: int) -> None:
    """Kills it as soon as so many events are answered; more are on their way then."""

    async def so_far() -> bool:
        return bool(sender.tally.accepted_count + sender.tally.duplicate_count >= answered)

    await eventually(so_far, 60)
    server.process.send_signal(signal.SIGKILL)
    await asyncio.to_thread(server.process.wait, 30)


# --- bounded memory --------------------------------------------------------------------------------------------------


async def test_without_room_the_next_event_is_refused_and_taken_once_there_is_some(kind: Kind) -> None:
    servicer = Scripted(*[unavailable] * 6)
    limits = Limits(batch_events=5, linger_seconds=0.0, buffer_events=20)
    async with scripted(servicer) as address, sending(kind, address, limits=limits, when_full="raise") as sender:
        for number in range(20):
            await sender.add(action(number))
        with pytest.raises(BufferFullError, match="no room"):
            await sender.add(action(20))
        assert await sender.flush(30)
        await sender.add(action(20))
        await sender.close()
    assert servicer.stored == Counter(f"e{number}" for number in range(21))


async def test_without_room_adding_waits_and_no_more_than_the_limit_is_ever_held(kind: Kind) -> None:
    servicer = Scripted(*[unavailable] * 6)
    limits = Limits(batch_events=5, linger_seconds=0.0, buffer_events=20)
    async with scripted(servicer) as address, sending(kind, address, limits=limits) as sender:
        for number in range(100):
            await sender.add(action(number))
            assert sender.held_count <= 20
        await sender.close()
    assert servicer.stored.total() == 100


# --- what the server refuses -----------------------------------------------------------------------------------------


async def test_a_refused_event_is_told_with_its_reason_and_sinks_no_other(
    kind: Kind, shared_server: ServerProcess, account: str
) -> None:
    told: list[tuple[str, str, str]] = []

    def on_rejected(event: pb.Event, rejection: ingestion.Rejection) -> None:
        told.append((event.event_id, rejection.reason, rejection.field))

    bad = events.rated("c", widget="web", at=AT, stars=9, event_id="bad")
    # A producer whose clock is an hour ahead.
    skewed = action(1, datetime.now(UTC) + timedelta(hours=1))
    async with sending(kind, shared_server.address, account=account, limits=SMALL, on_rejected=on_rejected) as sender:
        for event in (action(0), bad, skewed, action(2)):
            await sender.add(event)
        assert await sender.flush(30)
        assert (sender.tally.accepted_count, sender.tally.rejected_count) == (2, 2)
    assert sorted(told) == [("bad", "INVALID_EVENT", "conversation_rated.stars"), ("e1", "INVALID_EVENT", "occur_time")]
    assert counted(shared_server.address, account) == 2


async def test_an_event_that_is_too_large_for_any_call_is_told_alone(kind: Kind, tmp_path: Path) -> None:
    told: list[tuple[str, str]] = []
    large = action(3)
    large.event_id = "x" * 70_000

    def on_rejected(event: pb.Event, rejection: ingestion.Rejection) -> None:
        told.append((event.event_id[:1], rejection.reason))

    async with started(tmp_path / "telwerk.db", message_bytes_max=65_536) as server:
        async with sending(kind, server.address, limits=SMALL, on_rejected=on_rejected) as sender:
            for event in (action(0), action(1), large, action(2)):
                await sender.add(event)
            assert await sender.flush(30)
        assert await server.total("acme", "inactivity_actions") == 3
    assert told == [("x", "LIMIT_EXCEEDED")]


async def test_a_callback_that_fails_is_logged_and_keeps_nothing_from_being_sent(
    kind: Kind, shared_server: ServerProcess, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(*_: object) -> None:
        raise LookupError("a defect of the producer")

    async with sending(kind, shared_server.address, account=account, limits=SMALL, on_rejected=fails) as sender:
        await sender.add(events.rated("c", widget="web", at=AT, stars=9, event_id="bad"))
        await sender.add(action(1))
        assert await sender.flush(30)
    assert counted(shared_server.address, account) == 1
    assert "on_rejected failed for event 'bad'" in caplog.text


async def test_a_refused_event_is_logged_where_nobody_asks_for_it(
    kind: Kind, shared_server: ServerProcess, account: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "telwerk.sender"):
        async with sending(kind, shared_server.address, account=account, limits=SMALL) as sender:
            await sender.add(events.rated("c", widget="web", at=AT, stars=9, event_id="bad"))
            assert await sender.flush(30)
    assert "event 'bad' of conversation 'c' is refused: INVALID_EVENT" in caplog.text


# --- what sending again cannot mend ----------------------------------------------------------------------------------


async def test_a_key_that_is_refused_stops_the_sender_and_every_event_is_handed_back(
    kind: Kind, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.toml"
    command = ["keys", "create", "-f", keys, "--account", "acme", "--role", "ingest"]
    subprocess.run([sys.executable, "-m", "telwerkd.cli", *command], check=True, capture_output=True)  # noqa: ASYNC221
    with serving(tmp_path / "telwerk.db", "--keys-file", str(keys)) as server:
        async with sending(kind, server.address, {"api_key": "tw_old_expired"}, limits=SMALL) as sender:
            await sender.add(action(1))
            with pytest.raises(errors.UnauthenticatedError):
                await sender.flush(30)
            with pytest.raises(errors.UnauthenticatedError):
                await sender.add(action(2))
            with pytest.raises(NotSentError) as caught:
                await sender.close()
    assert [event.event_id for event in caught.value.events] == ["e1"]
    assert isinstance(caught.value.__cause__, errors.UnauthenticatedError)


async def test_an_account_that_cannot_be_blames_no_event(
    kind: Kind, shared_server: ServerProcess, account: str
) -> None:
    told: list[pb.Event] = []
    async with sending(
        kind, shared_server.address, account=account, limits=SMALL, on_rejected=lambda event, _: told.append(event)
    ) as sender:
        sender._sender._account_id = "x" * 500
        await sender.add(action(1))
        with pytest.raises(errors.InvalidArgumentError, match="account_id"):
            await sender.flush(30)
        with pytest.raises(NotSentError):
            await sender.close()
    assert told == []


# --- closing ---------------------------------------------------------------------------------------------------------


async def test_closing_with_a_full_buffer_ends_at_its_deadline_and_says_what_was_not_sent(kind: Kind) -> None:
    limits = Limits(batch_events=5, linger_seconds=0.0, buffer_events=20)
    async with sending(kind, "127.0.0.1:1", limits=limits, when_full="raise") as sender:
        for number in range(20):
            await sender.add(action(number))
        with pytest.raises(NotSentError, match="20 events are not known to be stored") as caught:
            await sender.close(0.5)
        assert sorted(event.event_id for event in caught.value.events) == sorted(f"e{number}" for number in range(20))
        assert isinstance(caught.value.__cause__, errors.UnreachableError | None)
        with pytest.raises(SenderClosedError):
            await sender.add(action(21))
        await sender.close()


async def test_what_closing_hands_back_can_be_sent_again_and_counts_once(
    kind: Kind, shared_server: ServerProcess, account: str
) -> None:
    servicer = Scripted(*[unavailable] * 100)
    async with scripted(servicer) as address, sending(kind, address, limits=SMALL) as sender:
        for number in range(15):
            await sender.add(action(number))
        with pytest.raises(NotSentError) as caught:
            await sender.close(0.2)
    with Telwerk(shared_server.address) as client:
        assert client.ingest(account, caught.value.events).accepted_count == 15


async def test_a_client_that_is_closed_first_stops_the_sender_and_loses_nothing(kind: Kind) -> None:
    servicer = Scripted()
    async with scripted(servicer) as address, sending(kind, address, limits=SMALL) as sender:
        await sender._do(sender._sender._telwerk.close)
        await sender.add(action(1))
        with pytest.raises((SenderError, errors.TelwerkError)):
            await sender.flush(30)
        with pytest.raises(NotSentError):
            await sender.close()


def test_a_program_that_forgets_to_close_still_sends_what_it_has(shared_server: ServerProcess, account: str) -> None:
    program = f"""
from datetime import datetime, UTC
from telwerk import EventSender, Telwerk, events
from telwerk.outbox import Limits
sender = EventSender(Telwerk({shared_server.address!r}), {account!r}, limits=Limits(linger_seconds=3600))
sender.add(events.inactivity_action("c", widget="web", at=datetime(2026, 11, 2, 9, tzinfo=UTC), action=1))
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
    assert counted(shared_server.address, account) == 1


@pytest.mark.parametrize(
    "limits",
    [
        {"batch_events": 0},
        {"batch_bytes": 0},
        {"linger_seconds": -1},
        {"batch_events": 100, "buffer_events": 99},
        {"batch_bytes": 100, "buffer_bytes": 99},
    ],
)
def test_limits_that_make_no_sense_are_refused_at_once(limits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="batch"):
        Limits(**limits)
