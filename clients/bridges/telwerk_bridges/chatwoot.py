"""Chatwoot: what its account webhooks say, as events.

Follows Chatwoot's user guide, "How to use webhooks?" (https://www.chatwoot.com/hc/user-guide/articles/1677693021-how-to-use-webhooks)
and the page "Webhook Events" of its documentation; signatures as in Chatwoot 4.11.2 and later.

    message_created               contact, operator or bot sent a message; private notes and activities are none.
                                  By a contact, in a website's inbox, whose assigned agent is online: live.
    conversation_created          who it is assigned to, and its labels
    conversation_updated          the same, where they changed
    conversation_status_changed   resolved: ended; open again: resumed
    message_updated               an answered satisfaction survey: a rating, and feedback where there is some

Ids: an inbox is a widget (`inbox-1`), an agent an operator (`agent-7`, never a name), a team a group (`team-3`), a
label a topic. An agent bot is nobody.

**Our readings.** Chatwoot does not say whether a contact is still there: a conversation is live from a contact's
message on. A survey counts when it was answered: the same stars a second time are the same rating, other stars are
another one, and feedback counts once.
"""

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from telwerk import events
from telwerk.v1.event_pb2 import Event
from telwerk_bridges.payload import Node
from telwerk_bridges.platform import SignatureError

FRESH_SECONDS: Final = 300
"""How old a delivery may be; Chatwoot signs each attempt anew."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_WEBSITE: Final = "Channel::WebWidget"
_MESSAGE_TYPES: Final = ("incoming", "outgoing", "activity", "template")
"""By the numbers that some payloads have in place of names."""


class Chatwoot:
    """See the module. `secret` is the webhook's own, shown where it is set up."""

    def __init__(self, secret: str) -> None:
        self._secret = secret.encode()

    def verify(self, headers: Mapping[str, str], body: bytes, now_seconds: float) -> None:
        """As `Platform.verify`: an HMAC-SHA256 over the time of sending, a dot, and the body."""
        timestamp = headers.get("x-chatwoot-timestamp", "")
        signed = timestamp.encode() + b"." + body
        expected = "sha256=" + hmac.new(self._secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected.encode(), headers.get("x-chatwoot-signature", "").encode()):
            raise SignatureError("x-chatwoot-signature is not that of this webhook's secret")
        if not timestamp.isascii() or not timestamp.isdigit() or abs(now_seconds - int(timestamp)) > FRESH_SECONDS:
            raise SignatureError(f"x-chatwoot-timestamp is more than {FRESH_SECONDS} s from now")

    def events(self, payload: Node) -> Sequence[Event]:
        """As `Platform.events`."""
        translate = _TRANSLATIONS.get(payload["event"].text())
        return list(translate(payload)) if translate else []


def _message_created(payload: Node) -> Iterator[Event]:
    sender = _sender_of(payload)
    if sender is None:
        return
    conversation, message = payload["conversation"], payload["id"].number()
    said = _Said(conversation, payload["created_at"].instant())
    yield said(events.message_sent, f"message-{message}", sender=sender)
    if sender == "contact" and conversation["channel"].text() == _WEBSITE and _agent_is_online(conversation):
        yield said(events.went_live, f"live-{message}")


def _conversation_created(payload: Node) -> Iterator[Event]:
    said = _Said(payload, _first(payload["created_at"], payload["timestamp"]).instant())
    if payload["meta"]["assignee"].is_there or payload["meta"]["team"].is_there:
        yield _assigned(said, payload)
    if any(payload["labels"].items()):
        yield _labelled(said, payload)


def _conversation_updated(payload: Node) -> Iterator[Event]:
    said = _Said(payload, _changed_at(payload))
    changed = _changed_attributes(payload)
    # Where a payload does not say what changed, everything is said again: what is as it was changes no count.
    if not changed or changed & {"assignee_id", "assignee_agent_bot_id", "team_id"}:
        yield _assigned(said, payload)
    if not changed or changed & {"label_list", "labels", "cached_label_list"}:
        yield _labelled(said, payload)


def _status_changed(payload: Node) -> Iterator[Event]:
    at = _changed_at(payload)
    said = _Said(payload, at)
    was = [change["status"]["previous_value"].text() for change in payload["changed_attributes"].items()]
    match payload["status"].text():
        case "resolved":
            yield said(events.ended, f"ended-{_micros(at)}")
        case "open" if not any(was) or "resolved" in was:
            yield said(events.resumed, f"resumed-{_micros(at)}")


