"""The fold over one conversation: its events, in event order, and the present instant give its facts.

Every transition of a conversation stands in this file, and nothing here looks at a clock, a database or another
conversation. What it does is the law of docs/rules.md, whose rules are cited by their ids. Theory of operation:

- `step` takes the state and the next event *in event order* and gives the next state and what changed.
- A limit of KPI 3 runs as `State.limit`. Events pass it (`_pass_limit`) when one comes that is later than it; it is
  then certain, but becomes a fact only once the present instant has reached it (`settle`): a producer's clock may be
  ahead.
- What must wait for the first message (KPI 8 and 9) is held in the state and released by that message.
- `run` is `step` for one event after the other; `fold` is that over a whole log, then `settle`. An event that arrives
  in order can be stepped onto the stored state; one that arrives late, or takes another back, needs the log again.
  Both lead to the same state, to the letter.

"Nothing changed" is the same state object, so that a caller can tell.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias, assert_never

import msgspec

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
    Order,
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
    Kpi,
    LeftOut,
    OfflineAssignment,
    Outcome,
    Rule,
    answer_value,
    stars_value,
    topics_value,
)
from telwerkd.domain.ids import NO_GROUP, NOBODY, EventId, Micros, OperatorGroupId, OperatorId, WidgetId

BEGINNING: Order = (-(2**62), 0, 0, "")
"""Before every event."""

_AFTER_ALL_OF_INSTANT = (2**63 - 1, 127, "")
"""A limit that falls due comes after all events of its instant (R-ORDER-6)."""

_with = msgspec.structs.replace
"""`_with(state, ended=True)` is the state with that changed."""

Effect: TypeAlias = Outcome | LeftOut
Effects: TypeAlias = tuple[Effect, ...]


class Live(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A live stretch: the event that opened it, its widget, and the limit that holds for it, if one is known."""

    event_id: EventId
    widget: WidgetId
    limit: Micros | None


