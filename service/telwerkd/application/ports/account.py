"""An account's own row, its settings and its names."""

from collections.abc import Collection
from typing import Protocol

from telwerkd.application.ports.rows import Account, Names, SettingsBytes
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import Micros, WidgetId
from telwerkd.domain.time.opening_hours import OpenHours, Schedule, ScheduleId


class AccountView(Protocol):
    """What is read of an account itself."""

    def account(self) -> Account:
        """The account's row; version 0 if nothing was ever stored."""

    def widget_versions(self) -> dict[WidgetId, list[WidgetVersion]]:
        """Every version of every widget's settings, oldest first, by widget id."""

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

    def opening_hours(self, schedule: ScheduleId) -> OpenHours:
        """The opening hours of an id that an event or a version of settings names.

        Raises:
            DamagedRowError: they are not there, or cannot be read.
        """

    def names(self) -> dict[int, set[str]]:
        """The account's distinct names by family."""

    def names_of_family(self, family: int) -> list[str]:
        """The account's distinct names of one family, in any order."""


class AccountWrites(Protocol):
    """What changes an account itself."""

    def put_widget_version(self, widget: WidgetId, version: WidgetVersion) -> None:
        """Adds a version, or replaces the one with the same effective time."""

    def put_schedule(self, schedule: Schedule) -> None:
        """Adds opening hours; if they are there already, they are the same."""

    def remove_schedules(self, unused: Collection[ScheduleId]) -> None:
        """Removes opening hours that nothing names any more."""

    def put_time_zone(self, time_zone: str) -> None:
        """Sets the account's time zone."""

    def put_names_max(self, names_max: int | None) -> None:
        """Sets the account's own bound on distinct names; None takes the one of the settings."""

    def put_rules(self, version: int, target: int, rules_max: int | None, known_from: Micros) -> None:
        """Sets the versions of the rules that the account is counted by, see `Account`."""

    def add_names(self, names: Names) -> None:
        """Adds names that are not there yet."""

    def free_names(self, names: Names) -> None:
        """Removes names, and tells everyone who remembers them."""

    def note_removed(self, instant: Micros) -> None:
        """Says that something was purged or erased at an instant, which is not before any that was said."""

    def bump_version(self, accepted: Micros | None = None) -> None:
        """Tells readers that the account has changed. Before `add_deltas`, which is filed under the new version.

        Where events were accepted, also when: not before any instant that was said.
        """
