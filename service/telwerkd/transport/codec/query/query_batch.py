"""The queries of a BatchQuery, decoded one at a time."""

from collections.abc import Callable
from typing import Final, NamedTuple

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.domain.errors import LimitExceededError
from telwerkd.transport.codec.wire.gradual import decoding
from telwerkd.transport.codec.wire.splitting import (
    ACCOUNT_FIELD,
    DECODED_WHOLE_MAX,
    OTHER_FIELDS_MAX,
    WireField,
    account_text,
    malformed,
    parts,
    too_many_fields,
)

QUERIES_FIELD: Final = 2
"""`queries` of the request; a test holds it against the contract."""

BATCH_QUERIES_MAX: Final = 50


class QueryPart(NamedTuple):
    """One query of a batch."""

    size: int
    """In bytes."""
    decoded: Callable[[], pb.BatchedQuery]


class QueryBatch(NamedTuple):
    """A request of several queries: 1 to 50."""

    account_id: str
    queries: list[QueryPart]


def split_queries(raw: bytes, query_bytes_max: int) -> QueryBatch:
    """Returns the batch of a request, of which each query has at most so many bytes.

    Raises:
        InvalidArgumentError: these bytes are no such request.
        LimitExceededError: there are none, or too many, or one is too large.
    """
    if len(raw) <= DECODED_WHOLE_MAX:
        return _whole(raw)
    account: WireField | None = None
    others = 0
    queries: list[QueryPart] = []
    for part in parts(raw):
        size = part.end - part.content
        if part.field == QUERIES_FIELD and part.has_length:
            if size > query_bytes_max:
                raise LimitExceededError(
                    f"queries[{len(queries)}]",
                    f"has {size} bytes, at most {query_bytes_max} (request_bytes_max) are allowed",
                )
            queries.append(_part(raw[part.content : part.end]))
            _check_count(len(queries), at_least="at least ")
            continue
        others += 1
        if others > OTHER_FIELDS_MAX:
            raise too_many_fields()
        if part.field == ACCOUNT_FIELD and part.has_length:
            account = part
    _check_count(len(queries))
    return QueryBatch("" if account is None else account_text(raw, account), queries)


def _part(raw: bytes) -> QueryPart:
    return QueryPart(len(raw), lambda: _decoded(raw))


def _decoded(raw: bytes) -> pb.BatchedQuery:
    query = pb.BatchedQuery()
    for _ in decoding(query, raw):
        pass  # in a thread, which lets others have the interpreter in between
    return query


def _whole(raw: bytes) -> QueryBatch:
    try:
        message = pb.BatchQueryRequest.FromString(raw)
    except Exception:  # noqa: BLE001 - whatever protobuf raises, the bytes are at fault.
        raise malformed() from None
    _check_count(len(message.queries))

    def given(query: pb.BatchedQuery) -> Callable[[], pb.BatchedQuery]:
        return lambda: query

    return QueryBatch(message.account_id, [QueryPart(query.ByteSize(), given(query)) for query in message.queries])


def _check_count(count: int, at_least: str = "") -> None:
    """Raises LimitExceededError unless there may be so many queries."""
    if not 1 <= count <= BATCH_QUERIES_MAX:
        raise LimitExceededError("queries", f"has {at_least}{count} queries, from 1 to {BATCH_QUERIES_MAX} are allowed")
