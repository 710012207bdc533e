"""The RPCs: decode, call, encode; nothing else is decided here."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any, TypeAlias

import grpc.aio

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    event_pb2 as pb,
    ingestion_service_pb2 as ingestion,
    ingestion_service_pb2_grpc as ingestion_grpc,
    settings_service_pb2 as settings,
    settings_service_pb2_grpc as settings_grpc,
)
from telwerkd.application.account_settings import AccountSettings
from telwerkd.application.clock import Clock
from telwerkd.application.ingest import Batch, Ingest, Outcomes, Rejected, Verdict
from telwerkd.application.ports import Store
from telwerkd.application.removal import erase, purge
from telwerkd.domain.errors import (
    InvalidArgumentError,
    LimitExceededError,
    TelwerkError,
    UnavailableError,
)
from telwerkd.domain.ids import AccountId, ConversationId, Micros, WidgetId
from telwerkd.transport.draining import unless_drained
from telwerkd.transport.errors import let_go
from telwerkd.transport.event_codec import Decoded, EventDecoder, EventLimits, FieldError, instant
from telwerkd.transport.settings_codec import decode_version, encode_version, page_of
from telwerkd.transport.unacked import UnackedWindow

_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_DECODED_AT_ONCE = 200
"""Events of a call, which take half a millisecond."""

# Full of over-long ids, an answer would be larger than its receiver takes, who would never learn what was stored.
_ECHOED_MAX = 256
_VERDICTS = {Verdict.ACCEPTED: ingestion.VERDICT_ACCEPTED, Verdict.DUPLICATE: ingestion.VERDICT_DUPLICATE}


class IngestionService(ingestion_grpc.IngestionServiceServicer):
    """`telwerk.v1.IngestionService`."""

    def __init__(self, ingest: Ingest, clock: Clock, limits: EventLimits, draining: asyncio.Event) -> None:
        self._ingest = ingest
        self._clock = clock
        self._limits = limits
        self._decoder = EventDecoder(limits)
        self._decoding = asyncio.Lock()
        self._draining = draining

    async def IngestEvents(
        self, request: ingestion.IngestEventsRequest, context: _Context
    ) -> ingestion.IngestEventsResponse:
        """Stores and counts a batch."""
        return ingestion.IngestEventsResponse(**_verdicts(request, await self._take(request)))

    async def StreamEvents(
        self, request_iterator: AsyncIterator[ingestion.StreamEventsRequest], context: _Context
    ) -> AsyncIterator[ingestion.StreamEventsResponse]:
        """Stores and counts batches, one after the other."""
        requests = aiter(request_iterator)
        unacked = UnackedWindow(self._limits.stream_unacked_events_max)
        reading = asyncio.create_task(self._read(requests, unacked))
        try:
            while (taking := await unacked.next()) is not None:
                yield await taking
            await reading
        finally:
            reading.cancel()
            # What was submitted is stored all the same; its answers have nobody to go to.
            unacked.close()

    async def _read(self, requests: AsyncIterator[ingestion.StreamEventsRequest], unacked: UnackedWindow) -> None:
        """Reads requests while the window has room; ends with the stream, or when the server drains."""
        draining = asyncio.create_task(self._draining.wait())
        number = 0
        try:
            while True:
                await unless_drained(draining, unacked.room())
                request = await unless_drained(draining, anext(requests, None))
                if request is None:
                    return
                number += 1
                unacked.add(len(request.events), asyncio.create_task(self._answer(number, request)))
        finally:
            draining.cancel()
            unacked.end()

    async def _answer(self, number: int, request: ingestion.StreamEventsRequest) -> ingestion.StreamEventsResponse:
        try:
            outcomes = await self._take(request)
        except TelwerkError as error:
            return ingestion.StreamEventsResponse(request_number=number, error=_batch_error(let_go(error)))
        return ingestion.StreamEventsResponse(request_number=number, **_verdicts(request, outcomes))

    async def _take(self, request: ingestion.IngestEventsRequest | ingestion.StreamEventsRequest) -> Outcomes:
        account = _account(self._decoder, request.account_id)
        if not request.events:
            raise InvalidArgumentError.of("events", "at least one event is required")
        if len(request.events) > self._limits.batch_events_max:
            raise LimitExceededError(
                "events",
                f"has {len(request.events)} events, at most {self._limits.batch_events_max} (batch_events_max) are "
                "allowed: send several batches",
            )
        now = self._clock.latest()
        valid, refused = await self._decoded(request.events, now)
        taken = await self._ingest.submit(account, valid) if valid else []
        if not refused:
            return taken
        of_valid = iter(taken)
        return [refused.get(index) or next(of_valid) for index in range(len(request.events))]

    async def _decoded(self, events: Sequence[pb.Event], now: Micros) -> Decoded:
        """The events of a call, a few at a time, so that whoever asks a question does not wait for all of them.

        One call after the other, so that those of a stream stay in their order.
        """
        async with self._decoding:
            if len(events) <= _DECODED_AT_ONCE:
                return self._decoder.decode(events, now)
            decoded = Decoded(Batch(), {})
            for start in range(0, len(events), _DECODED_AT_ONCE):
                await asyncio.sleep(0)
                some = self._decoder.decode(events[start : start + _DECODED_AT_ONCE], now, start)
                decoded.valid.extend(some.valid)
                decoded.refused.update(some.refused)
            return decoded


def _verdicts(
    request: ingestion.IngestEventsRequest | ingestion.StreamEventsRequest, outcomes: Outcomes
) -> dict[str, Any]:
    """The fields that both kinds of answer share."""
    accepted = outcomes.count(Verdict.ACCEPTED)
    if accepted == len(outcomes):
        return {"accepted_count": accepted, "verdicts": [ingestion.VERDICT_ACCEPTED] * accepted}
    rejections = [
        ingestion.Rejection(
            index=index,
            event_id=request.events[index].event_id[:_ECHOED_MAX],
            reason=outcome.reason.name,
            field=outcome.field,
            message=outcome.message,
        )
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, Rejected)
    ]
    return {
        "accepted_count": accepted,
        "duplicate_count": outcomes.count(Verdict.DUPLICATE),
        "rejections": rejections,
        "verdicts": [
            ingestion.VERDICT_REJECTED if isinstance(outcome, Rejected) else _VERDICTS[outcome] for outcome in outcomes
        ],
    }


def _batch_error(error: TelwerkError) -> ingestion.BatchError:
    message = ingestion.BatchError(reason=error.reason.name, message=error.message)
    if isinstance(error, InvalidArgumentError):
        message.field = error.violations[0].field
    if isinstance(error, UnavailableError):
        message.retry_delay.FromMilliseconds(int(error.retry_after_seconds * 1_000))
    return message


class AdminService(admin_grpc.AdminServiceServicer):
    """`telwerk.v1.AdminService`."""

    def __init__(self, store: Store, clock: Clock, limits: EventLimits) -> None:
        self._store = store
        self._clock = clock
        self._decoder = EventDecoder(limits)

    async def EraseConversation(
        self, request: admin.EraseConversationRequest, context: _Context
    ) -> admin.EraseConversationResponse:
        """Erases a conversation."""
        account = _account(self._decoder, request.account_id)
        conversation = ConversationId(self._decoder.id("conversation_id", request.conversation_id))
        erased = await erase(self._store, account, conversation, keep_counts=request.keep_counts)
        return admin.EraseConversationResponse(erased_event_count=erased.events, fact_count=erased.facts)

    async def PurgeEvents(self, request: admin.PurgeEventsRequest, context: _Context) -> admin.PurgeEventsResponse:
        """Purges events before an instant."""
        account = _account(self._decoder, request.account_id)
        if not request.HasField("before_time"):
            raise FieldError("before_time", "is required")
        horizon = instant("before_time", request.before_time)
        if horizon > self._clock.now():
            raise FieldError("before_time", "must not lie in the future: what is to come cannot be purged")
        return admin.PurgeEventsResponse(purged_event_count=await purge(self._store, account, horizon))


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
        page, token = page_of(request, versions)
        return settings.GetWidgetSettingsResponse(
            versions=[encode_version(widget, version) for version in page], next_page_token=token
        )

    async def ListWidgetSettings(
        self, request: settings.ListWidgetSettingsRequest, context: _Context
    ) -> settings.ListWidgetSettingsResponse:
        """The newest version of every widget."""
        widgets = await self._settings.widgets(_account(self._decoder, request.account_id))
        page, token = page_of(request, sorted(widgets.items()))
        return settings.ListWidgetSettingsResponse(
            settings=[encode_version(widget, version) for widget, version in page], next_page_token=token
        )

    async def SetAccountSettings(
        self, request: settings.SetAccountSettingsRequest, context: _Context
    ) -> settings.SetAccountSettingsResponse:
        """Sets an account's settings."""
        account = _account(self._decoder, request.account_id)
        if request.settings.HasField("time_zone"):
            await self._settings.set_time_zone(account, request.settings.time_zone)
        time_zone = await self._settings.time_zone(account)
        return settings.SetAccountSettingsResponse(settings=settings.AccountSettings(time_zone=time_zone))

    async def GetAccountSettings(
        self, request: settings.GetAccountSettingsRequest, context: _Context
    ) -> settings.GetAccountSettingsResponse:
        """An account's settings."""
        time_zone = await self._settings.time_zone(_account(self._decoder, request.account_id))
        return settings.GetAccountSettingsResponse(settings=settings.AccountSettings(time_zone=time_zone))


def _account(decoder: EventDecoder, account_id: str) -> AccountId:
    return AccountId(decoder.id("account_id", account_id))
