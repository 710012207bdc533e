"""The port of widgets' settings, and of the opening hours that they name."""

from collections.abc import Collection
from typing import Protocol

from telwerkd.application.ports.rows import SettingsBytes
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import WidgetId
from telwerkd.domain.time.opening_hours import OpenHours, Schedule, ScheduleId


class WidgetsView(Protocol):
    """Reads the settings by which events are resolved."""

    def widget_versions(self) -> dict[WidgetId, list[WidgetVersion]]:
        """Returns every version of every widget's settings, oldest first, by widget id."""


class OpeningHoursView(Protocol):
    """Reads opening hours, by which service times are counted."""

    def opening_hours(self, schedule: ScheduleId) -> OpenHours:
        """Returns the opening hours of an id that an event or a version of settings names.

        Raises:
            DamagedRowError: the row is missing or unreadable.
        """


class SettingsView(Protocol):
    """Reads settings for display, and their sizes."""

    def widget_history(self, widget: WidgetId, start: int, count: int) -> list[WidgetVersion]:
        """Returns up to `count` versions of a widget's settings, oldest first, from offset `start` on."""

    def newest_settings(self, start: int, count: int) -> list[tuple[WidgetId, WidgetVersion]]:
        """Returns the newest version of up to `count` widgets, by widget id, from offset `start` on."""

    def settings_bytes(self, widget: WidgetId, version: WidgetVersion) -> SettingsBytes:
        """Returns the bytes of all settings without one version, and of that version before and after it is stored."""

    def schedules(self, wanted: Collection[ScheduleId]) -> dict[ScheduleId, Schedule]:
        """Returns the opening hours of those ids that are stored."""

    def schedule_ids(self) -> set[ScheduleId]:
        """Returns the ids of all opening hours that are stored."""


class SettingsWrites(Protocol):
    """Writes settings."""

    def put_widget_version(self, widget: WidgetId, version: WidgetVersion) -> None:
        """Adds a version, or replaces the one with the same effective time."""

    def put_schedule(self, schedule: Schedule) -> None:
        """Adds opening hours; if they are there already, they are the same."""

    def remove_schedules(self, unused: Collection[ScheduleId]) -> None:
        """Removes opening hours that nothing names any more."""
