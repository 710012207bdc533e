"""The row of an account, the settings of its widgets, and its distinct names."""

from collections.abc import Collection, Iterable
from functools import cached_property

import sqlalchemy as sa

from telwerkd.application.ports import Damage, DamagedRowError, Names, SettingsBytes
from telwerkd.domain.conversation.settings import ACCOUNT_DEFAULTS, WidgetVersion
from telwerkd.domain.conversation.state import CURRENT_RULES
from telwerkd.domain.ids import Micros, WidgetId
from telwerkd.domain.time.opening_hours import OpenHours, Schedule, ScheduleId, open_hours_of, schedule_bytes
from telwerkd.storage.schema.tables import accounts, names, schedules, widget_settings
from telwerkd.storage.sql import records
from telwerkd.storage.sql.account_part import NEW_ACCOUNT, AccountPart, Statement, check_types

_VERSION_BYTES = 400
"""What a version counts as beside its settings, so that an account has 20,000 by default: all are read for the first
event after a change. With 600,000, which 8 MiB hold, that took 2.8 s of CPU where events of all accounts are stored."""

_BUMP = Statement(
    sa.text(
        "INSERT INTO accounts (account_id, version, high_water, rules_version, rules_target, accepted, accepted_from) "
        "VALUES (:account, 1, 0, :rules, :rules, :accepted, :accepted_from) "
        "ON CONFLICT (account_id) DO UPDATE SET version = accounts.version + 1, "
        "accepted = excluded.accepted, accepted_from = excluded.accepted_from RETURNING version"
    )
)


