"""What both parts of the oracle ask of a conversation: its events in order, and how things stood before one of them."""

from collections.abc import Iterable
from typing import TypeAlias

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import (
    ActionPerformed,
    Assigned,
    Ended,
    Event,
    FeedbackLeft,
    GoalReached,
    LeftLive,
    Message,
    PageVisited,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    Rated,
    Resumed,
    Retracted,
    Sender,
    TopicsSet,
    Unassigned,
    WentLive,
)
from telwerkd.domain.ids import NO_GROUP, NOBODY

Log: TypeAlias = list[Event]
Counted: TypeAlias = tuple[Kpi, str, str, str, str, int]
"""`(kpi, value, operator, group, widget, instant)`."""

RANKS: dict[type, int] = {
    # R-ORDER-4
    WentLive: 0,
    Resumed: 0,
    Message: 1,
    Rated: 2,
    FeedbackLeft: 2,
    ActionPerformed: 2,
    GoalReached: 2,
    PageVisited: 2,
    TopicsSet: 2,
    PreChatSurveyCompleted: 2,
    PostChatSurveyAnswered: 2,
    Ended: 3,
    Assigned: 4,
    Unassigned: 4,
    LeftLive: 5,
    Retracted: 6,
}


# --- the order of events, and what was taken back -------------------------------------------------------------------


def in_order(events: Iterable[Event]) -> Log:
    """By time, sequence, rank and id, which compares as UTF-8 bytes (R-ORDER-2, R-ORDER-3, R-ORDER-5)."""
    return sorted(events, key=lambda e: (e.occur_time, e.sequence, RANKS[type(e.kind)], e.event_id.encode()))


def what_happened(events: Iterable[Event]) -> Log:
    """The events in order, without those taken back and without the retractions."""
    log = in_order(events)
    return [e for e in log if not isinstance(e.kind, Retracted) and not taken_back(e, log)]


def taken_back(event: Event, log: Log) -> bool:
    """Whether something takes it back, wherever that stands (R-BACK-2); a retraction only by a later one (R-BACK-4)."""
    able = log[log.index(event) + 1 :] if isinstance(event.kind, Retracted) else log
    return any(
        isinstance(r.kind, Retracted) and r.kind.event_id == event.event_id and not taken_back(r, log) for r in able
    )


# --- questions about a moment in the conversation -------------------------------------------------------------------


def last_of(kinds: tuple[type, ...], log: Log) -> Event | None:
    """The latest event of these kinds."""
    found = [e for e in log if isinstance(e.kind, kinds)]
    return found[-1] if found else None


def assigned(before: Log) -> tuple[str, str]:
    """Operator and group after these events: what the last word on it says (R-ASSIGN-1, R-ASSIGN-2, R-ASSIGN-5)."""
    last = last_of((Assigned, Unassigned), before)
    match last.kind if last else None:
        case Assigned(operator=operator, group=group):
            return operator, group
        case Unassigned(group=group):
            return NOBODY, group
        case _:
            return NOBODY, NO_GROUP


def messages(log: Log, sender: Sender | None = None) -> Log:
    """The messages, of one sender, or of contact, operator and bot (R-MSG-1)."""
    return [e for e in log if isinstance(e.kind, Message) and sender in (None, e.kind.sender)]


def has_ended(before: Log) -> bool:
    """Whether it is between its end and its resumption (R-KPI7-5)."""
    last = last_of((Ended, Resumed), before)
    return last is not None and isinstance(last.kind, Ended)


def is_live(before: Log) -> bool:
    """Live, that is, went live and neither left live nor ended since (R-KPI3-6)."""
    last = last_of((WentLive, LeftLive, Ended), before)
    return last is not None and isinstance(last.kind, WentLive)


def counted(kpi: Kpi, value: str, event: Event, before: Log) -> Counted:
    """For whoever is assigned just before the event, on the event's own widget (R-FACT-2, R-FACT-4)."""
    return (kpi, value, *assigned(before), event.widget_id, event.occur_time)
