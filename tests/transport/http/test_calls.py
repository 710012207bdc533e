"""Calls over HTTP are the calls over gRPC: the same verdicts, numbers and errors, in the Connect protocol's form."""

import asyncio
import gzip
import json

import grpc.aio
import pytest
import pytest_asyncio
from google.protobuf import json_format
from google.rpc import error_details_pb2

from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.transport.http.methods import OFFERED
from tests.conftest import ALL_TIME, connected, wired
from tests.transport.http.serving import (
    BATCH,
    INGEST,
    KPI,
    TOTALS,
    WATCH,
    details,
    envelope,
    envelopes,
    http_started,
)

pytestmark = pytest.mark.asyncio(loop_scope="module")

RATED = "09:00:00 anna assigned in sales\n09:00:05 contact: message\n09:01:10 contact rates 4"
RANGE = json_format.MessageToDict(ALL_TIME)
QUESTION = {"accountId": "acme", "kpiIds": ["satisfaction_score"], "range": RANGE}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory):
    """One with a rating of the account acme, sent in JSON."""
    folder = tmp_path_factory.mktemp("http")
    async with http_started(folder, batch_events_max=50, request_bytes_max=20_000, message_bytes_max=200_000) as server:
        answer = await server.call(INGEST, {"accountId": "acme", "events": in_json(RATED)})
        assert answer.json() == {"acceptedCount": 3, "verdicts": ["VERDICT_ACCEPTED"] * 3}
        yield server


def in_json(script: str, conversation: str = "c1") -> list[dict]:
    return [json_format.MessageToDict(event) for event in wired(script, conversation)]


async def test_what_is_sent_in_json_is_counted_as_what_is_sent_over_grpc(server):
    answer = await server.call(TOTALS, QUESTION)
    async with connected(server.running.address) as client:
        told = await client.totals("acme", "satisfaction_score")
    assert answer.headers["content-type"] == "application/json"
    total = answer.json()["totals"][0]
    assert (total["count"], total["sum"], total["mean"]) == ("1", "4", 4)
    parsed = json_format.Parse(answer.text, kpi.QueryTotalsResponse())
    parsed.ClearField("complete_until"), told.ClearField("complete_until")
    assert parsed == told


async def test_every_method_that_is_offered_answers_as_over_grpc(server):
    """Each unary one, with a request that only names an account, in both codecs: the same code, and the same text."""
    for service, (_, names) in OFFERED.items():
        for name in names:
            if name == "WatchTimeSeries":
                continue
            path = f"/{service}/{name}"
            in_json = await server.call(path, {"accountId": "acme"})
            sent = kpi.QueryTotalsRequest(account_id="acme").SerializeToString()
            if name == "ListKpis":
                sent = b""
            binary = await server.client.post(path, content=sent, headers={"content-type": "application/proto"})
            assert in_json.status_code == binary.status_code, path
            async with connected(server.running.address) as client:
                call = client.channel.unary_unary(path)
                if binary.status_code == 200:
                    assert binary.content[:20] == (await call(sent, timeout=20))[:20]
                    continue
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call(sent, timeout=20)
                assert (in_json.status_code, in_json.json()["code"]) == (400, caught.value.code().name.lower())
                assert in_json.json()["message"] == binary.json()["message"] == caught.value.details()


async def test_duplicates_and_refused_events_have_verdicts_of_their_own(server):
    events = [*in_json(RATED)[:1], {"eventId": "x"}, *in_json("10:00:00 contact: message", "c9")]
    answer = (await server.call(INGEST, {"accountId": "acme", "events": events})).json()
    assert answer["verdicts"] == ["VERDICT_DUPLICATE", "VERDICT_REJECTED", "VERDICT_ACCEPTED"]
    assert [(one["index"], one["eventId"], one["reason"]) for one in answer["rejections"]] == [
        (1, "x", "INVALID_EVENT")
    ]


async def test_an_event_of_too_many_bytes_is_refused_alone(server):
    """As over gRPC, also where it is not even read as JSON."""
    huge = {"eventId": "huge", "conversationId": "c" * 150_000}
    events = [huge, *in_json("11:00:00 contact: message", "c10")]
    answer = await server.call(INGEST, {"accountId": "acme", "events": events})
    assert answer.status_code == 200, answer.text
    assert answer.json()["verdicts"] == ["VERDICT_REJECTED", "VERDICT_ACCEPTED"]
    [refused] = answer.json()["rejections"]
    assert (refused["eventId"], refused["reason"]) == ("huge", "INVALID_EVENT")
    assert "event_bytes_max" in refused["message"]


async def test_a_batch_in_json_has_the_bounds_of_one_over_grpc(server):
    """Events of a batch, queries of a batch, and the bytes of each query; each named in the error."""
    many = await server.call(INGEST, {"accountId": "acme", "events": [{}] * 51})
    queries = await server.call(BATCH, {"accountId": "acme", "queries": [{}] * 51})
    none = await server.call(BATCH, {"accountId": "acme"})
    large = await server.call(BATCH, {"accountId": "acme", "queries": [{"totals": {"pageToken": "x" * 30_000}}]})
    for answer, text in (
        (many, "more than 50 events, which batch_events_max allows"),
        (queries, "more than 50 queries"),
        (none, "0 queries, from 1 to 50"),
        (large, "queries[0]: has 30"),
    ):
        assert answer.status_code == 400
        assert text in answer.json()["message"]


