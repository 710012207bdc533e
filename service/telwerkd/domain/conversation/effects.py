"""Effects: what a step of the fold does with facts, and how facts are made of an event and the state before it."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.events import (
    ActionPerformed,
    Assigned,
    Ended,
    Event,
    FeedbackLeft,
    GoalReached,
    InactivityAction,
    LeftLive,
    Message,
    PageVisited,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    Rated,
    Sender,
    TopicsSet,
    WentLive,
)
from telwerkd.domain.conversation.facts import Change, Fact, FactChange, LeftOut, OfflineAssignment, Rule
from telwerkd.domain.conversation.state import PART_ONE, State

_COUNTED = Change.COUNTED
"""Not looked up in its class for every fact: on Python 3.11 that takes a tenth of a microsecond, as long as a call."""

Effect: TypeAlias = FactChange | LeftOut
Effects: TypeAlias = tuple[Effect, ...]

OFFLINE_ASSIGNMENTS = {
    InactivityAction.RESUMED_CONVERSATION_REASSIGNED: OfflineAssignment.ASSIGNED,
    InactivityAction.RESUMED_CONVERSATION_NOT_REASSIGNED: OfflineAssignment.NO_OPERATOR_AVAILABLE,
}
"""The actions that KPI 6 counts too, and as what (R-KPI6-1)."""


def fact_of(state: State, event: Event, kpi: Kpi, value: str) -> Fact:
    """Returns a fact of an event, on the event's own widget (R-FACT-4).

    It is for whoever is assigned in `state`, which is that just before the event (R-FACT-2), be it nobody (R-FACT-3),
    in the group that the conversation has then (R-FACT-6).
    """
    return Fact(kpi, value, state.operator, state.group, event.widget_id, event.occur_time, event.event_id)


def counted(state: State, event: Event, kpi: Kpi, value: str = "") -> FactChange:
    """Returns that a fact of an event is counted."""
    return FactChange(_COUNTED, fact_of(state, event, kpi, value))


def left_out(event: Event, kpi: Kpi, rule: Rule) -> LeftOut:
    """Returns that an event is not counted under a KPI, and the rule that says so."""
    return LeftOut(kpi, event.event_id, rule)


_KPIS_OF_KIND: Mapping[type, tuple[Kpi, ...]] = {
    WentLive: (Kpi.UNANSWERED_LIVE_CONVERSATIONS,),
    Rated: (Kpi.SATISFACTION_SCORE,),
    FeedbackLeft: (Kpi.FEEDBACK_COUNT,),
    ActionPerformed: (Kpi.INACTIVITY_ACTIONS,),
    PageVisited: (Kpi.GOALS_REACHED,),
    GoalReached: (Kpi.GOALS_REACHED,),
    TopicsSet: (Kpi.CONVERSATION_TOPICS,),
    PreChatSurveyCompleted: (Kpi.PRE_CHAT_SURVEY_RESULTS,),
    PostChatSurveyAnswered: (Kpi.POST_CHAT_SURVEY_RESULTS,),
    Ended: (Kpi.UNANSWERED_ENDED_CONVERSATIONS,),
}
"""What each kind of event may be counted as."""

_OF_ANY_MESSAGE = (Kpi.CONVERSATIONS_STARTED, Kpi.MESSAGES, Kpi.CONVERSATIONS_RECEIVED)
_PART_TWO_OF_KIND: Mapping[type, tuple[Kpi, ...]] = {
    WentLive: (Kpi.LIVE_CONVERSATIONS_ANSWERED,),
    Message: _OF_ANY_MESSAGE,
    LeftLive: (Kpi.LIVE_SESSION_DURATION,),
    Ended: (Kpi.CONVERSATIONS_ENDED, Kpi.LIVE_SESSION_DURATION, Kpi.CONVERSATION_DURATION),
    Assigned: (Kpi.REASSIGNMENTS, Kpi.CONVERSATIONS_RECEIVED),
}
_OF_ANSWERS = (Kpi.LIVE_CONVERSATIONS_ANSWERED, Kpi.FIRST_RESPONSE_TIME, Kpi.RESPONSE_TIME)


def left_out_by_retraction(event: Event, rules: int) -> Iterable[LeftOut]:
    """Returns what a retracted event would be counted as, by a version of the rules."""
    kind = event.kind
    kpis = _KPIS_OF_KIND.get(type(kind), ())
    if type(kind) is ActionPerformed and kind.action in OFFLINE_ASSIGNMENTS:
        kpis = (*kpis, Kpi.OFFLINE_ASSIGNMENTS)
    if rules != PART_ONE:
        kpis = (*kpis, *_PART_TWO_OF_KIND.get(type(kind), ()))
        if type(kind) is Message and kind.sender is Sender.OPERATOR:
            kpis = (*kpis, *_OF_ANSWERS)
    return (LeftOut(kpi, event.event_id, Rule.RETRACTED) for kpi in kpis)
