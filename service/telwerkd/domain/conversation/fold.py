"""The fold over one conversation: its events, in event order, and the present instant give its facts.

Every transition by part one of the rules stands in this file, those by part two (KPI 11 to 20) in
`telwerkd.domain.conversation.part_two`; the state, how facts are made, the timer of KPI 3 and what retractions do
stand in the files beside it. None looks at a clock, a database or another conversation. What they do is the law of
docs/rules.md, whose rules are cited by their ids. Theory of operation:

- `run` takes the state and the next events *in event order* and gives the next state and what changed.
- The timer of KPI 3 runs as `State.timer` (`telwerkd.domain.conversation.response_timer`).
- What must wait for the first message (KPI 8 and 9) is held in the state and released by that message.
- `fold` is that over a whole log, then `settle`. An event that arrives in order can be run on the stored state; one
  that arrives late, or takes another back, needs the log again. Both lead to the same state, to the letter.

"Nothing changed" is the same state object, so that a caller can tell.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import assert_never

import msgspec

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.values import answer_value, numbered_value, stars_value, topics_value
from telwerkd.domain.conversation.effects import (
    OFFLINE_ASSIGNMENTS,
    Effect,
    Effects,
    counted,
    fact_of,
    left_out,
    left_out_by_retraction,
)
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
    Resumed,
    Retracted,
    Sender,
    SurveyAnswer,
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
from telwerkd.domain.conversation.part_two import by_part_two, hours_with
from telwerkd.domain.conversation.response_timer import (
    pass_timer,
    settle,
    start_timer,
    stop_timer,
)
from telwerkd.domain.conversation.retractions import (
    retract,
)
from telwerkd.domain.conversation.state import (
    PART_ONE,
    UNKNOWN,
    Live,
    State,
)
from telwerkd.domain.ids import NOBODY, Micros

_with = msgspec.structs.replace
"""`_with(state, ended=True)` is the state with that changed."""

_CONTACT, _OPERATOR = Sender.CONTACT, Sender.OPERATOR  # to look one up takes as long as a call, on Python 3.11
_PAUSE_EVENTS = 500
"""Events of a long fold after which its caller may do something else."""


def _no_pause() -> None:
    pass


def fold(
    base: State, events: Iterable[Event], now: Micros, pause: Callable[[], None] = _no_pause
) -> tuple[State, list[Effect]]:
    """Returns the state and all effects of a whole log, in whatever order it is given, at the present instant `now`.

    Arrival never matters (R-ORDER-8). `pause` is called from time to time while a long one goes on.
    """
    effective, retracted, awaited = retract(events, base.awaited)
    effects: list[Effect] = [*carried(base)]
    effects += (each for event in retracted for each in left_out_by_retraction(event, base.rules))
    ordered = sorted(effective, key=lambda e: e.order)
    state = base
    for start in range(0, len(ordered), _PAUSE_EVENTS):
        state, stepped = run(state, ordered[start : start + _PAUSE_EVENTS])
        effects += stepped
        pause()
    state, settled = settle(state, now)
    effects += settled
    if awaited != state.awaited:
        state = _with(state, awaited=awaited)
    return state, effects


def carried(base: State) -> Effects:
    """Returns the facts of purged events that are not final (R-KEEP-3): topics may be replaced, held facts released."""
    topics = () if base.topics is None else (base.topics,)
    change = Change.COUNTED if base.started else Change.HELD
    return (
        *(FactChange(Change.HELD, fact) for fact in base.held),
        *(FactChange(change, fact) for fact in topics),
    )


def follows(state: State, events: Sequence[Event]) -> bool:
    """Whether `events`, which are in event order, can be run on `state`.

    If not, their conversation must be folded again from the log: what happened earlier corrects (R-FROZEN-4).
    """
    if events and events[0].order <= state.order:
        return False
    awaited = state.awaited
    for event in events:  # noqa: SIM110  # a generator for `any` takes twice the time, and every event comes here
        if type(event.kind) is Retracted or event.event_id in awaited:
            return False
    return True


def run(state: State, events: Sequence[Event]) -> tuple[State, list[Effect]]:
    """Returns the state after `events`, which must follow `state` in event order, and all that they changed."""
    effects: list[Effect] = []
    apply = _by_part_one if state.rules == PART_ONE else _by_both_parts
    for event in events:
        if state.timer is not None:
            state = pass_timer(state, event.occur_time)
        state, more = apply(state, event)
        effects += more
    return (_with(state, order=events[-1].order) if events else state), effects


def _by_both_parts(state: State, event: Event) -> tuple[State, Effects]:
    after, effects = _by_part_one(state, event)
    return by_part_two(state, after, event, effects)


def _by_part_one(state: State, event: Event) -> tuple[State, Effects]:  # noqa: C901, PLR0911, PLR0912  # one case a kind
    # Not a `match` with classes: a Struct's class that does not match takes four times as long as `is`.
    kind = event.kind
    if type(kind) is Message:
        return _message(state, event, kind.sender)
    if type(kind) is Assigned:
        return _with(state, operator=kind.operator, group=kind.group), ()  # R-ASSIGN-1
    if type(kind) is Unassigned:
        return _with(state, operator=NOBODY, group=kind.group), ()  # R-ASSIGN-2
    if type(kind) is WentLive:
        return _went_live(state, event, kind)
    if type(kind) is LeftLive:
        return _stop_being_live(state, Rule.LEFT_LIVE_IN_TIME)
    if type(kind) is Ended:
        return _ended(state, event)
    if type(kind) is Resumed:
        return _with(state, ended=False), ()  # neither live (R-KPI3-6) nor another assignment (R-ASSIGN-5)
    if type(kind) is Rated:  # R-KPI1-1
        return state, _if_operator(state, event, Kpi.SATISFACTION_SCORE, stars_value(kind.stars))
    if type(kind) is FeedbackLeft:  # R-KPI2-1
        return state, _if_operator(state, event, Kpi.FEEDBACK_COUNT, "")
    if type(kind) is ActionPerformed:
        return state, _action(state, event, kind.action)
    if type(kind) is PageVisited:
        return state, _goals(state, event, kind.goals)
    if type(kind) is GoalReached:
        return state, _goals(state, event, (kind.goal,))
    if type(kind) is TopicsSet:
        return _topics(state, event, topics_value(kind.topics))
    if type(kind) is PreChatSurveyCompleted:
        return _pre_chat(state, event, kind.answers)
    if type(kind) is PostChatSurveyAnswered:  # R-KPI10-1, R-KPI10-2
        return state, _answers(state, event, Kpi.POST_CHAT_SURVEY_RESULTS, kind.answers)
    if type(kind) is Retracted:
        # Retractions act on the log (`retract`), not on the state.
        return state, ()
    assert_never(kind)


# The limit of a live conversation (KPI 3).


def _went_live(state: State, event: Event, kind: WentLive) -> tuple[State, Effects]:
    if state.live is not None:
        return state, ()  # R-KPI3-5
    # Also where the conversation has ended (R-KPI3-7).
    since = UNKNOWN if state.rules == PART_ONE else event.occur_time
    live = Live(event.event_id, event.widget_id, kind.limit, since)
    state = _with(state, live=live, hours=hours_with(state, event))
    effects: Effects = ()
    if kind.limit is None:
        effects = (left_out(event, Kpi.UNANSWERED_LIVE_CONVERSATIONS, Rule.NO_LIMIT_KNOWN),)
    elif state.answered:
        effects = (left_out(event, Kpi.UNANSWERED_LIVE_CONVERSATIONS, Rule.OPERATOR_HAD_ANSWERED),)
    elif state.unanswered_live or state.timer is not None:
        effects = (left_out(event, Kpi.UNANSWERED_LIVE_CONVERSATIONS, Rule.ONCE_PER_CONVERSATION),)
    return start_timer(state, event.occur_time), effects


def _stop_being_live(state: State, rule: Rule) -> tuple[State, Effects]:
    live = state.live
    if live is None:
        return state, ()
    effects: Effects = ()
    if live.limit is not None and not state.contact_wrote and not state.answered:
        effects = (LeftOut(Kpi.UNANSWERED_LIVE_CONVERSATIONS, live.event_id, Rule.CONTACT_HAD_NOT_WRITTEN),)
    state, stopped = stop_timer(_with(state, live=None), rule)
    return state, effects + stopped


def _ended(state: State, event: Event) -> tuple[State, Effects]:
    """Ends the live stretch (R-KPI3-6) and counts KPI 4, once (R-KPI4-1, R-KPI4-2), whatever KPI 3 did (R-FROZEN-2)."""
    state, effects = _stop_being_live(state, Rule.ENDED_IN_TIME)
    state = _with(state, ended=True)
    if state.answered:
        return state, (*effects, left_out(event, Kpi.UNANSWERED_ENDED_CONVERSATIONS, Rule.OPERATOR_HAD_ANSWERED))
    if state.unanswered_ended:
        return state, (*effects, left_out(event, Kpi.UNANSWERED_ENDED_CONVERSATIONS, Rule.ONCE_PER_CONVERSATION))
    state = _with(state, unanswered_ended=True)
    return state, (*effects, counted(state, event, Kpi.UNANSWERED_ENDED_CONVERSATIONS))


# Messages, and what waits for the first one.


def _message(state: State, event: Event, sender: Sender) -> tuple[State, Effects]:
    """Starts the conversation on any message (R-MSG-1); an operator's message also answers (R-MSG-2, R-MSG-3)."""
    effects: Effects = ()
    if not state.started:
        state, effects = _release(state)
    if sender is _CONTACT and not state.contact_wrote:
        state = start_timer(_with(state, contact_wrote=True), event.occur_time)
    elif sender is _OPERATOR and not state.answered:
        if state.live and state.live.limit is not None and not state.contact_wrote:
            live = state.live.event_id
            effects += (LeftOut(Kpi.UNANSWERED_LIVE_CONVERSATIONS, live, Rule.ANSWERED_IN_TIME),)
        state, stopped = stop_timer(_with(state, answered=True), Rule.ANSWERED_IN_TIME)
        effects += stopped
    return state, effects


