"""Chatwoot: what its account webhooks tell.

Follows Chatwoot's user guide, "How to use webhooks?" (https://www.chatwoot.com/hc/user-guide/articles/1677693021-how-to-use-webhooks),
the page "Webhook Events" of its documentation and its public source; signatures as in Chatwoot 4.11.2 and later.

Chatwoot builds a payload when a job of its queue runs, not when something happens: the payload shows the state of that
moment, and `updated_at` is how new that state is. What happened is in `changed_attributes`; they have the instant of
the change too where `updated_at` is among them (`conversation_updated`), else it was at `updated_at` or before.

    message_created, message_updated   somebody sent a message; an answered satisfaction survey
    conversation_updated, _status_changed   changes of status, assignee, team and labels
    conversation_created               who it is assigned to, and its labels, when its state was that new
    any of them, on a website          whether the assigned agent is online

Ids: an inbox is a widget (`inbox-1`), an agent an operator (`agent-7`, never a name), a team a group (`team-3`), a
label a topic. A bot is nobody. Instants are cut to milliseconds, for `changed_attributes` have no more.
"""

import hashlib
import hmac
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from telwerk import events
from telwerk_bridges.observations import (
    GROUP,
    LABELS,
    OPERATOR,
    SEPARATOR,
    STATUS,
    Answer,
    Message,
    Observation,
    Presence,
)
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import Delivery, PlatformType, SignatureError
from telwerk_bridges.register import Change