class AccountRows(AccountPart):
    """Reads and writes an account's row, its widgets' settings, its opening hours and its distinct names."""

    def widget_versions(self) -> dict[WidgetId, list[WidgetVersion]]:
        """Returns every version of every widget's settings, oldest first, by widget id."""
        query = (
            sa.select(widget_settings.c.widget_id, widget_settings.c.settings)
            .where(widget_settings.c.account_id == self._account)
            .order_by(widget_settings.c.widget_id, widget_settings.c.effective_time)
        )
        versions: dict[WidgetId, list[WidgetVersion]] = {}
        for widget, blob in self._connection.execute(query):
            check_types(widget_settings.name, (widget,), (widget,), (str,))
            versions.setdefault(widget, []).append(records.version_of(blob))
        return versions

    def widget_history(self, widget: WidgetId, start: int, count: int) -> list[WidgetVersion]:
        """Returns up to `count` versions of a widget's settings, oldest first, from offset `start` on."""
        c = widget_settings.c
        query = (
            sa.select(c.settings)
            .where(c.account_id == self._account, c.widget_id == widget)
            .order_by(c.effective_time)
            .offset(start)
            .limit(count)
        )
        return [records.version_of(blob) for blob in self._connection.scalars(query)]

    def newest_settings(self, start: int, count: int) -> list[tuple[WidgetId, WidgetVersion]]:
        """Returns the newest version of up to `count` widgets, by widget id, from offset `start` on."""
        c = widget_settings.c
        newest = (
            sa.select(c.widget_id, sa.func.max(c.effective_time).label("effective_time"))
            .where(c.account_id == self._account, c.widget_id != ACCOUNT_DEFAULTS)
            .group_by(c.widget_id)
            .order_by(c.widget_id)
            .offset(start)
            .limit(count)
            .subquery()
        )
        same = sa.and_(c.widget_id == newest.c.widget_id, c.effective_time == newest.c.effective_time)
        query = (
            sa.select(c.widget_id, c.settings)
            .join_from(newest, widget_settings, same)
            .where(c.account_id == self._account)
            .order_by(c.widget_id)
        )
        rows = self._connection.execute(query).all()
        check_types(widget_settings.name, (), (widget for widget, _ in rows), [str] * len(rows))
        return [(widget, records.version_of(blob)) for widget, blob in rows]

    def settings_bytes(self, widget: WidgetId, version: WidgetVersion) -> SettingsBytes:
        """Returns the bytes of all settings without one version, and of that version before and after it is stored."""
        c = widget_settings.c
        size = sa.func.length(c.settings) + _VERSION_BYTES
        of_version = sa.and_(c.widget_id == widget, c.effective_time == version.effective_time)
        query = sa.select(
            sa.func.coalesce(sa.func.sum(sa.case((of_version, 0), else_=size)), 0),
            sa.func.coalesce(sa.func.sum(sa.case((of_version, size), else_=0)), 0),
        ).where(c.account_id == self._account)
        [(others, before)] = self._connection.execute(query)
        hours = sa.select(sa.func.sum(sa.func.length(schedules.c.schedule))).where(
            schedules.c.account_id == self._account
        )
        after = len(records.version_blob(version)) + _VERSION_BYTES
        return SettingsBytes(others + (self._connection.scalar(hours) or 0), before, after)

    def put_widget_version(self, widget: WidgetId, version: WidgetVersion) -> None:
        """Adds a version, or replaces the one with the same effective time."""
        row = (widget, version.effective_time, records.version_blob(version))
        columns = ("widget_id", "effective_time", "settings")
        self._bulk.insert(widget_settings, columns, [row], replacing=("settings",))

    def schedules(self, wanted: Collection[ScheduleId]) -> dict[ScheduleId, Schedule]:
        """Returns the opening hours of those ids that are stored."""
        return {schedule: records.schedule_of(schedule, stored) for schedule, stored in self._stored(wanted)}

    def _stored(self, wanted: Collection[ScheduleId]) -> Iterable[tuple[ScheduleId, bytes]]:
        c = schedules.c
        query = sa.select(c.schedule_id, c.schedule).where(
            c.account_id == self._account, c.schedule_id.in_(sorted(wanted))
        )
        return ((schedule, stored) for schedule, stored in self._connection.execute(query))

    def schedule_ids(self) -> set[ScheduleId]:
        """Returns the ids of all opening hours that are stored."""
        query = sa.select(schedules.c.schedule_id).where(schedules.c.account_id == self._account)
        return set(self._connection.scalars(query))

    def opening_hours(self, schedule: ScheduleId) -> OpenHours:
        """Returns the opening hours of an id that an event or a version of settings names.

        Raises:
            DamagedRowError: the row is missing or unreadable.
        """
        if schedule not in self._open_hours:
            stored = dict(self._stored([schedule])).get(schedule)
            if stored is None:
                raise DamagedRowError(Damage("schedules", (schedule,), "is named, and not there", is_source=True))
            records.schedule_of(schedule, stored)
            self._open_hours[schedule] = open_hours_of(stored)
        return self._open_hours[schedule]

    @cached_property
    def _open_hours(self) -> dict[ScheduleId, OpenHours]:
        return {}

    def put_schedule(self, schedule: Schedule) -> None:
        """Adds opening hours; if they are there already, they are the same."""
        row = (schedule.id, schedule_bytes(schedule))
        self._bulk.insert(schedules, ("schedule_id", "schedule"), [row], replacing=("schedule",))

    def remove_schedules(self, unused: Collection[ScheduleId]) -> None:
        """Removes opening hours that nothing names any more."""
        self._bulk.delete(schedules, ("schedule_id",), [(schedule,) for schedule in sorted(unused)])

    def put_time_zone(self, time_zone: str) -> None:
        """Sets the account's time zone."""
        self._ensure_account()
        self._connection.execute(
            sa.update(accounts).where(accounts.c.account_id == self._account).values(time_zone=time_zone)
        )
        self._row = None

    def put_names_max(self, names_max: int | None) -> None:
        """Sets the account's own bound on distinct names."""
        self._ensure_account()
        self._connection.execute(
            sa.update(accounts).where(accounts.c.account_id == self._account).values(names_max=names_max)
        )
        self._row = None

    def names(self) -> dict[int, set[str]]:
        """Returns the account's distinct names by family."""
        query = sa.select(names.c.family, names.c.name).where(names.c.account_id == self._account)
        found: dict[int, set[str]] = {}
        for family, name in self._connection.execute(query):
            found.setdefault(family, set()).add(name)
        return found

    def names_of_family(self, family: int) -> list[str]:
        """Returns the account's distinct names of one family, in any order."""
        query = sa.select(names.c.name).where(names.c.account_id == self._account, names.c.family == family)
        return list(self._connection.scalars(query))

    def add_names(self, new: Names) -> None:
        """Adds names that are not there yet."""
        rows = [(int(family), name) for family in sorted(new) for name in sorted(new[family])]
        self._bulk.insert(names, ("family", "name"), rows, replacing=())

    def free_names(self, unused: Names) -> None:
        """Removes names."""
        keys = [(family, name) for family in sorted(unused) for name in sorted(unused[family])]
        self._bulk.delete(names, ("family", "name"), keys)
        self._connection.execute(
            sa.update(accounts)
            .where(accounts.c.account_id == self._account)
            .values(names_freed=accounts.c.names_freed + 1)
        )
        self._row = None

    def raise_high_water(self, instant: Micros) -> None:
        """Moves the account's high-water mark, never backwards."""
        self._raise(accounts.c.high_water, instant)

    def raise_horizon(self, instant: Micros) -> None:
        """Moves the account's horizon, never backwards."""
        self._raise(accounts.c.horizon, instant)

    def lower_horizon(self, instant: Micros) -> None:
        """Moves the account's horizon back."""
        mine = accounts.c.account_id == self._account
        self._connection.execute(sa.update(accounts).where(mine).values(horizon=instant))
        self._row = None

    def put_rules(self, version: int, target: int, rules_max: int | None, known_from: Micros) -> None:
        """Sets the versions of the rules that the account is counted by."""
        self._set(rules_version=version, rules_target=target, rules_max=rules_max, known_from=known_from)

    def note_removed(self, instant: Micros) -> None:
        """Records the instant at which something was purged or erased."""
        self._set(accepted=instant, removed_at=instant)

    def _set(self, **values: int | None) -> None:
        self._ensure_account()
        self._connection.execute(sa.update(accounts).where(accounts.c.account_id == self._account).values(values))
        self._row = None

    def _raise(self, mark: sa.Column[int], instant: Micros) -> None:
        self._ensure_account()
        lower = (accounts.c.account_id == self._account, mark < instant)
        self._connection.execute(sa.update(accounts).where(*lower).values({mark: instant}))
        self._row = None

    def bump_version(self, accepted: Micros | None = None) -> None:
        """Raises the account's version, so that cached answers expire, and records when events were accepted."""
        row = self.account()
        if accepted is not None:
            first = accepted if row.accepted_from is None else row.accepted_from
            row = row._replace(accepted=accepted, accepted_from=first)
        [[version]] = _BUMP.on(
            self._connection,
            account=self._account,
            rules=CURRENT_RULES,
            accepted=row.accepted,
            accepted_from=row.accepted_from,
        )
        self._row = row._replace(version=version)

    def _ensure_account(self) -> None:
        self._bulk.insert(accounts, *NEW_ACCOUNT, replacing=())
