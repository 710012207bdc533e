"""LiveChat: what the webhooks 3.5 and 3.6 tell.

Follows "Webhooks", "Data structures", "System activities" and "Default properties" of LiveChat's public documentation
(https://platform.text.com/docs/management/webhooks/).

A chat is a conversation; each of its threads is open until it is deactivated, and a new thread resumes the chat. Only
events and threads have instants (`created_at`). What else is told happened when it is received: a transfer, an agent
who joins, tags, ratings, and an end of which no event of the thread tells.

    incoming_chat            the thread's start, its events and tags, and who it is assigned to
    incoming_event           messages, answered forms, and what the system says: archived, reassigned for inactivity
    event_updated            the same
    chat_deactivated         the end
    chat_transferred         operator and group
    user_added_to_chat       the operator, where there is none; and who is a bot
    thread_tagged, _untagged a topic; those of a chat are those of all its threads
    thread_ and chat_properties_updated, _deleted   the rating: thumbs up are 5 stars, down 1; and its comment

Ids: an agent is `livechat-agent-` and a digest of the address, for agents have no other id; a group is
`livechat-group-19`; a tag is a topic. The only widget is `livechat`. A bot is nobody.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from telwerk import events
from telwerk.v1.event_pb2 import InactivityAction
from telwerk_bridges.observations import (
    CONTACT,
    GROUP,
    OPEN,
    OPERATOR,
    RESOLVED,
    SEPARATOR,
    STATUS,
    TAG,
    Action,
    Answer,
    Attendance,
    Author,
    Form,
    Message,
    Observation,
)
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import Delivery, PlatformType, SignatureError
from telwerk_bridges.register import Change

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_MESSAGES: Final = frozenset({"message", "file", "rich_message"})
_ARCHIVED: Final = re.compile(
    r"(routing\.)?archived_\w+|manual_archived_(agent|customer)|system_archived|customer_banned"
)
_CHOICES: Final = frozenset({"radio", "select", "checkbox", "group_chooser"})
_FORMS: Final[Mapping[str, str]] = {"prechat": "before", "postchat": "after"}
_EVERYONE: Final = "0"
"""The group that all agents are in."""


class LiveChat:
    """See the module.

    `secrets` are the secret keys of the webhooks that deliver here. `bots` are ids of agents that are none, beside
    those without an address, which LiveChat gives to bots only. `prefix` stands before every id.
    """

    def __init__(self, *secrets: str, bots: Collection[str] = (), prefix: str = "") -> None:
        self._secrets = [secret.strip().encode() for secret in secrets]
        self._bots = frozenset(bots)
        self._prefix = prefix

    def verify(self, headers: Mapping[str, str], body: bytes, now_seconds: float) -> None:  # noqa: ARG002 - no time is told
        """As `Platform.verify`: the body itself has the secret key, and no time."""
        # A body that cannot have it is not parsed, whatever its size.
        if any(secret in body or not _is_plain(secret) for secret in self._secrets):
            try:
                told = Node(json.loads(body))["secret_key"].text().strip().encode()
            except (ValueError, RecursionError, PayloadError):
                told = b""
            # All are compared, whichever it is.
            if True in [hmac.compare_digest(secret, told) for secret in self._secrets]:
                return
        raise SignatureError("secret_key is not that of this webhook")

    def read(self, payload: Node, received_at: int) -> Delivery | None:
        """As `Platform.read`."""
        told = payload["payload"]
        match payload["action"].text():
            case "incoming_chat":
                chat, observed = told["chat"]["id"], self._chat(told["chat"])
            case "incoming_event" | "event_updated":
                chat, observed = told["chat_id"], self._event(told["event"], told["thread_id"])
            case "chat_deactivated":
                chat, observed = told["chat_id"], _ended(told["thread_id"], received_at, _key(payload))
            case "chat_transferred":
                chat, observed = told["chat_id"], self._transferred(told["transferred_to"], received_at, _key(payload))
            case "user_added_to_chat":
                chat, observed = told["chat_id"], self._added(told["user"], received_at, _key(payload))
            case "thread_tagged" | "thread_untagged" as action:
                chat, observed = told["chat_id"], _tagged(payload, received_at, is_set=action == "thread_tagged")
            case "thread_properties_updated" | "chat_properties_updated":
                chat, observed = told["chat_id"], _rated(told, received_at)
            case "thread_properties_deleted" | "chat_properties_deleted":
                chat, observed = told["chat_id"], _unrated(told, received_at)
            case _:
                return None
        found = frozenset(observed)
        # An agent who is assigned is there until LiveChat assigns another.
        operators = {one.current for one in found if isinstance(one, Change) and one.register == OPERATOR}
        found |= {Attendance(operator, 0, there=True) for operator in operators if operator}
        if not found:
            return None
        found |= {Attendance(CONTACT, 0, there=True)}
        return Delivery(f"{self._prefix}livechat-{chat.identifier()}", f"{self._prefix}livechat", found)

    def _chat(self, chat: Node) -> Iterator[Observation]:
        thread = chat["thread"]
        at = _millis(thread["created_at"])
        yield Change(STATUS, at, "exact", OPEN, OPEN)
        users = {user["id"].identifier(): user for user in chat["users"].items() if user["id"].is_there}
        for user in users.values():
            yield from self._author(user)
        present = [one.identifier() for one in thread["user_ids"].items()]
        agents = [one for one in present if one in users and self._kind(users[one]) == "operator"]
        is_assigned = agents and not thread["queue"].is_there
        yield Change(OPERATOR, at, "exact", self._agent(agents[0]) if is_assigned else "")
        if thread["access"]["group_ids"].is_there:
            yield Change(GROUP, at, "exact", self._group(thread["access"]["group_ids"]))
        for tag in thread["tags"].items():
            if tag.name():
                yield Change(f"{TAG}-{_digest(thread['id'].identifier())}-{tag.name()}", at, "exact", tag.name())
        for event in thread["events"].items():
            yield from self._event(event, thread["id"])

    def _event(self, event: Node, thread: Node) -> Iterator[Observation]:
        kind = event["type"].text()
        if kind == "system_message":
            yield from _system(event, thread)
        elif kind == "filled_form":
            yield from _form(event)
        elif kind in _MESSAGES and "agents" not in {event["visibility"].text(), event["recipients"].text()}:
            author = event["author_id"].identifier()
            # Addresses are those of agents; of the others `Author` may know better.
            guess: events.SenderName = "operator" if self._is_person(author) else "contact"
            guess = "bot" if author in self._bots else guess
            yield Message(event["id"].identifier(), _millis(event["created_at"]), guess, _digest(author))

    def _transferred(self, target: Node, at: int, key: str) -> Iterator[Observation]:
        agents = [one.identifier() for one in target["agent_ids"].items()]
        people = [one for one in agents if self._is_person(one)]
        yield Change(OPERATOR, at, "exact", self._agent(people[0]) if people else "", key=key)
        if target["group_ids"].is_there:
            yield Change(GROUP, at, "exact", self._group(target["group_ids"]), key=key)

    def _added(self, user: Node, at: int, key: str) -> Iterator[Observation]:
        yield from self._author(user)
        # Who only watches is not seen by the contact.
        if self._kind(user) == "operator" and user["visibility"].text() != "agents":
            yield Change(OPERATOR, at, "joined", self._agent(user["id"].identifier()), key=key)

    def _author(self, user: Node) -> Iterator[Author]:
        kind = self._kind(user)
        if kind is not None:
            yield Author(_digest(user["id"].identifier()), kind)

    def _kind(self, user: Node) -> events.SenderName | None:
        name = user["id"].identifier()
        match user["type"].text():
            case "customer":
                return "contact"
            case "agent":
                return "operator" if self._is_person(name) else "bot"
            case _:
                return None

    def _is_person(self, agent: str) -> bool:
        """Whether an agent is a person: only they have an address."""
        return "@" in agent and agent not in self._bots

    def _agent(self, address: str) -> str:
        return f"{self._prefix}livechat-agent-{_digest(address.lower())}"

    def _group(self, ids: Node) -> str:
        """The first; none where it is the group of everyone."""
        groups = [one.identifier() for one in ids.items()]
        return f"{self._prefix}livechat-group-{groups[0]}" if groups and groups[0] != _EVERYONE else ""


TYPE: Final = PlatformType("livechat", LiveChat, {"bots": str})


def _ended(thread: Node, at: int, key: str) -> Iterator[Observation]:
    yield Change(STATUS, at, "late", RESOLVED, _opened(thread), key=key)


def _opened(thread: Node) -> str:
    """What a thread's end replaces: nothing else explains it."""
    return f"{OPEN}-{_digest(thread.identifier())}"


