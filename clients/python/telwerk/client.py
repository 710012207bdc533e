"""The synchronous client.

    from telwerk import Telwerk, events

    with Telwerk("kpi.example:443", api_key=key, tls=True) as telwerk:
        telwerk.ingest("acme", [
            events.operator_assigned("chat-1", widget="web", at=nine, operator="anna", group="sales"),
            events.rated("chat-1", widget="web", at=ten_past, stars=5),
        ])
        print(telwerk.totals("acme", "satisfaction_score", start=today, end=tomorrow).totals[0].mean)

Answers are the contract's own messages (`telwerk.v1`), where every field is described.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TypeAlias, TypeVar

import grpc

from telwerk.errors import error_of
from telwerk.explanations import Explanation
from telwerk.queries import DIMENSIONS, GRANULARITIES, DimensionName, GranularityName, time_range, timestamp
from telwerk.v1.admin_service_pb2 import (
    EraseConversationRequest,
    EraseConversationResponse,
    PurgeEventsRequest,
    PurgeEventsResponse,
)
from telwerk.v1.admin_service_pb2_grpc import AdminServiceStub
from telwerk.v1.event_pb2 import Event
from telwerk.v1.ingestion_service_pb2 import (
    IngestEventsRequest,
    IngestEventsResponse,
    StreamEventsRequest,
    StreamEventsResponse,
)
from telwerk.v1.ingestion_service_pb2_grpc import IngestionServiceStub
from telwerk.v1.kpi_service_pb2 import (
    ExplainCountRequest,
    ExplainCountResponse,
    Filter,
    Kpi,
    ListKpisRequest,
    QueryTimeSeriesRequest,
    QueryTimeSeriesResponse,
    QueryTotalsRequest,
    QueryTotalsResponse,
)
from telwerk.v1.kpi_service_pb2_grpc import KpiServiceStub
from telwerk.v1.settings_service_pb2 import (
    AccountSettings,
    GetAccountSettingsRequest,
    GetWidgetSettingsRequest,
    ListWidgetSettingsRequest,
    SetAccountSettingsRequest,
    SetWidgetSettingsRequest,
    WidgetSettings,
)
from telwerk.v1.settings_service_pb2_grpc import SettingsServiceStub

MESSAGE_BYTES_MAX: Final = 64 * 2**20
"""The largest answer that is taken: a million points of a series are some megabytes, beyond grpc's default of four."""

