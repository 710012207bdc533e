"""Part two of the rules, KPI 11 to 20: how many conversations, messages and handovers there are, and how long it takes.

`by_part_two` comes after the transition by part one (`telwerkd.domain.conversation.fold`), where the conversation
counts by the rules of version 2. Each is given the state `before` the event, which says for whom a fact is
(R-FACT-2), and the state `after` it as part one has it. What part one knows (started, ended, live, the timer) is
asked of it, so that the two cannot disagree; only what it does not need is kept beside: since when a contact waits,
an episode or a live stretch goes on, and what was counted once already. A base state keeps that too (R-KEEP-9).

They run for every event of every conversation: a state is made anew once at most, and not where nothing changes.
"""

import msgspec

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.values import ConversationEnd, duration_value, numbered_value
from telwerkd.domain.conversation.effects import Effect, Effects, counted, left_out
from telwerkd.domain.conversation.events import Assigned, Ended, Event, LeftLive, Message, Sender, WentLive
from telwerkd.domain.conversation.facts import (
    Change,
    Fact,
    FactChange,
    InHours,
    LeftOut,
    Rule,
)
from telwerkd.domain.conversation.state import PART_ONE, PART_TWO, UNKNOWN, Hours, Live, State
from telwerkd.domain.ids import NOBODY, Micros, OperatorId
from telwerkd.domain.time.opening_hours import ScheduleId

_with = msgspec.structs.replace

_SENDERS = {sender: numbered_value(sender) for sender in Sender}
_FIRST, _AGAIN = (numbered_value(end) for end in ConversationEnd)

# Needed for nearly every message. On Python 3.11 it takes as long as a call to look a member up in its class.
_CONTACT, _OPERATOR = Sender.CONTACT, Sender.OPERATOR
_BY_OPERATOR = _SENDERS[_OPERATOR]
_MESSAGES, _RESPONSE_TIME, _FIRST_RESPONSE_TIME = Kpi.MESSAGES, Kpi.RESPONSE_TIME, Kpi.FIRST_RESPONSE_TIME
_COUNTED = Change.COUNTED


def by_part_two(before: State, after: State, event: Event, effects: Effects) -> tuple[State, Effects]:
    """Returns what an event leads to, given what it leads to by part one: the state `after` it, and `effects`."""
    kind = event.kind
    if type(kind) is Message:
        after, more = _on_message(before, after, event, kind)
    elif type(kind) is Assigned:
        after, more = _on_assigned(before, after, event, kind)
    elif type(kind) is WentLive:
        more = _of_the_limit(effects)
    elif type(kind) is LeftLive:
        more = _of_the_limit(effects) + _on_stretch_end(before, event)
    elif type(kind) is Ended:
        after, of_end = _on_ended(before, after, event)
        more = _of_the_limit(effects) + of_end
    else:
        return after, effects
    return after, effects + more


def _on_message(before: State, after: State, event: Event, kind: Message) -> tuple[State, Effects]:
    """Counts a message (R-KPI18-1), the first one as the start too (R-KPI11-1); an operator's may end a wait."""
    if kind.sender is _OPERATOR:
        return _on_operator_message(before, after, event, kind.operator or before.operator)
    effects: Effects = (counted(before, event, _MESSAGES, _SENDERS[kind.sender]),)
    if not before.started:
        after, started = _on_start(before, after, event, kind.sender)
        effects += started
    waits = kind.sender is _CONTACT and after.waiting is None  # a bot's message begins no wait (R-TIME-4)
    begins = after.episode is None and not after.ended  # R-TIME-2
    if waits or begins:
        at, hours = event.occur_time, after.hours
        if event.schedule or hours is not None:
            hours = hours_with(after, event, waiting=waits, episode=begins)
        after = _with(
            after,
            waiting=at if waits else after.waiting,
            episode=at if begins else after.episode,
            hours=hours,
        )
    return after, effects


def _on_start(before: State, after: State, event: Event, sender: Sender) -> tuple[State, Effects]:
    """Counts the conversation as started (R-KPI11-1); with an operator assigned, as received too (R-KPI20-1)."""
    if before.purged:
        effects: Effects = (left_out(event, Kpi.CONVERSATIONS_STARTED, Rule.PURGED),)
    else:
        effects = (counted(before, event, Kpi.CONVERSATIONS_STARTED, _SENDERS[sender]),)
    return (after, effects) if before.operator == NOBODY else _received(after, event, effects)


def _received(after: State, event: Event, effects: Effects) -> tuple[State, Effects]:
    """Counts the conversation as received: it has started, and for the first time has an operator (R-KPI20-1)."""
    if after.purged:
        received: Effect = left_out(event, Kpi.CONVERSATIONS_RECEIVED, Rule.PURGED)
    else:
        received = counted(after, event, Kpi.CONVERSATIONS_RECEIVED)
    return _with(after, received=True), (*effects, received)