def _system(event: Node, thread: Node) -> Iterator[Observation]:
    """What the system says in a thread has an instant."""
    kind, at = event["system_message_type"].text(), _millis(event["created_at"])
    if _ARCHIVED.fullmatch(kind):
        yield Change(STATUS, at, "exact", RESOLVED, _opened(thread))
    elif kind == "routing.assigned_inactive":
        action = InactivityAction.INACTIVITY_ACTION_LIVE_CONVERSATION_REASSIGNED
        yield Action(event["id"].identifier(), at, action)


def _form(event: Node) -> Iterator[Observation]:
    """The options that were chosen; free text is left out."""
    asked = _FORMS.get(event["form_type"].text())
    words: list[str] = []
    for one in event["fields"].items():
        if one["type"].text() not in _CHOICES:
            continue
        answers = [*one["answers"].items()] if one["answers"].is_there else [one["answer"].object()]
        for answer in answers:
            if answer["id"].is_there:
                words += [one["id"].identifier(), answer["id"].identifier()]
    if words and asked in {"before", "after"}:
        yield Form(
            event["id"].identifier(),
            _millis(event["created_at"]),
            "before" if asked == "before" else "after",
            SEPARATOR.join(words),
        )


def _tagged(payload: Node, at: int, *, is_set: bool) -> Iterator[Observation]:
    told = payload["payload"]
    tag = told["tag"].name()
    if tag:
        register = f"{TAG}-{_digest(told['thread_id'].identifier())}-{tag}"
        yield Change(register, at, "exact", tag if is_set else "", key=_key(payload))


