"""The client for asyncio: what `Telwerk` can do, to be awaited.

    from telwerk import AsyncTelwerk, events

    async with AsyncTelwerk("kpi.example:443", api_key=key, tls=True) as telwerk:
        await telwerk.ingest("acme", [
            events.operator_assigned("chat-1", widget="web", at=nine, operator="anna", group="sales"),
            events.rated("chat-1", widget="web", at=ten_past, stars=5),
        ])
        answer = await telwerk.totals("acme", "satisfaction_score", start=today, end=tomorrow)
        print(answer.totals[0].mean)

The methods and their arguments are those of `Telwerk`; an iterator there is an asynchronous iterator here.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc
import grpc.aio

from telwerk.errors import in_other_process
from telwerk.explanations import AsyncExplanation
from telwerk.forking import asyncio_machinery
from telwerk.operations import Operations
from telwerk.queries import (
    ROWS_AT_ONCE,
    ExplainOptions,
    SeriesOptions,
    TotalsOptions,
    explain_request,
    series_request,
    totals_request,
)
from telwerk.steps import Call, Steps, Stubs, ask
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import StreamEventsRequest, StreamEventsResponse
from telwerk.v1.kpi_service_pb2 import (
    ExplainCountRequest,
    ExplainCountResponse,
    QueryTimeSeriesRequest,
    QueryTimeSeriesResponse,
    QueryTotalsRequest,
    QueryTotalsResponse,
    WatchTimeSeriesRequest,
)
from telwerk.watching import Patience, Watched

_Result = TypeVar("_Result")
_Asked = TypeVar("_Asked", QueryTimeSeriesRequest, QueryTotalsRequest)
_Page = TypeVar("_Page", QueryTimeSeriesResponse, QueryTotalsResponse)

Batches = Iterable[tuple[str, Iterable[Event]]] | AsyncIterable[tuple[str, Iterable[Event]]]
"""Each an account and its events."""


class AsyncTelwerk(Operations):
    """A connection to a Telwerk server; see `Telwerk`, with the same arguments and methods.

    It belongs to the event loop in which it was made, and so to its process: in one that was forked it raises at once,
    and so does making a new one there, as gRPC for asyncio does not survive a fork. What is iterated there is iterated
    here by `async for`.
    """

    def _open(self) -> None:
        asyncio_machinery.begins()
        self._process = os.getpid()
        self._channel = self.connection.aio_channel()
        self._own_stubs = Stubs(self._channel)

    @property
    def _stubs(self) -> Stubs:
        """Those of the client's own process.

        Raises:
            TelwerkError: this process was forked since; the event loop that the client belongs to is not here.
        """
        if self._process != os.getpid():
            raise in_other_process("this AsyncTelwerk")
        return self._own_stubs

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection, and with it every call still running. May be called again."""
        if self._process == os.getpid():
            await self._channel.close()

    async def run(self, steps: Steps[_Result]) -> _Result:
        """Makes the calls of an operation, one after the other."""
        try:
            call = next(steps)
            while True:
                call = steps.send(await self._answer(call))
        except StopIteration as done:
            result: _Result = done.value
            return result

    async def _answer(self, call: Call) -> Any:
        timeout, metadata = self.connection.timeout_seconds, self.connection.metadata
        try:
            answer = await call.method_of(self._stubs)(call.request, timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise self._failure(error) from error
        self._has_answered = True
        return answer

    async def stream(self, batches: Batches) -> AsyncIterator[StreamEventsResponse]:
        """Sends batches without waiting, and gives the answer of each; see `Telwerk.stream`. `batches` may be async."""
        failures: list[Exception] = []
        method: Any = self._stubs.ingestion.StreamEvents
        call = method(_requests(batches, failures), metadata=self.connection.metadata)
        try:
            async for answer in call:
                self._has_answered = True
                yield answer
        except grpc.RpcError as error:
            raise self._failure(error) from error
        finally:
            call.cancel()
        if failures:
            raise failures[0]

    def series_pages(
        self, account_id: str, kpis: str | Iterable[str], **options: Unpack[SeriesOptions]
    ) -> AsyncIterator[QueryTimeSeriesResponse]:
        """All pages of `series`; see `Telwerk.series_pages`."""
        request = series_request(account_id, kpis, options)
        return self._pages(lambda stubs: stubs.kpis.QueryTimeSeries, request)

    def totals_pages(
        self, account_id: str, kpis: str | Iterable[str], **options: Unpack[TotalsOptions]
    ) -> AsyncIterator[QueryTotalsResponse]:
        """All pages of `totals`; see `Telwerk.totals_pages`."""
        return self._pages(lambda stubs: stubs.kpis.QueryTotals, totals_request(account_id, kpis, options))

    async def _pages(
        self, method_of: "Callable[[Stubs], grpc.UnaryUnaryMultiCallable[_Asked, _Page]]", request: _Asked
    ) -> AsyncIterator[_Page]:
        request.page_size = request.page_size or ROWS_AT_ONCE
        while True:
            page = await self.run(ask(method_of, request))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def explain(self, account_id: str, kpi: str, **options: Unpack[ExplainOptions]) -> AsyncExplanation:
        """Why a number is what it is; see `Telwerk.explain`."""
        request = explain_request(account_id, kpi, options)

        async def page_of(token: str) -> ExplainCountResponse:
            page = ExplainCountRequest(page_token=token)
            page.MergeFrom(request)
            steps: Steps[ExplainCountResponse] = ask(lambda stubs: stubs.kpis.ExplainCount, page)
            return await self.run(steps)

        return AsyncExplanation(await page_of(""), page_of)

    async def watch(
        self,
        account_id: str,
        kpis: str | Iterable[str],
        *,
        patience_seconds: float = 60.0,
        **options: Unpack[SeriesOptions],
    ) -> AsyncIterator[QueryTimeSeriesResponse]:
        """A time series that stays true; see `Telwerk.watch`."""
        query = series_request("", kpis, options)
        request = WatchTimeSeriesRequest(account_id=account_id, query=query)
        patience = Patience(patience_seconds)
        method: Any = self._stubs.kpis.WatchTimeSeries
        while True:
            call = method(request, metadata=self.connection.metadata)
            watched, broken = Watched(sparse=query.sparse), None
            try:
                async for update in call:
                    patience.answered()
                    self._has_answered = True
                    yield watched.update(update)
            except grpc.RpcError as error:
                broken = self._failure(error)
                broken.__cause__ = error
            finally:
                call.cancel()
            await asyncio.sleep(patience.pause_seconds(broken, time.monotonic()))


async def _requests(batches: Batches, failures: list[Exception]) -> AsyncIterator[StreamEventsRequest]:
    """The batches as messages. Where the next one cannot be had they end, and the reason is kept."""
    try:
        async for account_id, events in _iterated(batches):
            yield StreamEventsRequest(account_id=account_id, events=events)
    except Exception as failure:  # noqa: BLE001 - it is raised where the answers are read
        failures.append(failure)


async def _iterated(batches: Batches) -> AsyncIterator[tuple[str, Iterable[Event]]]:
    if isinstance(batches, AsyncIterable):
        async for batch in batches:
            yield batch
    else:
        for batch in batches:
            yield batch