# Answers: KPI 13, 14 and 15.


def _on_operator_message(before: State, after: State, event: Event, operator: OperatorId) -> tuple[State, Effects]:
    effects: Effects = (_by(operator, before, event, _MESSAGES, _BY_OPERATOR),)
    if not before.started:
        after, started = _on_start(before, after, event, _OPERATOR)
        effects += started
    if not before.answered:
        effects += _on_first_answer(before, event, operator)
    waiting, live, episode, hours = after.waiting, after.live, after.episode, after.hours
    if waiting is None:
        effects += (left_out(event, _RESPONSE_TIME, Rule.NO_CONTACT_WAITED),)
    else:
        effects += _on_answer(before, event, operator, waiting)
        if live is not None and not live.replied:
            effects += _on_first_response(before, event, operator, waiting, live)
            live = _with(live, replied=True)
        else:
            rule = Rule.NOT_LIVE if live is None else Rule.STRETCH_HAD_BEEN_ANSWERED
            effects += (left_out(event, _FIRST_RESPONSE_TIME, rule),)
    if episode is None and not after.ended:
        episode, hours = event.occur_time, hours_with(after, event, episode=True)
    answered = episode is not None
    if waiting is not None or answered is not after.episode_answered:
        after = _with(after, waiting=None, live=live, episode=episode, episode_answered=answered, hours=hours)
    return after, effects


def _of_the_limit(effects: Effects) -> Effects:
    """Returns why KPI 13 does not count a live stretch, where KPI 3 does not for the same reason (R-KPI13-3)."""
    return tuple(
        LeftOut(Kpi.LIVE_CONVERSATIONS_ANSWERED, effect.event_id, _NOR_ANSWERED.get(effect.rule, effect.rule))
        for effect in effects
        if type(effect) is LeftOut and effect.kpi is Kpi.UNANSWERED_LIVE_CONVERSATIONS
    )


_NOR_ANSWERED = {Rule.ONCE_PER_CONVERSATION: Rule.LIMIT_HAD_PASSED}
"""What a reason of KPI 3 is for KPI 13, where it is another."""


def _by(operator: OperatorId, before: State, event: Event, kpi: Kpi, value: str) -> FactChange:
    """Returns the effect of a fact of an operator's message, counted for its author (R-MSG-5, R-KPI18-2)."""
    fact = Fact(kpi, value, operator, before.group, event.widget_id, event.occur_time, event.event_id)
    return FactChange(_COUNTED, fact)


def _on_first_answer(before: State, event: Event, operator: OperatorId) -> Effects:
    """Counts KPI 13 if the first message of any operator stops the running response timer in time (R-KPI13-1).

    So a timer is either counted here or under KPI 3 (R-KPI13-2, R-KPI13-4).
    """
    timer = before.timer
    if before.unanswered_live or (timer is not None and timer.passed):
        return (left_out(event, Kpi.LIVE_CONVERSATIONS_ANSWERED, Rule.LIMIT_HAD_PASSED),)
    live = before.live
    if timer is None:
        if live is None or live.limit is None:
            return ()
        rule = Rule.CONTACT_HAD_NOT_WRITTEN  # else a limit would run
        return (LeftOut(Kpi.LIVE_CONVERSATIONS_ANSWERED, live.event_id, rule),)
    if live is not None and live.since == UNKNOWN:
        return (left_out(event, Kpi.LIVE_CONVERSATIONS_ANSWERED, Rule.PURGED),)
    return (_by(operator, before, event, Kpi.LIVE_CONVERSATIONS_ANSWERED, ""),)


def _on_answer(before: State, event: Event, operator: OperatorId, waiting: Micros) -> Effects:
    """Counts the response time of a wait that an operator's message ends, live or not (R-KPI15-1)."""
    if waiting == UNKNOWN:
        return (left_out(event, _RESPONSE_TIME, Rule.PURGED),)
    lasted = _by(operator, before, event, _RESPONSE_TIME, duration_value(waiting, event.occur_time))
    return (lasted if before.hours is None else _in_hours(lasted, waiting, before.hours.waiting),)


def _on_first_response(before: State, event: Event, operator: OperatorId, waiting: Micros, live: Live) -> Effects:
    """Counts the first response time of a live stretch (R-KPI14-1), from the later of both beginnings (R-KPI14-2)."""
    if UNKNOWN in (waiting, live.since):
        return (left_out(event, _FIRST_RESPONSE_TIME, Rule.PURGED),)
    since = max(waiting, live.since)
    lasted = _by(operator, before, event, _FIRST_RESPONSE_TIME, duration_value(since, event.occur_time))
    return (lasted if before.hours is None else _in_hours(lasted, since, before.hours.latest),)


# Service time.


