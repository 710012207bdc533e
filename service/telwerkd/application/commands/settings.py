"""Setting what an account, or a widget of it, has of its own."""

from dataclasses import dataclass

from telwerkd.application.ports import Transaction
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.ids import WidgetId
from telwerkd.domain.time.opening_hours import Schedule


@dataclass(frozen=True, slots=True)
class SetWidgetSettings:
    """Adds a version of a widget's settings, or replaces the one with the same effective time."""

    widget: WidgetId
    version: WidgetVersion
    bytes_max: int | None = None
    """How many bytes the account's other versions may take; None: any number."""
    schedule: Schedule | None = None
    """The opening hours that the version names, if it names any."""

    def run(self, tx: Transaction) -> int | None:
        """Stores it, and returns None; where the others take too many bytes, returns how many, and stores nothing."""
        if self.bytes_max is not None:
            others = tx.settings_bytes(self.widget, self.version.effective_time)
            if others > self.bytes_max:
                return others
        if self.schedule is not None:
            tx.put_schedule(self.schedule)
        tx.put_widget_version(self.widget, self.version)
        tx.bump_version()
        return None


@dataclass(frozen=True, slots=True)
class SetTimeZone:
    """Sets the time zone of queries that name none."""

    time_zone: str

    def run(self, tx: Transaction) -> None:
        """Stores it."""
        tx.put_time_zone(self.time_zone)
        tx.bump_version()


@dataclass(frozen=True, slots=True)
class SetNamesMax:
    """Sets the account's own bound on distinct names."""

    names_max: int | None
    """None: the bound of the settings."""

    def run(self, tx: Transaction) -> None:
        """Stores it."""
        tx.put_names_max(self.names_max)
