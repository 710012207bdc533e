"""StreamEvents, through the real server: answers in order, after the commit; a stream that breaks loses nothing."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, TypeAlias

import grpc.aio
import pytest
import pytest_asyncio

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.keys_file import Role
from telwerkd.transport.services.unacked import UnackedWindow
from tests.chats import at
from tests.conftest import (
    CALL_SECONDS,
    Refusal,
    Server,
    committing,
    connected,
    eventually,
    free_address,
    locked,
    refusal,
    rows,
    serving,
    started,
    timestamp,
)
from tests.effort import rounds

pytestmark = pytest.mark.asyncio(loop_scope="module")

Stream: TypeAlias = Any
"""A call of StreamEvents; grpc's own type says no more of it."""

ACCEPTED, DUPLICATE, REJECTED = ingestion.VERDICT_ACCEPTED, ingestion.VERDICT_DUPLICATE, ingestion.VERDICT_REJECTED
KPI = "inactivity_actions"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(either) -> AsyncIterator[Server]:
    """One for all tests that do not stop it: each uses an account of its own."""
    settings = {"batch_events_max": 50, "stream_unacked_events_max": 200}
    async with started(either, **settings) as server:
        yield server


@pytest.fixture
def account(request) -> str:
    """An account of the test's own."""
    return request.node.name


def action(name: str, conversation: str = "c1") -> pb.Event:
    """An event that counts as one inactivity action, whatever else happens."""
    return pb.Event(
        event_id=name,
        conversation_id=conversation,
        widget_id="web",
        occur_time=timestamp(at("09:00:00")),
        inactivity_action_performed=pb.InactivityActionPerformed(action=4),
    )


def actions(prefix: str, count: int, conversation: str = "c1") -> list[pb.Event]:
    return [action(f"{prefix}-{n}", conversation) for n in range(count)]


def request_of(account: str, events: Iterable[pb.Event]) -> ingestion.StreamEventsRequest:
    return ingestion.StreamEventsRequest(account_id=account, events=events)


async def send(stream: Stream, account: str, events: Iterable[pb.Event]) -> None:
    await asyncio.wait_for(stream.write(request_of(account, events)), CALL_SECONDS)


async def answer(stream: Stream) -> ingestion.StreamEventsResponse:
    """The next answer; the stream must not have ended."""
    response = await asyncio.wait_for(stream.read(), CALL_SECONDS)
    assert response is not grpc.aio.EOF
    return response


async def each(stream: Stream) -> AsyncIterator[ingestion.StreamEventsResponse]:
    """The answers still to come. Not the call's own iterator: that may not be mixed with `read`."""
    while (response := await stream.read()) is not grpc.aio.EOF:
        yield response


async def rest(stream: Stream) -> list[ingestion.StreamEventsResponse]:
    """All answers that are still to come; the stream ends well."""
    await stream.done_writing()
    async with asyncio.timeout(CALL_SECONDS):
        responses = [response async for response in each(stream)]
        assert await stream.code() is grpc.StatusCode.OK
    return responses


async def test_a_small_batch_does_not_overtake_a_large_one(tmp_path):
    """A large batch is decoded bit by bit; what comes behind it on the stream is taken in after it all the same."""
    async with started(tmp_path / "telwerk.db") as server:
        stream = server.ingestion.StreamEvents()
        for n in range(5):
            await send(stream, "a", actions(f"r{n}", 3_000, f"c{n}"))
            other = action(f"r{n}-2999", f"c{n}")
            other.inactivity_action_performed.action = 5
            await send(stream, "a", [other])
        responses = await rest(stream)
    assert [response.accepted_count for response in responses] == [3_000, 0] * 5
    assert [rejection.reason for response in responses for rejection in response.rejections] == ["EVENT_ID_REUSED"] * 5


# --- answers ---------------------------------------------------------------------------------------------------------


async def test_answers_come_in_the_order_of_the_requests(server, account):
    """Numbered from 1, each with its own request's verdicts, however many requests are under way."""
    stream = server.ingestion.StreamEvents()
    sizes = [1 + n * 7 % 50 for n in range(60)]
    for number, size in enumerate(sizes):
        await send(stream, account, actions(f"r{number}", size, f"c{number % 5}"))
    responses = await rest(stream)
    assert [response.request_number for response in responses] == list(range(1, 61))
    assert [response.accepted_count for response in responses] == sizes
    assert all(response.verdicts == [ACCEPTED] * response.accepted_count for response in responses)
    assert await server.total(account, KPI) == sum(sizes)


