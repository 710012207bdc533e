"""The RPCs: decode, call, encode; nothing else is decided here."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, TypeAlias

import grpc.aio

from telwerk.v1 import (
    admin_service_pb2 as admin,
    admin_service_pb2_grpc as admin_grpc,
    ingestion_service_pb2 as ingestion,
    ingestion_service_pb2_grpc as ingestion_grpc,
    settings_service_pb2 as settings,
    settings_service_pb2_grpc as settings_grpc,
)
from telwerkd.application import audit_log
from telwerkd.application.account_settings import AccountSettings
from telwerkd.application.clock import Clock
from telwerkd.application.freeing import NameKeeper
from telwerkd.application.ingest import Batch, Ingest, Rejected, Verdict
from telwerkd.application.ports import Store
from telwerkd.application.removal import erase, purge
from telwerkd.domain.errors import (
    InvalidArgumentError,
    QuotaExceededError,
    Reason,
    TelwerkError,
    UnavailableError,
)
from telwerkd.domain.ids import AccountId, ConversationId, WidgetId
from telwerkd.transport.decoding_turns import DecodingTurns
from telwerkd.transport.draining import unless_drained
from telwerkd.transport.errors import Encoded, let_go
from telwerkd.transport.event_batch import EventBatch, TooLarge
from telwerkd.transport.event_codec import EventDecoder, EventLimits, FieldError, instant
from telwerkd.transport.settings_codec import decode_version, encode_version, page_of
from telwerkd.transport.unacked import UnackedWindow
from telwerkd.transport.verdicts import Refused, Taken, accepted, echoed, encoded_verdicts, held_bytes, refusals

_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class IngestionService(ingestion_grpc.IngestionServiceServicer):
    """`telwerk.v1.IngestionService`."""

    def __init__(self, ingest: Ingest, clock: Clock, limits: EventLimits, draining: asyncio.Event) -> None:
        self._ingest = ingest
        self._clock = clock
        self._limits = limits
        self._decoder = EventDecoder(limits)
        self._turns = DecodingTurns()
        self._draining = draining

    async def IngestEvents(self, request: Any, context: _Context) -> Any:
        """Stores and counts a batch, which is an `EventBatch`; the reply is encoded."""
        taken = await self._take(request)
        if taken.all_accepted:
            return ingestion.IngestEventsResponse(**accepted(taken.size))
        return await encoded_verdicts(ingestion.IngestEventsResponse, taken)

    async def StreamEvents(self, request_iterator: AsyncIterator[Any], context: _Context) -> AsyncIterator[Any]:
        """Stores and counts batches, one after the other."""
        requests = aiter(request_iterator)
        unacked = UnackedWindow(self._limits.stream_unacked_events_max, self._limits.stream_unacked_bytes_max)
        reading = asyncio.create_task(self._read(requests, unacked))
        try:
            while (taking := await unacked.next()) is not None:
                yield await taking
            await reading
        finally:
            reading.cancel()
            # What was submitted is stored all the same; its answers have nobody to go to.
            unacked.close()

    async def _read(self, requests: AsyncIterator[EventBatch], unacked: UnackedWindow) -> None:
        """Reads requests while the window has room; ends with the stream, or when the server drains."""
        draining = asyncio.create_task(self._draining.wait())
        in_order = asyncio.Lock()
        number = 0
        try:
            while True:
                await unless_drained(draining, unacked.room())
                batch = await unless_drained(draining, anext(requests, None))
                if batch is None:
                    return
                number += 1
                batch.reserve()
                answering = asyncio.create_task(self._answer(number, batch, in_order))
                unacked.add(batch.count, answering, batch.size, batch.reservation)
                del batch
        finally:
            draining.cancel()
            unacked.end()

    async def _answer(self, number: int, batch: EventBatch, in_order: asyncio.Lock) -> Any:
        try:
            taken = await self._take(batch, in_order)
        except TelwerkError as error:
            return ingestion.StreamEventsResponse(request_number=number, error=_batch_error(let_go(error)))
        if taken.all_accepted:
            return ingestion.StreamEventsResponse(request_number=number, **accepted(taken.size))
        numbered = ingestion.StreamEventsResponse(request_number=number).SerializeToString()
        verdicts = await encoded_verdicts(ingestion.StreamEventsResponse, taken)
        return Encoded(numbered + verdicts.payload)

    async def _take(self, batch: EventBatch, in_order: asyncio.Lock | None = None) -> Taken:
        """What became of the events of a batch; those of one stream are decoded, and taken in, in their order."""
        account = _account(self._decoder, batch.account_id)
        if batch.refusal is not None:
            raise batch.refusal
        if not batch.count:
            raise InvalidArgumentError.of("events", "at least one event is required")
        if in_order is None:
            valid, refused = await self._decoded(account, batch)
        else:
            async with in_order:
                valid, refused = await self._decoded(account, batch)
        ids = [submitted.event.event_id for submitted in valid]
        times = [submitted.event.occur_time for submitted in valid]
        storing = self._ingest.submit(account, valid)
        del valid  # half a million answers are let go as they are stored: together they take a tenth of a second
        outcomes = await storing
        self._clock.hear(time for time, outcome in zip(times, outcomes, strict=True) if outcome is Verdict.ACCEPTED)
        return Taken(batch.count, ids, refused, outcomes)

    async def _decoded(self, account: AccountId, batch: EventBatch) -> tuple[Batch, dict[int, Refused]]:
        """The events of a batch; of a large one a few at a time, so that nobody else waits for all of them."""
        now = self._clock.latest()
        if batch.whole is not None:
            if not self._turns.now(batch.size):
                await self._turns.turn(account, batch.size)
            decoded = self._decoder.decode(batch.whole, now)
            return decoded.valid, refusals(decoded, batch.whole) if decoded.refused else {}
        valid, refused = Batch(), dict[int, Refused]()
        held = batch.size
        for place, too_large in batch.too_large.items():
            refused[place] = Refused(self._too_large(too_large), echoed(too_large.event_id))
        while batch.pieces:
            piece = batch.pieces.popleft()
            await self._turns.turn(account, len(piece.raw))
            events = piece.events()
            some = self._decoder.decode(events, now, piece.first)
            valid.add(some.valid)
            refused |= refusals(some, events, piece.first)
            if batch.reservation is not None:
                held += held_bytes(some)
                batch.reservation.resize(held)
        return valid, refused

    def _too_large(self, event: TooLarge) -> Rejected:
        """Why an event is refused undecoded: its id alone is too long, or it is."""
        if event.event_id:
            try:
                self._decoder.id("event_id", event.event_id)
            except FieldError as error:
                return Rejected(Reason.INVALID_EVENT, error.field, error.message)
        text = f"has {event.size} bytes, at most {self._limits.event_bytes} (event_bytes_max) are allowed"
        return Rejected(Reason.INVALID_EVENT, "", text)


def _batch_error(error: TelwerkError) -> ingestion.BatchError:
    message = ingestion.BatchError(reason=error.reason.name, message=error.message)
    if isinstance(error, InvalidArgumentError):
        message.field = error.violations[0].field
    if isinstance(error, UnavailableError | QuotaExceededError):
        message.retry_delay.FromMilliseconds(int(error.retry_after_seconds * 1_000))
    return message


class AdminService(admin_grpc.AdminServiceServicer):
    """`telwerk.v1.AdminService`."""

    def __init__(self, store: Store, clock: Clock, limits: EventLimits, names: NameKeeper) -> None:
        self._store = store
        self._clock = clock
        self._decoder = EventDecoder(limits)
        self._names = names

    async def EraseConversation(
        self, request: admin.EraseConversationRequest, context: _Context
    ) -> admin.EraseConversationResponse:
        """Erases a conversation."""
        account = _account(self._decoder, request.account_id)
        conversation = ConversationId(self._decoder.id("conversation_id", request.conversation_id))
        with audit_log.recorded("erase", account) as entry:
            erased = await erase(self._store, account, conversation, keep_counts=request.keep_counts)
            entry.outcome = f"events={erased.events} counts={'kept' if request.keep_counts else 'removed'}"
        self._names.notice(account)
        return admin.EraseConversationResponse(erased_event_count=erased.events, fact_count=erased.facts)

    async def PurgeEvents(self, request: admin.PurgeEventsRequest, context: _Context) -> admin.PurgeEventsResponse:
        """Purges events before an instant."""
        account = _account(self._decoder, request.account_id)
        if not request.HasField("before_time"):
            raise FieldError("before_time", "is required")
        horizon = instant("before_time", request.before_time)
        if horizon > self._clock.trusted():
            doubt = " (this server's clock is further ahead, and doubted)" if self._clock.is_doubted else ""
            raise FieldError("before_time", f"must not lie in the future{doubt}: what is to come cannot be purged")
        with audit_log.recorded("purge", account) as entry:
            purged = await purge(self._store, account, horizon)
            entry.outcome = f"before={request.before_time.ToJsonString()} events={purged}"
        self._names.notice(account)
        return admin.PurgeEventsResponse(purged_event_count=purged)


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
        with audit_log.recorded("widget settings", account):
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
            with audit_log.recorded("account settings", account):
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