def hours_with(state: State, event: Event, *, waiting: bool = False, episode: bool = False) -> Hours | None:
    """Returns the hours of a state as a wait, an episode, or else a live stretch begins with an event (R-SERVICE-2)."""
    schedule, before = event.schedule, state.hours
    if (not schedule and before is None) or state.rules == PART_ONE:
        return before
    if before is None:
        before = _NO_HOURS
    after = Hours(
        schedule if waiting or not episode else before.latest,
        schedule if waiting else before.waiting,
        schedule if episode else before.episode,
    )
    return None if after == _NO_HOURS else after


_NO_HOURS = Hours()


def _in_hours(lasted: FactChange, since: Micros, schedule: ScheduleId) -> FactChange:
    """Returns that a duration counts in service time too, where there are opening hours (R-SERVICE-1, R-SERVICE-7)."""
    return FactChange(lasted.change, lasted.fact, InHours(since, schedule)) if schedule else lasted


# Endings: KPI 12, 16 and 17.


def _on_stretch_end(before: State, event: Event) -> Effects:
    """Counts the duration of a live stretch that ends (R-TIME-3), whatever else holds (R-KPI16-1, R-KPI16-2)."""
    live = before.live
    if live is None:
        return ()
    if live.since == UNKNOWN:
        return (left_out(event, Kpi.LIVE_SESSION_DURATION, Rule.PURGED),)
    return (counted(before, event, Kpi.LIVE_SESSION_DURATION, duration_value(live.since, event.occur_time)),)


def _on_ended(before: State, after: State, event: Event) -> tuple[State, Effects]:
    """Counts the end of a conversation that had not ended, and of its episode (R-KPI12-1, R-KPI17-1, R-KPI17-3).

    A wait that is open is closed without a fact (R-TIME-5). "Ended" while ended changes nothing (R-TIME-6).
    """
    stretch = _on_stretch_end(before, event)
    if before.ended:
        return after, (*stretch, left_out(event, Kpi.CONVERSATIONS_ENDED, Rule.HAD_ENDED))
    effects: Effects = (*stretch, _end(before, event), _end_of_episode(before, event))
    if before.waiting is not None:
        effects += (left_out(event, _RESPONSE_TIME, Rule.ENDED_WITHOUT_ANSWER),)
    return _with(after, has_ended=True, waiting=None, episode=None, episode_answered=False), effects


def _end(before: State, event: Event) -> Effect:
    """Returns the effect of an end: the conversation's first, or a further one (R-KPI12-2)."""
    if before.has_ended:
        return counted(before, event, Kpi.CONVERSATIONS_ENDED, _AGAIN)
    if before.purged:
        return left_out(event, Kpi.CONVERSATIONS_ENDED, Rule.PURGED)
    return counted(before, event, Kpi.CONVERSATIONS_ENDED, _FIRST)


def _end_of_episode(before: State, event: Event) -> Effect:
    if before.episode is None:  # R-KPI17-2
        return left_out(event, Kpi.CONVERSATION_DURATION, Rule.NO_MESSAGE_SINCE_RESUMED)
    if before.episode == UNKNOWN:
        return left_out(event, Kpi.CONVERSATION_DURATION, Rule.PURGED)
    if not before.episode_answered:
        return left_out(event, Kpi.CONVERSATION_DURATION, Rule.NO_OPERATOR_WROTE)
    lasted = counted(before, event, Kpi.CONVERSATION_DURATION, duration_value(before.episode, event.occur_time))
    return lasted if before.hours is None else _in_hours(lasted, before.episode, before.hours.episode)


# Assignments: KPI 19 and 20.


def _on_assigned(before: State, after: State, event: Event, kind: Assigned) -> tuple[State, Effects]:
    """Counts a direct change of operator (R-KPI19-1, R-KPI19-4), or the conversation as received (R-KPI20-3)."""
    if kind.operator == NOBODY:
        return after, ()
    effects: Effects = ()
    if before.operator == kind.operator:  # R-KPI19-3
        effects = (left_out(event, Kpi.REASSIGNMENTS, Rule.SAME_OPERATOR),)
    elif before.operator != NOBODY:
        effects = (counted(before, event, Kpi.REASSIGNMENTS),)
    elif before.received:  # R-KPI19-2
        effects = (left_out(event, Kpi.REASSIGNMENTS, Rule.UNASSIGNED_IN_BETWEEN),)
    if not after.started:
        return after, effects
    if after.received:  # R-KPI20-2
        return after, (*effects, left_out(event, Kpi.CONVERSATIONS_RECEIVED, Rule.RECEIVED_BEFORE))
    return _received(after, event, effects)


def as_part_two(base: State) -> State:
    """Returns a base state that a purge under part one left, as the rules of version 2 go on from it (R-ANEW-5).

    What it cannot know is `UNKNOWN`: what looks at it is left out (R-ANEW-6).
    """
    return _with(
        base,
        rules=PART_TWO,
        purged=True,
        received=False,
        waiting=UNKNOWN if base.contact_wrote else None,
        episode=UNKNOWN if base.started and not base.ended else None,
    )
