"""A request in JSON becomes the bytes that a client of gRPC would have sent, and is bounded where those are."""

import json

import pytest
from google.protobuf import json_format

from telwerk.v1 import event_pb2, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError
from telwerkd.transport.codec.ingest.events import EventLimits
from telwerkd.transport.grpc.requests import BATCH_QUERY, INGEST_EVENTS
from telwerkd.transport.http.json_lists import marks_of
from telwerkd.transport.http.json_requests import JsonRequests
from tests.conftest import ALL_TIME, wired

EVENTS = EventLimits(batch_events_max=5, event_bytes_max=1_000)
REQUESTS = JsonRequests(EVENTS, query_bytes_max=10_000)


def ingested(body: object) -> ingestion.IngestEventsRequest:
    raw = REQUESTS.reader(INGEST_EVENTS, ingestion.IngestEventsRequest)(json.dumps(body).encode())
    return ingestion.IngestEventsRequest.FromString(raw)


def in_json(script: str) -> list[dict[str, object]]:
    return [json_format.MessageToDict(event) for event in wired(script)]


@pytest.mark.parametrize(
    ("method", "kind", "body"),
    [
        (
            INGEST_EVENTS,
            ingestion.IngestEventsRequest,
            {"events": in_json("09:00:00 anna assigned in sales\n09:01:10 contact rates 4"), "accountId": "acme"},
        ),
        (INGEST_EVENTS, ingestion.IngestEventsRequest, {"account_id": "acme"}),
        (
            BATCH_QUERY,
            kpi.BatchQueryRequest,
            {"accountId": "acme", "queries": [{"totals": {"kpiIds": ["chats"]}}, {"timeSeries": {"timeZone": "UTC"}}]},
        ),
        (
            "/telwerk.v1.KpiService/QueryTotals",
            kpi.QueryTotalsRequest,
            {"accountId": "acme", "range": json_format.MessageToDict(ALL_TIME)},
        ),
    ],
    ids=["events", "no events", "queries", "no list"],
)
def test_what_is_split_at_its_list_is_the_message_that_a_parser_makes_of_all_of_it(method, kind, body):
    raw = json.dumps(body).encode()
    assert kind.FromString(REQUESTS.reader(method, kind)(raw)) == json_format.Parse(raw, kind())


def test_an_item_that_is_no_message_is_named_by_its_place():
    """Of hundreds in a batch."""
    with pytest.raises(InvalidArgumentError) as caught:
        ingested({"events": [{}, {"eventId": 7}]})
    assert [violation.field for violation in caught.value.violations] == ["events[1]"]


def test_an_event_of_the_bytes_that_one_may_have_is_read_however_long_it_is_in_json():
    """A character of one byte takes six where it is escaped."""
    event = event_pb2.Event(event_id="\x01" * 900)
    [found] = ingested({"events": [json_format.MessageToDict(event)]}).events
    assert found == event


def test_of_an_event_of_too_many_bytes_only_its_id_is_read_and_it_stays_too_large():
    """So that it is refused alone, by its id, as over gRPC; nothing looks for the id in all that was sent."""
    known, unknown = ingested(
        {
            "events": [
                {"eventId": "e1", "conversationId": "c" * 20_000},
                {"conversationId": "c" * 20_000, "eventId": "e2"},
            ]
        }
    ).events
    assert (known.event_id, unknown.event_id) == ("e1", "")
    assert not known.conversation_id
    assert min(known.ByteSize(), unknown.ByteSize()) > EVENTS.event_bytes


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"events": [{}] * 6}, "has more than 5 events, which batch_events_max allows"),
        ({"events": [], "accountId": "a" * 20_000}, "bytes beside its events, at most 16384"),
        ({"x": [[]] * marks_of(5), "events": []}, "texts and brackets"),
    ],
)
def test_what_is_too_much_is_refused_before_it_is_parsed(body, text):
    with pytest.raises(LimitExceededError, match=text):
        ingested(body)
