"""`telwerk.v1.KpiService`: decode, query, encode; nothing else is decided here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeAlias

import grpc.aio

from telwerk.v1 import kpi_service_pb2 as pb, kpi_service_pb2_grpc as kpi_grpc
from telwerkd.application.clock import Clock
from telwerkd.application.dimension_values import DimensionValues
from telwerkd.application.explain import Explanations
from telwerkd.application.ports import AnswerVersion
from telwerkd.application.query.question import Query
from telwerkd.application.query.result import Answer
from telwerkd.application.query.runner import Queries
from telwerkd.application.query.slow_queries import SlowQueries
from telwerkd.application.watch.watches import Watch, Watches, about_differs, changes
from telwerkd.domain.errors import TelwerkError
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.process.bounded_cache import AnyCache, BoundedCache
from telwerkd.process.tracing import stage
from telwerkd.transport.codec.account.display_names import NameReader
from telwerkd.transport.codec.catalogue import encode_catalogue
from telwerkd.transport.codec.fields import FieldError
from telwerkd.transport.codec.query.answers import (
    Finished,
    Reply,
    encode_answer,
    encode_batched,
    encode_changes,
    encode_finished,
)
from telwerkd.transport.codec.query.dimension_values import decode_asked, encode_values
from telwerkd.transport.codec.query.explanations import decode_explain, encode_explanation
from telwerkd.transport.codec.query.queries import QueryRequest, decode_query
from telwerkd.transport.codec.query.query_batch import QueryBatch
from telwerkd.transport.codec.wire import encoding
from telwerkd.transport.codec.wire.encoding import Encoded
from telwerkd.transport.grpc.errors import without_traceback
from telwerkd.transport.services.callers import Callers
from telwerkd.transport.services.draining import unless_drained
from telwerkd.transport.services.stalling import write_within

_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_LOOP_BYTES_MAX = 4_096
"""Larger requests are decoded in a thread: a thousand ids take a millisecond. Nor are replies to them kept."""


CacheKey: TypeAlias = tuple[type, bytes]
"""A request's type and bytes; its account is among them."""

_OVERHEAD_BYTES = 200
"""About what an entry takes beside its request and reply."""


_REPLY_BYTES_MAX = 1 << 20
"""Larger replies are not kept: a kept one is copied in the event loop when it is sent again."""


class AnswerCache:
    """An LRU cache of encoded replies, bounded in bytes; 0 disables it."""

    def __init__(self, bytes_max: int) -> None:
        self._replies: BoundedCache[CacheKey, Reply] = BoundedCache(bytes_max)

    @property
    def kept(self) -> AnyCache:
        """The cache behind it, for its figures."""
        return self._replies

    def holds(self, key: CacheKey) -> bool:
        """Whether there is a reply, valid or not: if there is none, the read of the version for `get` is saved."""
        return self._replies.peek(key) is not None

    def get(self, key: CacheKey, answer_version: AnswerVersion) -> Reply | None:
        """Returns the cached reply to a request, if the account's answer version is still that of the reply."""
        reply = self._replies.peek(key)
        if reply is None or reply.answer_version != answer_version:
            return None
        self._replies.use(key)
        return reply

    def put(self, key: CacheKey, reply: Reply) -> None:
        """Caches a reply, replacing an earlier one; one that is too large is not cached."""
        size = len(key[1]) + len(reply.body) + _OVERHEAD_BYTES
        if size > _REPLY_BYTES_MAX:
            self._replies.drop(key)
        else:
            self._replies.put(key, reply, size)


