"""`telwerk.v1.IngestionService`: decode, call, encode; nothing else is decided here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any, TypeAlias

import grpc.aio

from telwerk.v1 import ingestion_service_pb2 as ingestion, ingestion_service_pb2_grpc as ingestion_grpc
from telwerkd.application.batches import Batch, Rejected, Verdict, free_gradually, held_bytes
from telwerkd.application.clock import Clock
from telwerkd.application.ingest.group_commit import Ingest
from telwerkd.application.sharing.throttling import LOOP_TIMES, AccountThrottle
from telwerkd.domain.errors import InvalidArgumentError, Reason, TelwerkError
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.process.tracing import stage
from telwerkd.transport.codec.errors import described
from telwerkd.transport.codec.fields import FieldError
from telwerkd.transport.codec.ingest.event_batch import EventBatch, TooLarge
from telwerkd.transport.codec.ingest.events import EventDecoder, EventLimits
from telwerkd.transport.codec.ingest.verdicts import (
    REFUSED_BYTES,
    BatchResult,
    Refused,
    accepted,
    echoed,
    encoded_verdicts,
    refusals,
)
from telwerkd.transport.codec.wire.encoding import Encoded
from telwerkd.transport.grpc.errors import without_traceback
from telwerkd.transport.services.callers import Callers
from telwerkd.transport.services.decoding_turns import DecodingTurns
from telwerkd.transport.services.draining import unless_drained
from telwerkd.transport.services.unacked import UnackedWindow

_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


_UNDECODED_BYTES = 1_024
"""Bytes that an event refused undecoded counts towards a decoding turn: its id is searched for."""


class IngestionService(ingestion_grpc.IngestionServiceServicer):
    """`telwerk.v1.IngestionService`."""

    def __init__(
        self, ingest: Ingest, clock: Clock, limits: EventLimits, callers: Callers, draining: asyncio.Event
    ) -> None:
        self._ingest = ingest
        self._clock = clock
        self._limits = limits
        self._callers = callers
        self._fields = callers.fields
        self._decoder = EventDecoder(limits, callers.fields)
        self._turns = DecodingTurns(AccountThrottle(callers.sharing, LOOP_TIMES))
        self._draining = draining

    async def IngestEvents(self, request: Any, context: _Context) -> Any:
        """Stores and counts a batch, which is an `EventBatch`; the reply is encoded."""
        account = self._account(request)
        async with self._callers.events.turn(account, request.count):
            taken = await self._take(account, request)
            if taken.all_accepted:
                return ingestion.IngestEventsResponse(**accepted(taken.size))
            with stage("encode"):
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
        in_order = asyncio.Lock()
        number = 0
        try:
            async with unless_drained(self._draining):
                while True:
                    await unacked.room()
                    batch = await anext(requests, None)
                    if batch is None:
                        return
                    number += 1
                    batch.reserve()
                    answering = asyncio.create_task(self._answer(number, batch, in_order))
                    unacked.add(batch.count, answering, batch.size, batch.reservation)
                    del batch
        finally:
            unacked.end()

    async def _answer(self, number: int, batch: EventBatch, in_order: asyncio.Lock) -> Any:
        try:
            account = self._account(batch)
            async with self._callers.events.turn(account, batch.count):
                return await self._answer_to(number, await self._take(account, batch, in_order))
        except TelwerkError as error:
            self._ingest.figures.limits.met(error.message)
            return ingestion.StreamEventsResponse(request_number=number, error=_batch_error(without_traceback(error)))

    async def _answer_to(self, number: int, taken: BatchResult) -> Any:
        if taken.all_accepted:
            return ingestion.StreamEventsResponse(request_number=number, **accepted(taken.size))
        numbered = ingestion.StreamEventsResponse(request_number=number).SerializeToString()
        with stage("encode"):
            verdicts = await encoded_verdicts(ingestion.StreamEventsResponse, taken)
        return Encoded(numbered + verdicts.payload)

    def _account(self, batch: EventBatch) -> AccountId:
        """Returns the account of a batch, counted towards its limits. Raises the batch's refusal, or if it is empty."""
        account = self._callers.account(batch.account_id, events=batch.count)
        if batch.refusal is not None:
            raise batch.refusal
        if not batch.count:
            raise InvalidArgumentError.of("events", "at least one event is required")
        return account

    async def _take(self, account: AccountId, batch: EventBatch, in_order: asyncio.Lock | None = None) -> BatchResult:
        """Decodes and ingests a batch, and returns its outcome; batches of one stream keep their order by a lock."""
        async with in_order or nullcontext():
            with stage("decode"):
                valid, refused = await self._decoded(account, batch)
        ids = [submitted.event.event_id for submitted in valid]
        times = [submitted.event.occur_time for submitted in valid]
        memory = None
        if batch.reservation is not None:  # the events may be held for longer than the call
            memory = batch.reservation.split(batch.reservation.size - batch.size - REFUSED_BYTES * len(refused))
        storing = self._ingest.submit(account, valid, memory)
        del valid  # half a million answers are let go as they are stored: together they take a tenth of a second
        outcomes = await storing
        self._clock.hear(time for time, outcome in zip(times, outcomes, strict=True) if outcome is Verdict.ACCEPTED)
        return BatchResult(batch.count, ids, refused, outcomes)

    async def _decoded(self, account: AccountId, batch: EventBatch) -> tuple[Batch, dict[int, Refused]]:
        """Decodes the events of a batch; of a large one a few at a time, so that other calls do not wait for all."""
        now = self._clock.latest()
        if batch.whole is not None:
            async with self._turns.turn(account, batch.size):
                decoded = self._decoder.decode(batch.whole, now)
            if decoded.refused:
                self._ingest.figures.judged(account, list(decoded.refused.values()))
            return decoded.valid, refusals(decoded, batch.whole) if decoded.refused else {}
        valid = Batch()
        try:
            return valid, await self._decoded_into(valid, account, batch, now)
        except BaseException:  # it is wrong, memory has no room for it, or its caller has gone
            free_gradually(valid)
            if batch.reservation is not None:
                # At once: else those beside it are refused before its call ends. It may be released already.
                batch.reservation.resize(min(batch.size, batch.reservation.size))
            raise

    async def _decoded_into(
        self, valid: Batch, account: AccountId, batch: EventBatch, now: Micros
    ) -> dict[int, Refused]:
        """Adds the events of a large batch to `valid`, and returns those that are refused."""
        refused = dict[int, Refused]()
        held = batch.size
        for index, too_large in batch.too_large.items():
            async with self._turns.turn(account, _UNDECODED_BYTES):
                refused[index] = self._too_large(too_large)
        self._ingest.figures.judged(account, [one.outcome for one in refused.values()])
        while batch.pieces:
            piece = batch.pieces.popleft()
            async with self._turns.turn(account, len(piece.raw)):
                events = piece.events()
                some = self._decoder.decode(events, now, piece.first)
                valid.add(some.valid)
                if some.refused:
                    self._ingest.figures.judged(account, list(some.refused.values()))
                    refused |= refusals(some, events, piece.first)
                if batch.reservation is not None:
                    held += held_bytes(some.valid) + REFUSED_BYTES * len(some.refused)
                    batch.reservation.resize(held)
        return refused

    def _too_large(self, event: TooLarge) -> Refused:
        """Returns the refusal of an undecoded event: its id is too long or invalid, or else the event is too large."""
        text, size = event.name()
        field = ""
        why = f"has {len(event.raw)} bytes, at most {self._limits.event_bytes} (event_bytes_max) are allowed"
        if size:
            try:
                self._fields.id_size("event_id", size)
                self._fields.id("event_id", text)
            except FieldError as error:
                field, why = error.field, error.message
        return Refused(Rejected(Reason.INVALID_EVENT, field, why), echoed(text))


def _batch_error(error: TelwerkError) -> ingestion.BatchError:
    about = described(error)
    return ingestion.BatchError(
        reason=about.reason, message=about.message, field=about.field, retry_delay=about.retry_delay
    )
