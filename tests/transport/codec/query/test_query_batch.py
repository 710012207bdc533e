"""The queries of a batch are found as protobuf would have decoded them, and counted before they are decoded."""

import pytest
from google.protobuf.message import Message

from telwerk.v1 import kpi_service_pb2 as kpi
from telwerkd.domain.errors import LimitExceededError
from telwerkd.transport.codec.query.query_batch import split_queries
from tests.transport.codec.wire.fields_written import field


def queries_of(raw: bytes) -> list[Message]:
    return [part.decoded() for part in split_queries(raw, 100_000).queries]


@pytest.mark.parametrize("large", [False, True])
def test_queries_are_split_as_protobuf_does(large: bool) -> None:  # noqa: FBT001  # pytest's
    """Small batches and large ones."""
    filter_ = kpi.Filter(operators=kpi.IdFilter(any_of=["x" * 100] * (300 if large else 1)))
    asked = [kpi.BatchedQuery(totals=kpi.QueryTotalsRequest(kpi_ids=[f"{n}"], filter=filter_)) for n in range(5)]
    raw = kpi.BatchQueryRequest(account_id="mine", queries=asked).SerializeToString() + field(1, b"theirs")
    assert split_queries(raw, 100_000).account_id == "theirs"
    assert queries_of(raw) == asked


@pytest.mark.parametrize("filling", [0, 20_000])
@pytest.mark.parametrize("count", [0, 51])
def test_a_batch_has_1_to_50_queries(count: int, filling: int) -> None:
    """Counted before they are decoded."""
    raw = kpi.BatchQueryRequest(queries=[kpi.BatchedQuery()] * count).SerializeToString() + field(9, b"x" * filling)
    with pytest.raises(LimitExceededError, match="from 1 to 50"):
        split_queries(raw, 100_000)


def test_a_large_query_of_a_batch_is_refused_by_its_place() -> None:
    """The setting is named."""
    raw = field(2, b"") + field(2, b"x" * 20_000)
    with pytest.raises(LimitExceededError, match=r"queries\[1\].*request_bytes_max"):
        split_queries(raw, 10_000)