async def test_an_answered_event_is_in_the_very_next_query(server, account):
    """The answer comes after the commit."""
    stream = server.ingestion.StreamEvents()
    for number in range(1, 31):
        await send(stream, account, [action(f"e{number}")])
        assert (await answer(stream)).accepted_count == 1
        assert await server.total(account, KPI) == number
    assert await rest(stream) == []


async def test_no_answer_comes_before_its_commit(tmp_path):
    """While nothing can be committed, nothing is answered; then everything is, in order."""
    async with started(tmp_path / "telwerk.db") as server:
        stream = server.ingestion.StreamEvents()
        await send(stream, "a", [action("warm-up")])
        await answer(stream)
        with locked(tmp_path / "telwerk.db"):
            for number in range(3):
                await send(stream, "a", [action(f"e{number}")])
            reading = asyncio.create_task(stream.read())
            await asyncio.sleep(0.3)
            assert not reading.done()
        first = await asyncio.wait_for(reading, CALL_SECONDS)
        assert [response.request_number for response in [first, *await rest(stream)]] == [2, 3, 4]
        assert await server.total("a", KPI) == 4


async def test_a_stream_without_requests_ends_well(server):
    """No answers, status OK."""
    assert await rest(server.ingestion.StreamEvents()) == []


async def test_one_stream_may_carry_several_accounts(server, account):
    """The account may differ from request to request, and each counts its own."""
    stream = server.ingestion.StreamEvents()
    for number in range(6):
        await send(stream, f"{account}-{number % 2}", [action(f"e{number}")])
    assert [response.accepted_count for response in await rest(stream)] == [1] * 6
    assert [await server.total(f"{account}-{n}", KPI) for n in (0, 1)] == [3, 3]


# --- errors ----------------------------------------------------------------------------------------------------------

BAD_REQUESTS = {
    "an account without a name": (request_of("", [action("x")]), "INVALID_REQUEST", "account_id"),
    "an account of control characters": (request_of("a\n", [action("x")]), "INVALID_REQUEST", "account_id"),
    "a name too long": (request_of("a" * 129, [action("x")]), "INVALID_REQUEST", "account_id"),
    "no events": (request_of("a", []), "INVALID_REQUEST", "events"),
    "too many events": (request_of("a", actions("x", 51)), "LIMIT_EXCEEDED", "events"),
}