class KpiService(kpi_grpc.KpiServiceServicer):
    """`telwerk.v1.KpiService`.

    Replies to queries are encoded already, and the `RequestInterceptor` lets them be: hence the `Any` of their types.
    """

    def __init__(
        self,
        queries: Queries,
        watches: Watches,
        explanations: Explanations,
        clock: Clock,
        callers: Callers,
        cache: AnswerCache,
        watch_stall_seconds: float,
        draining: asyncio.Event,
        slow_queries: SlowQueries,
        dimension_values: DimensionValues,
        names: NameReader,
    ) -> None:
        self._queries = queries
        self._watches = watches
        self._explanations = explanations
        self._clock = clock
        self._callers = callers
        self._fields = callers.fields
        self._cache = cache
        self._watch_stall_seconds = watch_stall_seconds
        self._draining = draining
        self._slow_queries = slow_queries
        self._dimension_values = dimension_values
        self._names = names

    async def ListKpis(self, request: pb.ListKpisRequest, context: _Context) -> pb.ListKpisResponse:
        """Returns the catalogue of KPIs."""
        return encode_catalogue(request.language_code)

    async def QueryTimeSeries(self, request: pb.QueryTimeSeriesRequest, context: _Context) -> Any:
        """Answers a time series; the reply is encoded."""
        return await self._reply(request)

    async def QueryTotals(self, request: pb.QueryTotalsRequest, context: _Context) -> Any:
        """Answers totals; the reply is encoded."""
        return await self._reply(request)

    async def _reply(self, request: QueryRequest) -> Encoded:
        account = self._callers.account(request.account_id, is_query=True)
        async with self._callers.questions.turn(account):
            return await self._answered(account, request)

    async def _answered(self, account: AccountId, request: QueryRequest) -> Encoded:
        if request.ByteSize() > _LOOP_BYTES_MAX:
            decode = partial(decode_query, request, self._fields, self._clock.trusted())
            query = await self._queries.compute(account, decode)
            return Encoded((await self._encoded(request, query, short=False)).whole)
        key = (type(request), request.SerializeToString(deterministic=True))
        kept = self._cache.get(key, await self._queries.answer_version(account)) if self._cache.holds(key) else None
        if kept is not None:
            return Encoded(kept.finished(self._clock.now()))
        # To encode each value's counts takes several times as long as their sums.
        short = isinstance(request, pb.QueryTotalsRequest) or not request.include_distribution
        query = decode_query(request, self._fields, self._clock.trusted())
        finished = await self._encoded(request, query, short=short)
        if finished.reply.lasting and query.as_of is None:
            self._cache.put(key, finished.reply)
        return Encoded(finished.whole)

    async def _encoded(self, request: QueryRequest, query: Query, *, short: bool) -> Finished:
        with self._slow_queries.watched(type(request).__name__.removesuffix("Request"), query.account):
            return await self._queries.ask(query, partial(encode_finished, request, self._clock.now()), short=short)

    async def BatchQuery(self, request: Any, context: _Context) -> Any:
        """Answers several queries on one snapshot; the request is a `QueryBatch`."""
        batch: QueryBatch = request
        account = self._callers.account(batch.account_id, calls=max(1, len(batch.queries)), is_query=True)
        async with self._callers.questions.turn(account):
            return await self._answered_together(account, batch)

    async def _answered_together(self, account: AccountId, batch: QueryBatch) -> Encoded:
        decode = partial(self._batch, account, batch, self._clock.trusted())
        is_short = sum(part.size for part in batch.queries) <= _LOOP_BYTES_MAX
        asked, queries = decode() if is_short else await self._queries.compute(account, decode)
        now = self._clock.now()
        number = pb.BatchQueryResponse.ANSWERS_FIELD_NUMBER

        def encoded(index: int, answer: Answer) -> bytes:
            with stage("encode"):
                return encoding.nested(number, encode_batched(encode_answer(asked[index], answer, now), now))

        def joined(answers: Sequence[bytes | TelwerkError]) -> bytes:
            for one in answers:
                if isinstance(one, TelwerkError):
                    self._queries.figures.limits.met(one.message)
            return b"".join(
                encoding.nested(number, encode_batched(one, now)) if isinstance(one, TelwerkError) else one
                for one in answers
            )

        with self._slow_queries.watched("BatchQuery", account):
            return Encoded(await self._queries.ask_all(account, queries, encoded, joined))

    def _batch(
        self, account: AccountId, batch: QueryBatch, now: Micros
    ) -> tuple[list[QueryRequest], list[Query | TelwerkError]]:
        """Decodes the queries of a batch; returns the requests, and for each its query or its error."""
        asked: list[QueryRequest] = []
        queries: list[Query | TelwerkError] = []
        with stage("decode"):
            for part in batch.queries:
                message = _query_of(part.decoded())
                asked.append(message)
                try:
                    _set_account(account, message)
                    queries.append(decode_query(message, self._fields, now))
                except TelwerkError as error:
                    queries.append(without_traceback(error))
        return asked, queries

    async def WatchTimeSeries(  # type: ignore[override]  # it writes by itself, to see how long that takes
        self, request: pb.WatchTimeSeriesRequest, context: _Context
    ) -> None:
        """Streams a time series and its changes."""
        account = self._callers.account(request.account_id, is_query=True)
        async with self._callers.questions.turn(account):
            watched = partial(self._watched, account, request, self._clock.trusted())
            asked, query = await self._queries.compute(account, watched)
        with self._watches.watch(query, request.SerializeToString(deterministic=True)) as watch:
            while True:
                async with unless_drained(self._draining):
                    update = await self._updated(watch, asked, query)
                if update is not None:
                    await self._write(context, update)

    async def _updated(self, watch: Watch, asked: pb.QueryTimeSeriesRequest, query: Query) -> bytes | None:
        """Waits for a change of a watch's account; returns the next update, or None if its answer is the same."""
        await watch.changed()
        encode = partial(_update, asked, query, self._clock.now())
        return await watch.update(encode, partial(self._asking_again, query.account))

    @asynccontextmanager
    async def _asking_again(self, account: AccountId) -> AsyncIterator[None]:
        """Takes a turn for a watch's query, however many calls wait: a watch has one query at a time."""
        async with self._callers.questions.turn(account, waiting_is_bounded=False):
            with self._slow_queries.watched("WatchTimeSeries", account):
                yield

    def _watched(
        self, account: AccountId, request: pb.WatchTimeSeriesRequest, now: Micros
    ) -> tuple[pb.QueryTimeSeriesRequest, Query]:
        asked = request.query
        _set_account(account, asked)
        query = decode_query(asked, self._fields, now)
        if query.as_of is not None:
            raise FieldError("query.as_of", "a watch is of the present: ask for the past by a query")
        if query.page is not None:
            raise FieldError("query.page_size", "a watch has no pages: filter, or ask for the largest (top)")
        return asked, query

    async def _write(self, context: _Context, update: bytes) -> None:
        await write_within(context, Encoded(update), self._watch_stall_seconds)

    async def ExplainCount(self, request: pb.ExplainCountRequest, context: _Context) -> Any:
        """Explains a count: returns a page of its conversations; the reply is encoded."""
        account = self._callers.account(request.account_id, is_query=True)
        decode = partial(decode_explain, request, self._fields)
        is_short = request.ByteSize() <= _LOOP_BYTES_MAX
        encode = partial(encode_explanation, request)
        async with self._callers.questions.turn(account):
            query, after, size = decode() if is_short else await self._queries.compute(account, decode)
            with self._slow_queries.watched("ExplainCount", account):
                return Encoded(await self._explanations.explain(query, after, size, encode))

    async def ListDimensionValues(self, request: pb.ListDimensionValuesRequest, context: _Context) -> Any:
        """Lists the values that a filter can choose from; the reply is encoded."""
        account = self._callers.account(request.account_id, is_query=True)
        decode = partial(decode_asked, request, self._fields, self._names)
        is_short = request.ByteSize() <= _LOOP_BYTES_MAX
        async with self._callers.questions.turn(account):
            asked = decode() if is_short else await self._queries.compute(account, decode)
            encode = partial(encode_values, request, asked)
            with self._slow_queries.watched("ListDimensionValues", account):
                return Encoded(await self._dimension_values.page(account, asked, encode))


