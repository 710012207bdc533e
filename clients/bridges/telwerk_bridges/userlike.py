"""Userlike, also called Lime Connect: what the callbacks of its API add-on tell.

The types and events are those of its documentation, "API Add-on" (https://docs.userlike.com/developers/api/add-on; the
headers that one may add stand in https://docs.userlike.com/de/features/add-ons/api-add-on). Of the fields, those of the
former format (`chat_meta`) follow samples that were published with an integration (https://github.com/grokify/chathooks,
docs/handlers/userlike), and `topics` and `transcript` the documentation of the Lime package
(https://lime-limepkg-userlike.readthedocs-hosted.com/en/latest/technical). What the present format calls the same is
from memory and unverified: each field is read by any of the names below, and a delivery that has none where one must be
is answered with 422 and the name.

Sessions and messages have instants. Whatever else a callback tells happened when it is received: a forwarding, a
rating, feedback, an answered survey, a goal, and that an operator came or went. Where a conversation says when it was
ended, it ended then.

    chat_session, any event     start and end of the session, the messages so far, topics, the operator who is shown
    chat_session forward        operator and group
    chat_session rating, feedback, survey, goal   one of each
    conversation ended          the end; a later session or message of the contact resumes it
    operator online, back, offline, away   whether a conversation is live

Ids: a widget is `userlike-widget-9`, an operator `userlike-operator-5`, a group `userlike-group-14`, a goal `goal-3`; a
topic and an option of a survey go by the text that the account gave them. A bot is nobody.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from telwerk import events
from telwerk_bridges.observations import (
    CONTACT,
    GROUP,
    LABELS,
    OPEN,
    OPERATOR,
    RESOLVED,
    SEPARATOR,
    STATUS,
    Answer,
    Attendance,
    Form,
    Goal,
    Message,
    Observation,
)
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import Delivery, OperatorStatus, PlatformType, SignatureError
from telwerk_bridges.register import Change

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)

_SESSIONS: Final = frozenset({"chat_session", "chat_meta"})
_MESSAGES: Final = frozenset({"message_received", "message_sent"})
_ENDS: Final = frozenset({"end", "unread", "receive"})
_UNDATED: Final = frozenset({"forward", "rating", "feedback", "survey", "goal"})
_SESSION_EVENTS: Final = frozenset({"start"}) | _MESSAGES | _ENDS | _UNDATED
_THERE: Final[Mapping[str, bool]] = {"online": True, "back": True, "offline": False, "away": False}

_CONVERSATION: Final = ("um_conversation", "conversation")
_WIDGET: Final = ("um_widget", "chat_widget", "widget")
_GOAL: Final = ("um_widget_goal", "chat_widget_goal", "goal")
_SENT_AT: Final = ("created_at", "sent_at")
_SENDERS: Final[Mapping[str, events.SenderName]] = {
    "contact": "contact",
    "client": "contact",
    "co": "contact",
    "operator": "operator",
    "oc": "operator",
}
"""`co` is what a client says to an operator, `oc` the opposite."""
_STARS_MAX: Final = 5
_TEXT_BYTES_MAX: Final = 64


class Userlike:
    """See the module.

    `secrets` are those that the add-on sends in the header `Authorization: Bearer SECRET`, or as the password in the
    callback's address. `bot_operators` are the numbers of operators who are none. `prefix` stands before every id.
    """

    def __init__(self, *secrets: str, bot_operators: Collection[int] = (), prefix: str = "") -> None:
        self._secrets = [secret.strip().encode() for secret in secrets]
        self._bots = frozenset(str(number) for number in bot_operators)
        self._prefix = prefix

    def verify(self, headers: Mapping[str, str], body: bytes, now_seconds: float) -> None:  # noqa: ARG002 - neither is signed
        """As `Platform.verify`: the secret itself comes with the delivery, and no time."""
        told = _secret_of(headers.get("authorization", ""))
        # All are compared, whichever it is.
        if True not in [hmac.compare_digest(secret, told) for secret in self._secrets]:
            raise SignatureError("authorization is not that of this add-on: Bearer and the secret")

    def read(self, payload: Node, received_at: int) -> Delivery | OperatorStatus | None:
        """As `Platform.read`."""
        kind, event = payload["_type"].text(), payload["_event"].text()
        if kind == "operator" and event in _THERE:
            return OperatorStatus(self._id("operator", payload["id"]), received_at, _THERE[event])
        if kind in _SESSIONS and event in _SESSION_EVENTS:
            session = payload["id"].identifier()
            conversation = _part(payload, _CONVERSATION)
            name = conversation.identifier() if conversation.is_there else f"session-{session}"
            found = frozenset(self._session(payload, event, session, received_at))
        elif (kind, event) == ("conversation", "ended"):
            name, found = payload["id"].identifier(), frozenset(self._ended(payload, received_at))
        else:
            return None
        widget = _part(payload, _WIDGET)
        # A conversation may be shown without its widget, a session never.
        widget_id = self._id("widget", widget) if widget.is_there else ""
        if not widget_id and kind in _SESSIONS:
            widget_id = f"{self._prefix}userlike-widget"
        return Delivery(f"{self._prefix}userlike-{name}", widget_id, found, follows_operators=True)

    def _session(self, payload: Node, event: str, session: str, received_at: int) -> Iterator[Observation]:
        began = _millis(payload["created_at"])
        yield Attendance(CONTACT, began, there=True)
        yield Change(STATUS, began, "exact", OPEN, OPEN)
        messages = list(self._messages(payload, session))
        if event in _MESSAGES and not messages:
            sender: events.SenderName = "contact" if event == "message_received" else "operator"
            messages = [Message(_key(payload), received_at, sender)]
        yield from messages
        for message in messages:
            if message.sender == "contact":
                yield Change(STATUS, message.at, "exact", OPEN, OPEN)
        ended_at = _millis(payload["ended_at"]) if payload["ended_at"].is_there else None
        if ended_at is not None or event in _ENDS:
            yield Attendance(CONTACT, received_at if ended_at is None else ended_at, there=False)
        if payload["operator_created"].is_there:
            yield from self._assigned(payload["operator_created"], began, "exact", "")
        state_at = max([began, ended_at or began, *(message.at for message in messages)])
        if event in _UNDATED or (event in _ENDS and ended_at is None):
            yield from self._state(payload, received_at, _key(payload), is_assigned=event == "forward")
        else:
            yield from self._state(payload, began if event == "start" else state_at, "", is_assigned=event == "start")
        if payload["pre_survey_option"].is_there:
            yield from _form(session, began, "before", "pre_survey", payload["pre_survey_option"])
        yield from _happened(payload, event, session, received_at)

    def _ended(self, payload: Node, received_at: int) -> Iterator[Observation]:
        ended_at = _first(payload, ("ended_at", "closed_at"))
        at, key = (_millis(ended_at), "") if ended_at.is_there else (received_at, _key(payload))
        messages = list(self._messages(payload, ""))
        yield from messages
        yield Change(STATUS, at, "exact", RESOLVED, key=key)
        yield from self._state(payload, at, key)

    def _state(self, payload: Node, at: int, key: str, *, is_assigned: bool = False) -> Iterator[Observation]:
        """What the callback shows: as of its newest instant, or of its arrival."""
        operator = payload["operator_current"]
        if is_assigned:
            yield from self._assigned(operator, at, "exact", key)
        elif operator.is_there:
            yield from self._assigned(operator, at, "shown", key)
        if _first(payload, ("topics", "topic")).is_there:
            yield Change(LABELS, at, "whole", _topics(_first(payload, ("topics", "topic"))), key=key)

    def _assigned(self, operator: Node, at: int, told: str, key: str) -> Iterator[Change]:
        number, group = operator["id"], operator["operator_group"].object()["id"]
        is_bot = operator["is_bot"].value is True or (number.is_there and number.identifier() in self._bots)
        operator_id = self._id("operator", number) if number.is_there and not is_bot else ""
        group_id = self._id("group", group) if group.is_there else ""
        for register, value in ((OPERATOR, operator_id), (GROUP, group_id)):
            yield Change(register, at, "exact" if told == "exact" else "shown", value, key=key)

    def _messages(self, payload: Node, session: str) -> Iterator[Message]:
        """Those with an instant; of those without an id, equal ones go by their order."""
        counts: dict[str, int] = {}
        listed = next((payload[name] for name in ("messages", "transcript") if payload[name].is_there), None)
        shown = list(listed.items()) if listed else [payload["message"].object()]
        for message in shown:
            sent_at, sender = _first(message, _SENT_AT), self._sender(message)
            if not sent_at.is_there or sender is None:
                continue
            at = _millis(sent_at)
            if message["id"].is_there:
                yield Message(message["id"].identifier(), at, sender)
            elif session:
                number = f"{session}-{at}-{sender}"
                counts[number] = counts.get(number, 0) + 1
                yield Message(f"{number}-{counts[number]}", at, sender)

    def _sender(self, message: Node) -> events.SenderName | None:
        said = _first(message, ("sender_type", "type"))
        kind = said.text().lower()
        operator = message["operator"].object()["id"] if message["operator"].is_there else message["operator_id"]
        if "bot" in kind or (operator.is_there and operator.identifier() in self._bots):
            return "bot"
        if said.is_there:
            return _SENDERS.get(kind)
        return "operator" if message["operator_name"].text() else "contact"

    def _id(self, what: str, number: Node) -> str:
        return f"{self._prefix}userlike-{what}-{number.identifier()}"


TYPE: Final = PlatformType("userlike", Userlike, {"bot_operators": int})


def _secret_of(header: str) -> bytes:
    """What stands after Bearer, or the password after Basic."""
    scheme, _, told = header.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return told.strip().encode("latin-1", "replace")
        case "basic":
            try:
                return base64.b64decode(told.strip(), validate=True).partition(b":")[2]
            except (binascii.Error, ValueError):
                return b""
        case _:
            return b""


def _happened(payload: Node, event: str, session: str, at: int) -> Iterator[Observation]:
    """What the event itself is about; one rating and one feedback a session, the last."""
    match event:
        case "rating":
            stars = _first(payload, ("rating", "rate")).number()
            if not 1 <= stars <= _STARS_MAX:
                raise PayloadError("rating is not a number of stars from 1 to 5")
            yield Answer(session, at, stars, feedback=False)
        case "feedback":
            yield Answer(f"{session}-feedback", at, 0, feedback=True)
        case "survey":
            option = _first(payload, ("post_survey_option", "survey_option"))
            if not option.is_there:
                raise PayloadError("post_survey_option is missing")
            yield from _form(session, at, "after", "post_survey", option)
        case "goal":
            yield Goal(session, at, f"goal-{_part(payload, _GOAL).identifier()}")


def _form(session: str, at: int, asked: str, question: str, option: Node) -> Iterator[Form]:
    """An option is the account's own: by its id, or by its text. One without a text says nothing."""
    if named := _named(option):
        answers = f"{question}{SEPARATOR}{named}"
        yield Form(session, at, "before" if asked == "before" else "after", answers)


