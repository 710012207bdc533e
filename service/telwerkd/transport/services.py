"""The RPCs: decode, call, encode; nothing else is decided here."""

from typing import Any, TypeAlias

import grpc.aio

from telwerk.v1 import (
    ingestion_service_pb2 as ingestion,
    ingestion_service_pb2_grpc as ingestion_grpc,
    kpi_service_pb2 as kpi,
    kpi_service_pb2_grpc as kpi_grpc,
    settings_service_pb2 as settings,
    settings_service_pb2_grpc as settings_grpc,
)
from telwerkd.application.account_settings import AccountSettings
from telwerkd.application.clock import Clock
from telwerkd.application.ingest import Ingest, Outcomes, Rejected, Submitted, Verdict
from telwerkd.application.query import Queries
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError
from telwerkd.domain.ids import AccountId, WidgetId
from telwerkd.transport.catalogue_codec import encode_catalogue
from telwerkd.transport.event_codec import EventDecoder, EventLimits
from telwerkd.transport.query_codec import decode_series, decode_totals, encode_series, encode_totals
from telwerkd.transport.settings_codec import decode_version, encode_version

_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_VERDICTS = {Verdict.ACCEPTED: ingestion.VERDICT_ACCEPTED, Verdict.DUPLICATE: ingestion.VERDICT_DUPLICATE}


class IngestionService(ingestion_grpc.IngestionServiceServicer):
    """`telwerk.v1.IngestionService`."""

    def __init__(self, ingest: Ingest, clock: Clock, limits: EventLimits) -> None:
        self._ingest = ingest
        self._clock = clock
        self._limits = limits
        self._decoder = EventDecoder(limits)

    async def IngestEvents(
        self, request: ingestion.IngestEventsRequest, context: _Context
    ) -> ingestion.IngestEventsResponse:
        """Stores and counts a batch."""
        account = _account(self._decoder, request.account_id)
        if not request.events:
            raise InvalidArgumentError.of("events", "at least one event is required")
        if len(request.events) > self._limits.batch_events_max:
            raise LimitExceededError(
                "events",
                f"has {len(request.events)} events, at most {self._limits.batch_events_max} (batch_events_max) are "
                "allowed: send several batches",
            )
        now = self._clock.now()
        decoded = [self._decoder.decode(event, now) for event in request.events]
        valid = [submitted for submitted in decoded if isinstance(submitted, Submitted)]
        taken = iter(await self._ingest.submit(account, valid) if valid else [])
        return _verdicts(request, [next(taken) if isinstance(d, Submitted) else d for d in decoded])


def _verdicts(request: ingestion.IngestEventsRequest, outcomes: Outcomes) -> ingestion.IngestEventsResponse:
    rejections = [
        ingestion.Rejection(
            index=index,
            event_id=request.events[index].event_id,
            reason=outcome.reason.name,
            field=outcome.field,
            message=outcome.message,
        )
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, Rejected)
    ]
    return ingestion.IngestEventsResponse(
        accepted_count=outcomes.count(Verdict.ACCEPTED),
        duplicate_count=outcomes.count(Verdict.DUPLICATE),
        rejections=rejections,
        verdicts=[
            ingestion.VERDICT_REJECTED if isinstance(outcome, Rejected) else _VERDICTS[outcome] for outcome in outcomes
        ],
    )


class KpiService(kpi_grpc.KpiServiceServicer):
    """`telwerk.v1.KpiService`."""

    def __init__(self, queries: Queries, limits: EventLimits) -> None:
        self._queries = queries
        self._decoder = EventDecoder(limits)

    async def ListKpis(self, request: kpi.ListKpisRequest, context: _Context) -> kpi.ListKpisResponse:
        """The catalogue."""
        return encode_catalogue(request.language_code)

    async def QueryTimeSeries(
        self, request: kpi.QueryTimeSeriesRequest, context: _Context
    ) -> kpi.QueryTimeSeriesResponse:
        """KPIs over time."""
        answer = await self._queries.ask(decode_series(request, self._decoder))
        return encode_series(answer, sparse=request.sparse, distribution=request.include_distribution)

    async def QueryTotals(self, request: kpi.QueryTotalsRequest, context: _Context) -> kpi.QueryTotalsResponse:
        """KPIs over a whole range."""
        return encode_totals(await self._queries.ask(decode_totals(request, self._decoder)))


class SettingsService(settings_grpc.SettingsServiceServicer):
    """`telwerk.v1.SettingsService`."""

    def __init__(self, account_settings: AccountSettings, clock: Clock, limits: EventLimits) -> None:
        self._settings = account_settings
        self._clock = clock
        self._decoder = EventDecoder(limits)

    async def SetWidgetSettings(
        self, request: settings.SetWidgetSettingsRequest, context: _Context
    ) -> settings.SetWidgetSettingsResponse:
        """Adds a version of a widget's settings."""
        account = _account(self._decoder, request.account_id)
        widget, version = decode_version(request.settings, self._decoder, self._clock.now())
        await self._settings.set_widget(account, widget, version)
        return settings.SetWidgetSettingsResponse(settings=encode_version(widget, version))

    async def GetWidgetSettings(
        self, request: settings.GetWidgetSettingsRequest, context: _Context
    ) -> settings.GetWidgetSettingsResponse:
        """All versions of a widget's settings."""
        account = _account(self._decoder, request.account_id)
        widget = WidgetId(self._decoder.id("widget_id", request.widget_id))
        versions = await self._settings.widget(account, widget)
        return settings.GetWidgetSettingsResponse(versions=[encode_version(widget, version) for version in versions])

    async def ListWidgetSettings(
        self, request: settings.ListWidgetSettingsRequest, context: _Context
    ) -> settings.ListWidgetSettingsResponse:
        """The newest version of every widget."""
        widgets = await self._settings.widgets(_account(self._decoder, request.account_id))
        return settings.ListWidgetSettingsResponse(
            settings=[encode_version(widget, version) for widget, version in widgets.items()]
        )

    async def SetAccountSettings(
        self, request: settings.SetAccountSettingsRequest, context: _Context
    ) -> settings.SetAccountSettingsResponse:
        """Sets an account's settings."""
        account = _account(self._decoder, request.account_id)
        await self._settings.set_time_zone(account, request.settings.time_zone)
        return settings.SetAccountSettingsResponse(settings=request.settings)

    async def GetAccountSettings(
        self, request: settings.GetAccountSettingsRequest, context: _Context
    ) -> settings.GetAccountSettingsResponse:
        """An account's settings."""
        time_zone = await self._settings.time_zone(_account(self._decoder, request.account_id))
        return settings.GetAccountSettingsResponse(settings=settings.AccountSettings(time_zone=time_zone))


def _account(decoder: EventDecoder, account_id: str) -> AccountId:
    return AccountId(decoder.id("account_id", account_id))