async def test_a_batch_of_queries_answers_each(server):
    totals = {"kpiIds": ["satisfaction_score"], "range": RANGE}
    answers = (await server.call(BATCH, {"accountId": "acme", "queries": [{"totals": totals}, {"totals": {}}]})).json()
    first, second = answers["answers"]
    assert first["totals"]["totals"][0]["count"] == "1"
    assert second["error"]["field"] == "kpi_ids"


async def test_names_of_fields_may_be_those_of_the_contract_and_unknown_ones_are_left_out(server):
    question = {"account_id": "acme", "kpi_ids": ["satisfaction_score"], "range": RANGE, "later": {"a": [1]}}
    assert (await server.call(TOTALS, question)).json()["totals"][0]["count"] == "1"


@pytest.mark.parametrize("compressed", [False, True])
async def test_bodies_may_be_compressed_both_ways(server, compressed):
    """As clients of Connect do by default; an answer only for who accepts it."""
    body = json.dumps({"languageCode": "nl"}).encode()
    headers = {"content-type": "application/json", "accept-encoding": "gzip" if compressed else "identity"}
    if compressed:
        body, headers["content-encoding"] = gzip.compress(body), "gzip"
    answer = await server.client.post(KPI + "ListKpis", content=body, headers=headers)
    assert answer.json()["languageCode"] == "nl"
    assert answer.headers.get("content-encoding") == ("gzip" if compressed else None)


async def test_an_error_has_code_message_and_details_as_connect_writes_them(server):
    answer = await server.call(TOTALS, {"accountId": "acme", "kpiIds": ["nix"], "range": RANGE})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_argument")
    assert "nix" in answer.json()["message"]
    info = details(answer, error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == ("UNKNOWN_KPI", "telwerk")


async def test_who_gives_up_is_told_so(server):
    """A call at once, and a watch that goes on for longer than its caller wants."""
    answer = await server.call(TOTALS, QUESTION, connect_timeout_ms="0")
    assert (answer.status_code, answer.json()["code"]) == (504, "deadline_exceeded")
    query = {"kpiIds": ["satisfaction_score"], "range": RANGE, "granularity": "GRANULARITY_YEAR"}
    body = envelope(json.dumps({"accountId": "acme", "query": query}).encode())
    headers = {"content-type": "application/connect+json", "connect-timeout-ms": "300"}
    watch = await server.client.post(WATCH, content=body, headers=headers)
    *_, (flags, end) = [one async for one in envelopes(watch.aiter_bytes())]
    assert (flags, end["error"]["code"]) == (2, "deadline_exceeded")


async def test_a_watch_is_a_stream_of_envelopes_that_ends_with_what_went_wrong(server):
    """A snapshot, a change within reach of its commit; and a watch that cannot be ends at once, with status 200."""
    query = {"kpiIds": ["satisfaction_score"], "range": RANGE, "granularity": "GRANULARITY_YEAR", "timeZone": "UTC"}
    body = envelope(json.dumps({"accountId": "watched", "query": query}).encode())
    headers = {"content-type": "application/connect+json"}
    async with asyncio.timeout(30), server.client.stream("POST", WATCH, content=body, headers=headers) as answer:
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/connect+json")
        messages = envelopes(answer.aiter_bytes())
        flags, snapshot = await anext(messages)
        assert flags == 0
        assert snapshot["snapshot"]["timeZone"] == "UTC"
        await server.call(INGEST, {"accountId": "watched", "events": in_json(RATED)})
        flags, changed = await anext(messages)
        assert changed["changes"]["series"][0]["counts"] == ["1"]
    wrong = await server.client.post(WATCH, content=envelope(b'{"accountId":"a"}'), headers=headers)
    assert wrong.status_code == 200
    [(flags, end)] = [one async for one in envelopes(wrong.aiter_bytes())]
    assert (flags, end["error"]["code"]) == (2, "invalid_argument")
    assert "kpi_ids" in end["error"]["message"]


async def test_a_watch_ends_when_its_reader_goes(server):
    """The next one finds its place free: only the one that runs is open."""
    query = {"kpiIds": ["satisfaction_score"], "range": RANGE, "granularity": "GRANULARITY_YEAR"}
    body = envelope(json.dumps({"accountId": "gone", "query": query}).encode())
    headers = {"content-type": "application/connect+json"}
    for _ in range(3):
        async with server.client.stream("POST", WATCH, content=body, headers=headers) as answer:
            await anext(envelopes(answer.aiter_bytes()))


async def test_the_event_types_of_the_contract_all_survive_json(server):
    """Every kind of event that there is a line of a chat for; the numbers of both ports are the same."""
    script = """
        09:00:00 anna assigned in sales
        09:00:05 contact: message
        09:00:10 anna: message
        09:01:10 contact rates 4
        09:02:00 contact leaves feedback
        09:03:00 ends
    """
    batch = wired(script, "both")
    sent = await server.call(INGEST, {"accountId": "json", "events": [json_format.MessageToDict(one) for one in batch]})
    assert sent.json()["acceptedCount"] == len(batch), sent.text
    async with connected(server.running.address) as client:
        request = ingestion.IngestEventsRequest(account_id="grpc", events=batch)
        assert (await client.ingestion.IngestEvents(request, timeout=20)).accepted_count == len(batch)
        assert await client.counted("json") == await client.counted("grpc") != []
