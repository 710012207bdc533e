"""`telwerk.v1.AdminService`: decode, call, encode; nothing else is decided here."""

from functools import partial
from typing import Any, TypeAlias

import grpc.aio

from telwerk.v1 import admin_service_pb2 as admin, admin_service_pb2_grpc as admin_grpc
from telwerkd.application import audit_log
from telwerkd.application.clock import Clock
from telwerkd.application.ports import ReadWriteStore
from telwerkd.application.retention.removal import erase, purge
from telwerkd.application.upkeep.freeing import NameKeeper
from telwerkd.domain.ids import ConversationId
from telwerkd.transport.codec.fields import FieldError, instant
from telwerkd.transport.services.callers import Callers

_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class AdminService(admin_grpc.AdminServiceServicer):
    """`telwerk.v1.AdminService`."""

    def __init__(self, store: ReadWriteStore, clock: Clock, callers: Callers, names: NameKeeper) -> None:
        self._store = store
        self._clock = clock
        self._callers = callers
        self._fields = callers.fields
        self._names = names

    async def EraseConversation(
        self, request: admin.EraseConversationRequest, context: _Context
    ) -> admin.EraseConversationResponse:
        """Erases a conversation."""
        account = self._callers.account(request.account_id)
        conversation = ConversationId(self._fields.id("conversation_id", request.conversation_id))
        async with self._callers.questions.turn(account):
            with self._names.noticing(account), audit_log.recorded("erase", account) as entry:
                erased = await erase(
                    self._store, account, conversation, keep_counts=request.keep_counts, now=self._clock.trusted()
                )
                entry.outcome = f"events={erased.events} counts={'kept' if request.keep_counts else 'removed'}"
        return admin.EraseConversationResponse(erased_event_count=erased.events, fact_count=erased.facts)

    async def PurgeEvents(self, request: admin.PurgeEventsRequest, context: _Context) -> admin.PurgeEventsResponse:
        """Purges events before an instant."""
        account = self._callers.account(request.account_id)
        if not request.HasField("before_time"):
            raise FieldError("before_time", "is required")
        horizon = instant("before_time", request.before_time)
        if horizon > self._clock.trusted():
            doubt = " (this server's clock is further ahead, and doubted)" if self._clock.is_doubted else ""
            raise FieldError("before_time", f"must not lie in the future{doubt}: what is to come cannot be purged")
        async with self._callers.questions.turn(account):
            pass  # refused here, where too much of the account waits
        # Its steps have turns of their own, so that other calls of the account come between.
        turn = partial(self._callers.questions.turn, account, waiting_is_bounded=False)
        with self._names.noticing(account), audit_log.recorded("purge", account) as entry:
            purged = await purge(self._store, account, horizon, now=self._clock.trusted(), turn=turn)
            entry.outcome = f"before={request.before_time.ToJsonString()} events={purged}"
        return admin.PurgeEventsResponse(purged_event_count=purged)
