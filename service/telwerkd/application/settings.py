"""Reading and changing the settings of accounts and widgets."""

from functools import partial

from telwerkd.application.commands.settings import SetTimeZone, SetWidgetSettings
from telwerkd.application.ports import Snapshot, Store
from telwerkd.application.readers import Readers
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.errors import NotFoundError, Reason
from telwerkd.domain.ids import AccountId, WidgetId
from telwerkd.domain.time import calendar

DEFAULT_TIME_ZONE = "UTC"


class AccountSettings:
    """The settings of accounts and widgets, in a store."""

    def __init__(self, store: Store, readers: Readers) -> None:
        self._store = store
        self._readers = readers

    async def set_widget(self, account: AccountId, widget: WidgetId, version: WidgetVersion) -> None:
        """Adds a version, or replaces the one with the same effective time."""
        await self._store.write([(account, SetWidgetSettings(widget, version))])

    async def widget(self, account: AccountId, widget: WidgetId) -> list[WidgetVersion]:
        """Every version of a widget's settings, oldest first.

        Raises:
            NotFoundError: it has none.
        """
        versions = (await self._readers.read(account, _versions)).get(widget)
        if not versions:
            raise NotFoundError(Reason.WIDGET_SETTINGS_NOT_FOUND, f"widget {widget!r} has no settings")
        return versions

    async def widgets(self, account: AccountId) -> dict[WidgetId, WidgetVersion]:
        """The newest version of every widget that has settings, by widget id."""
        versions = await self._readers.read(account, _versions)
        return {widget: of_widget[-1] for widget, of_widget in versions.items()}

    async def set_time_zone(self, account: AccountId, time_zone: str) -> None:
        """Sets the zone of queries that name none.

        Raises:
            InvalidArgumentError: it is not an IANA time zone.
        """
        # The name nearest to an unknown one takes long to find.
        await self._readers.compute(account, partial(calendar.zone, time_zone))
        await self._store.write([(account, SetTimeZone(time_zone))])

    async def time_zone(self, account: AccountId) -> str:
        """The zone of queries that name none."""
        return await self._readers.read(account, zone_name)


def zone_name(view: Snapshot) -> str:
    """The zone of queries on an account that name none."""
    return view.account().time_zone or DEFAULT_TIME_ZONE


def _versions(view: Snapshot) -> dict[WidgetId, list[WidgetVersion]]:
    return view.widget_versions()