@pytest.mark.parametrize(("bad", "reason", "field"), BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_a_bad_request_is_answered_in_its_place_and_the_stream_goes_on(server, account, bad, reason, field):
    """Reason, field and text, no verdicts, nothing stored; the requests around it count."""
    stream = server.ingestion.StreamEvents()
    await send(stream, account, [action("before")])
    await stream.write(bad)
    await send(stream, account, [action("after")])
    before, error, after = await rest(stream)
    assert [before.request_number, error.request_number, after.request_number] == [1, 2, 3]
    assert (error.error.reason, error.error.field) == (reason, field)
    assert error.error.message
    assert not error.error.HasField("retry_delay"), "sending it again would not help"
    assert (error.accepted_count, list(error.verdicts), list(error.rejections)) == (0, [], [])
    assert not before.HasField("error")
    assert (before.accepted_count, after.accepted_count) == (1, 1)
    assert await server.total(account, KPI) == 2


async def test_one_bad_event_is_rejected_alone(server, account):
    """It is named by its index and field; its neighbours and the next request are stored."""
    stream = server.ingestion.StreamEvents()
    bad = action("bad")
    bad.inactivity_action_performed.action = 99
    await send(stream, account, [action("e1"), bad, action("e2"), action("e1")])
    await send(stream, account, [action("e3")])
    mixed, next_ = await rest(stream)
    assert list(mixed.verdicts) == [ACCEPTED, REJECTED, ACCEPTED, DUPLICATE]
    [rejection] = mixed.rejections
    assert (rejection.index, rejection.event_id, rejection.reason) == (1, "bad", "INVALID_EVENT")
    assert rejection.field == "inactivity_action_performed.action"
    assert next_.accepted_count == 1
    assert await server.total(account, KPI) == 3


async def test_a_busy_server_says_so_in_the_stream_and_when_to_come_back(tmp_path, submitted):
    """OVERLOADED in place, with a delay; what is sent again after it is stored."""
    async with started(tmp_path / "telwerk.db", waiting_events_max=2) as server:
        stream = server.ingestion.StreamEvents()
        await send(stream, "a", [action("warm-up")])
        await answer(stream)
        with locked(tmp_path / "telwerk.db"):
            # One transaction waits for the database; a batch fills the queue behind it; the last finds no room.
            await send(stream, "a", [action("e1")])
            await submitted(2)
            await eventually(committing)
            await send(stream, "a", [action("e2"), action("e3")])
            await submitted(3)
            await send(stream, "a", [action("e4")])
            await submitted(4)
        responses = [await answer(stream) for _ in range(3)]
        assert [response.error.reason for response in responses] == ["", "", "OVERLOADED"]
        assert responses[2].error.retry_delay.ToMilliseconds() > 0
        await send(stream, "a", [action("e4")])
        assert [response.accepted_count for response in await rest(stream)] == [1]
        assert await server.total("a", KPI) == 5


# --- what is un-acked is bounded -------------------------------------------------------------------------------------


async def test_the_server_stops_reading_from_who_does_not_read_answers(tmp_path):
    """With answers nobody reads, the sender is held back, long before all it would send; then nothing is lost."""
    path, count = tmp_path / "telwerk.db", 500
    async with (
        started(path, stream_unacked_events_max=200) as server,
        # A client that does not widen its window by itself, so that fewer answers fill it.
        grpc.aio.insecure_channel(server.address, [("grpc.http2.bdp_probe", 0)]) as channel,
    ):
        # Each request brings one good event, and bad ones with long names so that its answer is large.
        bad = [pb.Event(event_id=f"{n:0128}", conversation_id="c1", widget_id="web") for n in range(100)]
        stream = Server(server.address, channel).ingestion.StreamEvents()
        sent = 0

        async def sending() -> None:
            nonlocal sent
            for number in range(count):
                await stream.write(request_of("a", [action(f"e{number}"), *bad]))
                sent += 1
            await stream.done_writing()

        writer = asyncio.create_task(sending())
        try:
            while True:
                before = sent
                await asyncio.sleep(1.0)
                if sent == before:
                    break
            stored = rows(path, "SELECT count(*) FROM events")[0][0]
            assert not writer.done(), "nothing held the sender back"
            assert 0 < stored < 50, "the server read on; what is sent beyond that, its connection buffers"
            assert stored < sent < count
            async with asyncio.timeout(CALL_SECONDS):
                responses = [response async for response in each(stream)]
                await writer
        finally:
            writer.cancel()
        assert [response.request_number for response in responses] == list(range(1, count + 1))
        assert {(response.accepted_count, len(response.rejections)) for response in responses} == {(1, 100)}
        assert await server.total("a", KPI) == count


async def test_the_window_has_room_until_its_events_are_answered():
    """Batches are let in while less than the bound is owed; after an answer there is room again, in order."""
    window = UnackedWindow(10, 100)
    answers = [asyncio.get_running_loop().create_future() for _ in range(3)]
    for future, events in zip(answers, (4, 5, 6), strict=True):
        await asyncio.wait_for(window.room(), 1)
        window.add(events, future, 1, None)
    room = asyncio.create_task(window.room())
    await asyncio.sleep(0)
    answers[2].set_result("3")
    answers[1].set_result("2")
    taking = asyncio.create_task(window.next())
    await asyncio.sleep(0.01)
    assert not room.done(), "15 of 10 are owed"
    assert not taking.done(), "the oldest comes first"
    answers[0].set_result("1")
    assert await taking is answers[0]
    await asyncio.sleep(0.01)
    assert not room.done(), "11 of 10 are owed"
    assert await window.next() is answers[1]
    await asyncio.wait_for(room, 1)
    window.end()
    assert await window.next() is answers[2]
    assert await window.next() is None


async def test_a_batch_larger_than_the_window_is_let_in_alone():
    """When nothing else is owed; and nothing after it, until it is answered."""
    window, large = UnackedWindow(10, 100), asyncio.get_running_loop().create_future()
    await asyncio.wait_for(window.room(), 1)
    window.add(5_000, large, 1, None)
    room = asyncio.create_task(window.room())
    await asyncio.sleep(0.01)
    assert not room.done()
    large.set_result("1")
    await window.next()
    await asyncio.wait_for(room, 1)


# --- streams that break ----------------------------------------------------------------------------------------------


class Producer:
    """Sends batches over streams, one after the other; keeps each until it is answered, to send it again on a break."""

    def __init__(self, name: str, batches: int, size: int = 7) -> None:
        self.unanswered = [actions(f"{name}{n}", size, f"{name}{n % 3}") for n in range(batches)]
        self.answered: list[str] = []
        self.accepted = 0

    async def run(self, server: Server) -> grpc.StatusCode:
        """Sends what is not answered yet; the status with which the stream ended."""
        stream = server.ingestion.StreamEvents()
        writing = asyncio.create_task(self._write(stream))
        try:
            async for response in each(stream):
                assert not response.HasField("error"), response
                assert not response.rejections
                self.answered += [event.event_id for event in self.unanswered.pop(0)]
                self.accepted += response.accepted_count
        except grpc.aio.AioRpcError as error:
            return error.code()
        finally:
            await writing
        return grpc.StatusCode.OK

    async def _write(self, stream: Stream) -> None:
        try:
            for batch in list(self.unanswered):
                await stream.write(request_of("a", batch))
                await asyncio.sleep(0)
            await stream.done_writing()
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass  # broken; `run` sees how


def stored_ids(path: Path) -> set[str]:
    return {row[0] for row in rows(path, "SELECT event_id FROM events")}


async def test_a_killed_server_loses_and_doubles_nothing(tmp_path):
    """kill -9 mid-stream, in full thrice, the next server on the same file and port: sending again makes it whole."""
    path, listen = tmp_path / "telwerk.db", free_address()
    producers = [Producer(name, 400) for name in "pqr"]
    wanted = {event.event_id for producer in producers for batch in producer.unanswered for event in batch}
    for _ in range(rounds(3)):
        with serving(path, "--listen", listen) as running:
            async with connected(running.address) as server:
                enough = sum(len(producer.answered) for producer in producers) + 300
                sending = asyncio.gather(*(producer.run(server) for producer in producers))

                async def busy(enough: int = enough) -> bool:
                    return sum(len(producer.answered) for producer in producers) >= enough

                await eventually(busy)
                running.process.send_signal(signal.SIGKILL)
                # The client library says INTERNAL where the break cuts a message in two.
                assert set(await sending) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL}
        assert {name for producer in producers for name in producer.answered} <= stored_ids(path)
    with serving(path, "--listen", listen) as running:
        async with connected(running.address) as server:
            assert {await producer.run(server) for producer in producers} == {grpc.StatusCode.OK}
            assert await server.total("a", KPI) == len(wanted)
    assert stored_ids(path) == wanted