FRESH_SECONDS: Final = 300
"""How old a delivery may be; Chatwoot signs each attempt anew."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_WEBSITE: Final = "Channel::WebWidget"
_MESSAGE_TYPES: Final = ("incoming", "outgoing", "activity", "template")
_STATUSES: Final = ("open", "resolved", "pending", "snoozed")
"""By the numbers that some payloads have in place of names."""
_PEOPLE: Final = frozenset({"", "user"})
_LABEL_NAMES: Final = ("label_list", "labels", "cached_label_list")
STARS_MAX: Final = 5


class Chatwoot:
    """See the module.

    `secrets` are those of the webhooks that deliver here: of several webhooks, or of before and after a rotation.
    `bot_agents` are the numbers of agents who are none: a bot uses their access token. `inboxes`, if given, are the
    only ones that count. `prefix` stands before every id, to keep installations and accounts apart.
    """

    def __init__(
        self,
        *secrets: str,
        bot_agents: Collection[int] = (),
        inboxes: Collection[int] = (),
        prefix: str = "",
    ) -> None:
        self._secrets = [secret.strip().encode() for secret in secrets]
        self._bot_agents = frozenset(bot_agents)
        self._inboxes = frozenset(inboxes)
        self._prefix = prefix

    def verify(self, headers: Mapping[str, str], body: bytes, now_seconds: float) -> None:
        """As `Platform.verify`: an HMAC-SHA256 over the time of sending, a dot, and the body."""
        timestamp = headers.get("x-chatwoot-timestamp", "").strip()
        signature = headers.get("x-chatwoot-signature", "").strip().encode()
        signed = timestamp.encode() + b"." + body
        proofs = [b"sha256=" + hmac.digest(secret, signed, hashlib.sha256).hex().encode() for secret in self._secrets]
        # All are compared, whichever it is.
        if True not in [hmac.compare_digest(proof, signature) for proof in proofs]:
            raise SignatureError("x-chatwoot-signature is not that of this webhook's secret")
        if not timestamp.isascii() or not timestamp.isdigit() or abs(now_seconds - int(timestamp[:20])) > FRESH_SECONDS:
            raise SignatureError(f"x-chatwoot-timestamp is more than {FRESH_SECONDS} s from now")

    def read(self, payload: Node, received_at: int) -> Delivery | None:  # noqa: ARG002 - the payload has every instant
        """As `Platform.read`."""
        match payload["event"].text():
            case "message_created" if _sender_of(payload, self._bot_agents) is not None:
                conversation, observe = payload["conversation"], self._message
            case "message_updated" if _is_survey(payload):
                conversation, observe = payload["conversation"], self._survey
            case "conversation_created" | "conversation_updated" | "conversation_status_changed":
                conversation, observe = payload, self._conversation
            case _:
                return None
        number = _first(conversation["id"], conversation["display_id"]).number()
        inbox = conversation["inbox_id"].number()
        observations = frozenset(observe(payload))
        if self._inboxes and inbox not in self._inboxes:
            return None
        return Delivery(f"{self._prefix}chatwoot-{number}", f"{self._prefix}inbox-{inbox}", observations)

    def _message(self, payload: Node) -> Iterator[Observation]:
        at = _millis(payload["created_at"].instant())
        sender = _sender_of(payload, self._bot_agents)
        if sender is not None:
            echoed = payload["content_attributes"].object()["external_created_at"]
            sent_at = min(at, _millis(echoed.instant())) if echoed.is_there and sender == "operator" else at
            yield Message(payload["id"].number(), sent_at, sender)
        yield from self._presence(payload["conversation"], at)

    def _survey(self, payload: Node) -> Iterator[Observation]:
        at = _millis(payload["created_at"].instant())
        yield from _answer(payload, at)
        yield from self._presence(payload["conversation"], at)

    def _conversation(self, payload: Node) -> Iterator[Observation]:
        state_at = _state_at(payload)
        if state_at is None:
            # Names the field that is missing.
            state_at = _millis(_first(payload["updated_at"], payload["created_at"]).instant())
        changed = _changed_attributes(payload)
        exact = _changed_at(changed)
        shown = self._shown(payload)
        for register, (previous, current) in self._changes(changed, payload, shown).items():
            if exact is not None:
                yield Change(register, exact, "exact", current, previous)
            else:
                yield Change(register, state_at, "late", current, previous, shown[register])
        is_whole = not changed
        for register in (OPERATOR, GROUP, LABELS):
            if is_whole or shown[register]:
                yield Change(register, state_at, "whole" if is_whole else "shown", shown[register])
        if is_whole and payload["event"].text() == "conversation_status_changed":
            yield Change(STATUS, state_at, "whole", shown[STATUS])
        yield from self._presence(payload, state_at)

    def _changes(
        self, changed: Mapping[str, Node], payload: Node, shown: Mapping[str, str]
    ) -> Mapping[str, tuple[str | None, str]]:
        """By register, what it was and what it became. Where that is not said, what is shown."""
        found: dict[str, tuple[str | None, str]] = {}
        if "status" in changed:
            found[STATUS] = _pair(changed["status"], _status, shown[STATUS])
        if "assignee_id" in changed:
            found[OPERATOR] = _pair(changed["assignee_id"], lambda node: self._agent(node, payload), shown[OPERATOR])
        elif "assignee_agent_bot_id" in changed:
            is_bot = changed["assignee_agent_bot_id"]["current_value"].is_there
            found[OPERATOR] = None, "" if is_bot else shown[OPERATOR]
        if "team_id" in changed:
            found[GROUP] = _pair(changed["team_id"], self._team, shown[GROUP])
        for name in _LABEL_NAMES:
            if name in changed:
                found[LABELS] = _pair(changed[name], _labels, shown[LABELS])
                break
        return found

    def _shown(self, payload: Node) -> Mapping[str, str]:
        meta = payload["meta"]
        agent = self._agent(meta["assignee"]["id"], payload) if meta["assignee"].is_there else ""
        team = self._team(meta["team"]["id"]) if meta["team"].is_there else ""
        return {
            STATUS: _status(payload["status"]),
            OPERATOR: agent if self._is_agent(meta) else "",
            GROUP: team,
            LABELS: _labels(payload["labels"]),
        }

    def _agent(self, node: Node, payload: Node) -> str:
        """The id of an operator; empty for nobody and for bots, as far as the payload shows who that is."""
        if not node.is_there:
            return ""
        number, meta = node.number(), payload["meta"]
        is_shown = meta["assignee"].is_there and meta["assignee"]["id"].value == node.value
        return "" if is_shown and not self._is_agent(meta) else self.operator_id(number)

    def operator_id(self, number: int) -> str:
        """Of the agent with that number; empty for one who is a bot by the settings."""
        return "" if number in self._bot_agents else f"{self._prefix}agent-{number}"

    def _team(self, node: Node) -> str:
        return f"{self._prefix}team-{node.number()}" if node.is_there else ""

    def _presence(self, conversation: Node, at: int) -> Iterator[Presence]:
        """Not before `at`, however old the state of the conversation itself is."""
        meta = conversation["meta"]
        if conversation["channel"].text() != _WEBSITE or not self._is_agent(meta):
            return
        if availability := meta["assignee"]["availability_status"].text():
            yield Presence(max(_state_at(conversation) or at, at), availability == "online")

    def _is_agent(self, meta: Node) -> bool:
        """Whether a person is assigned, rather than a bot or nobody."""
        assignee = meta["assignee"]
        if not assignee.is_there or not assignee["id"].is_there or meta["assignee_type"].text().lower() not in _PEOPLE:
            return False
        return assignee["type"].text().lower() in _PEOPLE and assignee["id"].number() not in self._bot_agents


TYPE: Final = PlatformType("chatwoot", Chatwoot, {"bot_agents": int, "inboxes": int})


def _sender_of(message: Node, bot_agents: Collection[int]) -> events.SenderName | None:
    """Who sent it; None for what is no message to or from the contact."""
    kind = _named(message["message_type"], _MESSAGE_TYPES)
    if message["private"].flag():
        return None
    match kind:
        case "incoming":
            return "contact"
        case "outgoing" if _is_of_person(message, bot_agents):
            return "operator"
        case "outgoing" | "template":
            return "bot"
        case _:
            return None


def _is_of_person(message: Node, bot_agents: Collection[int]) -> bool:
    """Whether a person wrote it, in Chatwoot or in the app of the channel; campaigns and rules go by a user's name."""
    content, additional = (message[name].object() for name in ("content_attributes", "additional_attributes"))
    if any(one[name].is_there for one in (content, additional) for name in ("campaign_id", "automation_rule_id")):
        return False
    sender = message["sender"]
    types = {sender["type"].text().lower(), message["sender_type"].text().lower()}
    if not types <= _PEOPLE or (sender["id"].is_there and sender["id"].number() in bot_agents):
        return False
    return sender.is_there or content["external_echo"].value is True