def _rated(told: Node, at: int) -> Iterator[Observation]:
    """Only what was changed is told: the score, the comment, or both."""
    rating, survey = told["properties"].object()["rating"].object(), _survey(told)
    if rating["score"].is_there:
        yield Answer(survey, at, 5 if rating["score"].number() else 1, feedback=False)
    if rating["comment"].is_there:
        yield Answer(f"{survey}-comment", at, 0, bool(rating["comment"].text().strip()))


def _unrated(told: Node, at: int) -> Iterator[Observation]:
    survey = _survey(told)
    names = [name.text() for name in told["properties"].object()["rating"].items()]
    if "score" in names:
        yield Answer(survey, at, -1, feedback=False)
    if "comment" in names:
        yield Answer(f"{survey}-comment", at, 0, feedback=False)


def _survey(told: Node) -> str:
    return told["thread_id"].identifier() if told["thread_id"].is_there else "chat"


def _key(payload: Node) -> str:
    """Of what is told, but for who tells it and to whom: LiveChat repeats what was not answered in time."""
    told = [payload["action"].text(), payload["payload"].value]
    return _digest(json.dumps(told, sort_keys=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _is_plain(secret: bytes) -> bool:
    """Whether JSON has but one way to write it."""
    return re.fullmatch(rb"[A-Za-z0-9_.-]+", secret) is not None


def _millis(at: Node) -> int:
    return (at.instant() - _EPOCH) // _MILLISECOND