class Limit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A running limit of KPI 3. Once events have passed it, `operator` and `group` are those assigned at `due`."""

    due: Micros
    event_id: EventId
    widget: WidgetId
    passed: bool = False
    operator: OperatorId = NOBODY
    group: OperatorGroupId = NO_GROUP


class State(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """All that later events need to know of the earlier ones. A pure function of events and present instant."""

    order: Order = BEGINNING
    """The place of the last event or timer. An event before it is late."""
    operator: OperatorId = NOBODY
    group: OperatorGroupId = NO_GROUP
    started: bool = False
    """Somebody has sent a message."""
    contact_wrote: bool = False
    answered: bool = False
    """An operator has sent a message."""
    ended: bool = False
    """Between an end and its resumption."""
    live: Live | None = None
    limit: Limit | None = None
    unanswered_live: bool = False
    """KPI 3 has counted this conversation."""
    unanswered_ended: bool = False
    """KPI 4 has counted this conversation."""
    topics: Fact | None = None
    """The topics that hold now: counted if `started`, else held back."""
    held: tuple[Fact, ...] = ()
    """Pre-chat survey answers held back."""
    awaited: tuple[EventId, ...] = ()
    """Events that were taken back before they arrived, sorted."""


EMPTY = State()


_PAUSE_EVENTS = 500
"""Events of a long fold after which its caller may do something else."""


def _no_pause() -> None:
    pass


def fold(
    base: State, events: Iterable[Event], now: Micros, pause: Callable[[], None] = _no_pause
) -> tuple[State, list[Effect]]:
    """The state and all effects of a whole log, in whatever order it is given, at the present instant `now`.

    Arrival never matters (R-ORDER-8). `pause` is called from time to time while a long one goes on.
    """
    effective, retracted, awaited = retract(events, base.awaited)
    effects: list[Effect] = [*carried(base)]
    effects += (left_out for event in retracted for left_out in _countable_left_out(event))
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
    """The facts of purged events that are not final (R-KEEP-3): topics may be replaced, what is held back released."""
    topics = () if base.topics is None else (base.topics,)
    change = Change.COUNTED if base.started else Change.HELD
    return (
        *(Outcome(Change.HELD, fact) for fact in base.held),
        *(Outcome(change, fact) for fact in topics),
    )


def retract(
    events: Iterable[Event], awaited: Iterable[EventId] = ()
) -> tuple[list[Event], list[Event], tuple[EventId, ...]]:
    """Divides a log into the events that stand and those taken back, and names the taken back that have not arrived.

    It does not matter which comes first (R-BACK-2), and what never arrives takes nothing with it (R-BACK-3).

    The retractions themselves are in neither: they act on the log, not on the state.
    """
    log = list(events)
    gone = taken_back(log, awaited)
    if not gone:
        return [event for event in log if type(event.kind) is not Retracted], [], ()
    ordinary = [event for event in log if type(event.kind) is not Retracted]
    present = {event.event_id for event in log}
    return (
        [event for event in ordinary if event.event_id not in gone],
        [event for event in ordinary if event.event_id in gone],
        tuple(sorted(gone - present)),
    )


def taken_back(log: Iterable[Event], awaited: Iterable[EventId] = ()) -> set[EventId]:
    """The ids that the retractions of a log take back, and those that a base state `awaited`.

    What a base state awaits stands if it is itself a retraction: all that named it came earlier.
    """
    return {named for _, named in effective_retractions(log)}.union(awaited)


def effective_retractions(log: Iterable[Event]) -> list[tuple[EventId, EventId]]:
    """The retractions of a log that take something back: which, and what they name.

    A retraction that was taken back by a later one (in event order) takes nothing back (R-BACK-4).
    """
    retractions = [(event.order, event.event_id, event.kind) for event in log if type(event.kind) is Retracted]
    gone: set[EventId] = set()
    effective: list[tuple[EventId, EventId]] = []
    for _, event_id, kind in sorted(retractions, key=lambda r: r[0], reverse=True):
        if event_id not in gone:
            gone.add(kind.event_id)
            effective.append((event_id, kind.event_id))
    return effective


def follows(state: State, events: Sequence[Event]) -> bool:
    """Whether `events`, which are in event order, can be stepped onto `state`.

    If not, their conversation must be folded again from the log: what happened earlier corrects (R-FROZEN-4).
    """
    if events and events[0].order <= state.order:
        return False
    awaited = state.awaited
    for event in events:  # noqa: SIM110  # a generator for `any` takes twice the time, and every event comes here
        if type(event.kind) is Retracted or event.event_id in awaited:
            return False
    return True


def settle(state: State, now: Micros) -> tuple[State, Effects]:
    """Counts the limit of KPI 3 if it is due by `now` (R-KPI3-1, R-KPI3-13). Idempotent."""
    limit = state.limit
    if limit is None or limit.due > now:
        return state, ()
    if not limit.passed:
        limit = _with(limit, operator=state.operator, group=state.group)
    fact = Fact(
        Kpi.UNANSWERED_LIVE_CONVERSATIONS, "", limit.operator, limit.group, limit.widget, limit.due, limit.event_id
    )  # the widget is that of its went-live event (R-FACT-5)
    order = max(state.order, (limit.due, *_AFTER_ALL_OF_INSTANT))
    state = _with(state, order=order, limit=None, unanswered_live=True)
    return state, (Outcome(Change.COUNTED, fact),)


def last_event_time(state: State) -> Micros | None:
    """When the last event of a conversation happened; None if its last place is a limit's, or if nothing happened."""
    instant, *rest = state.order
    return None if state.order == BEGINNING or tuple(rest) == _AFTER_ALL_OF_INSTANT else Micros(instant)


def step(state: State, event: Event) -> tuple[State, Effects]:
    """The state after `event`, which must follow `state` in event order, and what the event changed."""
    after, effects = _apply(_pass_limit(state, event.occur_time), event)
    return _with(after, order=event.order), effects


def run(state: State, events: Sequence[Event]) -> tuple[State, list[Effect]]:
    """The state after `events`, a `step` for each, and all that they changed. Only the last one's place is noted."""
    effects: list[Effect] = []
    for event in events:
        if state.limit is not None:
            state = _pass_limit(state, event.occur_time)
        state, more = _apply(state, event)
        effects += more
    return (_with(state, order=events[-1].order) if events else state), effects


def _apply(state: State, event: Event) -> tuple[State, Effects]:  # noqa: C901, PLR0911, PLR0912  # one case a kind
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


def _pass_limit(state: State, instant: Micros) -> State:
    """Marks the limit as passed, with the assignment at it (R-KPI3-10), when an event comes that is later than it."""
    limit = state.limit
    if limit is None or limit.passed or limit.due >= instant:
        return state
    passed = _with(limit, passed=True, operator=state.operator, group=state.group)
    return _with(state, limit=passed)


def _start_limit(state: State, instant: Micros) -> State:
    """Starts the limit if there is something to wait for: live, the contact has written, nobody has answered.

    R-KPI3-2, R-KPI3-4, R-KPI3-8, R-KPI3-9, R-KPI3-12.
    """
    live = state.live
    if (
        live is None
        or live.limit is None
        or not state.contact_wrote
        or state.answered
        or state.unanswered_live
        or state.limit is not None
    ):
        return state
    due = Micros(instant + live.limit)
    return _with(state, limit=Limit(due, live.event_id, live.widget))


