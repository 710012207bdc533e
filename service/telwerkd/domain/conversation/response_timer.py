"""The response timer of a live conversation (KPI 3): how long the contact may wait for the first answer.

It starts once the contact has written while the conversation is live, and stops when an operator answers or the live
stretch ends. One that events have passed is certain, but becomes a fact only once the present instant has reached it
(`settle`): a producer's clock may be ahead.
"""

import msgspec

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.effects import Effects
from telwerkd.domain.conversation.facts import Change, Fact, FactChange, LeftOut, Rule
from telwerkd.domain.conversation.state import AFTER_ALL_OF_INSTANT, ResponseTimer, State
from telwerkd.domain.ids import Micros

_with = msgspec.structs.replace


def pass_timer(state: State, instant: Micros) -> State:
    """Marks a timer that is due before `instant` as passed, with the operator and group assigned then (R-KPI3-10)."""
    timer = state.timer
    if timer is None or timer.passed or timer.due >= instant:
        return state
    passed = _with(timer, passed=True, operator=state.operator, group=state.group)
    return _with(state, timer=passed)


def start_timer(state: State, instant: Micros) -> State:
    """Starts the timer if there is something to wait for: live, the contact has written, nobody has answered.

    R-KPI3-2, R-KPI3-4, R-KPI3-8, R-KPI3-9, R-KPI3-12.
    """
    live = state.live
    if (
        live is None
        or live.limit is None
        or not state.contact_wrote
        or state.answered
        or state.unanswered_live
        or state.timer is not None
    ):
        return state
    due = Micros(instant + live.limit)
    return _with(state, timer=ResponseTimer(due, live.event_id, live.widget))


def stop_timer(state: State, rule: Rule) -> tuple[State, Effects]:
    """Stops a running timer (R-KPI3-3). One that events have passed is certain, and stays (R-FROZEN-1)."""
    timer = state.timer
    if timer is None or timer.passed:
        return state, ()
    given_up = LeftOut(Kpi.UNANSWERED_LIVE_CONVERSATIONS, timer.event_id, rule)
    return _with(state, timer=None), (given_up,)


def settle(state: State, now: Micros) -> tuple[State, Effects]:
    """Counts the timer of KPI 3 if it is due by `now` (R-KPI3-1, R-KPI3-13). Idempotent."""
    timer = state.timer
    if timer is None or timer.due > now:
        return state, ()
    if not timer.passed:
        timer = _with(timer, operator=state.operator, group=state.group)
    fact = Fact(
        Kpi.UNANSWERED_LIVE_CONVERSATIONS, "", timer.operator, timer.group, timer.widget, timer.due, timer.event_id
    )  # the widget is that of its went-live event (R-FACT-5)
    order = max(state.order, (timer.due, *AFTER_ALL_OF_INSTANT))
    state = _with(state, order=order, timer=None, unanswered_live=True)
    return state, (FactChange(Change.COUNTED, fact),)
