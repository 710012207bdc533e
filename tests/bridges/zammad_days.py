"""Simulated tickets: what happened, what it means by the story itself, and Zammad's deliveries of it.

Zammad's side follows its public source: a trigger runs for each change, and its job shows the ticket as it is when the
job runs, `lag` happenings later; `updated_at` is that of the shown state, the article that of the change. The times of
closing and of the owner are set as there.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from tests.bridges.telling import line

START: Final = 1_793_610_000_000
TICKET: Final = 81
BOTS: Final = (9,)
NOBODY: Final = 1
UPDATE_MS: Final = 40
"""From the ticket's change to the last one that comes with it."""

ACTIONS: Final[list[tuple[str, Any]]] = [
    *[("article", what) for what in ("customer", "customer", "agent", "bot", "system", "note", "internal")],
    *[("reply", owner) for owner in (5, 6)],
    *[("owner_id", owner) for owner in (NOBODY, 5, 6, 9)],
    *[("group_id", group) for group in (3, 4)],
    *[("state", state) for state in ("open", "pending reminder", "closed", "closed", "merged")],
    *[("tags", tags) for tags in ((), ("order",), ("order", "vip"))],
]
SENDERS: Final = {
    "customer": ("Customer", 8, "web", "contact"),
    "agent": ("Agent", 6, "email", "operator"),
    "bot": ("Agent", 9, "email", "bot"),
    "system": ("System", 1, "email", "bot"),
    "note": ("Agent", 5, "note", ""),
    "internal": ("Agent", 5, "email", ""),
}


@dataclass(frozen=True)
class State:
    """A ticket as Zammad has it."""

    updated_at: int = START + UPDATE_MS
    state: str = "new"
    owner_id: int = NOBODY
    group_id: int = 3
    tags: Sequence[str] = ()
    close_at: int | None = None
    last_close_at: int | None = None
    last_owner_update_at: int | None = None


@dataclass(frozen=True)
class Happening:
    """What came of it, and the article, if there is one."""

    state: State
    article: dict[str, Any] | None = None


def ticket_of(actions: Sequence[tuple[str, Any]], gaps: Sequence[int]) -> list[Happening]:
    """Leaves out what changes nothing: Zammad runs no trigger for it."""
    found, at = [Happening(State(), article(0, "customer", START + UPDATE_MS // 2))], START
    for number, ((what, value), gap) in enumerate(zip(actions, gaps, strict=True), 1):
        at += gap
        state = found[-1].state
        if what == "article":
            sent = article(number, value, at + UPDATE_MS // 2)
            found.append(Happening(touched(state, at, value in {"agent", "bot"}), sent))
        elif what == "reply":
            taken = changed(state, at, "owner_id", value) if state.owner_id != value else state
            sent = article(number, "agent", at + UPDATE_MS // 2) | {"created_by_id": value}
            found.append(Happening(touched(taken, at, is_agent=True), sent))
        elif getattr(state, what) != value and state.state != "merged":
            found.append(Happening(changed(state, at, what, value)))
    return found


def changed(state: State, at: int, what: str, value: object) -> State:
    state = replace(state, updated_at=at + UPDATE_MS, **{what: value})
    if what == "state" and value == "closed":
        state = replace(state, close_at=state.close_at or at, last_close_at=at)
    if what in {"owner_id", "state", "group_id"}:
        is_kept = what == "owner_id" or (what == "state" and value in {"new", "open"})
        is_kept = is_kept and not (what == "owner_id" and value == NOBODY)
        state = replace(state, last_owner_update_at=at if is_kept else None)
    return state


def touched(state: State, at: int, is_agent: bool) -> State:  # noqa: FBT001 - a test's
    last = at + UPDATE_MS // 2 if is_agent else state.last_owner_update_at
    return replace(state, updated_at=at + UPDATE_MS, last_owner_update_at=last)


def article(number: int, what: str, at: int) -> dict[str, Any]:
    sender, author, kind, _ = SENDERS[what]
    return {
        "id": 100 + number,
        "ticket_id": TICKET,
        "sender": sender,
        "type": kind,
        "internal": what == "internal",
        "created_by_id": author,
        "created_at": iso(at),
        "at": at,
        "what": what,
    }


def deliveries(story: Sequence[Happening], lags: Sequence[int]) -> list[dict[str, Any]]:
    """Those of a ticket, in order."""
    found = []
    for number, (one, lag) in enumerate(zip(story, lags, strict=True)):
        then = story[min(number + lag, len(story) - 1)].state
        sent = {name: value for name, value in (one.article or {}).items() if name not in {"at", "what"}}
        found.append({"ticket": shown(then), "article": sent})
    # As JSON has them.
    return [json.loads(json.dumps(one)) for one in found]


def shown(state: State) -> dict[str, Any]:
    times = ("updated_at", "close_at", "last_close_at", "last_owner_update_at")
    return {
        "id": TICKET,
        "state": state.state,
        "owner_id": state.owner_id,
        "owner": {"id": state.owner_id},
        "group_id": state.group_id,
        "group": {"id": state.group_id},
        "tags": list(state.tags),
        "created_at": iso(START),
        **{name: None if (at := getattr(state, name)) is None else iso(at) for name in times},
    }


def meaning(story: Sequence[Happening]) -> list[str]:
    """By the story alone; nothing of the bridge is used."""
    return sorted([*messages_of(story), *assignments_of(story), *changes_of(story)])


def messages_of(story: Sequence[Happening]) -> Iterator[str]:
    for one in story:
        if one.article and (sender := SENDERS[one.article["what"]][3]):
            yield line(one.article["at"], "message_sent", sender)


def assignments_of(story: Sequence[Happening]) -> Iterator[str]:
    """At the state's `updated_at`, unless Zammad says better; who takes a ticket by a reply replies as its owner."""
    said = "nobody -"
    for one in story:
        state, at = one.state, one.state.updated_at
        operator = "nobody" if state.owner_id in {NOBODY, *BOTS} else f"agent-{state.owner_id}"
        pair = f"{operator} group-{state.group_id}"
        if pair != said:
            if one is story[0]:
                at = START
            elif one.article and one.article["created_by_id"] == state.owner_id:
                at = one.article["at"] - 1
            elif state.last_owner_update_at and not said.startswith(f"{operator} "):
                at = state.last_owner_update_at
            yield line(at, "operator_assigned", pair)
        said = pair


def changes_of(story: Sequence[Happening]) -> Iterator[str]:
    before, ended = State(), False
    for one in story:
        state = one.state
        if state.tags != before.tags:
            yield line(state.updated_at, "topics_set", " ".join(state.tags))
        if state.state == "closed" and not ended:
            yield line(state.last_close_at or 0, "conversation_ended")
            ended = True
        elif state.state not in {"closed", "merged"} and ended:
            yield line(state.updated_at, "conversation_resumed")
            ended = False
        before = state


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
