"""Setting the time zone, opening hours and widgets' settings of an account."""

from dataclasses import dataclass
from typing import Protocol

from telwerkd.application.ports import AccountWrites, Command, SettingsView, SettingsWrites
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import WidgetId
from telwerkd.domain.time.opening_hours import Schedule


class SettingsTransaction(AccountWrites, SettingsView, SettingsWrites, Protocol):
    """The reads and writes of setting a widget's settings, within a limit on the account's."""


@dataclass(frozen=True, slots=True)
class SetWidgetSettings(Command[int | None]):
    """Adds a version of a widget's settings, or replaces the one with the same effective time."""

    widget: WidgetId
    version: WidgetVersion
    bytes_max: int | None = None
    """Limit on the bytes of the account's other versions; None: unlimited. A version that is no larger than the one
    that it replaces is stored in any case, so that an account at its limit can reduce its settings."""
    schedule: Schedule | None = None
    """The opening hours that the version names, if it names any."""

    def run(self, tx: SettingsTransaction) -> int | None:
        """Stores the version, and returns None; if the others exceed the limit, only returns their bytes."""
        if self.bytes_max is not None:
            size = tx.settings_bytes(self.widget, self.version)
            if size.others > self.bytes_max and (size.after > size.before or self._brings_hours(tx)):
                return size.others
        if self.schedule is not None:
            tx.put_schedule(self.schedule)
        tx.put_widget_version(self.widget, self.version)
        tx.bump_version()
        return None

    def _brings_hours(self, tx: SettingsView) -> bool:
        return self.schedule is not None and not tx.schedules([self.schedule.id])


@dataclass(frozen=True, slots=True)
class SetTimeZone(Command[None]):
    """Sets the time zone of queries that name none."""

    time_zone: str

    def run(self, tx: AccountWrites) -> None:
        """Stores it."""
        tx.put_time_zone(self.time_zone)
        tx.bump_version()


@dataclass(frozen=True, slots=True)
class SetNamesMax(Command[None]):
    """Sets the account's own bound on distinct names."""

    names_max: int | None
    """None: the bound of the settings."""

    def run(self, tx: AccountWrites) -> None:
        """Stores it."""
        tx.put_names_max(self.names_max)
