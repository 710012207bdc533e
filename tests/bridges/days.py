"""Simulated conversations: what happened, what it means by the story itself, and Chatwoot's deliveries of it.

Chatwoot's side follows its public source: a payload is built when a job runs, `lag` happenings later, and shows the
state of that moment; `changed_attributes` are those of the change; a status change is told twice, once without its
instant.
"""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

START: Final = 1_793_610_000_000
AGENTS: Final = {7: "online", 8: "online", 9: "offline"}


@dataclass(frozen=True)
class Happening:
    """`what` at an instant in milliseconds; `value` is what it is about."""

    at: int
    what: str
    value: Any = None


@dataclass
class State:
    """A conversation as Chatwoot has it."""

    status: str = "open"
    assignee_id: int | None = None
    team_id: int | None = None
    label_list: Sequence[str] = ()
    updated_at: int = START
    answer: tuple[int, bool] | None = None
    answered_at: int = 0


@dataclass
class Told:
    """What a story means: `kind at detail`, a line for each event."""

    lines: list[str] = field(default_factory=list)

    def add(self, kind: str, at: int, detail: object = "") -> None:
        self.lines.append(f"{at - START:>9} {kind} {detail}".rstrip())


def story_of(actions: Sequence[tuple[str, Any]], gaps: Sequence[int]) -> list[Happening]:
    """Leaves out what changes nothing: Chatwoot does not tell it."""
    found, state, at = [], State(), START
    for (what, value), gap in zip(actions, gaps, strict=True):
        at += gap
        if what in {"status", "assignee_id", "team_id", "label_list"}:
            if getattr(state, what) == value:
                continue
            setattr(state, what, value)
        if what == "answer":
            if state.answer == value:
                continue
            state.answer = value
        found.append(Happening(at, what, value))
    return found


def meaning(story: Sequence[Happening]) -> list[str]:
    """By the story alone, in the words of `Told`; nothing of the bridge is used."""
    told, state = Told(), State()
    wrote = live = False
    for number, one in enumerate(story):
        if one.what in {"contact", "agent", "bot", "campaign"}:
            sender = {"contact": "CONTACT", "agent": "OPERATOR"}.get(one.what, "BOT")
            told.add("message_sent", one.at, f"{1000 + number} {sender}")
            wrote = wrote or one.what == "contact"
        elif one.what != "answer":
            _mean_change(told, state, one)
        ends = one.what == "status" and one.value == "resolved"
        if ends:
            wrote = live = False
        is_live = wrote and AGENTS.get(state.assignee_id or 0) == "online" and state.status != "resolved"
        if is_live != live and not ends:
            live = is_live
            told.add("went_live" if live else "left_live", one.at)
    _mean_answers(told, [one for one in story if one.what == "answer"])
    return sorted(told.lines)


def _mean_change(told: Told, state: State, one: Happening) -> None:
    before = state.status
    setattr(state, one.what, one.value)
    if one.what == "status" and "resolved" in {before, one.value}:
        told.add("conversation_ended" if one.value == "resolved" else "conversation_resumed", one.at)
    elif one.what in {"assignee_id", "team_id"}:
        told.add("operator_assigned", one.at, f"{state.assignee_id} {state.team_id}")
    elif one.what == "label_list":
        told.add("topics_set", one.at, " ".join(sorted(one.value)))


def _mean_answers(told: Told, answers: Sequence[Happening]) -> None:
    """The last of each, since when it is that without a change."""
    for kind, index in (("conversation_rated", 0), ("feedback_left", 1)):
        if answers and (last := answers[-1].value[index]):
            since = len(answers)
            while since and answers[since - 1].value[index] == last:
                since -= 1
            told.add(kind, answers[since].at, last if index == 0 else "")


def deliveries(story: Sequence[Happening], number: int, lags: Sequence[int]) -> list[dict[str, Any]]:
    """Those of a conversation, in order."""
    states = [State()]
    for one in story:
        state = State(**vars(states[-1]))
        if one.what in vars(state):
            setattr(state, one.what, one.value)
        if one.what == "answer":
            state.answered_at = one.at
        state.updated_at = one.at
        states.append(state)
    found = [shown(states[0], number) | {"event": "conversation_created"}]
    for index, (one, lag) in enumerate(zip(story, lags, strict=True)):
        # Of a survey a late payload has the last answer only.
        then = states[index + 1] if one.what == "answer" else states[min(index + 1 + lag, len(story))]
        found += _told(one, index, states[index], then, number)
    # As JSON has them.
    return [json.loads(json.dumps(one)) for one in found]