_RETRIES: Final = {
    "methodConfig": [
        {
            # Of every method, for all are safe to repeat; and of this status only: no other gets better by itself.
            "name": [{}],
            "retryPolicy": {
                "maxAttempts": 5,
                "initialBackoff": "0.1s",
                "maxBackoff": "2s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")

Moment: TypeAlias = date | datetime
"""A date, which begins in the query's time zone; or an instant with a time zone, on a quarter of an hour."""


class Telwerk:
    """A connection to a Telwerk server, at `address` (`host:port`). Threads may share it.

    Nothing is sent before the first call, and a lost connection is made anew by itself. Where the server is not
    available a call is tried up to five times, within a second or two, and never beyond `timeout_seconds`. Every method
    raises a `telwerk.errors.TelwerkError` of the kind that its docstring there describes.

    `tls`: False for plain text, True for TLS that trusts the well-known authorities, or the path of a PEM file with the
    certificates to trust. `api_key` goes with every call; over plain text anyone on the way can read it.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50051",
        *,
        api_key: str | None = None,
        tls: bool | str | Path = False,
        timeout_seconds: float = 30.0,
    ) -> None:
        self.address = address
        self.timeout_seconds = timeout_seconds
        self._metadata = (("authorization", f"Bearer {api_key}"),) if api_key else ()
        self._channel = _channel(address, tls)
        self._admin = AdminServiceStub(self._channel)
        self._ingestion = IngestionServiceStub(self._channel)
        self._kpis = KpiServiceStub(self._channel)
        self._settings = SettingsServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection, and with it every call still running. May be called again."""
        self._channel.close()

    def ingest(self, account_id: str, events: Iterable[Event]) -> IngestEventsResponse:
        """Sends one batch, 1 to 5,000 events by default of the server. They are durable once this returns.

        A bad event does not sink the others: look at `rejections`. After an error send the same batch again; what was
        stored already is then reported as duplicate, and counted once.
        """
        return self._call(self._ingestion.IngestEvents, IngestEventsRequest(account_id=account_id, events=events))

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
        call = self._ingestion.StreamEvents(_requests(batches, failures), metadata=self._metadata)
        try:
            yield from call
        except grpc.RpcError as error:
            raise error_of(error, self.address) from error
        finally:
            call.cancel()
        if failures:
            raise failures[0]

    def series(
        self,
        account_id: str,
        kpis: str | Iterable[str],
        *,
        start: Moment,
        end: Moment,
        granularity: GranularityName = "day",
        time_zone: str = "",
        where: Filter | None = None,
        group_by: Iterable[DimensionName] = (),
        sparse: bool = False,
        include_distribution: bool = False,
    ) -> QueryTimeSeriesResponse:
        """One or several KPIs over time, from `start` up to, not including, `end`: two dates or two instants.

        `time_zone` is an IANA name; empty is the account's. See `QueryTimeSeriesRequest` for the rest.
        """
        request = QueryTimeSeriesRequest(
            account_id=account_id,
            kpi_ids=_listed(kpis),
            range=time_range(start, end),
            granularity=GRANULARITIES[granularity],
            time_zone=time_zone,
            filter=where,
            group_by=[DIMENSIONS[name] for name in group_by],
            sparse=sparse,
            include_distribution=include_distribution,
        )
        return self._call(self._kpis.QueryTimeSeries, request)

    def totals(
        self,
        account_id: str,
        kpis: str | Iterable[str],
        *,
        start: Moment,
        end: Moment,
        time_zone: str = "",
        where: Filter | None = None,
        group_by: Iterable[DimensionName] = (),
    ) -> QueryTotalsResponse:
        """One or several KPIs over the whole range; always the sum of the series' buckets."""
        request = QueryTotalsRequest(
            account_id=account_id,
            kpi_ids=_listed(kpis),
            range=time_range(start, end),
            time_zone=time_zone,
            filter=where,
            group_by=[DIMENSIONS[name] for name in group_by],
        )
        return self._call(self._kpis.QueryTotals, request)

    def explain(
        self,
        account_id: str,
        kpi: str,
        *,
        start: Moment,
        end: Moment,
        time_zone: str = "",
        where: Filter | None = None,
        page_size: int = 200,
    ) -> Explanation:
        """Why a number is what it is: the conversations and events that made it, and those that were left out.

        Range and filter are those of the number. All pages are read, each when it is needed, of `page_size`
        conversations, at most 1,000.
        """
        request = ExplainCountRequest(
            account_id=account_id,
            kpi_id=kpi,
            range=time_range(start, end),
            time_zone=time_zone,
            filter=where,
            page_size=page_size,
        )

        def page_of(token: str) -> ExplainCountResponse:
            page = ExplainCountRequest(page_token=token)
            page.MergeFrom(request)
            return self._call(self._kpis.ExplainCount, page)

        return Explanation(page_of)

    def kpis(self, language: str = "en") -> Sequence[Kpi]:
        """The catalogue, KPI 1 to 10, with texts in `en`, `de` or `nl`."""
        return self._call(self._kpis.ListKpis, ListKpisRequest(language_code=language)).kpis

    def set_widget_settings(self, account_id: str, settings: WidgetSettings) -> WidgetSettings:
        """Adds a version of a widget's settings, whole: what is left out is off. Returns it as kept.

        With no `effective_time` it holds from now on; events accepted earlier stay as they were counted.
        """
        request = SetWidgetSettingsRequest(account_id=account_id, settings=settings)
        return self._call(self._settings.SetWidgetSettings, request).settings

    def widget_settings(self, account_id: str, widget_id: str) -> Sequence[WidgetSettings]:
        """All versions of a widget's settings, oldest first; at least one, else `NotFoundError`."""
        request = GetWidgetSettingsRequest(account_id=account_id, widget_id=widget_id)
        versions: list[WidgetSettings] = []
        while True:
            page = self._call(self._settings.GetWidgetSettings, request)
            versions += page.versions
            if not page.next_page_token:
                return versions
            request.page_token = page.next_page_token

    def list_widget_settings(self, account_id: str) -> Sequence[WidgetSettings]:
        """The newest version of every widget that has settings, by widget id."""
        request = ListWidgetSettingsRequest(account_id=account_id)
        widgets: list[WidgetSettings] = []
        while True:
            page = self._call(self._settings.ListWidgetSettings, request)
            widgets += page.settings
            if not page.next_page_token:
                return widgets
            request.page_token = page.next_page_token

    def set_account_settings(self, account_id: str, settings: AccountSettings) -> AccountSettings:
        """Replaces the account's settings. Returns them as kept."""
        request = SetAccountSettingsRequest(account_id=account_id, settings=settings)
        return self._call(self._settings.SetAccountSettings, request).settings

    def account_settings(self, account_id: str) -> AccountSettings:
        """The account's settings; the defaults if none were set."""
        request = GetAccountSettingsRequest(account_id=account_id)
        return self._call(self._settings.GetAccountSettings, request).settings

    def erase_conversation(
        self, account_id: str, conversation_id: str, *, keep_counts: bool = False
    ) -> EraseConversationResponse:
        """Erases a conversation for good, and takes its counts back unless they are to stay as anonymous facts.

        Its events are refused from then on, also those that have not arrived yet. Safe to repeat.
        """
        request = EraseConversationRequest(
            account_id=account_id, conversation_id=conversation_id, keep_counts=keep_counts
        )
        return self._call(self._admin.EraseConversation, request)

    def purge_events(self, account_id: str, before: datetime) -> PurgeEventsResponse:
        """Replaces all events before an instant by what they led to: counts stay, and can no longer be explained.

        Where many are to be purged it may take longer than `timeout_seconds`; the same call again then goes on.
        """
        request = PurgeEventsRequest(account_id=account_id, before_time=timestamp(before))
        return self._call(self._admin.PurgeEvents, request)

    def _call(self, method: "grpc.UnaryUnaryMultiCallable[_Request, _Response]", request: _Request) -> _Response:
        try:
            return method(request, timeout=self.timeout_seconds, metadata=self._metadata)
        except grpc.RpcError as error:
            raise error_of(error, self.address) from error


def _channel(address: str, tls: bool | str | Path) -> grpc.Channel:  # noqa: FBT001 - one of three kinds of answer
    options = [
        ("grpc.service_config", json.dumps(_RETRIES)),
        # A call whose request is larger than this is silently never retried; grpc's default is 256 KiB.
        ("grpc.per_rpc_retry_buffer_size", MESSAGE_BYTES_MAX),
        ("grpc.max_receive_message_length", MESSAGE_BYTES_MAX),
        ("grpc.primary_user_agent", "telwerk-python"),
    ]
    if tls is False:
        return grpc.insecure_channel(address, options)
    trusted = None if tls is True else Path(tls).read_bytes()
    return grpc.secure_channel(address, grpc.ssl_channel_credentials(trusted), options)


def _requests(
    batches: Iterable[tuple[str, Iterable[Event]]], failures: list[Exception]
) -> Iterator[StreamEventsRequest]:
    """The batches as messages. Where the next one cannot be had they end, and the reason is kept."""
    try:
        for account_id, events in batches:
            yield StreamEventsRequest(account_id=account_id, events=events)
    except Exception as failure:  # noqa: BLE001 - it is raised where the answers are read
        failures.append(failure)


def _listed(kpis: str | Iterable[str]) -> list[str]:
    """One id, or several: a string alone is never taken for its letters."""
    return [kpis] if isinstance(kpis, str) else list(kpis)
