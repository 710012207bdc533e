"""The synchronous client.

    from telwerk import Telwerk, events

    with Telwerk("kpi.example:443", api_key=key, tls=True) as telwerk:
        telwerk.ingest("acme", [
            events.operator_assigned("chat-1", widget="web", at=nine, operator="anna", group="sales"),
            events.rated("chat-1", widget="web", at=ten_past, stars=5),
        ])
        print(telwerk.totals("acme", "satisfaction_score", start=today, end=tomorrow).totals[0].mean)

Answers are the contract's own messages (`telwerk.v1`), where every field is described. Most methods stand in
`telwerk.operations`, and the options of queries in `telwerk.queries`: both are the same for `AsyncTelwerk`.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc

from telwerk.explanations import Explanation
from telwerk.forking import OwnLink, answers
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


class Telwerk(Operations):
    """A connection to a Telwerk server, at `address` (`host:port`). Threads may share it.

    Nothing is sent before the first call, and a lost connection is made anew by itself. Where the server is not
    available a call is tried up to five times, within a second or two, and never beyond `timeout_seconds`. Every method
    raises a `telwerk.errors.TelwerkError` of the kind that its docstring there describes.

    A process that was forked may go on with it, over a connection of its own; an iterator of `stream` or `watch`
    that was begun before the fork is the parent's.

    The other arguments are those of `Connection`. `api_key` goes with every call; over plain text anyone on the way can
    read it.
    """

    def _open(self) -> None:
        self._link = OwnLink(self.connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, and with it every call still running. May be called again.

        In a process that was forked it leaves the parent's connection alone.
        """
        self._link.close()

    def run(self, steps: Steps[_Result]) -> _Result:
        """Makes the calls of an operation, one after the other."""
        try:
            call = next(steps)
            while True:
                call = steps.send(self._answer(call))
        except StopIteration as done:
            result: _Result = done.value
            return result

    def _answer(self, call: Call) -> Any:
        timeout, metadata = self.connection.timeout_seconds, self.connection.metadata
        try:
            answer = call.method_of(self._link.stubs)(call.request, timeout=timeout, metadata=metadata)
        except grpc.RpcError as error:
            raise self._failure(error) from error
        self._has_answered = True
        return answer

    def stream(self, batches: Iterable[tuple[str, Iterable[Event]]]) -> Iterator[StreamEventsResponse]:
        """Sends batches, each an account and its events, without waiting; gives the answer of each, in their order.

            for answer in telwerk.stream(("acme", batch) for batch in batches): ...

        An answer says that its batch is durable, or has an `error`: then send that one again, or mend it. The stream
        itself goes on. Should it break, a `TelwerkError` is raised: send again what was not answered.

        Nothing is sent before the first answer is asked for. `batches` is iterated in a thread of its own; what it
        raises is raised here, after the answers of all before. There is no time limit, as the stream lasts as long as
        its batches come; to end it early, close the iterator.
        """
        failures: list[Exception] = []
        call = self._link.stubs.ingestion.StreamEvents(_requests(batches, failures), metadata=self.connection.metadata)
        try:
            for answer in answers(call):
                self._has_answered = True
                yield answer
        except grpc.RpcError as error:
            raise self._failure(error) from error
        if failures:
            raise failures[0]

    def series_pages(
        self, account_id: str, kpis: str | Iterable[str], **options: Unpack[SeriesOptions]
    ) -> Iterator[QueryTimeSeriesResponse]:
        """All pages of `series`, each asked for when it is needed; `page_size` rows on one, 500 unless given."""
        request = series_request(account_id, kpis, options)
        return self._pages(lambda stubs: stubs.kpis.QueryTimeSeries, request)

    def totals_pages(
        self, account_id: str, kpis: str | Iterable[str], **options: Unpack[TotalsOptions]
    ) -> Iterator[QueryTotalsResponse]:
        """All pages of `totals`, each asked for when it is needed; `page_size` rows on one, 500 unless given."""
        return self._pages(lambda stubs: stubs.kpis.QueryTotals, totals_request(account_id, kpis, options))

    def _pages(
        self, method_of: "Callable[[Stubs], grpc.UnaryUnaryMultiCallable[_Asked, _Page]]", request: _Asked
    ) -> Iterator[_Page]:
        request.page_size = request.page_size or ROWS_AT_ONCE
        while True:
            page = self.run(ask(method_of, request))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def explain(self, account_id: str, kpi: str, **options: Unpack[ExplainOptions]) -> Explanation:
        """Why a number is what it is: the conversations and events that made it, and those that were left out.

        Range and filter are those of the number. All pages are read, each when it is needed.
        """
        request = explain_request(account_id, kpi, options)

        def page_of(token: str) -> ExplainCountResponse:
            page = ExplainCountRequest(page_token=token)
            page.MergeFrom(request)
            steps: Steps[ExplainCountResponse] = ask(lambda stubs: stubs.kpis.ExplainCount, page)
            return self.run(steps)

        return Explanation(page_of(""), page_of)

    def watch(
        self,
        account_id: str,
        kpis: str | Iterable[str],
        *,
        patience_seconds: float = 60.0,
        **options: Unpack[SeriesOptions],
    ) -> Iterator[QueryTimeSeriesResponse]:
        """A time series that stays true: the whole answer now, and again whenever it has changed.

        A watch that breaks is opened again by itself, and goes on with the answer as it is then; a server that was
        there is waited for, up to `patience_seconds` after the connection was lost, however quiet
        the watch was before. Lasts until the iterator is closed.
        """
        query = series_request("", kpis, options)
        request = WatchTimeSeriesRequest(account_id=account_id, query=query)
        patience = Patience(patience_seconds)
        while True:
            call = self._link.stubs.kpis.WatchTimeSeries(request, metadata=self.connection.metadata)
            watched, broken = Watched(sparse=query.sparse), None
            try:
                for update in answers(call):
                    patience.answered()
                    self._has_answered = True
                    yield watched.update(update)
            except grpc.RpcError as error:
                broken = self._failure(error)
                broken.__cause__ = error
            time.sleep(patience.pause_seconds(broken, time.monotonic()))


def _requests(
    batches: Iterable[tuple[str, Iterable[Event]]], failures: list[Exception]
) -> Iterator[StreamEventsRequest]:
    """The batches as messages. Where the next one cannot be had they end, and the reason is kept."""
    try:
        for account_id, events in batches:
            yield StreamEventsRequest(account_id=account_id, events=events)
    except Exception as failure:  # noqa: BLE001 - it is raised where the answers are read
        failures.append(failure)
