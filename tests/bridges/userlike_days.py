"""Simulated conversations in Userlike: what happened, what it means by the story itself, and the callbacks."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from tests.bridges.conformance import Sample
from tests.bridges.days import START, Happening, Told, iso

ACTIONS: Final[list[tuple[str, Any]]] = [
    *[("start", operator) for operator in (5, 5, 13, None)],
    *[(what, None) for what in ("contact", "contact", "agent", "bot", "end", "ended", "feedback", "goal")],
    *[("forward", operator) for operator in (5, 13, None)],
    *[("rating", stars) for stars in (2, 5)],
    *[("survey", option) for option in ("good", "bad")],
    *[("topics", topics) for topics in (("a",), ("a", "b"), ())],
    *[(status, operator) for status in ("online", "away") for operator in (5, 5, 13)],
]
DATED: Final = frozenset({"start", "contact", "agent", "bot", "end", "ended"})
"""What has an instant of its own, so that it may come late."""
GROUPS: Final = {5: 14, 13: 8}
STATUSES: Final = frozenset({"online", "away"})


@dataclass(frozen=True)
class State:
    """A conversation as Userlike has it, and its last session."""

    session: int = 0
    began: int = 0
    ended_at: int = 0
    operator: int | None = None
    topics: tuple[str, ...] = ()
    messages: tuple[dict[str, Any], ...] = ()
    is_ended: bool = False
    there: frozenset[int] = frozenset()


@dataclass
class Day:
    """What happened, with the state after each."""

    story: list[Happening] = field(default_factory=list)
    states: list[State] = field(default_factory=list)


def day_of(actions: Sequence[tuple[str, Any]], gaps: Sequence[int]) -> Day:
    """Leaves out what cannot happen."""
    day, state, at = Day(), State(), START
    for (what, value), gap in zip(actions, gaps, strict=True):
        at += gap
        if not _can(state, what):
            continue
        happening = Happening(at, what, value)
        state = _after(state, happening, len(day.story))
        day.story.append(happening)
        day.states.append(state)
    return day


def _can(state: State, what: str) -> bool:
    is_open = bool(state.session) and not state.ended_at
    if what in {"contact", "agent", "bot", "end", "goal"}:
        return is_open
    if what == "start":
        return not is_open
    return what in STATUSES or bool(state.session)


def _after(state: State, one: Happening, number: int) -> State:
    if one.what in {"contact", "agent", "bot"}:
        kind = {"agent": "operator"}.get(one.what, one.what)
        message = {"id": 3000 + number, "sender_type": kind, "created_at": iso(one.at)}
        return replace(state, messages=(*state.messages, message), is_ended=state.is_ended and one.what != "contact")
    if one.what == "start":
        operator = one.value or state.operator
        session = {"session": 900 + number, "began": one.at, "ended_at": 0, "operator": operator}
        return replace(state, **session, messages=(), is_ended=False)
    changes: dict[str, dict[str, Any]] = {
        "forward": {"operator": one.value},
        "end": {"ended_at": one.at},
        "ended": {"is_ended": True},
        "topics": {"topics": one.value},
        "online": {"there": state.there | {one.value}},
        "away": {"there": state.there - {one.value}},
    }
    return replace(state, **changes.get(one.what, {}))


def meaning(day: Day) -> list[str]:
    """By the story alone; nothing of the bridge is used."""
    told, before, shown, live = Told(), State(), (), False
    for number, (one, state) in enumerate(zip(day.story, day.states, strict=True)):
        if one.what in {"contact", "agent", "bot"}:
            sender = {"contact": "CONTACT", "agent": "OPERATOR", "bot": "BOT"}[one.what]
            told.add("message_sent", one.at, f"{3000 + number} {sender}")
        if one.what == "goal":
            told.add("goal_reached", one.at, f"goal-{number}")
        if state.operator != before.operator:
            told.add("operator_assigned", one.at, state.operator or "")
        if state.is_ended != before.is_ended:
            told.add("conversation_ended" if state.is_ended else "conversation_resumed", one.at)
        if one.what not in STATUSES | {"topics"} and state.topics != shown:
            # No callback is about topics: the next one shows them.
            shown = state.topics
            told.add("topics_set", one.at, " ".join(shown))
        is_open = bool(state.session) and not state.ended_at
        is_live = is_open and not state.is_ended and state.operator in state.there
        if is_live != live and not (one.what == "ended" and live):
            told.add("went_live" if is_live else "left_live", one.at)
        live, before = is_live, state
    _mean_answers(told, day)
    return sorted(told.lines)


def _mean_answers(told: Told, day: Day) -> None:
    """Of each session the last, since when it is that without a change."""
    for what, kind in (
        ("rating", "conversation_rated"),
        ("feedback", "feedback_left"),
        ("survey", "post_chat_survey_answered"),
    ):
        last: dict[int, Happening] = {}
        for one, state in zip(day.story, day.states, strict=True):
            if one.what == what and (state.session not in last or last[state.session].value != one.value):
                last[state.session] = one
        for one in last.values():
            told.add(kind, one.at, one.value or "")


def deliveries(day: Day, delays: Sequence[int]) -> list[Sample]:
    """One for each happening; what has an instant of its own is received late."""
    found = []
    for number, (one, state, delay) in enumerate(zip(day.story, day.states, delays, strict=True)):
        if one.what != "topics":
            received_at = one.at + (delay if one.what in DATED else 0)
            # As JSON has it.
            found.append(Sample(received_at, json.loads(json.dumps(_payload(one, state, number)))))
    return found


def _payload(one: Happening, state: State, number: int) -> dict[str, Any]:
    if one.what in STATUSES:
        return {"_type": "operator", "_event": one.what, "id": one.value}
    operator = state.operator and {"id": state.operator, "operator_group": {"id": GROUPS[state.operator]}}
    shown = {
        "um_widget": {"id": 9},
        "operator_current": operator,
        "topics": [{"text": topic} for topic in state.topics],
    }
    if one.what == "ended":
        return shown | {"_type": "conversation", "_event": "ended", "id": 500, "ended_at": iso(one.at)}
    event = {"contact": "message_received", "agent": "message_sent", "bot": "message_sent"}.get(one.what, one.what)
    return shown | {
        "_type": "chat_session",
        "_event": event,
        "id": state.session,
        "um_conversation": {"id": 500},
        "created_at": iso(state.began),
        "ended_at": iso(state.ended_at) if state.ended_at else None,
        "duration": one.at - state.began,
        "messages": list(state.messages),
        "rating": one.value if one.what == "rating" else None,
        "feedback_message": "PRIVATE" if one.what == "feedback" else None,
        "post_survey_option": one.value if one.what == "survey" else None,
        "um_widget_goal": {"id": number if one.what == "goal" else None},
    }
