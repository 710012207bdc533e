"""What an account's widgets say about an event: the version that holds then, kept with the event."""

import pytest

from telwerkd.domain.conversation.events import (
    Event,
    InactivityAction,
    Kind,
    Message,
    PageVisited,
    Rated,
    Sender,
    WentLive,
)
from telwerkd.domain.conversation.goals import Goal
from telwerkd.domain.conversation.settings import ACCOUNT_DEFAULTS, Widgets, WidgetVersion
from telwerkd.domain.ids import EventId, GoalId, Micros, WidgetId

WEB, SHOP = WidgetId("web"), WidgetId("shop")
HOURS, DEFAULT = b"hours of web", b"hours of the account"
ACTIONS = (InactivityAction.INACTIVITY_MESSAGE_SENT,)


def version(at: int, limit: int | None = None) -> WidgetVersion:
    return WidgetVersion(Micros(at), None if limit is None else Micros(limit), (), ())


def event(kind: Kind, at: int = 500, widget: WidgetId = WEB) -> Event:
    return Event(EventId("e"), Micros(at), 0, widget, kind)


def widgets(**of: list[WidgetVersion]) -> Widgets:
    return Widgets({WidgetId(widget): versions for widget, versions in of.items()})


@pytest.mark.parametrize(("instant", "limit"), [(0, 1), (100, 1), (199, 1), (200, 2), (300, 3), (10_000, 3)])
def test_the_version_that_holds_is_the_newest_by_then(instant: int, limit: int) -> None:
    """The first one holds from the beginning of time (R-SET-2)."""
    found = widgets(web=[version(100, 1), version(200, 2), version(300, 3)]).at(WEB, Micros(instant))
    assert found is not None
    assert found.live_limit == limit


def test_a_widget_without_settings_has_no_version() -> None:
    """Nothing is known of it, not the settings of another."""
    assert widgets(shop=[version(0, 1)]).at(WEB, Micros(0)) is None


def test_a_limit_is_kept_with_the_event_and_one_that_was_sent_stays() -> None:
    """R-SET-1, R-KPI3-11."""
    of = widgets(web=[version(0, 7)])
    assert of.resolve(event(WentLive()), None).kind == WentLive(None, Micros(7))
    assert of.resolve(event(WentLive(Micros(9), Micros(9))), None).kind == WentLive(Micros(9), Micros(9))
    assert of.resolve(event(WentLive(), widget=SHOP), None).kind == WentLive(None, None)


def test_a_page_keeps_the_goals_that_its_widget_has_then() -> None:
    """Goals of a later version, or of another widget, are none of its own; the address is not kept (R-SET-1)."""
    page = event(PageVisited(b"digest"))
    early, late = (Goal(GoalId(name), "https://shop.example/thanks") for name in ("early", "late"))
    goals = [WidgetVersion(Micros(at), None, (goal,), ()) for at, goal in ((0, early), (501, late))]
    of = Widgets({WEB: goals, SHOP: [WidgetVersion(Micros(0), None, (), ())]})
    assert of.resolve(page, "https://shop.example/thanks").kind == PageVisited(b"digest", (early.goal_id,))
    assert of.resolve(event(page.kind, 501), "https://shop.example/thanks").kind == PageVisited(
        b"digest", (GoalId("late"),)
    )
    assert of.resolve(page, "https://shop.example/other").kind == PageVisited(b"digest")
    assert of.resolve(event(page.kind, widget=SHOP), "https://shop.example/thanks") == event(page.kind, widget=SHOP)


def hours(schedule: bytes, at: int = 0) -> WidgetVersion:
    return WidgetVersion(Micros(at), None, (), (), schedule)


def test_opening_hours_are_the_widgets_own_or_the_accounts() -> None:
    """A widget whose version has none of its own has those of the account at that instant (R-SERVICE-2)."""
    of = Widgets({WEB: [hours(b""), hours(HOURS, 200)], ACCOUNT_DEFAULTS: [hours(DEFAULT), hours(b"", 300)]})
    assert of.schedule_at(WEB, Micros(100)) == DEFAULT
    assert of.schedule_at(WEB, Micros(200)) == HOURS
    assert of.schedule_at(SHOP, Micros(299)) == DEFAULT
    assert of.schedule_at(SHOP, Micros(300)) == b""


def test_only_what_a_duration_can_begin_with_keeps_opening_hours() -> None:
    """Messages, and going live: R-SERVICE-2."""
    of = Widgets({WEB: [hours(HOURS)]})
    for kind, kept in ((WentLive(), HOURS), (Message(Sender.BOT), HOURS), (Rated(4), b"")):
        assert of.resolve(event(kind), None).schedule == kept
        assert of.with_schedule(event(kind)).schedule == kept


def test_no_event_is_looked_at_where_there_are_no_opening_hours() -> None:
    """It stays the very same."""
    message = event(Message(Sender.CONTACT))
    assert widgets(web=[version(0)]).resolve(message, None) is message


def enabled(at: int, *, on: bool) -> WidgetVersion:
    return WidgetVersion(Micros(at), None, (), ACTIONS if on else ())


@pytest.mark.parametrize(
    ("versions", "none"),
    [
        ([enabled(0, on=False)], True),
        ([enabled(0, on=True)], False),
        ([enabled(0, on=True), enabled(100, on=False)], True),
        ([enabled(0, on=False), enabled(199, on=True)], False),
        ([enabled(0, on=False), enabled(200, on=True)], True),
        ([enabled(0, on=False), enabled(150, on=True), enabled(160, on=False)], False),
        ([enabled(500, on=True)], False),
        ([], False),
    ],
)
def test_that_no_action_was_enabled_is_known_of_the_whole_range(versions: list[WidgetVersion], *, none: bool) -> None:
    """Of [100, 200): from the version that holds as it begins to those that come within; not of an unknown widget.

    R-KPI5-3.
    """
    of = Widgets({WEB: versions} if versions else {})
    assert of.none_enabled([WEB], Micros(100), Micros(200)) is none


def test_that_no_action_was_enabled_is_known_of_each_widget() -> None:
    """One that had one, or that is not known, is enough; and of no widgets nothing is known."""
    of = Widgets({WEB: [enabled(0, on=False)], SHOP: [enabled(0, on=True)]})
    assert not of.none_enabled([WEB, SHOP], Micros(0), Micros(1))
    assert not of.none_enabled([WEB, WidgetId("unknown")], Micros(0), Micros(1))
    assert not of.none_enabled([], Micros(0), Micros(1))
