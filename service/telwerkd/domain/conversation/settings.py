"""The settings of an account's widgets, by version, and their effect on events."""

from collections.abc import Mapping, Sequence

import msgspec

from telwerkd.domain.conversation.events import Event, InactivityAction, Message, PageVisited, WentLive
from telwerkd.domain.conversation.goals import Goal, GoalMatcher
from telwerkd.domain.ids import Micros, WidgetId
from telwerkd.domain.time.opening_hours import ScheduleId


class WidgetVersion(msgspec.Struct, frozen=True, array_like=True):
    """A widget's settings from `effective_time` until the next version."""

    effective_time: Micros
    live_limit: Micros | None
    goals: tuple[Goal, ...]
    enabled_actions: tuple[InactivityAction, ...]
    schedule: ScheduleId = b""
    """Its opening hours; empty where it has none of its own."""


ACCOUNT_DEFAULTS = WidgetId("")
"""The versions of an account's default opening hours are kept like those of a widget, whose id can never be empty."""


_BEGINNINGS = frozenset({Message, WentLive})
"""The kinds of events with which a wait, an episode or a live stretch can begin."""


class Widgets:
    """The settings of an account's widgets: `versions` by widget, oldest first.

    Where there are no opening hours at all, `have_schedules` is false, and no event is looked at for them.
    """

    def __init__(self, versions: Mapping[WidgetId, Sequence[WidgetVersion]]) -> None:
        self.versions = versions
        self.have_schedules = any(each.schedule for of_widget in versions.values() for each in of_widget)
        self._matchers: dict[tuple[WidgetId, Micros], GoalMatcher] = {}

    def at(self, widget: WidgetId, instant: Micros) -> WidgetVersion | None:
        """Returns the version in force at `instant`; before the first one, that one (R-SET-2). None without any."""
        versions = self.versions.get(widget)
        if not versions:
            return None
        return next((v for v in reversed(versions) if v.effective_time <= instant), versions[0])

    def schedule_at(self, widget: WidgetId, instant: Micros) -> ScheduleId:
        """Returns the opening hours of a widget, else the account's default, in the version in force at `instant`.

        Empty where there are none (R-SERVICE-2).
        """
        for each in (widget, ACCOUNT_DEFAULTS):
            version = self.at(each, instant)
            if version is not None and version.schedule:
                return version.schedule
        return b""

    def with_schedule(self, event: Event) -> Event:
        """Returns the event with the opening hours of a duration that begins with it, if any (R-SERVICE-2)."""
        if not self.have_schedules or type(event.kind) not in _BEGINNINGS:
            return event
        schedule = self.schedule_at(event.widget_id, event.occur_time)
        return msgspec.structs.replace(event, schedule=schedule) if schedule else event

    def resolve(self, event: Event, url: str | None) -> Event:
        """Returns the event with what its widget's settings add (limit, goals, opening hours), as it is kept (R-SET-1).

        A limit that the producer sent stays (R-KPI3-11). `url` is the page of a `PageVisited`, which is not kept.
        """
        kind = event.kind
        if type(kind) is Message:
            return self.with_schedule(event) if self.have_schedules else event
        if type(kind) is WentLive:
            if kind.sent_limit is None:
                version = self.at(event.widget_id, event.occur_time)
                limit = version.live_limit if version else None
                event = msgspec.structs.replace(event, kind=WentLive(None, limit))
            return self.with_schedule(event)
        if type(kind) is PageVisited and url is not None:
            version = self.at(event.widget_id, event.occur_time)
            if version is None or not version.goals:
                return event
            goals = self._matcher(event.widget_id, version).match(url)
            return msgspec.structs.replace(event, kind=PageVisited(kind.url_digest, goals))
        return event

    def none_enabled(self, widgets: Sequence[WidgetId], start: Micros, end: Micros) -> bool:
        """Whether each of `widgets` is known to have had no inactivity action enabled in `[start, end)` (R-KPI5-3)."""
        return bool(widgets) and all(self._none_enabled(widget, start, end) for widget in widgets)

    def _none_enabled(self, widget: WidgetId, start: Micros, end: Micros) -> bool:
        first = self.at(widget, start)
        if first is None:
            return False
        later = (v for v in self.versions[widget] if start < v.effective_time < end)
        return not any(version.enabled_actions for version in (first, *later))

    def _matcher(self, widget: WidgetId, version: WidgetVersion) -> GoalMatcher:
        key = (widget, version.effective_time)
        matcher = self._matchers.get(key)
        if matcher is None:
            matcher = self._matchers[key] = GoalMatcher(version.goals)
        return matcher