def _topics(node: Node) -> str:
    """A set of topics as a text."""
    listed = list(node.items()) if isinstance(node.value, list) else [node]
    return SEPARATOR.join(sorted({_named(one, ("text", "name", "id")) for one in listed if one.is_there} - {""}))


def _named(node: Node, names: tuple[str, ...] = ("id", "name", "text")) -> str:
    """An id, a short text, or a digest of a long one."""
    told = _first(node, names) if isinstance(node.value, dict) else node
    if not isinstance(told.value, str):
        return told.identifier()
    text = told.name()
    return text if len(text.encode()) <= _TEXT_BYTES_MAX else _digest(text)


def _first(node: Node, names: tuple[str, ...]) -> Node:
    """The first field that is there; else the first."""
    return next((node[name] for name in names if node[name].is_there), node[names[0]])


def _part(payload: Node, names: tuple[str, ...]) -> Node:
    """The id of a part that is shown as an object, or by its id alone."""
    found = [payload[name].object()["id"] for name in names] + [payload[f"{name}_id"] for name in names]
    return next((one for one in found if one.is_there), found[0])


def _key(payload: Node) -> str:
    """Of the callback: the add-on repeats what was not answered."""
    return _digest(json.dumps(payload.value, sort_keys=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _millis(at: Node) -> int:
    return (at.instant() - _EPOCH) // _MILLISECOND
