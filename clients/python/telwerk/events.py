"""Builds events, one function per kind, so that a producer reads as what happened.

    from telwerk import Telwerk, events

    with Telwerk() as telwerk:
        telwerk.ingest("acme", [
            events.operator_assigned("chat-1", widget="web", at=nine, operator="anna", group="sales"),
            events.rated("chat-1", widget="web", at=ten_past, stars=5),
        ])

What all of them take: the conversation; `widget`, where it happened; `at`, when, a datetime with a time zone;
`sequence`, which orders events of the same instant; and `event_id`, unique in the conversation.

**An `event_id` is best taken from the producer's own system** (the id of the row, the message, the webhook): then a
producer that lost its memory may build the same events again, and nothing counts twice. Left out, it is a random UUID:
sending the *same object* again is harmless, building it again is a second event.

Nothing is checked here; the server does, and names the field.
"""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, TypedDict, Unpack

from telwerk.queries import timestamp
from telwerk.v1.event_pb2 import Event, InactivityAction, Sender, SurveyAnswer


class _Required(TypedDict):
    widget: str
    at: datetime


class Envelope(_Required, total=False):
    """What every event carries beside its conversation and its kind; see the module."""

    event_id: str
    sequence: int


SenderName: TypeAlias = Literal["contact", "operator", "bot"]
"""Who sends a message."""

Answers: TypeAlias = Mapping[str, str] | Iterable[tuple[str, str]]
"""Question and chosen option, by id; pairs where a question has several chosen options. Never free text."""

_SENDERS: Final[Mapping[SenderName, "Sender.ValueType"]] = {
    "contact": Sender.SENDER_CONTACT,
    "operator": Sender.SENDER_OPERATOR,
    "bot": Sender.SENDER_BOT,
}


def went_live(conversation_id: str, *, live_limit: timedelta | None = None, **envelope: Unpack[Envelope]) -> Event:
    """Contact and operator are online at the same time. `live_limit`, if given, wins over the widget's setting."""
    event = _event(conversation_id, envelope)
    event.went_live.SetInParent()
    if live_limit is not None:
        event.went_live.live_limit.FromTimedelta(live_limit)
    return event


def left_live(conversation_id: str, **envelope: Unpack[Envelope]) -> Event:
    """They no longer are."""
    event = _event(conversation_id, envelope)
    event.left_live.SetInParent()
    return event


def message_sent(
    conversation_id: str, *, sender: SenderName, operator: str = "", **envelope: Unpack[Envelope]
) -> Event:
    """Someone sent a message; its text is not for Telwerk. `operator`: who wrote an operator's, where known."""
    event = _event(conversation_id, envelope)
    event.message_sent.sender = _SENDERS[sender]
    event.message_sent.operator_id = operator
    return event


def operator_assigned(
    conversation_id: str, *, operator: str = "", group: str = "", **envelope: Unpack[Envelope]
) -> Event:
    """Operator and group are now these, both: what is left out becomes nobody. A bot is assigned as no operator."""
    event = _event(conversation_id, envelope)
    event.operator_assigned.operator_id = operator
    event.operator_assigned.operator_group_id = group
    return event


def operator_unassigned(conversation_id: str, *, group: str = "", **envelope: Unpack[Envelope]) -> Event:
    """Nobody is responsible any more; the group stays if it is named."""
    event = _event(conversation_id, envelope)
    event.operator_unassigned.operator_group_id = group
    return event


def ended(conversation_id: str, **envelope: Unpack[Envelope]) -> Event:
    """The status became "Ended"."""
    event = _event(conversation_id, envelope)
    event.conversation_ended.SetInParent()
    return event


def resumed(conversation_id: str, **envelope: Unpack[Envelope]) -> Event:
    """The contact resumed an ended conversation."""
    event = _event(conversation_id, envelope)
    event.conversation_resumed.SetInParent()
    return event


def rated(conversation_id: str, *, stars: int, **envelope: Unpack[Envelope]) -> Event:
    """The contact gave 1 to 5 stars."""
    event = _event(conversation_id, envelope)
    event.conversation_rated.stars = stars
    return event


def feedback_left(conversation_id: str, **envelope: Unpack[Envelope]) -> Event:
    """The contact left feedback; its text is not for Telwerk."""
    event = _event(conversation_id, envelope)
    event.feedback_left.SetInParent()
    return event


def inactivity_action(
    conversation_id: str, *, action: "InactivityAction.ValueType", **envelope: Unpack[Envelope]
) -> Event:
    """One of the eight inactivity actions fired or failed; see `InactivityAction`."""
    event = _event(conversation_id, envelope)
    event.inactivity_action_performed.action = action
    return event


def page_visited(conversation_id: str, *, url: str, **envelope: Unpack[Envelope]) -> Event:
    """The contact visited a page, which the server matches against the widget's goals."""
    event = _event(conversation_id, envelope)
    event.page_visited.url = url
    return event


def goal_reached(conversation_id: str, *, goal: str, **envelope: Unpack[Envelope]) -> Event:
    """The contact reached a goal, as the producer itself matched it."""
    event = _event(conversation_id, envelope)
    event.goal_reached.goal_id = goal
    return event


def topics_set(conversation_id: str, *, topics: Iterable[str], **envelope: Unpack[Envelope]) -> Event:
    """The conversation's topics are now exactly these; none takes the earlier ones back."""
    event = _event(conversation_id, envelope)
    event.topics_set.SetInParent()
    event.topics_set.topic_ids.extend(topics)
    return event


def pre_chat_survey_completed(conversation_id: str, *, answers: Answers, **envelope: Unpack[Envelope]) -> Event:
    """The contact completed the pre-chat survey."""
    event = _event(conversation_id, envelope)
    event.pre_chat_survey_completed.answers.extend(_answers(answers))
    return event


def post_chat_survey_answered(conversation_id: str, *, answers: Answers, **envelope: Unpack[Envelope]) -> Event:
    """The contact answered the post-chat survey."""
    event = _event(conversation_id, envelope)
    event.post_chat_survey_answered.answers.extend(_answers(answers))
    return event


def retracted(conversation_id: str, *, retracted_event_id: str, **envelope: Unpack[Envelope]) -> Event:
    """Another event of this conversation is taken back: as if it had never been, whichever arrives first."""
    event = _event(conversation_id, envelope)
    event.event_retracted.retracted_event_id = retracted_event_id
    return event


def _event(conversation_id: str, envelope: Envelope) -> Event:
    """The event, still without its kind."""
    return Event(
        event_id=envelope.get("event_id") or str(uuid.uuid4()),
        conversation_id=conversation_id,
        widget_id=envelope["widget"],
        occur_time=timestamp(envelope["at"]),
        sequence=envelope.get("sequence", 0),
    )


def _answers(answers: Answers) -> list[SurveyAnswer]:
    pairs = answers.items() if isinstance(answers, Mapping) else answers
    return [SurveyAnswer(question_id=question, option_id=option) for question, option in pairs]
