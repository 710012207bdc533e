"""Chatwoot's history: what its API shows of a past conversation, as the observations that its webhooks would give.

Follows Chatwoot's API reference (https://developers.chatwoot.com/api-reference/introduction) and its public source (the
views of conversations, messages, satisfaction surveys and reporting events). What the API shows:

    conversation          who it is assigned to now, its team, labels and status, and when any of it changed last
    messages              each message, its instant cut to seconds; of a status change, in recent versions, a note that
                          says so in `content_attributes`. All other notes of changes are prose in the account's
                          language ("Assigned to ...") and are not read
    reporting events      each time it was resolved or opened again, and who was assigned then and at replies; in the
                          Enterprise folder of recent versions, that is in all images but the `-ce` ones
    satisfaction surveys  the last answer, and when the first was given, and who was assigned then

Who was online is not shown: it is the present's. What else is not shown is counted (`UNKNOWN`).
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from telwerk_bridges.chatwoot import STARS_MAX, Chatwoot
from telwerk_bridges.observations import OPERATOR, RESOLVED, STATUS, Answer, Message, Observation, Presence
from telwerk_bridges.payload import Node
from telwerk_bridges.platform import Delivery
from telwerk_bridges.register import Change

UNKNOWN: Final = {
    "assignments": "conversations: of their assignments only those at some instants are known, and the last",
    "labels": "conversations with labels: they count at the conversation's last change, for since when is not known",
    "live": "conversations on websites: KPIs 3, 13, 14 and 16 have nothing of them, for who was online is not known",
    "ends": "ends that count at the conversation's last change, for their instant is not known",
    "resumptions": "resumptions without an instant: between two ends, or at the conversation's last change",
    "answers": "answers of surveys that count at the conversation's last change, for their instant is not known",
    "senders": "messages that count as a bot's, for their sender is not shown any more",
    "campaigns": "conversations begun by an agent: if by a campaign, it counts as the agent's message",
    "notes": "notes of changes, of which only a text in the account's language is known; they are not read",
}
"""What the API does not tell, by kind."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_SHOWS_ASSIGNED: Final = frozenset({"first_response", "reply_time", "conversation_resolved"})
_SECOND: Final = 1_000
_ACTIVITY: Final = frozenset({2, "activity"})
_OUTGOING: Final = frozenset({1, "outgoing"})
_SPOKEN: Final = _OUTGOING | {0, "incoming"}


@dataclass(frozen=True)
class Past:
    """A past conversation as the API shows it. Without `reports`, the API has none."""

    conversation: Node
    messages: Sequence[Node]
    answers: Sequence[Node] = ()
    reports: Sequence[Node] = ()


def read(chatwoot: Chatwoot, past: Past) -> tuple[Delivery, Counter[str]] | None:
    """What is told of it, and how often each kind of `UNKNOWN` comes; None where its inbox does not count.

    The same content gives the same observations.

    Raises:
        PayloadError: it is not what the API documents.
    """
    statuses = _statuses(past)
    shown = _payload(past.conversation)
    # Only an end, and what follows one, is told; by what is shown where nothing better says so.
    status, (last, _) = shown["status"].text(), _resumptions(statuses)
    event = "conversation_status_changed" if status != last and RESOLVED in {status, last} else "conversation_created"
    state = chatwoot.read(Node({**_fields(shown), "event": event}), 0)
    if state is None:
        return None
    found: set[Observation] = {one for one in state.observations if not isinstance(one, Presence)}
    for message in past.messages:
        found |= set(_message(chatwoot, message, shown))
    found |= set(statuses)
    found |= set(_assigned(chatwoot, past))
    for answer in past.answers:
        found.add(_answer(answer))
    delivery = replace(state, observations=frozenset(found))
    return delivery, _unknown(past, shown, statuses, found)


def _payload(conversation: Node) -> Node:
    """As a webhook shows it: the channel stands elsewhere, and messages that it repeats are not needed."""
    fields = {name: value for name, value in _fields(conversation).items() if name != "messages"}
    return Node({**fields, "channel": conversation["meta"]["channel"].value}, conversation.path)


def _fields(node: Node) -> dict[str, object]:
    return dict(node.value) if isinstance(node.value, dict) else {}


def _message(chatwoot: Chatwoot, message: Node, conversation: Node) -> Iterator[Observation]:
    """The message, and the survey's answer if it is an answered survey, each as its webhook would tell it."""
    fields = {**_fields(message), "conversation": conversation.value}
    for event in ("message_created", "message_updated"):
        told = chatwoot.read(Node({**fields, "event": event}, message.path), 0)
        for one in told.observations if told else ():
            if isinstance(one, Message | Answer):
                yield replace(one, imported=True)