def _release(state: State) -> tuple[State, Effects]:
    """Releases the held facts on the first message: each counts at its own instant (R-KPI8-5, R-KPI9-2)."""
    facts: Sequence[Fact] = (*state.held, state.topics) if state.topics else state.held
    effects = tuple(FactChange(change, fact) for fact in facts for change in (Change.RELEASED, Change.COUNTED))
    return _with(state, started=True, held=()), effects


def _pre_chat(state: State, event: Event, answers: tuple[SurveyAnswer, ...]) -> tuple[State, Effects]:
    if state.started:
        return state, _answers(state, event, Kpi.PRE_CHAT_SURVEY_RESULTS, answers)
    facts = tuple(
        fact_of(state, event, Kpi.PRE_CHAT_SURVEY_RESULTS, answer_value(a.question_id, a.option_id)) for a in answers
    )
    state = _with(state, held=state.held + facts)
    return state, tuple(FactChange(Change.HELD, fact) for fact in facts)


def _topics(state: State, event: Event, value: str) -> tuple[State, Effects]:
    """Counts newly set topics in place of the earlier ones, which are taken back where they were counted.

    R-KPI8-1, R-KPI8-2, R-KPI8-3, R-KPI8-4, R-KPI8-5, R-KPI8-6. KPI 8 alone is revisable (R-FROZEN-3).
    """
    before = state.topics
    if (before.value if before else "") == value:
        rule = Rule.EQUAL_SET if value else Rule.NO_TOPICS
        return state, (left_out(event, Kpi.CONVERSATION_TOPICS, rule),)
    take, give = (Change.TAKEN_BACK, Change.COUNTED) if state.started else (Change.RELEASED, Change.HELD)
    fact = fact_of(state, event, Kpi.CONVERSATION_TOPICS, value) if value else None
    effects: Effects = (FactChange(take, before),) if before else ()
    if fact:
        effects += (FactChange(give, fact),)
    return _with(state, topics=fact), effects


