"""Distinct names of an account, counted against a limit, so that a runaway id cannot fill the counters."""

from collections.abc import Iterable, Iterator

from telwerkd.domain.catalogue.specs import SPECS, Kpi, Packing
from telwerkd.domain.conversation.events import (
    Assigned,
    Event,
    GoalReached,
    Message,
    PageVisited,
    PostChatSurveyAnswered,
    PreChatSurveyCompleted,
    Sender,
    TopicsSet,
    Unassigned,
)
from telwerkd.domain.conversation.facts import answer_value, topics_value

OPERATORS, GROUPS, WIDGETS = 101, 102, 103
"""Families beside the KPIs whose values producers choose. The numbers are the storage format."""

FAMILY_TEXT = {
    OPERATORS: "operators",
    GROUPS: "operator groups",
    WIDGETS: "widgets",
    **{int(spec.kpi): spec.names for spec in SPECS.values() if spec.packing is Packing.IN_SERIES},
}


def names_of(event: Event) -> Iterator[tuple[int, str]]:  # noqa: C901  # one case a kind
    """The names that an event brings: family and name."""
    yield WIDGETS, event.widget_id
    match event.kind:
        case Assigned(operator=operator, group=group):
            yield from _present((OPERATORS, operator), (GROUPS, group))
        case Message(sender=Sender.OPERATOR, operator=operator):
            yield from _present((OPERATORS, operator))
        case Unassigned(group=group):
            yield from _present((GROUPS, group))
        case GoalReached(goal=goal):
            yield Kpi.GOALS_REACHED, goal
        case PageVisited(goals=goals):
            yield from ((Kpi.GOALS_REACHED, goal) for goal in goals)
        case TopicsSet(topics=topics):
            yield from _present((Kpi.CONVERSATION_TOPICS, topics_value(topics)))
        case PreChatSurveyCompleted(answers=answers):
            for answer in answers:
                yield Kpi.PRE_CHAT_SURVEY_RESULTS, answer_value(answer.question_id, answer.option_id)
        case PostChatSurveyAnswered(answers=answers):
            for answer in answers:
                yield Kpi.POST_CHAT_SURVEY_RESULTS, answer_value(answer.question_id, answer.option_id)
        case _:
            return


def _present(*names: tuple[int, str]) -> Iterable[tuple[int, str]]:
    return (name for name in names if name[1])
