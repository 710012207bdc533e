"""Simulated chats in LiveChat: what happened, what it means by the story itself, and the webhooks."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from tests.bridges.conformance import Sample
from tests.bridges.days import START, Happening, Told

SMITH: Final = "smith@example.com"
JONES: Final = "jones@example.com"
CUSTOMER: Final = "b7eff798-0000-4000-8000-649c35c9ed0c"
BOT: Final = "5c9871d5372c824cbf22d860a707a578"
CHAT: Final = "PJ0MRSHTDG"
AUTHORS: Final = {"contact": CUSTOMER, "agent": SMITH, "bot": BOT, "note": SMITH}

ACTIONS: Final[list[tuple[str, Any]]] = [
    *[("thread", operator) for operator in ((SMITH, 19), (SMITH, 19), (JONES, 7), (None, 19))],
    *[(what, None) for what in ("contact", "contact", "agent", "bot", "note", "end", "end", "comment", "inactive")],
    *[("transfer", target) for target in ((SMITH, 19), (JONES, 7), (None, 7), (JONES, None))],
    *[("join", agent) for agent in (SMITH, JONES, BOT)],
    *[(what, tag) for what in ("tag", "untag") for tag in ("a", "b")],
    *[("score", score) for score in (0, 1, None)],
    *[("form", option) for option in ("0", "1")],
]
DATED: Final = frozenset({"thread", "contact", "agent", "bot", "note", "form", "inactive"})
REPEAT_MILLIS: Final = 60_000


@dataclass(frozen=True)
class State:
    """A chat as LiveChat has it."""

    thread: str = ""
    is_open: bool = False
    operator: str | None = None
    group: int | None = None
    tags: frozenset[tuple[str, str]] = frozenset()
    """Thread and tag."""


@dataclass
class Day:
    """What happened, with the state after each."""

    story: list[Happening] = field(default_factory=list)
    states: list[State] = field(default_factory=list)


def day_of(actions: Sequence[tuple[str, Any]], gaps: Sequence[int]) -> Day:
    """Leaves out what cannot happen, and what cannot be told from a repetition: the same within a minute."""
    day, state, at = Day(), State(), START
    told: dict[tuple[str, str, Any], int] = {}
    for (what, value), gap in zip(actions, gaps, strict=True):
        at += gap
        if state.is_open if what == "thread" else not state.thread or not (state.is_open or what in {"score", "tag"}):
            continue
        same = (state.thread, what, value)
        if what not in DATED and at - told.get(same, 0) <= REPEAT_MILLIS:
            continue
        told[same] = at
        state = _after(state, Happening(at, what, value), len(day.story))
        day.story.append(Happening(at, what, value))
        day.states.append(state)
    return day


def _after(state: State, one: Happening, number: int) -> State:
    tag, pair = (state.thread, one.value), one.value if isinstance(one.value, tuple) else (None, None)
    joined = state.operator or (one.value if one.value != BOT else None)
    changes: dict[str, dict[str, Any]] = {
        "thread": {"thread": f"T{number}", "is_open": True, "operator": pair[0], "group": pair[1]},
        "end": {"is_open": False},
        "transfer": {"operator": pair[0], "group": pair[1] or state.group},
        "join": {"operator": joined},
        "tag": {"tags": state.tags | {tag}},
        "untag": {"tags": state.tags - {tag}},
    }
    return replace(state, **changes.get(one.what, {}))


def agent(address: str) -> str:
    """An operator's id."""
    return f"livechat-agent-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def meaning(day: Day) -> list[str]:
    """By the story alone; nothing of the bridge is used."""
    told, before, live = Told(), State(), False
    for number, (one, state) in enumerate(zip(day.story, day.states, strict=True)):
        if one.what in {"contact", "agent", "bot"}:
            sender = {"contact": "CONTACT", "agent": "OPERATOR", "bot": "BOT"}[one.what]
            told.add("message_sent", one.at, f"E{number} {sender}")
        if (state.operator, state.group) != (before.operator, before.group):
            operator = agent(state.operator) if state.operator else None
            told.add("operator_assigned", one.at, f"{operator} livechat-group-{state.group}")
        if state.is_open != before.is_open and before.thread:
            told.add("conversation_resumed" if state.is_open else "conversation_ended", one.at)
        topics = {tag for _, tag in state.tags}
        if topics != {tag for _, tag in before.tags}:
            told.add("topics_set", one.at, " ".join(sorted(topics)))
        if one.what == "form":
            told.add("pre_chat_survey_completed", one.at, one.value)
        if one.what == "inactive":
            told.add("inactivity_action_performed", one.at)
        is_live = state.is_open and state.operator is not None
        if is_live != live and one.what != "end":
            told.add("went_live" if is_live else "left_live", one.at)
        live, before = is_live, state
    _mean_ratings(told, day)
    return sorted(told.lines)