def _update(
    request: pb.QueryTimeSeriesRequest, query: Query, now: Micros, before: Answer | None, answer: Answer
) -> bytes | None:
    """Returns a watch's encoded update; None where the answer has not changed."""
    with stage("encode"):
        return _encoded_update(request, query, now, before, answer)


def _encoded_update(
    request: pb.QueryTimeSeriesRequest, query: Query, now: Micros, before: Answer | None, answer: Answer
) -> bytes | None:
    different = None if before is None else changes(query, before, answer)
    if before is None or different is None:
        number = pb.WatchTimeSeriesResponse.SNAPSHOT_FIELD_NUMBER
        return encoding.nested(number, encode_answer(request, answer, now).finished(now))
    if different or about_differs(before, answer):
        number = pb.WatchTimeSeriesResponse.CHANGES_FIELD_NUMBER
        return encoding.nested(number, encode_changes(request, different, before, answer, now))
    return None


def _query_of(batched: pb.BatchedQuery) -> QueryRequest:
    """Returns the query of a batch's entry; for an entry without one an empty query, which validation refuses."""
    return batched.totals if batched.HasField("totals") else batched.time_series


def _set_account(account: AccountId, request: QueryRequest) -> None:
    """Makes a query one of the account that the message around it names.

    Raises:
        FieldError: it names another.
    """
    if request.account_id not in {"", account}:
        raise FieldError("account_id", f"must be absent, or {account!r} as in the message around it")
    request.account_id = account