def _is_survey(message: Node) -> bool:
    return message["content_type"].value == "input_csat"


def _answer(payload: Node, created_at: int) -> Iterator[Answer]:
    """An answered survey; its message is changed by that, and nothing else says when."""
    # Forms have a list here.
    answer = payload["content_attributes"].object()["submitted_values"].object()["csat_survey_response"].object()
    if not answer.is_there:
        return
    number, conversation = payload["id"].number(), payload["conversation"]
    changed = [one["updated_at"] for one in conversation["messages"].items() if one["id"].value == payload["id"].value]
    at = _millis(changed[0].instant()) if changed and changed[0].is_there else _state_at(conversation) or created_at
    stars = answer["rating"].number() if answer["rating"].is_there else 0
    yield Answer(number, at, stars if 1 <= stars <= STARS_MAX else 0, bool(answer["feedback_message"].text().strip()))


def _changed_attributes(payload: Node) -> dict[str, Node]:
    """The changes by name; several in one element are several."""
    told = payload["changed_attributes"]
    changes = [told] if isinstance(told.value, dict) else [change for change in told.items() if change.is_there]
    return {name: change[name].object() for change in changes for name in _names(change)}


def _changed_at(changed: Mapping[str, Node]) -> int | None:
    """The instant of the changes, where they have a readable one."""
    try:
        return _millis(changed["updated_at"]["current_value"].instant())
    except (KeyError, PayloadError):
        return None


def _names(node: Node) -> Sequence[str]:
    return list(node.value) if isinstance(node.value, dict) else []


def _pair(change: Node, read: Callable[[Node], str], shown: str) -> tuple[str | None, str]:
    names = _names(change)
    previous = read(change["previous_value"]) if "previous_value" in names else None
    return previous, read(change["current_value"]) if "current_value" in names else shown


def _status(node: Node) -> str:
    return _named(node, _STATUSES)


def _labels(node: Node) -> str:
    """A set of labels as a text."""
    if isinstance(node.value, str):
        found = {label.strip() for label in node.name().split(",")}
    else:
        found = {label.name() for label in node.items()}
    return SEPARATOR.join(sorted(found - {""}))


def _named(node: Node, names: Sequence[str]) -> str:
    value = node.value
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < len(names):
        return names[value]
    return node.text()


def _state_at(conversation: Node) -> int | None:
    """How new the shown state is; at the end of the second of its last activity where a payload says no better."""
    if conversation["updated_at"].is_there:
        return _millis(conversation["updated_at"].instant())
    if conversation["timestamp"].is_there:
        return _millis(conversation["timestamp"].instant()) // 1_000 * 1_000 + 999
    return None


def _first(*nodes: Node) -> Node:
    """The first that is there; else the first."""
    return next((node for node in nodes if node.is_there), nodes[0])


def _millis(at: datetime) -> int:
    return (at - _EPOCH) // _MILLISECOND