# What is counted where it happens.


def _if_operator(state: State, event: Event, kpi: Kpi, value: str) -> Effects:
    """Counts KPI 1 or 2 if an operator is assigned (R-KPI1-2, R-KPI2-2); a group alone does not do (R-ASSIGN-3)."""
    if state.operator == NOBODY:
        return (left_out(event, kpi, Rule.NO_OPERATOR),)
    return (counted(state, event, kpi, value),)


def _action(state: State, event: Event, action: InactivityAction) -> Effects:
    """Counts an action (KPI 5, 6; R-KPI5-1). It assigns nobody (R-KPI5-4) and is no message (R-MSG-4)."""
    action_counted = counted(state, event, Kpi.INACTIVITY_ACTIONS, numbered_value(action))
    outcome = OFFLINE_ASSIGNMENTS.get(action)
    if outcome is None:
        return (action_counted,)
    return (action_counted, counted(state, event, Kpi.OFFLINE_ASSIGNMENTS, numbered_value(outcome)))


def _goals(state: State, event: Event, goals: Sequence[str]) -> Effects:
    """Counts every reached goal (R-KPI7-1), live or not (R-KPI7-6), but for R-KPI7-3, R-KPI7-4 and R-KPI7-5."""
    if not goals:
        return (left_out(event, Kpi.GOALS_REACHED, Rule.NO_GOAL_MATCHED),)
    if state.operator == NOBODY:
        rule = Rule.NO_OPERATOR
    elif not state.started:
        rule = Rule.NO_MESSAGE
    elif state.ended:
        rule = Rule.BETWEEN_END_AND_RESUMPTION
    else:
        return tuple(counted(state, event, Kpi.GOALS_REACHED, goal) for goal in goals)
    return (left_out(event, Kpi.GOALS_REACHED, rule),)


def _answers(state: State, event: Event, kpi: Kpi, answers: Sequence[SurveyAnswer]) -> Effects:
    return tuple(counted(state, event, kpi, answer_value(a.question_id, a.option_id)) for a in answers)
