"""What an attacker does: each attack has what is stored beforehand, and a way to go on until it is told to stop."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator

import grpc.aio
from grpc_health.v1 import health_pb2

from benchmarks.attack import http_attackers as http, unread_attackers as unread
from benchmarks.attack.attacker import (
    ACCOUNT,
    BATCH,
    EXPLAIN,
    HEALTH,
    INGEST,
    SECONDS_MAX,
    SERIES,
    STREAM,
    TOTALS,
    WATCH,
    Act,
    Attack,
    Attacker,
    Ports,
)
from benchmarks.attack.largest_requests import largest_requests
from benchmarks.attack.requests import batch_of, event_of, message, quarter_hours, survey
from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.server.settings.settings import Settings

_TRIES = 100
_MESSAGE_BYTES = 15 * 2**20
_EMPTY_EVENTS = b"\x12\x00" * (_MESSAGE_BYTES // 2)


def run(name: str, ports: Ports, key: str, seconds: float) -> dict[str, int]:
    """Carries an attack out; what it was met with. For a process of its own."""
    return asyncio.run(_carried_out(ATTACKS[name].act, ports, key, seconds))


def prepare(name: str, ports: Ports, key: str) -> dict[str, int]:
    """Stores what an attack needs; what that was met with."""
    act = ATTACKS[name].prepare
    return asyncio.run(_carried_out(act, ports, key, 300.0)) if act else {}


async def _carried_out(act: Act, ports: Ports, key: str, seconds: float) -> dict[str, int]:
    attacker = Attacker(ports, key, time.perf_counter() + seconds)
    acting = asyncio.ensure_future(act(attacker))
    await asyncio.wait({acting}, timeout=seconds + 5)
    acting.cancel()
    await asyncio.wait({acting}, timeout=10)
    await attacker.close()
    return dict(attacker.met.most_common(6))


async def _store(attacker: Attacker, events: Iterator[pb.Event], size: int = 2_000) -> None:
    """Stores events in batches; each is sent again until it is taken."""
    channel, batch = attacker.channel(), []
    for event in events:
        batch.append(event)
        if len(batch) == size:
            await _until_taken(attacker, channel, batch)
            batch = []
    if batch:
        await _until_taken(attacker, channel, batch)


async def _until_taken(attacker: Attacker, channel: grpc.aio.Channel, batch: list[pb.Event]) -> None:
    for _ in range(_TRIES):
        if await attacker.call(channel, INGEST, batch_of(batch)) is not None:
            return
        await asyncio.sleep(0.2)


# --- A.1, A.5: memory ------------------------------------------------------------------------------------------------


async def _long_health_names(attacker: Attacker) -> None:
    request = health_pb2.HealthCheckRequest(service="x" * _MESSAGE_BYTES).SerializeToString()
    await attacker.again_and_again(
        2, lambda channel, _: attacker.call(channel, HEALTH, request, with_key=False, compression=grpc.Compression.Gzip)
    )


async def _failing_calls(attacker: Attacker) -> None:
    wrong = [
        batch_of([message("x" * 200)] * 4_000 + [pb.Event(event_id="y" * 2**20)] * 8),
        kpi.QueryTotalsRequest(account_id=ACCOUNT, kpi_ids=["x" * 2**20] * 12).SerializeToString(),
        b"\xff" * _MESSAGE_BYTES,
    ]
    methods = [INGEST, TOTALS, INGEST]
    await attacker.again_and_again(4, lambda channel, n: attacker.call(channel, methods[n % 3], wrong[n % 3]))


async def _empty_events(attacker: Attacker) -> None:
    request = ingestion.IngestEventsRequest(account_id=ACCOUNT).SerializeToString() + b"\x12\x00" * (
        _MESSAGE_BYTES // 2
    )
    await attacker.again_and_again(4, lambda channel, _: attacker.call(channel, INGEST, request))


async def _foreign_account(attacker: Attacker) -> None:
    request = batch_of([], "victim") + _EMPTY_EVENTS
    await attacker.again_and_again(4, lambda channel, _: attacker.call(channel, INGEST, request))


async def _heavy_stream(attacker: Attacker) -> None:
    request = batch_of(survey(100) for _ in range(4_000))
    await _stream(attacker, lambda: request)


async def _stream(attacker: Attacker, make: Callable[[], bytes]) -> None:
    async def requests() -> AsyncIterator[bytes]:
        while time.perf_counter() < attacker.end:
            yield make()

    stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = attacker.channel().stream_stream(STREAM)
    try:
        async for _ in stream(requests(), metadata=attacker.metadata, timeout=SECONDS_MAX):
            attacker.met["answered"] += 1
    except grpc.aio.AioRpcError as error:
        attacker.met[f"{error.code().name}: {(error.details() or '')[:90]}"] += 1


async def _watches(attacker: Attacker) -> None:
    """As many watches of an empty account as are to be had, with a commit now and then."""
    asked = kpi.WatchTimeSeriesRequest(account_id=ACCOUNT, query=quarter_hours(days=300))

    async def watch(channel: grpc.aio.Channel) -> None:
        streamed: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = channel.unary_stream(WATCH)
        try:
            async for _ in streamed(asked.SerializeToString(), metadata=attacker.metadata, timeout=SECONDS_MAX):
                attacker.met["updates"] += 1
        except grpc.aio.AioRpcError as error:
            attacker.met[f"{error.code().name}: {(error.details() or '')[:90]}"] += 1

    channels = [attacker.channel() for _ in range(4)]
    watching = [asyncio.create_task(watch(channels[n % 4])) for n in range(1_000)]
    while time.perf_counter() < attacker.end:
        await attacker.call(channels[0], INGEST, batch_of([message(uuid.uuid4().hex)]))
        await asyncio.sleep(0.5)
    for task in watching:
        task.cancel()


# --- A.3, A.6, A.7: the writer ---------------------------------------------------------------------------------------


async def _mountains(attacker: Attacker) -> None:
    async def one(channel: grpc.aio.Channel, _: int) -> None:
        await attacker.call(channel, INGEST, batch_of(message(f"m{n % 500}") for n in range(5_000)))

    await attacker.again_and_again(16, one)


async def _streams_of_mountains(attacker: Attacker) -> None:
    def request() -> bytes:
        return batch_of(message(f"m{n % 500}") for n in range(5_000))

    await asyncio.gather(*(_stream(attacker, request) for _ in range(16)))


async def _surveys(attacker: Attacker) -> None:
    async def one(channel: grpc.aio.Channel, _: int) -> None:
        await attacker.call(channel, INGEST, batch_of(survey(100) for _ in range(5_000)))

    await attacker.again_and_again(2, one)


_LONG_EVENTS = Settings.model_fields["conversation_events_max"].default - 500
"""The longest conversation in which there is room for the attack."""


async def _long_conversation(attacker: Attacker) -> None:
    await _store(attacker, (message("long", late_seconds=n % 3_600) for n in range(_LONG_EVENTS)), 1_000)


async def _late_events(attacker: Attacker) -> None:
    await attacker.again_and_again(
        4, lambda channel, n: attacker.call(channel, INGEST, batch_of([message("long", late_seconds=4_000 + n)]))
    )


def _held(number: int) -> pb.Event:
    event = survey(100, kind="pre_chat_survey_completed")
    event.conversation_id, event.sequence = "held", number
    return event


async def _many_held(attacker: Attacker) -> None:
    await _store(attacker, (_held(n) for n in range(3_800)), 200)


async def _more_held(attacker: Attacker) -> None:
    await attacker.again_and_again(4, lambda channel, n: attacker.call(channel, INGEST, batch_of([_held(4_000 + n)])))


def _retraction(number: int) -> pb.Event:
    retracted = pb.EventRetracted(retracted_event_id=f"{number:0120}")
    return event_of("awaited", event_retracted=retracted)


async def _many_awaited(attacker: Attacker) -> None:
    await _store(attacker, (_retraction(n) for n in range(50_000)), 5_000)


async def _more_awaited(attacker: Attacker) -> None:
    await attacker.again_and_again(
        4, lambda channel, n: attacker.call(channel, INGEST, batch_of([_retraction(60_000 + n)]))
    )


async def _limits_at_one_instant(attacker: Attacker) -> None:
    """Fifty thousand live conversations whose limits are due five seconds from now."""
    due = int(time.time()) + 12

    def events() -> Iterator[pb.Event]:
        for n in range(25_000):
            live = event_of(f"tie-{due}-{n}", went_live=pb.WentLive())
            live.occur_time.FromSeconds(due - 3_600)
            live.went_live.live_limit.seconds = 3_600
            wrote = message(live.conversation_id)
            wrote.occur_time.FromSeconds(due - 3_600)
            yield live
            yield wrote

    await _store(attacker, events(), 5_000)
    await asyncio.sleep(max(0.0, attacker.end - time.perf_counter()))


def _spread(number: int) -> pb.Event:
    """An event whose five facts lie in rows of their own."""
    event = event_of(f"s{number}")
    event.occur_time.seconds -= 86_400 * (number % 700)
    for place in range(50):
        event.post_chat_survey_answered.answers.add(question_id=f"q{place}", option_id=f"o{number % 90}")
    event.widget_id = f"w{number % 40}"
    return event


async def _counter_rows(attacker: Attacker) -> None:
    numbers = iter(range(10**9))

    async def one(channel: grpc.aio.Channel, _: int) -> None:
        await attacker.call(channel, INGEST, batch_of(_spread(next(numbers)) for _ in range(500)))

    await attacker.again_and_again(2, one)


async def _ever_new_names(attacker: Attacker) -> None:
    numbers = iter(range(10**9))

    def named() -> pb.Event:
        event = message(uuid.uuid4().hex)
        event.widget_id = f"widget-{next(numbers)}"
        return event

    async def one(channel: grpc.aio.Channel, _: int) -> None:
        await attacker.call(channel, INGEST, batch_of(named() for _ in range(1_000)))

    await attacker.again_and_again(4, one)


# --- A.4, A.8: questions ---------------------------------------------------------------------------------------------


async def _empty_years(attacker: Attacker) -> None:
    await attacker.again_and_again(
        2, lambda channel, n: attacker.call(channel, SERIES, quarter_hours(moved=n).SerializeToString())
    )


async def _every_largest_request(attacker: Attacker) -> None:
    requests = largest_requests(ACCOUNT)

    async def one(channel: grpc.aio.Channel, number: int) -> None:
        method, request = requests[number % len(requests)]
        await attacker.call(channel, method, request)

    await attacker.again_and_again(2, one)


async def _large_batch_query(attacker: Attacker) -> None:
    request = kpi.BatchQueryRequest(account_id=ACCOUNT)
    for n in range(50):
        query = request.queries.add().totals
        query.kpi_ids.append("feedback_count")
        query.range.instants.start_time.seconds, query.range.instants.end_time.seconds = 1_789_999_200, 1_790_899_200
        query.filter.operators.any_of.extend(f"{n}-{i:0100}" for i in range(1_000))
        query.filter.widgets.any_of.extend(f"{n}-{i:0100}" for i in range(1_000))
    raw = request.SerializeToString()
    await attacker.again_and_again(2, lambda channel, _: attacker.call(channel, BATCH, raw))


def _of_group(number: int) -> pb.Event:
    event = event_of(f"g{number}", conversation_ended=pb.ConversationEnded())
    event.sequence = 1
    return event


async def _many_groups(attacker: Attacker) -> None:
    """A hundred thousand combinations of operator and group."""

    def events() -> Iterator[pb.Event]:
        for n in range(100_000):
            ended = _of_group(n)
            assigned = event_of(ended.conversation_id)
            assigned.operator_assigned.operator_id = f"op{n % 5_000}"
            assigned.operator_assigned.operator_group_id = f"group{n // 5_000}"
            assigned.occur_time.CopyFrom(ended.occur_time)
            assigned.occur_time.seconds -= 1
            yield assigned
            yield ended

    await _store(attacker, events(), 5_000)


async def _top_one(attacker: Attacker) -> None:
    def request(number: int) -> bytes:
        asked = kpi.QueryTotalsRequest(
            account_id=ACCOUNT,
            kpi_ids=["unanswered_ended_conversations"],
            group_by=[kpi.DIMENSION_OPERATOR, kpi.DIMENSION_OPERATOR_GROUP],
        )
        now = int(time.time())
        asked.range.instants.start_time.seconds = (now // 900 - 4_000 - number % 2_000) * 900
        asked.range.instants.end_time.seconds = (now // 900 + 8) * 900
        asked.top.count = 1
        asked.order_by.measure = kpi.ORDER_MEASURE_COUNT
        asked.order_by.descending = True
        return asked.SerializeToString()

    await attacker.again_and_again(8, lambda channel, n: attacker.call(channel, TOTALS, request(n)))


async def _explanations(attacker: Attacker) -> None:
    asked = kpi.ExplainCountRequest(account_id=ACCOUNT, kpi_id="unanswered_ended_conversations", page_size=1_000)
    asked.range.instants.start_time.seconds = int(time.time()) // 900 * 900 - 86_400 * 60
    asked.range.instants.end_time.seconds = int(time.time()) // 900 * 900 + 7_200
    await attacker.again_and_again(4, lambda channel, _: attacker.call(channel, EXPLAIN, asked.SerializeToString()))


# --- A.9: connections ------------------------------------------------------------------------------------------------


async def _silent_connections(attacker: Attacker) -> None:
    """Four hundred connections that say nothing, made again when they are closed."""
    host, _, port = attacker.address.rpartition(":")

    async def silent() -> None:
        while time.perf_counter() < attacker.end:
            try:
                reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
                while await asyncio.wait_for(reader.read(1_024), 30):
                    pass
                writer.close()
                attacker.met["closed by the server"] += 1
            except (OSError, TimeoutError) as error:
                attacker.met[type(error).__name__] += 1
                await asyncio.sleep(0.05)

    await asyncio.gather(*(silent() for _ in range(400)))


async def _half_open_streams(attacker: Attacker) -> None:
    """Streams that are opened and then say nothing."""

    async def nothing() -> AsyncIterator[bytes]:
        await asyncio.sleep(SECONDS_MAX)
        yield b""

    async def hold(channel: grpc.aio.Channel) -> None:
        stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = channel.stream_stream(STREAM)
        while time.perf_counter() < attacker.end:
            try:
                async for _ in stream(nothing(), metadata=attacker.metadata):
                    pass
            except grpc.aio.AioRpcError as error:
                attacker.met[f"{error.code().name}: {(error.details() or '')[:90]}"] += 1
            await asyncio.sleep(0.05)

    channels = [attacker.channel() for _ in range(8)]
    await asyncio.gather(*(hold(channels[n % 8]) for n in range(4_000)))


async def _refused_calls(attacker: Attacker) -> None:
    request = batch_of([message("x")])
    wrong = (("authorization", "Bearer tw_nobody_" + "x" * 40),)

    async def one(channel: grpc.aio.Channel, _: int) -> None:
        unary: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(INGEST)
        try:
            await unary(request, metadata=wrong, timeout=SECONDS_MAX)
        except grpc.aio.AioRpcError as error:
            attacker.met[error.code().name] += 1

    await attacker.again_and_again(16, one)


ATTACKS = {
    attack.id: attack
    for attack in (
        Attack("A1", "health checks of a 15 MB name, gzip, no key", _long_health_names),
        Attack("A1k", "failing calls of 12 MB", _failing_calls),
        Attack("A1-http", "bodies of 15 MB without a key, by HTTP", http.bodies_without_a_key),
        Attack("A2", "8 connections of health watches with a window of 0", unread.health_watches),
        Attack("A2w", "4 connections of watches of 28,800 points with a window of 0", unread.watches),
        Attack("A3", "16 callers of 5,000 events", _mountains),
        Attack("A3m", "16 streams of 5,000-event messages", _streams_of_mountains),
        Attack("A3s", "5,000 surveys of 100 answers a call", _surveys),
        Attack("A4", "quarter-hours of a year, 9 KPIs, compared, without data", _empty_years),
        Attack("A4b", "batches of 50 queries, 10 MB", _large_batch_query),
        Attack("A4l", "each method's requests of 512 KiB, filled by each field", _every_largest_request),
        Attack("A4e", "explanations, 1,000 conversations a page", _explanations, _many_groups),
        Attack("A4-http", "16 connections of pipelined requests without a key, by HTTP", http.pipelined_requests),
        Attack("A5", "15 MB of empty events", _empty_events),
        Attack("A5a", "15 MB for a foreign account", _foreign_account),
        Attack("A5s", "a stream of 6 MB batches", _heavy_stream),
        Attack("A5u", "answers of megabytes that are never read", unread.answers),
        Attack("A5w", "1,000 watches of 259,200 points", _watches),
        Attack("A5-http", "bodies of 15 MB in JSON by gzip, by HTTP", http.compressed_bodies),
        Attack("A5u-http", "answers of megabytes that are never read, by HTTP", http.unread_answers),
        Attack("A6", "late events in a conversation of the maximum length", _late_events, _long_conversation),
        Attack("A6h", "events on 3,800 held surveys", _more_held, _many_held),
        Attack("A6a", "events on 50,000 awaited ids", _more_awaited, _many_awaited),
        Attack("A6t", "25,000 limits at one instant", _limits_at_one_instant),
        Attack("A6c", "events that each make many counter rows", _counter_rows),
        Attack("A7", "a new widget in every event, refused from the 10,000th on", _ever_new_names),
        Attack("A8", "8 callers of top 1 of 100,000 groups", _top_one, _many_groups),
        Attack("A9", "400 silent connections", _silent_connections),
        Attack("A9h", "4,000 half-open streams", _half_open_streams),
        Attack("A9r", "16 callers with a wrong key", _refused_calls),
        Attack("A9-http", "400 bodies that arrive byte by byte, each in a chunk, by HTTP", http.slow_bodies),
    )
}