async def test_a_client_that_goes_away_may_send_it_all_again(server, account):
    """A cancelled stream: what it sent is stored or not, and sending all of it again counts each event once."""
    batches = [actions(f"b{n}", 20, f"c{n}") for n in range(40)]
    stream = server.ingestion.StreamEvents()
    for batch in batches[:25]:
        await send(stream, account, batch)
    first = await answer(stream)
    stream.cancel()
    again = server.ingestion.StreamEvents()
    for batch in batches:
        await send(again, account, batch)
    responses = await rest(again)
    assert responses[0].duplicate_count == first.accepted_count == 20
    assert all(response.accepted_count + response.duplicate_count == 20 for response in responses)
    assert await server.total(account, KPI) == 800


async def test_of_two_streams_with_the_same_events_each_event_is_accepted_once(server, account):
    """Both send the same batches at the same time, in other orders: one accepts an event, the other has a duplicate."""
    batches = [actions(f"b{n}", 20, f"c{n % 4}") for n in range(30)]

    async def verdicts(order: list[list[pb.Event]]) -> dict[str, int]:
        stream = server.ingestion.StreamEvents()

        async def write() -> None:
            for batch in order:
                await send(stream, account, batch)
            await stream.done_writing()

        writing = asyncio.create_task(write())
        found = {
            event.event_id: verdict
            for batch in order
            for event, verdict in zip(batch, (await answer(stream)).verdicts, strict=True)
        }
        await writing
        return found

    there, back = await asyncio.gather(verdicts(batches), verdicts(batches[::-1]))
    assert len(there) == len(back) == 600
    assert all({there[name], back[name]} == {ACCEPTED, DUPLICATE} for name in there)
    assert set(there.values()) == {ACCEPTED, DUPLICATE}, "the streams did not meet"
    assert await server.total(account, KPI) == 600


# --- a server that stops ---------------------------------------------------------------------------------------------


async def ended(stream: Stream) -> tuple[list[ingestion.StreamEventsResponse], Refusal]:
    """The answers until the stream is ended by the server, and how it was."""
    responses: list[ingestion.StreamEventsResponse] = []

    async def read() -> None:
        async for response in each(stream):
            responses.append(response)  # noqa: PERF401  # what came before the end is wanted too

    return responses, await refusal(asyncio.wait_for(read(), CALL_SECONDS))


def patient(folder: Path) -> tuple[str, str]:
    """Flags for a server whose grace is longer than any test: whatever ends, ends without it."""
    config = folder / "telwerkd.toml"
    config.write_text("grace_seconds = 300\n", encoding="utf-8")
    return "--config", str(config)


