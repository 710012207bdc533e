"""Rocket.Chat: what its omnichannel (livechat) webhooks tell.

Follows Rocket.Chat's user guide, "Configure Omnichannel Event Webhooks" (https://docs.rocket.chat/docs/webhooks), its
developer guide, "Test the Webhook Integration", and its public source: the hooks that send to a CRM, the closing and
the forwarding of rooms, the page history of visitors. Rocket.Chat repeats what is not answered with 200, by its guide
ten times.

    Message                   somebody sent a message, or the visitor opened a page
    LivechatSessionStart      the department
    LivechatSessionQueued     nobody serves the chat
    LivechatSessionTaken      who serves it, since `servedBy.ts`
    LivechatSessionForwarded  the same; or another department
    LivechatSession           it was closed, at `closedAt`; its tags
    LivechatEdit              the tags were changed after that

The `messages` that these show are all that there were, so that a lost delivery is made up for. A payload is built at
once, but it has no instant of its own: what is not dated in it (a queue, a department, tags) is dated by the newest
instant that it shows.

Ids: all of Rocket.Chat is one widget (`rocketchat`), a room a conversation, a user an operator (`agent-<_id>`, never a
name), a department a group (`department-<_id>`), a tag a topic. Instants have milliseconds.
"""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from telwerk import events
from telwerk_bridges.observations import (
    GROUP,
    LABELS,
    OPERATOR,
    RESOLVED,
    SEPARATOR,
    STATUS,
    Message,
    Observation,
    Presence,
    Visit,
)
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import Delivery, PlatformType, SignatureError
from telwerk_bridges.register import Change

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_START: Final = "LivechatSessionStart"
_QUEUED: Final = "LivechatSessionQueued"
_TAKEN: Final = "LivechatSessionTaken"
_FORWARDED: Final = "LivechatSessionForwarded"
_CLOSED: Final = "LivechatSession"
_EDITED: Final = "LivechatEdit"
_MESSAGE: Final = "Message"
_TYPES: Final = frozenset({_START, _QUEUED, _TAKEN, _FORWARDED, _CLOSED, _EDITED, _MESSAGE})
"""Nothing is counted of a lead that was captured, and of a form that was left while nobody was there."""

_TEST_ROOM: Final = "fasd6f5a4sd6f8a4sdf"
"""Of the documented sample that the button "Send Test" sends: no chat."""
_CAT: Final = "rocket.cat"
_APP_SUFFIX: Final = ".bot"
"""Of the user names of apps."""
_ROOM_BYTES_MAX: Final = 64
_URL_BYTES_MAX: Final = 2_048


