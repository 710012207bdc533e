"""What Telwerk must know of an account and its widgets, by version, and what it says about an event."""

from collections.abc import Mapping, Sequence

import msgspec

from telwerkd.domain.conversation.events import Event, InactivityAction, PageVisited, WentLive
from telwerkd.domain.conversation.goals import Goal, GoalMatcher
from telwerkd.domain.ids import Micros, WidgetId


class WidgetVersion(msgspec.Struct, frozen=True, array_like=True):
    """A widget's settings from `effective_time` until the next version."""

    effective_time: Micros
    live_limit: Micros | None
    goals: tuple[Goal, ...]
    enabled_actions: tuple[InactivityAction, ...]


class Widgets:
    """The settings of an account's widgets: `versions` by widget, oldest first."""

    def __init__(self, versions: Mapping[WidgetId, Sequence[WidgetVersion]]) -> None:
        self.versions = versions
        self._matchers: dict[tuple[WidgetId, Micros], GoalMatcher] = {}

    def at(self, widget: WidgetId, instant: Micros) -> WidgetVersion | None:
        """The version that holds at `instant`, the first one from the beginning of time (R-SET-2). None without any."""
        versions = self.versions.get(widget)
        if not versions:
            return None
        return next((v for v in reversed(versions) if v.effective_time <= instant), versions[0])

    def resolve(self, event: Event, url: str | None) -> Event:
        """The event with what its widget's settings say about it, to be kept with it (R-SET-1).

        A limit that the producer sent stays (R-KPI3-11). `url` is the page of a `PageVisited`, which is not kept.
        """
        kind = event.kind
        if type(kind) is WentLive and kind.sent_limit is None:
            version = self.at(event.widget_id, event.occur_time)
            limit = version.live_limit if version else None
            return msgspec.structs.replace(event, kind=WentLive(None, limit))
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
