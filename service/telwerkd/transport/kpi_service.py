"""`telwerk.v1.KpiService`: decode, ask, encode; nothing else is decided here."""

import asyncio
from typing import Any, TypeAlias

import grpc.aio

from telwerk.v1 import kpi_service_pb2 as pb, kpi_service_pb2_grpc as kpi_grpc
from telwerkd.application.answering import Queries
from telwerkd.application.clock import Clock
from telwerkd.application.explain import Explanations
from telwerkd.application.query import Answer, Query
from telwerkd.application.watching import Watches, about_differs, changes
from telwerkd.domain.errors import TelwerkError
from telwerkd.domain.ids import AccountId
from telwerkd.transport import wire
from telwerkd.transport.answer_cache import AnswerCache
from telwerkd.transport.answer_codec import Reply, encode_answer, encode_batched, encode_changes
from telwerkd.transport.catalogue_codec import encode_catalogue
from telwerkd.transport.draining import unless_drained
from telwerkd.transport.errors import Encoded, let_go
from telwerkd.transport.event_codec import EventDecoder, EventLimits, FieldError
from telwerkd.transport.explain_codec import decode_explain, encode_explanation
from telwerkd.transport.query_batch import QueryBatch
from telwerkd.transport.query_codec import QueryRequest, decode_query
from telwerkd.transport.stalling import write_within
from telwerkd.transport.turns import Turns

_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class KpiService(kpi_grpc.KpiServiceServicer):
    """`telwerk.v1.KpiService`.

    Replies to queries are encoded already, and the error interceptor passes them on: hence the `Any` of their types.
    """

    def __init__(
        self,
        queries: Queries,
        watches: Watches,
        explanations: Explanations,
        clock: Clock,
        limits: EventLimits,
        cache: AnswerCache,
        watch_stall_seconds: float,
        draining: asyncio.Event,
    ) -> None:
        self._queries = queries
        self._watches = watches
        self._explanations = explanations
        self._clock = clock
        self._decoder = EventDecoder(limits)
        self._turns = Turns()
        self._cache = cache
        self._watch_stall_seconds = watch_stall_seconds
        self._draining = draining

    async def ListKpis(self, request: pb.ListKpisRequest, context: _Context) -> pb.ListKpisResponse:
        """The catalogue."""
        return encode_catalogue(request.language_code)

    async def QueryTimeSeries(self, request: pb.QueryTimeSeriesRequest, context: _Context) -> Any:
        """KPIs over time."""
        return await self._reply(request)

    async def QueryTotals(self, request: pb.QueryTotalsRequest, context: _Context) -> Any:
        """KPIs over a whole range."""
        return await self._reply(request)

    async def _reply(self, request: QueryRequest) -> Encoded:
        account = AccountId(self._decoder.id("account_id", request.account_id))
        key = (type(request), request.SerializeToString(deterministic=True))
        reply = self._cache.get(key, await self._queries.standing(account)) if self._cache.holds(key) else None
        if reply is None:
            query = decode_query(request, self._decoder)
            # To encode each value's counts takes several times as long as their sums.
            short = isinstance(request, pb.QueryTotalsRequest) or not request.include_distribution
            reply = await self._queries.ask(query, lambda answer: encode_answer(request, answer), short=short)
            self._cache.put(key, reply)
        return Encoded(reply.finished(self._clock.now()))

    async def BatchQuery(self, request: Any, context: _Context) -> Any:
        """Several queries on one view; they come as a `QueryBatch`."""
        batch: QueryBatch = request
        account = AccountId(self._decoder.id("account_id", batch.account_id))
        asked: list[QueryRequest] = []
        queries: list[Query | TelwerkError] = []
        for part in batch.queries:
            await self._turns.turn(account, part.size + 1)
            message = _query_of(part.decoded())
            queries.append(self._decoded(account, message))
            asked.append(message)

        def encoded(place: int, answer: Answer) -> Reply:
            return encode_answer(asked[place], answer)

        replies = await self._queries.ask_all(account, queries, encoded)
        now = self._clock.now()
        number = pb.BatchQueryResponse.ANSWERS_FIELD_NUMBER
        return Encoded(b"".join(wire.nested(number, encode_batched(reply, now)) for reply in replies))

    def _decoded(self, account: AccountId, request: QueryRequest) -> Query | TelwerkError:
        """A query of a batch, which now says the account itself, or what is wrong with it."""
        try:
            _set_account(account, request)
            return decode_query(request, self._decoder)
        except TelwerkError as error:
            return let_go(error)

    async def WatchTimeSeries(  # type: ignore[override]  # it writes by itself, to see how long that takes
        self, request: pb.WatchTimeSeriesRequest, context: _Context
    ) -> None:
        """A time series that stays true."""
        account = AccountId(self._decoder.id("account_id", request.account_id))
        asked = request.query
        _set_account(account, asked)
        query = decode_query(asked, self._decoder)
        if query.page is not None:
            raise FieldError("query.page_size", "a watch has no pages: filter, or ask for the largest (top)")
        before: Answer | None = None
        draining = asyncio.create_task(self._draining.wait())
        try:
            with self._watches.watch(query) as watch:
                while True:
                    answer = await unless_drained(draining, watch.answer())
                    update = self._update(asked, query, before, answer)
                    if update is not None:
                        await self._write(context, update)
                    before = answer
        finally:
            draining.cancel()

    def _update(
        self, request: pb.QueryTimeSeriesRequest, query: Query, before: Answer | None, answer: Answer
    ) -> bytes | None:
        """What a watch is told; nothing where nothing it shows is different."""
        different = None if before is None else changes(query, before, answer)
        now = self._clock.now()
        if different is None:
            number = pb.WatchTimeSeriesResponse.SNAPSHOT_FIELD_NUMBER
            return wire.nested(number, encode_answer(request, answer).finished(now))
        if different or (before is not None and about_differs(before, answer)):
            number = pb.WatchTimeSeriesResponse.CHANGES_FIELD_NUMBER
            return wire.nested(number, encode_changes(request, different, answer, now))
        return None

    async def _write(self, context: _Context, update: bytes) -> None:
        await write_within(context, Encoded(update), self._watch_stall_seconds)

    async def ExplainCount(self, request: pb.ExplainCountRequest, context: _Context) -> pb.ExplainCountResponse:
        """What made a number."""
        query, after, size = decode_explain(request, self._decoder)
        return encode_explanation(request, await self._explanations.explain(query, after, size))


def _query_of(batched: pb.BatchedQuery) -> QueryRequest:
    """The query; an empty one, which is refused as such, where there is none."""
    return batched.totals if batched.HasField("totals") else batched.time_series


def _set_account(account: AccountId, request: QueryRequest) -> None:
    """Makes a query one of the account that the message around it names.

    Raises:
        FieldError: it names another.
    """
    if request.account_id not in {"", account}:
        raise FieldError("account_id", f"must be absent, or {account!r} as in the message around it")
    request.account_id = account
