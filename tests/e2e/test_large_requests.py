"""Large requests: what is too large is refused by the setting's name, undecoded; what is not is taken in as ever."""

import asyncio
from contextlib import suppress

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from telwerk.v1 import (
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    kpi_service_pb2 as kpi,
    settings_service_pb2 as settings,
)
from telwerk.v1.display_name_pb2 import NAME_KIND_OPERATOR, DisplayName
from telwerkd.application.sharing.throttling import AccountThrottle, Sharing
from telwerkd.domain.ids import AccountId
from telwerkd.transport.security import keys_file
from telwerkd.transport.security.keys_file import Role
from telwerkd.transport.services.decoding_turns import DecodingTurns
from telwerkd.transport.services.unacked import UnackedWindow
from tests.conftest import ALL_TIME, CALL_SECONDS, Server, connected, eventually, locked, refusal, started

INVALID, UNAVAILABLE = grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNAVAILABLE
DENIED = grpc.StatusCode.PERMISSION_DENIED
INGEST = "/telwerk.v1.IngestionService/IngestEvents"


def survey(name: str, answers: int, size: int = 4) -> pb.Event:
    """An event of so many answers that are its own."""
    each = [
        pb.SurveyAnswer(question_id=f"q{n}".rjust(size, "_"), option_id=f"o{n % 7}".rjust(size, "_"))
        for n in range(answers)
    ]
    return pb.Event(
        event_id=name,
        conversation_id=name,
        widget_id="w",
        occur_time=Timestamp(seconds=1_767_600_000),
        post_chat_survey_answered=pb.PostChatSurveyAnswered(answers=each),
    )


async def raw(server: Server, method: str, request: bytes, token: str = "") -> bytes:
    metadata = [("authorization", f"Bearer {token}")] if token else []
    answer: bytes = await server.channel.unary_unary(method)(request, timeout=CALL_SECONDS, metadata=metadata)
    return answer


async def test_who_needs_no_key_is_heard_out_for_a_few_kilobytes(tmp_path):
    """Health and reflection: the setting is named; a name of ordinary length is answered."""
    async with started(tmp_path / "telwerk.db") as server:
        stub = health_pb2_grpc.HealthStub(server.channel)
        long = health_pb2.HealthCheckRequest(service="x" * 5_000)
        how = await refusal(stub.Check(long))
        assert (how.code, how.reason) == (INVALID, "LIMIT_EXCEEDED")
        assert "open_request_bytes_max" in how.text
        watch = stub.Watch(long)
        assert (await refusal(watch.read())).code is INVALID
        ask = reflection_pb2_grpc.ServerReflectionStub(server.channel).ServerReflectionInfo
        symbols = ["telwerk.v1.Event", "x" * 5_000]
        calls = [ask(iter([reflection_pb2.ServerReflectionRequest(file_containing_symbol=name)])) for name in symbols]
        assert (await calls[0].read()).HasField("file_descriptor_response")
        assert (await refusal(calls[1].read())).code is INVALID


async def test_the_longest_lists_that_may_be_are_taken_by_whoever_has_a_key(tmp_path):
    """A thousand names, whose request is decoded a little at a time; and what has far more is refused by its place."""
    file = tmp_path / "keys.toml"
    token = keys_file.create(file, ["a"], list(Role))
    metadata = [("authorization", f"Bearer {token}")]
    names = [DisplayName(kind=NAME_KIND_OPERATOR, id=f"{n}", name="x" * 40) for n in range(1_000)]
    async with started(tmp_path / "telwerk.db", keys_file=file) as server:
        asked = settings.SetDisplayNamesRequest(account_id="a", names=names)
        assert (await server.settings.SetDisplayNames(asked, metadata=metadata)).set_count == 1_000
        some = kpi.Filter(operators=kpi.IdFilter(any_of=["abcd"] * 6_000))
        totals = kpi.QueryTotalsRequest(account_id="a", kpi_ids=["feedback_count"], range=ALL_TIME, filter=some)
        how = await refusal(server.kpis.QueryTotals(totals, metadata=metadata))
        assert (how.code, how.fields) == (INVALID, ["filter.operators.any_of"])


