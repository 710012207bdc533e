"""Settings of widgets, and the opening hours that they name."""

from collections.abc import Collection
from typing import Protocol

from telwerkd.application.ports.rows import SettingsBytes
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import WidgetId
from telwerkd.domain.time.opening_hours import OpenHours, Schedule, ScheduleId


class WidgetsView(Protocol):
    """The settings that events are resolved by."""

    def widget_versions(self) -> dict[WidgetId, list[WidgetVersion]]:
        """Every version of every widget's settings, oldest first, by widget id."""


class OpeningHoursView(Protocol):
    """The opening hours that durations are counted in."""

    def opening_hours(self, schedule: ScheduleId) -> OpenHours:
        """The opening hours of an id that an event or a version of settings names.

        Raises:
            DamagedRowError: they are not there, or cannot be read.
        """


class SettingsView(Protocol):
    """Settings as they are shown, and what they take."""

    def widget_history(self, widget: WidgetId, start: int, count: int) -> list[WidgetVersion]:
        """Up to `count` versions of a widget's settings, oldest first, without the first `start` of them."""

    def newest_settings(self, start: int, count: int) -> list[tuple[WidgetId, WidgetVersion]]:
        """The newest version of up to `count` widgets, by widget id, without the first `start` of them."""

    def settings_bytes(self, widget: WidgetId, version: WidgetVersion) -> SettingsBytes:
        """What settings take without a version of a widget, and it before and after it is put there."""

    def schedules(self, wanted: Collection[ScheduleId]) -> dict[ScheduleId, Schedule]:
        """The opening hours of these ids; those that are there."""

    def schedule_ids(self) -> set[ScheduleId]:
        """Those of all opening hours that are there."""


class SettingsWrites(Protocol):
    """What changes settings."""

    def put_widget_version(self, widget: WidgetId, version: WidgetVersion) -> None:
        """Adds a version, or replaces the one with the same effective time."""

    def put_schedule(self, schedule: Schedule) -> None:
        """Adds opening hours; if they are there already, they are the same."""

    def remove_schedules(self, unused: Collection[ScheduleId]) -> None:
        """Removes opening hours that nothing names any more."""
