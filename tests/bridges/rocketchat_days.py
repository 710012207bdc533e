"""Simulated chats: what happened, what it means by the story itself, and Rocket.Chat's deliveries of it.

Rocket.Chat's side follows its public source: a payload is built at once; a forwarding to a department is told as taken
for the old department, and then as forwarded to the new one; a return to the queue shows no instant of its own.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from tests.bridges.telling import line

START: Final = 1_793_610_000_000
ROOM: Final = "Tc5SyBZHovD4k8BXv"
VISITOR: Final = {"_id": "63db8d4990fe6eda42ad429a", "username": "guest-3", "token": "t"}
NAMES: Final = {"anna": "anna", "bert": "bert", "hubot": "hubot", "rocket.cat": "rocket.cat"}
BOTS: Final = ("hubot",)
PAGE: Final = "https://shop.example/thanks"

ACTIONS: Final[list[tuple[str, Any]]] = [
    *[("contact", None)] * 3,
    *[("message", name) for name in ("anna", "bert", "hubot", "rocket.cat")],
    ("page", None),
    *[("serve", name) for name in ("anna", "bert", "hubot")],
    *[("department", (department, name)) for department in ("sales", "billing") for name in ("anna", "bert")],
    ("queue", None),
    *[("tags", tags) for tags in ((), ("order",), ("order", "vip"))],
    ("close", None),
]


@dataclass
class Chat:
    """A room as Rocket.Chat has it, and beside it what happened."""

    department: str = ""
    served: dict[str, Any] | None = None
    tags: Sequence[str] = ()
    messages: list[dict[str, Any]] = field(default_factory=list)
    newest: int = START
    """The instant of the last message."""
    wrote: bool = False
    live: bool = False
    told_tags: Sequence[str] = ()
    queued: str = ""
    """Who gave it back to the queue. From there neither a bot takes it nor they themselves: see docs/rocketchat.md."""
    lines: list[str] = field(default_factory=list)
    deliveries: list[dict[str, Any]] = field(default_factory=list)


def chat_of(actions: Sequence[tuple[str, Any]], gaps: Sequence[int], department: str) -> Chat:
    """Leaves out what Rocket.Chat does not allow."""
    chat, at = Chat(department), START
    deliver(chat, "LivechatSessionStart", departmentId=department or None)
    if department:
        assigned(chat, START)
    for (what, value), gap in zip(actions, gaps, strict=True):
        at += gap
        match what:
            case "contact" | "message" | "page":
                send(chat, what, value, at)
            case "serve" if not is_served_by(chat, value) and not (chat.queued and value in {chat.queued, *BOTS}):
                serve(chat, value, at)
            case "department" if chat.served and chat.department != value[0] and not is_served_by(chat, value[1]):
                forward(chat, *value, at)
            case "queue" if chat.served and chat.newest > chat.served["at"]:
                queue(chat)
            case "tags":
                chat.tags = value
            case "close":
                close(chat, at)
                break
    return chat


def send(chat: Chat, what: str, name: str | None, at: int) -> None:
    author = VISITOR if what == "contact" else user(name or "rocket.cat")
    message = {"_id": f"m{len(chat.messages)}", "u": author, "username": author["username"], "msg": "x", "ts": iso(at)}
    if author is not VISITOR:
        message["agentId"] = author["_id"]
    if what == "page":
        message["navigation"] = {"page": {"title": "x", "location": {"href": PAGE}}, "token": "t"}
        chat.lines.append(line(at, "page_visited", PAGE))
    else:
        sender = "contact" if what == "contact" else "operator" if name in {"anna", "bert"} else "bot"
        chat.lines.append(line(at, "message_sent", sender))
    chat.messages.append(message)
    deliver(chat, "Message", [message])
    chat.newest = at
    chat.wrote = chat.wrote or what == "contact"
    show_tags(chat, at)
    watch(chat, at)


def serve(chat: Chat, name: str, at: int) -> None:
    """Taken, or forwarded by whoever served it before."""
    old, chat.served = chat.served, {**user(name), "at": at}
    chat.queued = ""
    deliver(chat, "LivechatSessionTaken", **shown(chat))
    if old:
        deliver(chat, "LivechatSessionForwarded", **shown(chat), oldServedBy=as_served(old))
    assigned(chat, at)
    show_tags(chat, at)
    watch(chat, at)


def forward(chat: Chat, department: str, name: str, at: int) -> None:
    """The agent of the new department takes it a moment before it belongs to that department."""
    old, chat.served = chat.department, {**user(name), "at": at}
    deliver(chat, "LivechatSessionTaken", **shown(chat))
    assigned(chat, at)
    chat.department = department
    deliver(chat, "LivechatSessionForwarded", **shown(chat), oldDepartmentId=old or None)
    assigned(chat, at + 1)
    show_tags(chat, at)
    watch(chat, at)


def queue(chat: Chat) -> None:
    """Dated by the last message: by nothing else does it show when it is."""
    was_person = not is_bot(chat)
    chat.served, chat.queued = None, str(chat.served and chat.served["_id"])
    deliver(chat, "LivechatSessionQueued", departmentId=chat.department or None)
    if was_person:
        assigned(chat, chat.newest)
    watch(chat, chat.newest)


def close(chat: Chat, at: int) -> None:
    comment = user("anna")
    closing = {
        "_id": "closing",
        "u": comment,
        "username": "anna",
        "agentId": "anna",
        "msg": "x",
        "closingMessage": True,
    }
    chat.messages.append(closing | {"ts": iso(at + 200)})
    deliver(chat, "LivechatSession", **shown(chat), closedAt=iso(at), closedBy=comment, closer="user")
    chat.lines.append(line(at, "conversation_ended"))
    show_tags(chat, at)


def deliver(chat: Chat, kind: str, messages: list[dict[str, Any]] | None = None, **more: Any) -> None:
    room = {
        "_id": ROOM,
        "createdAt": iso(START),
        "lastMessageAt": iso(chat.newest),
        "visitor": VISITOR,
        "type": kind,
        "messages": chat.messages if messages is None else messages,
        "tags": list(chat.tags) or None,
        "agent": chat.served and user(chat.served["_id"]),
        **more,
    }
    # As JSON has it: what is undefined is left out.
    chat.deliveries.append(json.loads(json.dumps({name: value for name, value in room.items() if value is not None})))


def shown(chat: Chat) -> dict[str, Any]:
    return {"departmentId": chat.department or None, "servedBy": chat.served and as_served(chat.served)}


def as_served(served: dict[str, Any]) -> dict[str, Any]:
    return {"_id": served["_id"], "username": served["username"], "ts": iso(served["at"])}


def assigned(chat: Chat, at: int) -> None:
    """Told where it differs from what was told."""
    operator = f"agent-{chat.served['_id']}" if chat.served and not is_bot(chat) else "nobody"
    said = f"operator_assigned {operator} {f'department-{chat.department}' if chat.department else '-'}"
    before = [one.split(" ", 1)[1] for one in chat.lines if " operator_assigned " in one]
    if said != (before[-1] if before else "operator_assigned nobody -"):
        chat.lines.append(f"{at} {said}")


def show_tags(chat: Chat, at: int) -> None:
    """Tags are told by the next delivery that has an instant."""
    if chat.tags != chat.told_tags:
        chat.told_tags = chat.tags
        chat.lines.append(line(at, "topics_set", " ".join(sorted(chat.tags))))


def watch(chat: Chat, at: int) -> None:
    is_live = chat.wrote and chat.served is not None and not is_bot(chat)
    if is_live != chat.live:
        chat.live = is_live
        chat.lines.append(line(at, "went_live" if is_live else "left_live"))


def is_served_by(chat: Chat, name: str) -> bool:
    return chat.served is not None and chat.served["_id"] == name


def is_bot(chat: Chat) -> bool:
    return chat.served is not None and chat.served["_id"] in BOTS


def user(name: str) -> dict[str, Any]:
    return {"_id": name, "username": NAMES[name]}


def iso(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
