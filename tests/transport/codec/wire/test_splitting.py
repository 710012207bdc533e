"""Requests are split as protobuf would have decoded them, and what is too much is refused undecoded."""

import pytest

from telwerk.v1 import event_pb2 as pb, ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.transport.codec.ingest.event_batch import EVENTS_FIELD
from telwerkd.transport.codec.query import query_batch
from telwerkd.transport.codec.query.query_batch import split_queries
from telwerkd.transport.codec.wire import splitting
from telwerkd.transport.codec.wire.splitting import account_of
from telwerkd.transport.grpc import requests
from tests.transport.codec.ingest.test_event_batch import REQUEST, split
from tests.transport.codec.wire.fields_written import field


def test_no_megabytes_of_an_id_are_looked_at() -> None:
    """Of an event that is refused its start is decoded, and its length is known; an account's is refused."""
    batch = split(REQUEST(account_id="a", events=[pb.Event(event_id="é" * 2**20)]).SerializeToString())
    name = batch.too_large[0].name()
    assert (name.text, name.size) == ("é" * 2_048, 2**21)
    filling = field(15, b"x" * 20_000)
    for read in (split, account_of, lambda raw: split_queries(raw + field(2, b""), 30_000)):
        with pytest.raises(InvalidArgumentError, match="account_id: has 1048576 bytes, at most 16384"):
            read(filling + field(1, b"x" * 2**20))


def test_nothing_but_unknown_fields_is_refused() -> None:
    """So that a walk has an end."""
    for read in (split, account_of, lambda raw: split_queries(raw, 1_000)):
        with pytest.raises(InvalidArgumentError, match=r"[15]000 fields"):
            read(b"\x28\x00" * 20_000)


def test_the_fields_that_are_looked_for_are_those_of_the_contract() -> None:
    """`account_id`, `events` and `queries`, by number; and the methods, by name."""
    for message in (REQUEST, ingestion.StreamEventsRequest):
        assert message.DESCRIPTOR.fields_by_name["account_id"].number == splitting.ACCOUNT_FIELD
        assert message.DESCRIPTOR.fields_by_name["events"].number == EVENTS_FIELD
    fields = kpi.BatchQueryRequest.DESCRIPTOR.fields_by_name
    assert (fields["account_id"].number, fields["queries"].number) == (
        splitting.ACCOUNT_FIELD,
        query_batch.QUERIES_FIELD,
    )
    services = (ingestion.DESCRIPTOR, kpi.DESCRIPTOR)
    methods = {
        f"/{service.full_name}/{method.name}"
        for file in services
        for service in file.services_by_name.values()
        for method in service.methods
    }
    assert methods >= requests.SPLIT