@pytest.mark.parametrize("what", ["a query", "a query of a batch", "settings", "a watch"])
async def test_a_request_that_brings_no_events_is_bounded_by_itself(tmp_path, what):
    """`request_bytes_max`, which is not `message_bytes_max`; below it, a request is answered."""
    async with started(tmp_path / "telwerk.db", request_bytes_max=50_000) as server:

        async def ask(ids: int) -> None:
            some = kpi.Filter(widgets=kpi.IdFilter(any_of=[f"{n:0100}" for n in range(ids)]))
            totals = kpi.QueryTotalsRequest(account_id="a", kpi_ids=["feedback_count"], range=ALL_TIME, filter=some)
            series = kpi.QueryTimeSeriesRequest(
                kpi_ids=["feedback_count"], range=ALL_TIME, filter=some, granularity=kpi.GRANULARITY_YEAR
            )
            goals = [settings.Goal(goal_id=f"{n:0100}", url="https://x") for n in range(ids)]
            if what == "a query":
                await server.kpis.QueryTotals(totals)
            elif what == "a query of a batch":
                small = kpi.BatchedQuery(totals=kpi.QueryTotalsRequest(kpi_ids=["feedback_count"], range=ALL_TIME))
                batched = [*[small] * 2, kpi.BatchedQuery(totals=totals), kpi.BatchedQuery(time_series=series)]
                answers = await server.kpis.BatchQuery(kpi.BatchQueryRequest(account_id="a", queries=batched))
                assert [each.WhichOneof("answer") for each in answers.answers] == [*["totals"] * 3, "time_series"]
            elif what == "settings":
                version = settings.WidgetSettings(widget_id="w", goals=goals)
                await server.settings.SetWidgetSettings(
                    settings.SetWidgetSettingsRequest(account_id="a", settings=version)
                )
            else:
                watch = server.kpis.WatchTimeSeries(kpi.WatchTimeSeriesRequest(account_id="a", query=series))
                assert await watch.read() is not grpc.aio.EOF
                watch.cancel()

        await ask(400)
        how = await refusal(ask(600))
        assert (how.code, how.reason) == (INVALID, "LIMIT_EXCEEDED")
        assert "request_bytes_max" in how.text


async def test_a_batch_of_large_events_is_counted_as_small_ones_are(tmp_path):
    """Decoded in many pieces, each verdict stands in its place, and each refused event is named."""
    batch = [survey(f"e{n}", 40, 30) for n in range(60)]
    batch[7].ClearField("widget_id")
    batch[30] = survey("e30", 100, 200)
    batch[41].event_id = "x" * 300
    batch[50].CopyFrom(batch[49])
    async with started(tmp_path / "telwerk.db") as server:
        answer = await server.ingest("a", batch)
        assert answer.accepted_count == 56
        assert answer.duplicate_count == 1
        rejections = [(each.index, each.event_id, each.field) for each in answer.rejections]
        assert rejections == [(7, "e7", "widget_id"), (30, "e30", ""), (41, "x" * 256, "event_id")]
        assert "event_bytes_max" in answer.rejections[1].message
        expected = [ingestion.VERDICT_ACCEPTED] * 60
        expected[50] = ingestion.VERDICT_DUPLICATE
        for place in (7, 30, 41):
            expected[place] = ingestion.VERDICT_REJECTED
        assert list(answer.verdicts) == expected


async def test_many_rejections_come_in_their_order(tmp_path):
    """Encoded in pieces, none is lost."""
    batch = [pb.Event(event_id=f"e{n}") for n in range(3_000)]
    async with started(tmp_path / "telwerk.db") as server:
        answer = await server.ingest("a", batch)
    assert [(each.index, each.event_id) for each in answer.rejections] == [(n, f"e{n}") for n in range(3_000)]
    assert list(answer.verdicts) == [ingestion.VERDICT_REJECTED] * 3_000


@pytest.mark.parametrize("size", [10, 40_000])
async def test_the_account_that_is_checked_is_the_account_that_is_used(tmp_path, size):
    """A second account behind the events is the one that counts, on the wire and against the grant."""
    keys = tmp_path / "keys.toml"
    mine = keys_file.create(keys, ["mine"], list(Role))
    everyones = keys_file.create(keys, ["*"], list(Role))
    padding = b"\x7a" + bytes([size & 0x7F | 0x80, size >> 7 & 0x7F | 0x80, size >> 14]) + b"x" * size
    event = survey("e1", 1)
    event.occur_time.seconds += 1
    both = ingestion.IngestEventsRequest(account_id="mine", events=[event]).SerializeToString() + padding
    smuggled = both + ingestion.IngestEventsRequest(account_id="theirs").SerializeToString()
    totals = kpi.QueryTotalsRequest(account_id="mine", kpi_ids=["feedback_count"], range=ALL_TIME)
    query = totals.SerializeToString() + padding + kpi.QueryTotalsRequest(account_id="theirs").SerializeToString()
    batched = kpi.BatchQueryRequest(account_id="mine", queries=[kpi.BatchedQuery(totals=totals)])
    queries = batched.SerializeToString() + padding + kpi.BatchQueryRequest(account_id="theirs").SerializeToString()
    async with started(tmp_path / "telwerk.db", keys_file=keys) as server:
        for method, request in (
            (INGEST, smuggled),
            ("/telwerk.v1.KpiService/QueryTotals", query),
            ("/telwerk.v1.KpiService/BatchQuery", queries),
        ):
            how = await refusal(raw(server, method, request, mine))
            assert (how.code, how.reason) == (DENIED, "ACCOUNT_NOT_GRANTED"), method
            assert "theirs" in how.text
        for token, request, account in ((mine, both, "mine"), (everyones, smuggled, "theirs")):
            await raw(server, INGEST, request, token)
            totals.account_id, totals.kpi_ids[0] = account, "post_chat_survey_results"
            sent = [("authorization", f"Bearer {token}")]
            answer = await server.kpis.QueryTotals(totals, metadata=sent)
            assert answer.totals[0].count == 1