class RocketChat:
    """See the module.

    `secrets` are the secret tokens of the workspaces that deliver here. `bot_agents` are the ids or user names of
    agents who are no persons.
    """

    def __init__(self, *secrets: str, bot_agents: Collection[str] = (), prefix: str = "") -> None:
        self._secrets = [secret.strip().encode() for secret in secrets]
        self._bots = {_CAT, *bot_agents}
        self._prefix = prefix

    def verify(self, headers: Mapping[str, str], body: bytes, now_seconds: float) -> None:  # noqa: ARG002 - only the token is sent
        """As `Platform.verify`: the token itself. Rocket.Chat signs neither the body nor the time."""
        token = headers.get("x-rocketchat-livechat-token", "").strip().encode()
        # All are compared, whichever it is.
        if True not in [hmac.compare_digest(secret, token) for secret in self._secrets]:
            raise SignatureError("x-rocketchat-livechat-token is not the secret token of this workspace")

    def read(self, payload: Node, received_at: int) -> Delivery | None:  # noqa: ARG002 - a repetition comes later, and tells the same
        """As `Platform.read`."""
        kind = payload["type"].text()
        if kind not in _TYPES or payload["_id"].value == _TEST_ROOM:
            return None
        room = _room(payload["_id"])
        observations = {one for message in payload["messages"].items() for one in self._message(message, payload)}
        observations.update(self._session(kind, payload))
        return Delivery(f"{self._prefix}rocketchat-{room}", f"{self._prefix}rocketchat", frozenset(observations))

    def _message(self, message: Node, payload: Node) -> Iterator[Observation]:
        at = _millis(message["ts"])
        key = _key(message, at)
        if message["navigation"].is_there:
            url = message["navigation"]["page"].object()["location"].object()["href"].text()
            if _is_url(url):
                yield Visit(key, at, url)
        elif not message["closingMessage"].flag():
            yield Message(key, at, self._sender_of(message, payload["visitor"]))

    def _sender_of(self, message: Node, visitor: Node) -> events.SenderName:
        """An agent is named where the user name is not the visitor's: also for a visitor who was renamed since."""
        agent, author = message["agentId"], message["u"].object()
        if not agent.is_there or (visitor["_id"].value and visitor["_id"].value in (agent.value, author["_id"].value)):
            return "contact"
        is_bot = self._is_bot(agent.text(), author["username"].text() or message["username"].text())
        return "bot" if is_bot else "operator"

    def _is_bot(self, identifier: str, name: str) -> bool:
        return not self._bots.isdisjoint({identifier, name}) or name.endswith(_APP_SUFFIX)

    def _session(self, kind: str, payload: Node) -> Iterator[Observation]:
        """What it shows beside the messages."""
        newest = _newest(payload)
        old, served = payload["oldServedBy"].object(), payload["servedBy"].object()
        previous = self._operator(old) if old.is_there else None
        yield from self._served(old, newest)
        yield from self._served(served, newest, previous)
        if kind == _CLOSED:
            yield from self._closing(payload, newest)
        elif kind == _EDITED:
            # After the closing, but nobody says when.
            if (closing := _closing_message(payload)).is_there:
                yield Change(LABELS, _millis(closing["ts"]) + 1, "exact", _tags(payload))
        else:
            yield from self._department(kind, payload, newest)
        if kind == _QUEUED:
            yield Change(OPERATOR, newest, "whole", "")
        if kind in {_START, _TAKEN, _MESSAGE}:
            yield Change(LABELS, newest, "exact", _tags(payload))

    def _closing(self, payload: Node, newest: int) -> Iterator[Observation]:
        at = newest
        for told in (_closing_message(payload)["ts"], payload["closedAt"]):
            at = _millis(told) if told.is_there else at
        yield Change(STATUS, at, "exact", RESOLVED)
        yield Change(LABELS, at, "exact", _tags(payload))
        if payload["departmentId"].is_there:
            yield Change(GROUP, at - 1, "exact", self._group(payload["departmentId"]))
        agent = payload["agent"].object()
        if not payload["servedBy"].object().is_there and agent.is_there:
            # Of a version that does not say since when; at the latest since the first answer.
            answers = [
                _millis(one["ts"]) for one in payload["messages"].items() if one["agentId"].value == agent["_id"].value
            ]
            yield Change(OPERATOR, min([at, *answers]) - 1, "exact", self._operator(agent))

    def _served(self, served: Node, otherwise: int, previous: str | None = None) -> Iterator[Observation]:
        """Who serves the chat. Rocket.Chat gives a chat to agents who are there, or lets them take it."""
        if not served.is_there:
            return
        at = _millis(served["ts"]) if served["ts"].is_there else otherwise
        operator = self._operator(served)
        yield Change(OPERATOR, at, "exact", operator, previous if previous != operator else None)
        if operator:
            yield Presence(at, online=True)

    def _department(self, kind: str, payload: Node, newest: int) -> Iterator[Observation]:
        if not payload["departmentId"].is_there:
            return
        group, old = self._group(payload["departmentId"]), payload["oldDepartmentId"]
        previous = self._group(old) if old.is_there else None
        if kind == _FORWARDED:
            # After the agent of the new department has taken the chat, still for the old one.
            yield Change(GROUP, newest + 1, "exact", group, previous)
        elif kind == _START:
            yield Change(GROUP, _millis(payload["createdAt"]), "exact", group)
        elif kind != _MESSAGE:
            yield Change(GROUP, newest, "exact", group)

    def _operator(self, user: Node) -> str:
        """The id of an operator; empty for a bot."""
        identifier = user["_id"].identifier()
        return "" if self._is_bot(identifier, user["username"].text()) else f"{self._prefix}agent-{identifier}"

    def _group(self, department: Node) -> str:
        return f"{self._prefix}department-{department.identifier()}"


TYPE: Final = PlatformType("rocketchat", RocketChat, {"bot_agents": str})


def _closing_message(payload: Node) -> Node:
    """The comment with which the chat was closed; where there is none, what is not there."""
    closing = [message for message in payload["messages"].items() if message["closingMessage"].flag()]
    return closing[-1] if closing else Node(None, "messages")


def _newest(payload: Node) -> int:
    """The newest instant that is shown: the payload is not older, and hardly ever much newer."""
    nodes = [payload[name] for name in ("createdAt", "lastMessageAt")]
    nodes += [payload[name].object()["ts"] for name in ("servedBy", "oldServedBy")]
    nodes += [message["ts"] for message in payload["messages"].items()]
    found = [_millis(node) for node in nodes if node.is_there]
    return max(found) if found else _millis(payload["createdAt"])


def _room(node: Node) -> str:
    """The id of a room. Whoever opens a chat may choose it: what cannot be an id of ours is told by its digest."""
    text = node.value.strip() if isinstance(node.value, str) else node.identifier()
    if not text:
        raise PayloadError(f"{node.path} is missing")
    return text if text.isprintable() and len(text.encode()) <= _ROOM_BYTES_MAX else _digest(text)


def _key(message: Node, at: int) -> str:
    """The id of a message, which a visitor may choose too; older versions give none."""
    node = message["_id"]
    if node.value is None or node.value == "":
        return _digest(at, message["agentId"].value)
    return _room(node)


def _tags(payload: Node) -> str:
    """Those that are set; where there are none, the field is left out."""
    found = {tag.name() for tag in payload["tags"].items()}
    return SEPARATOR.join(sorted(found - {""}))


def _is_url(text: str) -> bool:
    """Whether Telwerk matches it against goals."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and text.isprintable()
            and " " not in text
            and len(text.encode()) <= _URL_BYTES_MAX
        )
    except ValueError:
        return False


def _digest(*value: object) -> str:
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:24]


def _millis(node: Node) -> int:
    return (node.instant() - _EPOCH) // _MILLISECOND