async def test_an_idle_stream_ends_at_once_when_the_server_stops(tmp_path):
    """SIGTERM: UNAVAILABLE, SHUTTING_DOWN, with a delay; the server is gone long before its grace of five minutes."""
    with serving(tmp_path / "telwerk.db", *patient(tmp_path)) as running:
        async with connected(running.address) as server:
            untouched, idle = server.ingestion.StreamEvents(), server.ingestion.StreamEvents()
            await untouched.wait_for_connection()
            await send(idle, "a", [action("e1")])
            assert (await answer(idle)).accepted_count == 1
            running.process.send_signal(signal.SIGTERM)
            for stream in (untouched, idle):
                responses, how = await ended(stream)
                assert responses == []
                assert (how.code, how.reason) == (grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN")
                assert how.retry_seconds
            assert await asyncio.to_thread(running.process.wait, 30) == 0
    assert stored_ids(tmp_path / "telwerk.db") == {"e1"}


async def test_busy_streams_end_soon_when_the_server_stops(tmp_path):
    """SIGTERM under load: the streams end long before the grace does; everything answered is stored."""
    path, producers = tmp_path / "telwerk.db", [Producer(name, 5_000) for name in "pqr"]
    with serving(path, *patient(tmp_path)) as running:
        async with connected(running.address) as server:
            sending = asyncio.gather(*(producer.run(server) for producer in producers))

            async def busy() -> bool:
                return all(len(producer.answered) >= 100 for producer in producers)

            await eventually(busy)
            running.process.send_signal(signal.SIGTERM)
            # A write that meets the end of its stream makes grpc.aio's client say INTERNAL, whatever the server said,
            # and drop answers that were on their way.
            assert set(await sending) <= {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL}
            assert await asyncio.to_thread(running.process.wait, 30) == 0
    assert all(producer.unanswered for producer in producers), "it was not stopped, it was done"
    answered = {name for producer in producers for name in producer.answered}
    assert answered <= stored_ids(path)


async def test_a_stream_that_reads_no_answers_does_not_hold_the_server_up_for_ever(tmp_path):
    """It ends with the grace at the latest."""
    async with AsyncExitStack() as client:
        async with started(tmp_path / "telwerk.db", grace_seconds=1, stream_unacked_events_max=100) as server:
            lazy = await client.enter_async_context(connected(server.address))
            bad = [pb.Event(event_id=f"{n:0128}") for n in range(100)]
            stream = lazy.ingestion.StreamEvents()

            async def sending() -> None:
                while True:
                    await stream.write(request_of("a", bad))

            writer = asyncio.create_task(sending())
            await asyncio.sleep(1)
            begun = time.monotonic()
        assert time.monotonic() - begun < CALL_SECONDS
        with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError)):
            await asyncio.wait_for(writer, CALL_SECONDS)


# --- keys ------------------------------------------------------------------------------------------------------------


async def test_each_request_is_checked_against_the_grant(tmp_path):
    """A request for another account ends the stream with PERMISSION_DENIED; those before it are stored and answered."""
    keys = tmp_path / "keys.toml"
    token = keys_file.create(keys, ["mine", "ours"], [Role.INGEST])
    path = tmp_path / "telwerk.db"
    async with started(path, keys_file=keys) as server:
        stream = server.ingestion.StreamEvents(metadata=[("authorization", f"Bearer {token}")])
        await send(stream, "mine", [action("e1")])
        await send(stream, "ours", [action("e2")])
        await send(stream, "theirs", [action("e3")])
        responses, how = await ended(stream)
        assert [response.request_number for response in responses] == [1, 2]
        assert (how.code, how.reason) == (grpc.StatusCode.PERMISSION_DENIED, "ACCOUNT_NOT_GRANTED")
        assert "theirs" in how.text
    assert sorted(rows(path, "SELECT account_id, event_id FROM events")) == [("mine", "e1"), ("ours", "e2")]


async def test_a_stream_needs_a_key_with_the_role_ingest(tmp_path):
    """Without a key UNAUTHENTICATED, with another role PERMISSION_DENIED, before anything is sent."""
    keys = tmp_path / "keys.toml"
    reader = keys_file.create(keys, ["*"], [Role.QUERY, Role.ADMIN])
    async with started(tmp_path / "telwerk.db", keys_file=keys) as server:
        for metadata, code, reason in (
            ([], grpc.StatusCode.UNAUTHENTICATED, "KEY_MISSING"),
            ([("authorization", f"Bearer {reader}")], grpc.StatusCode.PERMISSION_DENIED, "ROLE_NOT_GRANTED"),
        ):
            # It sends nothing: sending may fail by itself where the call has been refused meanwhile.
            stream = server.ingestion.StreamEvents(metadata=metadata)
            _, how = await ended(stream)
            assert (how.code, how.reason) == (code, reason)
