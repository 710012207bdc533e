"""Events: their order in a conversation, and which of them say the same."""

from hypothesis import given, settings, strategies as st

from telwerkd.domain.conversation.events import Event, GoalReached, Kind, Message, PageVisited, Rated, Sender, WentLive
from telwerkd.domain.ids import EventId, GoalId, Micros, WidgetId

law = settings(deadline=None)


def event(kind: Kind, event_id: str = "e", schedule: bytes = b"") -> Event:
    return Event(EventId(event_id), Micros(5), 0, WidgetId("web"), kind, schedule)


@law
@given(st.lists(st.text("ab\u00e9\ue000\uff5a\U00010000\U0001f600", min_size=1), max_size=6))
def test_ids_compare_as_their_bytes(ids: list[str]) -> None:
    """Events at one instant come in the order of the UTF-8 bytes of their ids, as any language can tell (R-ORDER-5)."""
    events = sorted((event(Rated(1), event_id) for event_id in ids), key=lambda each: each.order)
    assert [each.event_id for each in events] == sorted(ids, key=str.encode)


def test_what_the_settings_added_is_not_what_was_sent() -> None:
    """A limit, goals and opening hours: an event that is sent again after a change of them is a duplicate (R-DUP-4)."""
    goals = GoalId("order"), GoalId("quote")
    assert event(WentLive(None, Micros(60))).same_content(event(WentLive(None, Micros(90)), schedule=b"hours"))
    assert event(PageVisited(b"page", goals[:1])).same_content(event(PageVisited(b"page", goals)))
    assert event(Message(Sender.BOT), schedule=b"hours").same_content(event(Message(Sender.BOT)))


def test_what_was_sent_is_another_content() -> None:
    """The limit that a producer sends, the page, the goal that it names, the widget, the time."""
    assert not event(WentLive(Micros(60), Micros(60))).same_content(event(WentLive(None, Micros(60))))
    assert not event(PageVisited(b"page")).same_content(event(PageVisited(b"other")))
    assert not event(GoalReached(GoalId("order"))).same_content(event(GoalReached(GoalId("quote"))))
    here, there = event(Rated(4)), Event(EventId("e"), Micros(5), 0, WidgetId("shop"), Rated(4))
    assert not here.same_content(there)


def test_a_page_is_the_same_however_often_it_is_reduced_to_what_was_sent() -> None:
    """So that what is compared may be one that was stored as it was sent."""
    full = event(PageVisited(b"page", (GoalId("order"),)), schedule=b"hours")
    assert full.as_sent().as_sent() == full.as_sent() == event(PageVisited(b"page"))