def _statuses(past: Past) -> list[Change]:
    """Changes of status, of each source from its first end on: what goes before says nothing that is counted."""
    return [*_from_first_end(_reported(past.reports)), *_from_first_end(_logged(past.messages))]


def _from_first_end(changes: list[Change]) -> list[Change]:
    first = next((place for place, one in enumerate(changes) if one.current == RESOLVED), len(changes))
    return changes[first:]


def _reported(reports: Sequence[Node]) -> list[Change]:
    """In order."""
    statuses = {"conversation_resolved": RESOLVED, "conversation_opened": "open"}
    told = [(report, statuses.get(report["name"].text())) for report in reports]
    return sorted(
        Change(STATUS, _millis(report["event_end_time"]), "reported", status) for report, status in told if status
    )


def _logged(messages: Sequence[Node]) -> list[Change]:
    """In order; each at the end of its second, where what changed it lies before it.

    Several of one second follow by a millisecond each, so that a later import, which sees more of them, says the same.
    """
    notes = [one for one in messages if _noted_status(one)]
    notes.sort(key=lambda note: (_millis(note["created_at"]), note["id"].number()))
    seconds = [_millis(note["created_at"]) // _SECOND for note in notes]
    return [
        Change(STATUS, (second + 1) * _SECOND - 1 + seconds[:place].count(second), "logged", _noted_status(note))
        for place, (note, second) in enumerate(zip(notes, seconds, strict=True))
    ]


def _noted_status(message: Node) -> str:
    """The status that a note says, where it says so not in prose alone."""
    if message["message_type"].value not in _ACTIVITY:
        return ""
    activity = message["content_attributes"].object()["activity"].object()
    return activity["status"].text() if activity["type"].value == "conversation_status_changed" else ""


def _assigned(chatwoot: Chatwoot, past: Past) -> Iterator[Change]:
    """Who was assigned at some instants: just before their second, for messages are cut to seconds."""
    shown = [
        (report["user_id"], report["event_end_time"])
        for report in past.reports
        if report["name"].text() in _SHOWS_ASSIGNED
    ]
    shown += [(answer["assigned_agent"].object()["id"], answer["created_at"]) for answer in past.answers]
    for agent, instant in shown:
        operator = chatwoot.operator_id(agent.number()) if agent.is_there else ""
        if operator:
            yield Change(OPERATOR, _millis(instant) // _SECOND * _SECOND - 1, "shown", operator)


def _answer(answer: Node) -> Answer:
    stars = answer["rating"].number() if answer["rating"].is_there else 0
    given = bool(answer["feedback_message"].text().strip())
    counted = stars if 1 <= stars <= STARS_MAX else 0
    return Answer(answer["message_id"].number(), _millis(answer["created_at"]), counted, given, imported=True)


def _unknown(past: Past, conversation: Node, statuses: Sequence[Change], found: set[Observation]) -> Counter[str]:
    answered = {answer["message_id"].number() for answer in past.answers}
    surveys = {one.survey for one in found if isinstance(one, Answer)}
    spoken = [one for one in past.messages if one["message_type"].value in _SPOKEN and not one["private"].flag()]
    first = min(spoken, key=lambda one: (_millis(one["created_at"]), one["id"].number()), default=None)
    unsent = [one for one in spoken if one["message_type"].value in _OUTGOING and not one["sender"].is_there]
    notes = [one for one in past.messages if one["message_type"].value in _ACTIVITY and not _noted_status(one)]
    resolved = conversation["status"].text() == RESOLVED
    last, missing = _resumptions(statuses)
    return Counter(
        {
            "assignments": 1,
            "labels": int(any(conversation["labels"].items())),
            "live": int(conversation["channel"].value == "Channel::WebWidget"),
            "ends": int(resolved and last != RESOLVED),
            "resumptions": missing + int(not resolved and last == RESOLVED),
            "answers": len(surveys - answered),
            "senders": len(unsent),
            "campaigns": int(first is not None and first["sender"].object()["type"].value == "user"),
            "notes": len(notes),
        }
    )


def _resumptions(statuses: Sequence[Change]) -> tuple[str, int]:
    """The last status that is told, and how often an end follows an end."""
    last, missing = "", 0
    # Reports and notes tell the same changes.
    sources = [[one for one in statuses if one.told == told] for told in ("reported", "logged")]
    for one in max(sources, key=len):
        missing += one.current == last == RESOLVED
        last = one.current
    return last, missing


def _millis(node: Node) -> int:
    return (node.instant() - _EPOCH) // _MILLISECOND
