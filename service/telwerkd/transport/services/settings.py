"""`telwerk.v1.SettingsService`: decode, call, encode; nothing else is decided here."""

from functools import partial
from typing import Any, TypeAlias

import grpc.aio

from telwerk.v1 import settings_service_pb2 as settings, settings_service_pb2_grpc as settings_grpc
from telwerkd.application import audit_log
from telwerkd.application.clock import Clock
from telwerkd.application.display_names import DisplayNames
from telwerkd.application.settings import AccountSettings
from telwerkd.domain.errors import RequestPart
from telwerkd.domain.ids import AccountId, WidgetId
from telwerkd.transport.codec.account.display_names import NameReader, encode_page as encode_names
from telwerkd.transport.codec.account.settings import (
    decode_default_hours,
    decode_version,
    encode_account,
    encode_page,
    encode_set,
    encoded_version,
    page_bounds,
)
from telwerkd.transport.codec.errors import in_field
from telwerkd.transport.codec.wire.encoding import Encoded
from telwerkd.transport.services.callers import Callers

_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]

_LOOP_BYTES_MAX = 4_096
"""Larger settings are decoded in a thread: a thousand goals take several milliseconds."""


class SettingsService(settings_grpc.SettingsServiceServicer):
    """`telwerk.v1.SettingsService`."""

    def __init__(
        self, account_settings: AccountSettings, clock: Clock, callers: Callers, names: DisplayNames, reader: NameReader
    ) -> None:
        self._settings = account_settings
        self._names = names
        self._name_reader = reader
        self._clock = clock
        self._callers = callers
        self._fields = callers.fields

    async def SetWidgetSettings(self, request: settings.SetWidgetSettingsRequest, context: _Context) -> Any:
        """Adds a version of a widget's settings."""
        account = self._callers.account(request.account_id)
        decode = partial(decode_version, request.settings, self._fields, self._clock.now())
        is_short = request.ByteSize() <= _LOOP_BYTES_MAX and not request.settings.HasField("opening_hours")
        async with self._callers.questions.turn(account):
            widget, version, schedule = decode() if is_short else await self._settings.compute(account, decode)
            with audit_log.recorded("widget settings", account) as entry:
                entry.outcome = f"widget={widget!a}"
                await self._settings.set_widget(account, widget, version, schedule)
            encode = partial(encode_set, widget, version, schedule)
            return Encoded(encode() if is_short else await self._settings.compute(account, encode))

    async def GetWidgetSettings(self, request: settings.GetWidgetSettingsRequest, context: _Context) -> Any:
        """Returns versions of a widget's settings; the reply is encoded."""
        account = self._callers.account(request.account_id)
        widget = WidgetId(self._fields.id("widget_id", request.widget_id))
        async with self._callers.questions.turn(account):
            page = await self._settings.widget(account, widget, *page_bounds(request), encoded_version)
        return Encoded(encode_page(request, page))

    async def ListWidgetSettings(self, request: settings.ListWidgetSettingsRequest, context: _Context) -> Any:
        """Returns the newest version of each widget; the reply is encoded."""
        account = self._callers.account(request.account_id)
        async with self._callers.questions.turn(account):
            page = await self._settings.widgets(account, *page_bounds(request), encoded_version)
        return Encoded(encode_page(request, page))

    async def SetAccountSettings(self, request: settings.SetAccountSettingsRequest, context: _Context) -> Any:
        """Sets an account's settings."""
        account = self._callers.account(request.account_id)
        decode = partial(decode_default_hours, request.settings, self._clock.now())
        async with self._callers.questions.turn(account):
            hours = await self._settings.compute(account, decode)
            if request.settings.HasField("time_zone"):
                with (
                    audit_log.recorded("account settings", account) as entry,
                    in_field(RequestPart.TIME_ZONE, "settings.time_zone"),
                ):
                    entry.outcome = f"time_zone={request.settings.time_zone!a}"
                    await self._settings.set_time_zone(account, request.settings.time_zone)
            if hours is not None:
                with audit_log.recorded("account settings", account) as entry:
                    entry.outcome = "opening hours"
                    await self._settings.set_default_opening_hours(account, *hours)
            return await self._account(account)

    async def GetAccountSettings(self, request: settings.GetAccountSettingsRequest, context: _Context) -> Any:
        """Returns an account's settings."""
        account = self._callers.account(request.account_id)
        async with self._callers.questions.turn(account):
            return await self._account(account)

    async def _account(self, account: AccountId) -> Encoded:
        """Returns the encoded reply of getting and setting, made in a thread, as opening hours may be long."""
        return Encoded(await self._settings.encoded(account, encode_account))

    async def SetDisplayNames(
        self, request: settings.SetDisplayNamesRequest, context: _Context
    ) -> settings.SetDisplayNamesResponse:
        """Sets, replaces and removes display names."""
        account = self._callers.account(request.account_id)
        decode = partial(self._name_reader.decode, request)
        is_short = request.ByteSize() <= _LOOP_BYTES_MAX
        async with self._callers.questions.turn(account):
            names = decode() if is_short else await self._names.compute(account, decode)
            # How many, and neither whose nor what: the audit log is kept longer than names are.
            with audit_log.recorded("display names", account) as entry:
                done = await self._names.set(account, names, replaces_all=request.replace_all)
                entry.outcome = f"set={done.set} removed={done.removed}"
        return settings.SetDisplayNamesResponse(set_count=done.set, removed_count=done.removed)

    async def ListDisplayNames(self, request: settings.ListDisplayNamesRequest, context: _Context) -> Any:
        """Lists display names of a kind; the reply is encoded."""
        account = self._callers.account(request.account_id, is_query=True)
        listing = self._name_reader.listing(request)
        async with self._callers.questions.turn(account):
            return Encoded(await self._names.page(account, listing, partial(encode_names, request)))