def _survey_answered(payload: Node) -> Iterator[Event]:
    answer = payload["content_attributes"]["submitted_values"]["csat_survey_response"]
    if payload["content_type"].text() != "input_csat" or not answer.is_there:
        return
    message = payload["id"].number()
    said = _Said(payload["conversation"], _answered_at(payload, message))
    if answer["rating"].is_there:
        stars = answer["rating"].number()
        yield said(events.rated, f"rating-{message}-{stars}", stars=stars)
    if answer["feedback_message"].text():
        yield said(events.feedback_left, f"feedback-{message}")


_TRANSLATIONS: Final[Mapping[str, Callable[[Node], Iterator[Event]]]] = {
    "message_created": _message_created,
    "conversation_created": _conversation_created,
    "conversation_updated": _conversation_updated,
    "conversation_status_changed": _status_changed,
    "message_updated": _survey_answered,
}


class _Said:
    """Builds events of one conversation at one instant."""

    def __init__(self, conversation: Node, at: datetime) -> None:
        number = _first(conversation["id"], conversation["display_id"]).number()
        self._conversation_id = f"chatwoot-{number}"
        self._widget_id = f"inbox-{conversation['inbox_id'].number()}"
        self.at = at

    def __call__(self, build: Callable[..., Event], event_id: str, **kind: object) -> Event:
        return build(self._conversation_id, widget=self._widget_id, at=self.at, event_id=event_id, **kind)


def _assigned(said: _Said, conversation: Node) -> Event:
    meta = conversation["meta"]
    operator = f"agent-{meta['assignee']['id'].number()}" if _is_agent(meta) else ""
    group = f"team-{meta['team']['id'].number()}" if meta["team"].is_there else ""
    return said(
        events.operator_assigned, _state_id("assigned", said.at, operator, group), operator=operator, group=group
    )


def _labelled(said: _Said, conversation: Node) -> Event:
    labels = sorted({label.text() for label in conversation["labels"].items()})
    # After an assignment of the same instant: the labels are of those who are assigned then.
    return said(events.topics_set, _state_id("labels", said.at, *labels), topics=labels, sequence=1)


def _state_id(kind: str, at: datetime, *state: str) -> str:
    """Of what is said, too: two changes may carry the same time."""
    digest = hashlib.sha256("\0".join(state).encode()).hexdigest()
    return f"{kind}-{_micros(at)}-{digest[:12]}"


def _sender_of(message: Node) -> events.SenderName | None:
    """Who sent it; None for what is no message to or from the contact."""
    kind = message["message_type"].value
    if isinstance(kind, int) and 0 <= kind < len(_MESSAGE_TYPES):
        kind = _MESSAGE_TYPES[kind]
    if message["private"].flag():
        return None
    match kind:
        case "incoming":
            return "contact"
        case "outgoing" if message["sender"].is_there and message["sender"]["type"].text() in {"", "user"}:
            return "operator"
        case "outgoing" | "template":
            return "bot"
        case _:
            return None


def _is_agent(meta: Node) -> bool:
    """Whether a person is assigned, rather than a bot or nobody."""
    is_bot = meta["assignee_type"].text() == "AgentBot" or meta["assignee"]["type"].text() not in {"", "user"}
    return meta["assignee"].is_there and not is_bot


def _agent_is_online(conversation: Node) -> bool:
    meta = conversation["meta"]
    return _is_agent(meta) and meta["assignee"]["availability_status"].text() == "online"


def _changed_attributes(payload: Node) -> set[str]:
    changes = [change.value for change in payload["changed_attributes"].items()]
    return {name for change in changes if isinstance(change, dict) for name in change}


def _changed_at(conversation: Node) -> datetime:
    """When the conversation was last changed; in seconds of its last activity where a payload says no better."""
    return _first(conversation["updated_at"], conversation["timestamp"]).instant()


def _answered_at(payload: Node, message: int) -> datetime:
    """When the survey was answered: its message is changed by that, and nothing else says when."""
    changed = [one["updated_at"] for one in payload["conversation"]["messages"].items() if one["id"].value == message]
    return changed[0].instant() if changed else _changed_at(payload["conversation"])


def _first(*nodes: Node) -> Node:
    """The first that is there; else the first."""
    return next((node for node in nodes if node.is_there), nodes[0])


def _micros(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)
