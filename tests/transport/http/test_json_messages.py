"""Messages in JSON mean what protobuf's own mapping says, whatever is in them."""

import json
import math

import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given, settings, strategies as st

from telwerk.v1 import ingestion_service_pb2 as ingestion, kpi_service_pb2 as kpi
from telwerkd.domain.errors import LimitExceededError
from telwerkd.transport.http.json_messages import from_json, to_json
from telwerkd.transport.http.methods import OFFERED
from tests.effort import examples

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    FieldDescriptor.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    FieldDescriptor.CPPTYPE_DOUBLE: st.floats(allow_nan=False) | st.just(math.nan),  # JSON has no other
    FieldDescriptor.CPPTYPE_BOOL: st.booleans(),
    FieldDescriptor.CPPTYPE_STRING: TEXTS,
}
SECONDS = st.integers(-(10**9), 10**9)


def messages(descriptor, depth: int = 3) -> st.SearchStrategy[dict]:
    """What a message of this kind may be made of."""
    if descriptor.full_name in {"google.protobuf.Timestamp", "google.protobuf.Duration"}:
        return st.fixed_dictionaries({"seconds": SECONDS})
    return st.fixed_dictionaries({}, optional={field.name: values(field, depth) for field in descriptor.fields})


def values(field, depth: int) -> st.SearchStrategy:
    if field.message_type is not None:
        one = messages(field.message_type, depth - 1) if depth else st.just({})
    elif field.enum_type is not None:
        one = st.sampled_from([value.number for value in field.enum_type.values])
    else:
        one = NUMBERS[field.cpp_type]
    return st.lists(one, max_size=2) if field.is_repeated else one


REPLIES = [kpi.QueryTimeSeriesResponse, kpi.QueryTotalsResponse, ingestion.IngestEventsResponse]


@pytest.mark.parametrize("kind", REPLIES)
@settings(max_examples=examples(40), deadline=None)
@given(data=st.data())
def test_a_reply_reads_as_protobuf_would_have_written_it(kind, data):
    message = kind(**data.draw(messages(kind.DESCRIPTOR)))
    ours, theirs = json.loads(to_json(message)), json_format.MessageToDict(message)
    assert ours == theirs
    assert from_json(to_json(message), kind).SerializeToString() == message.SerializeToString()


def test_no_message_that_is_offered_has_a_form_that_is_not_written_here():
    """No maps, and of the messages with a form of their own only points and lengths in time."""
    seen = set()

    def walk(descriptor) -> None:
        if descriptor.full_name in seen:
            return
        seen.add(descriptor.full_name)
        for field in descriptor.fields:
            assert not (field.message_type and field.message_type.GetOptions().map_entry), field.full_name
            if field.message_type is not None:
                walk(field.message_type)

    for service, names in OFFERED.values():
        for name in names:
            walk(service.methods_by_name[name].output_type)
    foreign = {name for name in seen if not name.startswith("telwerk.v1.")}
    assert foreign <= {"google.protobuf.Timestamp", "google.protobuf.Duration"}


def test_a_message_of_more_values_than_a_parser_takes_in_a_moment_is_refused_before_it():
    raw = b'{"kpiIds":[' + b'"a",' * 50_000 + b'"a"]}'
    with pytest.raises(LimitExceededError, match="more than 50000 values"):
        from_json(raw, kpi.QueryTotalsRequest)


def test_the_numbers_of_a_column_are_strings_and_none_is_lost():
    reply = kpi.QueryTimeSeriesResponse(bucket_start_seconds=[0, -1, 2**62], end_seconds=3)
    assert json.loads(to_json(reply)) == {"bucketStartSeconds": ["0", "-1", str(2**62)], "endSeconds": "3"}
    assert to_json(kpi.QueryTimeSeriesResponse()) == b"{}"