def _stop_limit(state: State, rule: Rule) -> tuple[State, Effects]:
    """Stops a running limit (R-KPI3-3). One that events have passed is certain, and stays (R-FROZEN-1)."""
    limit = state.limit
    if limit is None or limit.passed:
        return state, ()
    left_out = LeftOut(Kpi.UNANSWERED_LIVE_CONVERSATIONS, limit.event_id, rule)
    return _with(state, limit=None), (left_out,)


def _went_live(state: State, event: Event, kind: WentLive) -> tuple[State, Effects]:
    if state.live is not None:
        return state, ()  # R-KPI3-5
    # Also where the conversation has ended (R-KPI3-7).
    state = _with(state, live=Live(event.event_id, event.widget_id, kind.limit))
    effects: Effects = ()
    if kind.limit is None:
        effects = (_left_out(event, Kpi.UNANSWERED_LIVE_CONVERSATIONS, Rule.NO_LIMIT_KNOWN),)
    elif state.answered:
        effects = (_left_out(event, Kpi.UNANSWERED_LIVE_CONVERSATIONS, Rule.OPERATOR_HAD_ANSWERED),)
    elif state.unanswered_live or state.limit is not None:
        effects = (_left_out(event, Kpi.UNANSWERED_LIVE_CONVERSATIONS, Rule.ONCE_PER_CONVERSATION),)
    return _start_limit(state, event.occur_time), effects


def _stop_being_live(state: State, rule: Rule) -> tuple[State, Effects]:
    live = state.live
    if live is None:
        return state, ()
    effects: Effects = ()
    if live.limit is not None and not state.contact_wrote and not state.answered:
        effects = (LeftOut(Kpi.UNANSWERED_LIVE_CONVERSATIONS, live.event_id, Rule.CONTACT_HAD_NOT_WRITTEN),)
    state, stopped = _stop_limit(_with(state, live=None), rule)
    return state, effects + stopped


def _ended(state: State, event: Event) -> tuple[State, Effects]:
    """Ended also ends being live (R-KPI3-6), and counts once (R-KPI4-1, R-KPI4-2), whatever KPI 3 did (R-FROZEN-2)."""
    state, effects = _stop_being_live(state, Rule.ENDED_IN_TIME)
    state = _with(state, ended=True)
    if state.answered:
        return state, (*effects, _left_out(event, Kpi.UNANSWERED_ENDED_CONVERSATIONS, Rule.OPERATOR_HAD_ANSWERED))
    if state.unanswered_ended:
        return state, (*effects, _left_out(event, Kpi.UNANSWERED_ENDED_CONVERSATIONS, Rule.ONCE_PER_CONVERSATION))
    state = _with(state, unanswered_ended=True)
    return state, (*effects, _counted(state, event, Kpi.UNANSWERED_ENDED_CONVERSATIONS))


# Messages, and what waits for the first one.


def _message(state: State, event: Event, sender: Sender) -> tuple[State, Effects]:
    """Any message starts the conversation (R-MSG-1); an operator's answers (R-MSG-2), a proactive one too (R-MSG-3)."""
    effects: Effects = ()
    if not state.started:
        state, effects = _release(state)
    if sender is Sender.CONTACT and not state.contact_wrote:
        state = _start_limit(_with(state, contact_wrote=True), event.occur_time)
    elif sender is Sender.OPERATOR and not state.answered:
        if state.live and state.live.limit is not None and not state.contact_wrote:
            live = state.live.event_id
            effects += (LeftOut(Kpi.UNANSWERED_LIVE_CONVERSATIONS, live, Rule.ANSWERED_IN_TIME),)
        state, stopped = _stop_limit(_with(state, answered=True), Rule.ANSWERED_IN_TIME)
        effects += stopped
    return state, effects


def _release(state: State) -> tuple[State, Effects]:
    """The first message: what was held back counts, at the instant at which it happened (R-KPI8-5, R-KPI9-2)."""
    facts: Sequence[Fact] = (*state.held, state.topics) if state.topics else state.held
    effects = tuple(Outcome(change, fact) for fact in facts for change in (Change.RELEASED, Change.COUNTED))
    return _with(state, started=True, held=()), effects


def _pre_chat(state: State, event: Event, answers: tuple[SurveyAnswer, ...]) -> tuple[State, Effects]:
    if state.started:
        return state, _answers(state, event, Kpi.PRE_CHAT_SURVEY_RESULTS, answers)
    facts = tuple(
        _fact(state, event, Kpi.PRE_CHAT_SURVEY_RESULTS, answer_value(a.question_id, a.option_id)) for a in answers
    )
    state = _with(state, held=state.held + facts)
    return state, tuple(Outcome(Change.HELD, fact) for fact in facts)