async def test_what_all_calls_hold_is_bounded(tmp_path):
    """Beyond `memory_bytes_max`, a call is turned away for now, on a stream in its place; later it is taken."""
    batch = [survey(f"e{n}", 50, 20) for n in range(40)]
    async with started(tmp_path / "telwerk.db", memory_bytes_max=1_200_000) as server:
        together = await asyncio.gather(
            *(server.ingest(f"a{n}", batch) for n in range(20)),
            return_exceptions=True,
        )
        refused = [each for each in together if isinstance(each, grpc.aio.AioRpcError)]
        assert 0 < len(refused) < 20
        assert {each.code() for each in refused} == {UNAVAILABLE}
        assert "memory_bytes_max" in str(refused[0].details())
        stream = server.ingestion.StreamEvents()
        for n in range(20):
            await stream.write(ingestion.StreamEventsRequest(account_id=f"s{n}", events=batch))
        await stream.done_writing()
        answers = [answer async for answer in stream]
        assert len(answers) == 20
        assert {answer.error.reason for answer in answers} <= {"", "OVERLOADED"}
        for n in range(20):
            assert (await server.ingest(f"b{n}", batch)).accepted_count == 40


async def test_memory_is_given_back_by_every_end_of_a_call(tmp_path):
    """After calls that succeeded, failed, were left or timed out, as much fits as before."""
    batch = [survey(f"e{n}", 50, 20) for n in range(40)]
    request = ingestion.IngestEventsRequest(account_id="a", events=batch)
    async with started(tmp_path / "telwerk.db", memory_bytes_max=1_200_000) as server:
        for _ in range(10):
            bad = request.SerializeToString()[:-1] + b"\x12\x02\x0a\x05"
            await refusal(raw(server, INGEST, bad))
            for seconds in (0.002, CALL_SECONDS):
                with suppress(grpc.aio.AioRpcError):
                    await server.ingestion.IngestEvents(request, timeout=seconds)
            async with connected(server.address) as other:
                stream = other.ingestion.StreamEvents()
                await stream.write(ingestion.StreamEventsRequest(account_id="a", events=batch))
                await asyncio.sleep(0.03)
                stream.cancel()

        async def most_of_it_is_free() -> bool:
            with suppress(grpc.aio.AioRpcError):
                await server.ingest("a", [survey(f"f{n}", 50, 20) for n in range(70)])
                return True
            return False

        await eventually(most_of_it_is_free)


@pytest.mark.parametrize("how", ["call", "stream"])
async def test_events_whose_caller_has_gone_take_memory_until_they_are_stored(tmp_path, submitted, how):
    """Who sends and goes holds no more than who waits: while the events wait for the database, they count."""
    path = tmp_path / "telwerk.db"
    batch = [survey(f"e{n}", 50, 20) for n in range(40)]
    async with started(path, memory_bytes_max=1_200_000) as server:
        await server.ingest("a", batch[:1])
        with locked(path):
            async with connected(server.address) as other:
                if how == "call":
                    request = ingestion.IngestEventsRequest(account_id="a", events=batch)
                    left = other.ingestion.IngestEvents(request, timeout=CALL_SECONDS)
                else:
                    left = other.ingestion.StreamEvents()
                    await left.write(ingestion.StreamEventsRequest(account_id="a", events=batch))
                await submitted(2)
                left.cancel()
            await asyncio.sleep(0.1)
            refused = await refusal(server.ingest("b", [survey(f"f{n}", 50, 20) for n in range(70)]))
            assert (refused.code, "memory_bytes_max" in refused.text) == (UNAVAILABLE, True)

        async def there_is_room() -> bool:
            with suppress(grpc.aio.AioRpcError):
                await server.ingest("b", [survey(f"f{n}", 50, 20) for n in range(70)])
                return True
            return False

        await eventually(there_is_room)
        assert (await server.ingest("a", batch)).duplicate_count == 40