def _told(one: Happening, index: int, before: State, then: State, number: int) -> list[dict[str, Any]]:
    match one.what:
        case "contact" | "agent" | "bot" | "campaign":
            return [message(one, 1000 + index, shown(then, number))]
        case "answer":
            return [survey(one, shown(then, number))]
        case _:
            change = {one.what: {"previous_value": getattr(before, one.what), "current_value": one.value}}
            moment = {"updated_at": {"previous_value": iso(before.updated_at), "current_value": iso(one.at)}}
            told = [shown(then, number) | {"event": "conversation_updated", "changed_attributes": [change, moment]}]
            if one.what == "status":
                told.append(
                    shown(then, number) | {"event": "conversation_status_changed", "changed_attributes": [change]}
                )
            return told


def shown(state: State, number: int) -> dict[str, Any]:
    agent = state.assignee_id
    return {
        "id": number,
        "inbox_id": 1,
        "channel": "Channel::WebWidget",
        "status": state.status,
        "labels": list(state.label_list),
        "messages": [{"id": 5, "updated_at": iso(state.answered_at)}] if state.answer else [],
        "meta": {
            "assignee": agent and {"id": agent, "type": "user", "availability_status": AGENTS[agent]},
            "assignee_type": "User" if agent else None,
            "team": state.team_id and {"id": state.team_id},
        },
        "created_at": START // 1000,
        "timestamp": state.updated_at // 1000,
        "updated_at": state.updated_at / 1000,
    }


def message(one: Happening, number: int, conversation: dict[str, Any]) -> dict[str, Any]:
    by_user = one.what in {"agent", "campaign"}
    return {
        "event": "message_created",
        "id": number,
        "message_type": "incoming" if one.what == "contact" else "outgoing",
        "private": False,
        "content_type": "text",
        "content_attributes": {},
        "additional_attributes": {"campaign_id": 3} if one.what == "campaign" else {},
        "created_at": iso(one.at),
        "sender": {"id": 7, "type": "user"} if by_user else {"id": 4, "type": "agent_bot"},
        "conversation": conversation,
    }


def survey(one: Happening, conversation: dict[str, Any]) -> dict[str, Any]:
    stars, feedback = one.value
    answer = {"rating": stars, "feedback_message": "PRIVATE" if feedback else ""}
    return {
        "event": "message_updated",
        "id": 5,
        "message_type": "template",
        "private": False,
        "content_type": "input_csat",
        "content_attributes": {"submitted_values": {"csat_survey_response": answer}},
        "created_at": iso(START),
        "sender": None,
        "conversation": conversation,
    }


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


ACTIONS: Final[list[tuple[str, Any]]] = [
    *[(what, None) for what in ("contact", "contact", "agent", "bot", "campaign")],
    *[("status", value) for value in ("resolved", "resolved", "open", "pending", "snoozed")],
    *[("assignee_id", value) for value in (7, 8, 9, None)],
    *[("team_id", value) for value in (3, None)],
    *[("label_list", value) for value in (("a",), ("a", "b"), ())],
    *[("answer", (stars, feedback)) for stars in (2, 5) for feedback in (False, True)],
]


def some_day(seed: int, conversations: int, lag: int) -> tuple[list[list[Happening]], list[bytes]]:
    """A day by chance: its stories, and its deliveries shuffled, some of them twice."""
    chance = random.Random(seed)  # noqa: S311 - to be repeatable
    stories, bodies = [], []
    for number in range(1, conversations + 1):
        count = chance.randint(1, 12)
        gaps = [chance.randint(1, 600_000) for _ in range(count)]
        story = story_of(chance.choices(ACTIONS, k=count), gaps)
        lags = [chance.randint(0, lag) for _ in story]
        stories.append(story)
        bodies += [json.dumps(one).encode() for one in deliveries(story, number, lags)]
    bodies += chance.sample(bodies, len(bodies) // 5)
    chance.shuffle(bodies)
    return stories, bodies