def _mean_ratings(told: Told, day: Day) -> None:
    """Of each thread the last, since when it is that; one that was taken back is none."""
    scores, comments = dict[str, Happening](), dict[str, Happening]()
    for one, state in zip(day.story, day.states, strict=True):
        if one.what == "score" and (state.thread not in scores or scores[state.thread].value != one.value):
            scores[state.thread] = one
        if one.what == "comment":
            comments.setdefault(state.thread, one)
    for one in scores.values():
        if one.value is not None:
            told.add("conversation_rated", one.at, 5 if one.value else 1)
    for one in comments.values():
        told.add("feedback_left", one.at)


def deliveries(day: Day, delays: Sequence[int]) -> list[Sample]:
    """Those of each happening; what has an instant of its own is received late, and so is a thread's end."""
    found = []
    for number, (one, state, delay) in enumerate(zip(day.story, day.states, delays, strict=True)):
        received_at = one.at + (delay if one.what in DATED else 0)
        for action, told in _told(one, state, number):
            late = delay // 100 if action == "chat_deactivated" else 0
            payload = {"action": action, "payload": {"chat_id": CHAT, "thread_id": state.thread} | told}
            # As JSON has it.
            found.append(Sample(received_at + late, json.loads(json.dumps(payload))))
    return found


def _told(one: Happening, state: State, number: int) -> list[tuple[str, dict[str, Any]]]:
    event = {"id": f"E{number}", "created_at": micros(one.at), "visibility": "all"}
    match one.what:
        case "thread":
            return [("incoming_chat", {"chat": _chat(one, state)})]
        case "contact" | "agent" | "bot" | "note" as who:
            visibility = "agents" if who == "note" else "all"
            said = event | {"type": "message", "author_id": AUTHORS[who], "visibility": visibility, "text": "PRIVATE"}
            return [("incoming_event", {"event": said})]
        case "form":
            fields = [{"type": "radio", "id": "10", "answer": {"id": one.value, "label": "PRIVATE"}}]
            said = event | {"type": "filled_form", "form_type": "prechat", "fields": fields}
            return [("incoming_event", {"event": said})]
        case "inactive" | "end" as kind:
            kinds = {"inactive": "routing.assigned_inactive", "end": "manual_archived_customer"}
            said = event | {"type": "system_message", "system_message_type": kinds[kind]}
            return [("incoming_event", {"event": said})] + ([("chat_deactivated", {})] if kind == "end" else [])
        case _:
            return [_changed(one)]


def _changed(one: Happening) -> tuple[str, dict[str, Any]]:
    """What has no instant."""
    match one.what:
        case "transfer":
            agent_id, group = one.value
            target = {"agent_ids": [agent_id] if agent_id else None, "group_ids": [group] if group else None}
            return "chat_transferred", {"transferred_to": {name: ids for name, ids in target.items() if ids}}
        case "join":
            return "user_added_to_chat", {"user": _user(one.value)}
        case "tag" | "untag":
            return f"thread_{one.what}ged", {"tag": one.value}
        case "comment":
            return "thread_properties_updated", {"properties": {"rating": {"comment": "PRIVATE"}}}
        case _ if one.value is None:
            return "thread_properties_deleted", {"properties": {"rating": ["score"]}}
        case _:
            return "thread_properties_updated", {"properties": {"rating": {"score": one.value}}}


def _chat(one: Happening, state: State) -> dict[str, Any]:
    operator, group = one.value
    thread = {
        "id": state.thread,
        "created_at": micros(one.at),
        "user_ids": [CUSTOMER, BOT, *([operator] if operator else [])],
        "access": {"group_ids": [group]},
        "events": [],
    }
    return {"id": CHAT, "users": [_user(name) for name in (CUSTOMER, BOT, SMITH, JONES)], "thread": thread}


def _user(name: str) -> dict[str, Any]:
    return {"id": name, "type": "customer" if name == CUSTOMER else "agent", "visibility": "all", "name": "PRIVATE"}


def micros(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