async def test_what_an_answer_takes_while_it_is_made_is_counted(tmp_path):
    """Its numbers before they are allocated, of a query and of a batch; beside other calls it is refused for now."""

    def quarter_hours(days: int) -> kpi.QueryTimeSeriesRequest:
        request = kpi.QueryTimeSeriesRequest(kpi_ids=["satisfaction_score"], granularity=kpi.GRANULARITY_QUARTER_HOUR)
        end = 1_767_600_000 // 86_400 * 86_400
        request.range.instants.start_time.seconds, request.range.instants.end_time.seconds = end - days * 86_400, end
        return request

    async def asked(days: int) -> None:
        request = quarter_hours(days)
        request.account_id = "a"
        await server.kpis.QueryTimeSeries(request, timeout=CALL_SECONDS)

    async def asked_together(days: int) -> None:
        request = kpi.BatchQueryRequest(account_id="a")
        for _ in range(5):
            request.queries.add().time_series.CopyFrom(quarter_hours(days // 5))
        reply = await server.kpis.BatchQuery(request, timeout=CALL_SECONDS)
        assert [answer.WhichOneof("answer") for answer in reply.answers] == ["time_series"] * 5

    async with started(tmp_path / "telwerk.db", memory_bytes_max=1_500_000) as server:
        watched = kpi.WatchTimeSeriesRequest(account_id="a", query=quarter_hours(1))
        watch = server.kpis.WatchTimeSeries(watched, timeout=CALL_SECONDS)
        await watch.read()
        for ask in (asked, asked_together):
            refused = await refusal(ask(200))
            assert (refused.code, refused.reason) == (UNAVAILABLE, "OVERLOADED")
            assert "the answer takes about" in refused.text
            assert "memory_bytes_max" in refused.text
            await ask(20)
        watch.cancel()

        async def there_is_room() -> bool:
            with suppress(grpc.aio.AioRpcError):
                await asked(200)
                return True
            return False

        await eventually(there_is_room)
        for _ in range(5):
            await asked(200)


async def test_a_stream_for_an_account_that_is_not_granted_keeps_no_memory(tmp_path):
    """One key, and large messages of an account that is not its own, must not use up what all calls share."""
    path = tmp_path / "keys.toml"
    mine = [("authorization", f"Bearer {keys_file.create(path, ['mine'], [Role.INGEST])}")]
    batch = [survey(f"e{n}", 50, 20) for n in range(40)]
    async with started(tmp_path / "telwerk.db", keys_file=path, memory_bytes_max=1_200_000) as server:
        for _ in range(20):
            stream = server.ingestion.StreamEvents(metadata=mine, timeout=CALL_SECONDS)
            await stream.write(ingestion.StreamEventsRequest(account_id="theirs", events=batch))
            assert (await refusal(stream.read())).code is DENIED
        request = ingestion.IngestEventsRequest(account_id="mine", events=batch)
        answer = await server.ingestion.IngestEvents(request, metadata=mine, timeout=CALL_SECONDS)
        assert answer.accepted_count == 40


async def test_a_window_is_full_of_bytes_as_it_is_of_events():
    """A few large batches are as much as many small ones."""
    window = UnackedWindow(1_000, 100)
    answers = [asyncio.get_running_loop().create_future() for _ in range(2)]
    window.add(1, answers[0], 60, None)
    await asyncio.wait_for(window.room(), 1)
    window.add(1, answers[1], 60, None)
    room = asyncio.create_task(window.room())
    await asyncio.sleep(0.01)
    assert not room.done(), "120 of 100 bytes are owed"
    answers[0].set_result("1")
    await window.next()
    await asyncio.wait_for(room, 1)


async def test_accounts_decode_in_turn():
    """A turn of the loop has room for so many bytes; the next one is of the account that waits for longest."""
    turns, order = DecodingTurns(AccountThrottle(Sharing(), 0.0), 100), list[str]()

    async def decode(name: str) -> None:
        async with turns.turn(AccountId(name[0]), 60):
            order.append(name)

    waiting = [asyncio.create_task(decode(name)) for name in ("a1", "a2", "a3", "a4", "b1", "b2", "c1")]
    waiting[2].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert order == ["a1", "a2", "b1", "c1", "a4", "b2"]
