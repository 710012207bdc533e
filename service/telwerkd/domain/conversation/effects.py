"""Effects: what a step of the fold does with facts, and how facts are made of an event and the state before it."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from telwerkd.domain.catalogue.occasions import Occasion
from telwerkd.domain.catalogue.specs import SPECS, Kpi
from telwerkd.domain.catalogue.values import OfflineAssignment, answer_value, topics_value
from telwerkd.domain.conversation.events import (
    ActionPerformed,
    Assigned,
    Ended,
    Event,
    FeedbackLeft,
    GoalReached,
    InactivityAction,
    Kind,
    LeftLive,
    Message,
    PageVisited,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    Rated,
    Resumed,
    Sender,
    TopicsSet,
    Unassigned,
    WentLive,
)
from telwerkd.domain.conversation.facts import (
    Change,
    Fact,
    FactChange,
    LeftOut,
    Rule,
)
from telwerkd.domain.conversation.state import State

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

    Its operator and group are those assigned in `state`, the state just before the event (R-FACT-2, R-FACT-6); the
    operator may be nobody (R-FACT-3).
    """
    return Fact(kpi, value, state.operator, state.group, event.widget_id, event.occur_time, event.event_id)


def counted(state: State, event: Event, kpi: Kpi, value: str = "") -> FactChange:
    """Returns the effect of a counted fact of an event."""
    return FactChange(_COUNTED, fact_of(state, event, kpi, value))


def left_out(event: Event, kpi: Kpi, rule: Rule) -> LeftOut:
    """Returns the effect of an event that is not counted under a KPI, with the rule that excludes it."""
    return LeftOut(kpi, event.event_id, rule)


def chosen_values(kind: Kind) -> Iterable[tuple[Kpi, str]]:
    """Returns the values that an event brings and producers choose, each with the KPI that may count it."""
    match kind:
        case GoalReached(goal=goal):
            return ((Kpi.GOALS_REACHED, goal),)
        case PageVisited(goals=goals):
            return ((Kpi.GOALS_REACHED, goal) for goal in goals)
        case TopicsSet(topics=topics):
            return ((Kpi.CONVERSATION_TOPICS, topics_value(topics)),) if topics else ()
        case PreChatSurveyCompleted(answers=answers):
            return ((Kpi.PRE_CHAT_SURVEY_RESULTS, answer_value(a.question_id, a.option_id)) for a in answers)
        case PostChatSurveyAnswered(answers=answers):
            return ((Kpi.POST_CHAT_SURVEY_RESULTS, answer_value(a.question_id, a.option_id)) for a in answers)
        case _:
            return ()


_OCCASIONS: Mapping[type[Kind], Occasion] = {
    WentLive: Occasion.WENT_LIVE,
    Resumed: Occasion.RESUMED,
    Message: Occasion.MESSAGE,
    Rated: Occasion.RATED,
    FeedbackLeft: Occasion.FEEDBACK,
    ActionPerformed: Occasion.ACTION,
    PageVisited: Occasion.GOAL,
    GoalReached: Occasion.GOAL,
    TopicsSet: Occasion.TOPICS,
    PreChatSurveyCompleted: Occasion.PRE_CHAT_SURVEY,
    PostChatSurveyAnswered: Occasion.POST_CHAT_SURVEY,
    Ended: Occasion.ENDED,
    Assigned: Occasion.ASSIGNED,
    Unassigned: Occasion.UNASSIGNED,
    LeftLive: Occasion.LEFT_LIVE,
}
"""What a KPI's `occasions` name, by kind of event: all but retractions, as which nothing is counted."""


def _occasions_of(kind: Kind) -> set[Occasion]:
    occasion = _OCCASIONS.get(type(kind))
    occasions = set() if occasion is None else {occasion}
    if type(kind) is ActionPerformed and kind.action in OFFLINE_ASSIGNMENTS:
        occasions.add(Occasion.ACTION_FOR_RETURNING_CONTACT)
    if type(kind) is Message and kind.sender is Sender.OPERATOR:
        occasions.add(Occasion.OPERATOR_MESSAGE)
    return occasions


def left_out_by_retraction(event: Event, rules: int) -> Iterable[LeftOut]:
    """Returns what a retracted event would be counted as, by a version of the rules."""
    occasions = _occasions_of(event.kind)
    specs = (spec for spec in SPECS.values() if spec.since_rules <= rules and not occasions.isdisjoint(spec.occasions))
    return (LeftOut(spec.kpi, event.event_id, Rule.RETRACTED) for spec in specs)
