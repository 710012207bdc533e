"""What is decoded a little at a time is what protobuf decodes at once, and never much of it in one go."""

from collections.abc import Iterator

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings, strategies as st

from telwerk.v1 import kpi_service_pb2 as kpi, settings_service_pb2 as widget_settings
from telwerk.v1.display_name_pb2 import DisplayName
from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.transport.codec.wire.gradual import decoding
from telwerkd.transport.codec.wire.splitting import DECODED_WHOLE_MAX, FIELDS_MAX


def decoded(kind: type[Message], raw: bytes) -> Message:
    message = kind()
    for _ in decoding(message, raw):
        pass
    return message


def ids(count: int) -> kpi.IdFilter:
    return kpi.IdFilter(any_of=[f"{n:0100}" for n in range(count)], none_of=["é" * 50] * count)


def values(count: int) -> kpi.ValueFilter:
    return kpi.ValueFilter(any_of=[kpi.Value(stars=n % 5) for n in range(count)])


def queries(count: int) -> Iterator[Message]:
    """Of each kind of filling: lists in messages in messages, lists of messages, choices, numbers, a long text."""
    filter_ = kpi.Filter(operators=ids(count), widgets=ids(count // 2), values=values(count))
    yield kpi.QueryTotalsRequest(
        account_id="a", filter=filter_, group_by=[kpi.DIMENSION_OPERATOR] * count, page_token="x" * count * 50
    )
    asked = kpi.BatchedQuery(totals=kpi.QueryTotalsRequest(filter=filter_))
    yield kpi.BatchQueryRequest(account_id="a", queries=[asked] * 2)
    yield kpi.BatchedQuery(time_series=kpi.QueryTimeSeriesRequest(filter=filter_, kpi_ids=["a", "b"]))
    yield kpi.WatchTimeSeriesRequest(account_id="a", query=kpi.QueryTimeSeriesRequest(filter=filter_, time_zone="UTC"))
    names = [DisplayName(id=f"{n}", name="é" * 30) for n in range(count)]
    yield widget_settings.SetDisplayNamesRequest(account_id="a", names=names)


@pytest.mark.parametrize("count", [0, 10, 1_000])
def test_all_is_found_wherever_it_stands(count: int) -> None:
    """Also where a field comes in several parts, and where the last one of several counts."""
    for message in queries(count):
        raw = message.SerializeToString()
        kind = type(message)
        assert decoded(kind, raw) == message
        assert decoded(kind, raw + raw) == kind.FromString(raw + raw)


@given(st.binary(max_size=60), st.integers(0, 2))
@settings(max_examples=60)
def test_no_bytes_are_read_otherwise_than_protobuf_does(tail: bytes, place: int) -> None:
    """What protobuf refuses is refused, and what is taken is the same; groups alone, which no contract has, are not."""
    message = list(queries(300))[place]
    raw = message.SerializeToString() + tail
    try:
        expected = type(message).FromString(raw)
    except DecodeError:
        with pytest.raises(InvalidArgumentError):
            decoded(type(message), raw)
        return
    try:
        assert decoded(type(message), raw) == expected
    except InvalidArgumentError:
        assert any(byte & 7 in {3, 4} for byte in tail)


def test_others_have_their_turns_while_a_large_message_is_decoded() -> None:
    """After every 16 KiB, wherever they stand: in many small lists, in one large one, and in lists of messages."""
    empty = b"\x0a\x00" * 4_000  # values of a filter
    values_ = b"\x22" + length_of(empty) + empty
    many = b"".join([b"\x2a" + length_of(values_) + values_] * 30)
    requests: list[tuple[type[Message], bytes]] = [(kpi.QueryTotalsRequest, many)]
    requests += [(type(message), message.SerializeToString()) for message in queries(1_000)]
    for kind, raw in requests:
        turns = sum(1 for _ in decoding(kind(), raw))
        without_text = len(raw) - (50_000 if kind is kpi.QueryTotalsRequest and raw != many else 0)
        assert turns >= without_text // DECODED_WHOLE_MAX


def length_of(content: bytes) -> bytes:
    return bytes([len(content) & 0x7F | 0x80, len(content) >> 7 & 0x7F | 0x80, len(content) >> 14])


def test_what_has_more_fields_than_any_valid_message_is_refused_by_its_place() -> None:
    """To go through a quarter of a million of them takes longer than to decode them."""
    filter_ = kpi.Filter(operators=kpi.IdFilter(any_of=["abc"] * (FIELDS_MAX + 1)))
    with pytest.raises(InvalidArgumentError, match=f"filter.operators.any_of: has more than {FIELDS_MAX} entries"):
        decoded(kpi.QueryTotalsRequest, kpi.QueryTotalsRequest(filter=filter_).SerializeToString())