def _topics(state: State, event: Event, value: str) -> tuple[State, Effects]:
    """Newly set topics replace the earlier ones, which are taken back where they were counted.

    R-KPI8-1, R-KPI8-2, R-KPI8-3, R-KPI8-4, R-KPI8-5, R-KPI8-6. KPI 8 alone is revisable (R-FROZEN-3).
    """
    before = state.topics
    if (before.value if before else "") == value:
        rule = Rule.EQUAL_SET if value else Rule.NO_TOPICS
        return state, (_left_out(event, Kpi.CONVERSATION_TOPICS, rule),)
    take, give = (Change.TAKEN_BACK, Change.COUNTED) if state.started else (Change.RELEASED, Change.HELD)
    fact = _fact(state, event, Kpi.CONVERSATION_TOPICS, value) if value else None
    effects: Effects = (Outcome(take, before),) if before else ()
    if fact:
        effects += (Outcome(give, fact),)
    return _with(state, topics=fact), effects


# What is counted where it happens.

_OFFLINE_ASSIGNMENTS = {
    InactivityAction.RESUMED_CONVERSATION_REASSIGNED: OfflineAssignment.ASSIGNED,
    InactivityAction.RESUMED_CONVERSATION_NOT_REASSIGNED: OfflineAssignment.NO_OPERATOR_AVAILABLE,
}
"""The actions that KPI 6 counts too, and as what (R-KPI6-1)."""


def _if_operator(state: State, event: Event, kpi: Kpi, value: str) -> Effects:
    """KPI 1 and 2 count while an operator is assigned (R-KPI1-2, R-KPI2-2); a group alone is none (R-ASSIGN-3)."""
    if state.operator == NOBODY:
        return (_left_out(event, kpi, Rule.NO_OPERATOR),)
    return (_counted(state, event, kpi, value),)


def _action(state: State, event: Event, action: InactivityAction) -> Effects:
    """Each action counts (R-KPI5-1), and that is all: it assigns nobody (R-KPI5-4) and is no message (R-MSG-4)."""
    counted = _counted(state, event, Kpi.INACTIVITY_ACTIONS, str(int(action)))
    outcome = _OFFLINE_ASSIGNMENTS.get(action)
    if outcome is None:
        return (counted,)
    return (counted, _counted(state, event, Kpi.OFFLINE_ASSIGNMENTS, str(int(outcome))))


def _goals(state: State, event: Event, goals: Sequence[str]) -> Effects:
    """Every reach counts (R-KPI7-1), live or not (R-KPI7-6), except as R-KPI7-3, R-KPI7-4 and R-KPI7-5 say."""
    if not goals:
        return (_left_out(event, Kpi.GOALS_REACHED, Rule.NO_GOAL_MATCHED),)
    if state.operator == NOBODY:
        rule = Rule.NO_OPERATOR
    elif not state.started:
        rule = Rule.NO_MESSAGE
    elif state.ended:
        rule = Rule.BETWEEN_END_AND_RESUMPTION
    else:
        return tuple(_counted(state, event, Kpi.GOALS_REACHED, goal) for goal in goals)
    return (_left_out(event, Kpi.GOALS_REACHED, rule),)


def _answers(state: State, event: Event, kpi: Kpi, answers: Sequence[SurveyAnswer]) -> Effects:
    """One fact per answer (R-KPI9-1, R-KPI10-1)."""
    return tuple(_counted(state, event, kpi, answer_value(a.question_id, a.option_id)) for a in answers)


def _fact(state: State, event: Event, kpi: Kpi, value: str) -> Fact:
    """For whoever is assigned just before the event (R-FACT-2), be it nobody (R-FACT-3), on the event's own widget.

    R-FACT-4; the group is the one that the conversation has then (R-FACT-6).
    """
    return Fact(kpi, value, state.operator, state.group, event.widget_id, event.occur_time, event.event_id)


def _counted(state: State, event: Event, kpi: Kpi, value: str = "") -> Outcome:
    return Outcome(Change.COUNTED, _fact(state, event, kpi, value))


def _left_out(event: Event, kpi: Kpi, rule: Rule) -> LeftOut:
    return LeftOut(kpi, event.event_id, rule)


_KPIS_OF_KIND: dict[type, tuple[Kpi, ...]] = {
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


def _countable_left_out(event: Event) -> Iterable[LeftOut]:
    kpis = _KPIS_OF_KIND.get(type(event.kind), ())
    if type(event.kind) is ActionPerformed and event.kind.action in _OFFLINE_ASSIGNMENTS:
        kpis = (*kpis, Kpi.OFFLINE_ASSIGNMENTS)
    return (LeftOut(kpi, event.event_id, Rule.RETRACTED) for kpi in kpis)
