"""Every call that is a question and its answer, written once for both clients, as `telwerk.steps` describes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Unpack

import grpc

from telwerk.connection import ApiKey, Connection
from telwerk.errors import InvalidArgumentError, TelwerkError, error_of, refused_query
from telwerk.names import KINDS, KindName
from telwerk.queries import (
    PAGE_SIZE_MAX,
    DimensionName,
    Query,
    SeriesOptions,
    TotalsOptions,
    batch_request,
    dimension_values_request,
    series_request,
    timestamp,
    totals_request,
)
from telwerk.steps import Steps, ask, operation
from telwerk.v1.admin_service_pb2 import (
    EraseConversationRequest,
    EraseConversationResponse,
    PurgeEventsRequest,
    PurgeEventsResponse,
)
from telwerk.v1.display_name_pb2 import DisplayName
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import IngestEventsRequest, IngestEventsResponse
from telwerk.v1.kpi_service_pb2 import (
    BatchedAnswer,
    BatchQueryResponse,
    DimensionValue,
    Kpi,
    ListDimensionValuesResponse,
    ListKpisRequest,
    ListKpisResponse,
    QueryTimeSeriesResponse,
    QueryTotalsResponse,
)
from telwerk.v1.settings_service_pb2 import (
    AccountSettings,
    GetAccountSettingsRequest,
    GetAccountSettingsResponse,
    GetWidgetSettingsRequest,
    GetWidgetSettingsResponse,
    ListDisplayNamesRequest,
    ListDisplayNamesResponse,
    ListWidgetSettingsRequest,
    ListWidgetSettingsResponse,
    SetAccountSettingsRequest,
    SetAccountSettingsResponse,
    SetDisplayNamesRequest,
    SetDisplayNamesResponse,
    SetWidgetSettingsRequest,
    SetWidgetSettingsResponse,
    WidgetSettings,
)


class Operations:
    """What both clients can do; with `AsyncTelwerk`, each of these is to be awaited."""

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        api_key: ApiKey = None,
        tls: bool | str | Path = False,
        client_certificate: tuple[str | Path, str | Path] | None = None,
        timeout_seconds: float = 30.0,
    ) -> None:
        self.connection = Connection(address, api_key, tls, client_certificate, timeout_seconds)
        self._has_answered = False
        self._open()

    def _open(self) -> None:
        """Makes the client's own kind of channel for its connection."""
        raise NotImplementedError

    def _failure(self, error: grpc.RpcError) -> TelwerkError:
        failure = error_of(error, self.connection, has_answered=self._has_answered)
        # What has a reason is the server's own.
        self._has_answered = self._has_answered or bool(failure.reason)
        return failure

    @property
    def address(self) -> str:
        """The server's."""
        return self.connection.address

    @operation
    def ingest(self, account_id: str, events: Iterable[Event]) -> Steps[IngestEventsResponse]:
        """Sends one batch, 1 to 5,000 events by default of the server. They are durable once this returns.

        A bad event does not sink the others: look at `rejections`. After an error send the same batch again; what was
        stored already is then reported as duplicate, and counted once.
        """
        return ask(
            lambda stubs: stubs.ingestion.IngestEvents, IngestEventsRequest(account_id=account_id, events=events)
        )

    @operation
    def series(
        self, account_id: str, kpis: str | Iterable[str], **options: Unpack[SeriesOptions]
    ) -> Steps[QueryTimeSeriesResponse]:
        """One or several KPIs over time, a day to a bucket unless `granularity` says otherwise."""
        return ask(lambda stubs: stubs.kpis.QueryTimeSeries, series_request(account_id, kpis, options))

    @operation
    def totals(
        self, account_id: str, kpis: str | Iterable[str], **options: Unpack[TotalsOptions]
    ) -> Steps[QueryTotalsResponse]:
        """One or several KPIs over the whole range; always the sum of the series' buckets."""
        return ask(lambda stubs: stubs.kpis.QueryTotals, totals_request(account_id, kpis, options))

    @operation
    def batch(
        self, account_id: str, queries: Iterable[Query]
    ) -> Steps[Sequence[QueryTimeSeriesResponse | QueryTotalsResponse | InvalidArgumentError]]:
        """Several questions at once, 1 to 50, of one consistent view; `telwerk.queries` builds them.

        The answers come in their order. A question that is wrong fails alone: its answer is the error, not raised.
        """
        response: BatchQueryResponse = yield from ask(
            lambda stubs: stubs.kpis.BatchQuery, batch_request(account_id, queries)
        )
        return [_batched(answer) for answer in response.answers]

    @operation
    def kpis(self, language: str = "en") -> Steps[Sequence[Kpi]]:
        """The catalogue, KPI 1 to 20, with texts in `en`, `de` or `nl`."""
        response: ListKpisResponse = yield from ask(
            lambda stubs: stubs.kpis.ListKpis, ListKpisRequest(language_code=language)
        )
        return response.kpis

    @operation
    def catalogue(self, language: str = "en") -> Steps[ListKpisResponse]:
        """The KPIs with all that a help page has beside them: its headings, and its sections with introductions."""
        return ask(lambda stubs: stubs.kpis.ListKpis, ListKpisRequest(language_code=language))

    @operation
    def set_widget_settings(self, account_id: str, settings: WidgetSettings) -> Steps[WidgetSettings]:
        """Adds a version of a widget's settings. Returns it as kept, with the time from which it holds."""
        request = SetWidgetSettingsRequest(account_id=account_id, settings=settings)
        response: SetWidgetSettingsResponse = yield from ask(lambda stubs: stubs.settings.SetWidgetSettings, request)
        return response.settings

    @operation
    def widget_settings(self, account_id: str, widget_id: str) -> Steps[Sequence[WidgetSettings]]:
        """All versions of a widget's settings, oldest first; at least one, else `NotFoundError`."""
        request = GetWidgetSettingsRequest(account_id=account_id, widget_id=widget_id)
        versions: list[WidgetSettings] = []
        while True:
            page: GetWidgetSettingsResponse = yield from ask(lambda stubs: stubs.settings.GetWidgetSettings, request)
            versions += page.versions
            if not page.next_page_token:
                return versions
            request.page_token = page.next_page_token

    @operation
    def list_widget_settings(self, account_id: str) -> Steps[Sequence[WidgetSettings]]:
        """The newest version of every widget that has settings, by widget id."""
        request = ListWidgetSettingsRequest(account_id=account_id)
        widgets: list[WidgetSettings] = []
        while True:
            page: ListWidgetSettingsResponse = yield from ask(lambda stubs: stubs.settings.ListWidgetSettings, request)
            widgets += page.settings
            if not page.next_page_token:
                return widgets
            request.page_token = page.next_page_token

    @operation
    def set_account_settings(self, account_id: str, settings: AccountSettings) -> Steps[AccountSettings]:
        """Sets the account's settings, those that are present. Returns them as kept."""
        request = SetAccountSettingsRequest(account_id=account_id, settings=settings)
        response: SetAccountSettingsResponse = yield from ask(lambda stubs: stubs.settings.SetAccountSettings, request)
        return response.settings

    @operation
    def account_settings(self, account_id: str) -> Steps[AccountSettings]:
        """The account's settings; the defaults if none were set."""
        request = GetAccountSettingsRequest(account_id=account_id)
        response: GetAccountSettingsResponse = yield from ask(lambda stubs: stubs.settings.GetAccountSettings, request)
        return response.settings

    @operation
    def set_display_names(
        self, account_id: str, names: Iterable[DisplayName], *, replace_all: bool = False
    ) -> Steps[SetDisplayNamesResponse]:
        """Sets display names, up to 1,000 by default of the server; an empty name removes. All of them, or none.

        With `replace_all` every other name of the account goes; without names, all are erased. Safe to repeat.
        """
        request = SetDisplayNamesRequest(account_id=account_id, names=names, replace_all=replace_all)
        return ask(lambda stubs: stubs.settings.SetDisplayNames, request)

    @operation
    def display_names(
        self, account_id: str, kind: KindName, *, prefix: str = "", question: str = ""
    ) -> Steps[Sequence[DisplayName]]:
        """The display names of a kind, by id; only those whose id or name begins so, or of a question's options."""
        request = ListDisplayNamesRequest(
            account_id=account_id, kind=KINDS[kind], prefix=prefix, question_id=question, page_size=PAGE_SIZE_MAX
        )
        names: list[DisplayName] = []
        while True:
            page: ListDisplayNamesResponse = yield from ask(lambda stubs: stubs.settings.ListDisplayNames, request)
            names += page.names
            if not page.next_page_token:
                return names
            request.page_token = page.next_page_token

    @operation
    def dimension_values(
        self,
        account_id: str,
        dimension: DimensionName,
        *,
        kpis: str | Iterable[str] = (),
        prefix: str = "",
        question: str = "",
        limit: int | None = None,
    ) -> Steps[Sequence[DimensionValue]]:
        """What a filter can choose from: the ids of a dimension that have facts, with their display names.

        Of any KPI, or of these; for values, of the one. Those whose id or name begins so; at most `limit`.
        """
        request = dimension_values_request(account_id, dimension, kpis, prefix, question)
        values: list[DimensionValue] = []
        while True:
            request.page_size = min(PAGE_SIZE_MAX, PAGE_SIZE_MAX if limit is None else limit - len(values))
            page: ListDimensionValuesResponse = yield from ask(lambda stubs: stubs.kpis.ListDimensionValues, request)
            values += page.values
            if not page.next_page_token or (limit is not None and len(values) >= limit):
                return values
            request.page_token = page.next_page_token

    @operation
    def erase_conversation(
        self, account_id: str, conversation_id: str, *, keep_counts: bool = False
    ) -> Steps[EraseConversationResponse]:
        """Erases a conversation for good, and takes its counts back unless they are to stay as anonymous facts.

        Its events are refused from then on, also those that have not arrived yet. Safe to repeat.
        """
        request = EraseConversationRequest(
            account_id=account_id, conversation_id=conversation_id, keep_counts=keep_counts
        )
        return ask(lambda stubs: stubs.admin.EraseConversation, request)

    @operation
    def purge_events(self, account_id: str, before: datetime) -> Steps[PurgeEventsResponse]:
        """Replaces all events before an instant by what they led to: counts stay, and can no longer be explained.

        Where many are to be purged it may take longer than `timeout_seconds`; the same call again then goes on.
        """
        request = PurgeEventsRequest(account_id=account_id, before_time=timestamp(before))
        return ask(lambda stubs: stubs.admin.PurgeEvents, request)


def _batched(answer: BatchedAnswer) -> QueryTimeSeriesResponse | QueryTotalsResponse | InvalidArgumentError:
    match answer.WhichOneof("answer"):
        case "time_series":
            return answer.time_series
        case "totals":
            return answer.totals
        case _:
            return refused_query(answer.error.reason, answer.error.field, answer.error.message)
