"""`telwerk.v1.SettingsService`: decode, call, encode; nothing else is decided here."""

from typing import Any, TypeAlias

import grpc.aio

from telwerk.v1 import settings_service_pb2 as settings, settings_service_pb2_grpc as settings_grpc
from telwerkd.application import audit_log
from telwerkd.application.clock import Clock
from telwerkd.application.settings import AccountSettings
from telwerkd.domain.errors import Part
from telwerkd.domain.ids import AccountId, WidgetId
from telwerkd.transport.codec.errors import in_field
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.settings import decode_version, encode_version, page_of

_Context: TypeAlias = grpc.aio.ServicerContext[Any, Any]


class SettingsService(settings_grpc.SettingsServiceServicer):
    """`telwerk.v1.SettingsService`."""

    def __init__(self, account_settings: AccountSettings, clock: Clock, fields: FieldReader) -> None:
        self._settings = account_settings
        self._clock = clock
        self._fields = fields

    async def SetWidgetSettings(
        self, request: settings.SetWidgetSettingsRequest, context: _Context
    ) -> settings.SetWidgetSettingsResponse:
        """Adds a version of a widget's settings."""
        account = AccountId(self._fields.id("account_id", request.account_id))
        widget, version = decode_version(request.settings, self._fields, self._clock.now())
        with audit_log.recorded("widget settings", account):
            await self._settings.set_widget(account, widget, version)
        return settings.SetWidgetSettingsResponse(settings=encode_version(widget, version))

    async def GetWidgetSettings(
        self, request: settings.GetWidgetSettingsRequest, context: _Context
    ) -> settings.GetWidgetSettingsResponse:
        """All versions of a widget's settings."""
        account = AccountId(self._fields.id("account_id", request.account_id))
        widget = WidgetId(self._fields.id("widget_id", request.widget_id))
        versions = await self._settings.widget(account, widget)
        page, token = page_of(request, versions)
        return settings.GetWidgetSettingsResponse(
            versions=[encode_version(widget, version) for version in page], next_page_token=token
        )

    async def ListWidgetSettings(
        self, request: settings.ListWidgetSettingsRequest, context: _Context
    ) -> settings.ListWidgetSettingsResponse:
        """The newest version of every widget."""
        widgets = await self._settings.widgets(AccountId(self._fields.id("account_id", request.account_id)))
        page, token = page_of(request, sorted(widgets.items()))
        return settings.ListWidgetSettingsResponse(
            settings=[encode_version(widget, version) for widget, version in page], next_page_token=token
        )

    async def SetAccountSettings(
        self, request: settings.SetAccountSettingsRequest, context: _Context
    ) -> settings.SetAccountSettingsResponse:
        """Sets an account's settings."""
        account = AccountId(self._fields.id("account_id", request.account_id))
        if request.settings.HasField("time_zone"):
            with audit_log.recorded("account settings", account), in_field(Part.TIME_ZONE, "settings.time_zone"):
                await self._settings.set_time_zone(account, request.settings.time_zone)
        time_zone = await self._settings.time_zone(account)
        return settings.SetAccountSettingsResponse(settings=settings.AccountSettings(time_zone=time_zone))

    async def GetAccountSettings(
        self, request: settings.GetAccountSettingsRequest, context: _Context
    ) -> settings.GetAccountSettingsResponse:
        """An account's settings."""
        time_zone = await self._settings.time_zone(AccountId(self._fields.id("account_id", request.account_id)))
        return settings.GetAccountSettingsResponse(settings=settings.AccountSettings(time_zone=time_zone))
