"""Between `telwerk.v1.Value` and the values of facts."""

from collections.abc import Iterable
from enum import IntEnum

from telwerk.v1 import event_pb2, kpi_service_pb2 as pb
from telwerkd.domain.catalogue.specs import ValueKind
from telwerkd.domain.catalogue.values import (
    ConversationEnd,
    OfflineAssignment,
    answer_value,
    numbered_value,
    stars_value,
    topics_value,
    value_answer,
    value_topics,
)
from telwerkd.domain.conversation.events import Sender
from telwerkd.transport.codec.fields import FieldError, FieldReader, action, checked, choices
from telwerkd.transport.codec.ingest.events import STARS_MAX


def decode_value(field: str, message: pb.Value, fields: FieldReader) -> tuple[ValueKind, str]:  # noqa: PLR0911  # one case a kind
    """Returns the kind of a value, and the value as a fact carries it.

    Raises:
        FieldError: it is none; names the part of `field` that is wrong.
    """
    match message.WhichOneof("kind"):
        case "stars":
            if not 1 <= message.stars <= STARS_MAX:
                raise FieldError(f"{field}.stars", f"must be from 1 to {STARS_MAX}, is {message.stars}")
            return ValueKind.STARS, stars_value(message.stars)
        case "action":
            return ValueKind.INACTIVITY_ACTION, numbered_value(action(f"{field}.action", message.action))
        case "offline_assignment":
            outcome, names = message.offline_assignment, pb.OfflineAssignment.keys()
            value = _numbered(f"{field}.offline_assignment", outcome, OfflineAssignment, names)
            return ValueKind.OFFLINE_ASSIGNMENT, value
        case "goal_id":
            return ValueKind.GOAL, fields.id(f"{field}.goal_id", message.goal_id)
        case "topics":
            return ValueKind.TOPIC_SET, topics_value(decode_topics(f"{field}.topics", message.topics, fields))
        case "answer":
            question = fields.id(f"{field}.answer.question_id", message.answer.question_id)
            option = fields.id(f"{field}.answer.option_id", message.answer.option_id)
            return ValueKind.SURVEY_ANSWER, answer_value(question, option)
        case "sender":
            return ValueKind.SENDER, _numbered(f"{field}.sender", message.sender, Sender, event_pb2.Sender.keys())
        case "conversation_end":
            end, names = message.conversation_end, pb.ConversationEnd.keys()
            return ValueKind.CONVERSATION_END, _numbered(f"{field}.conversation_end", end, ConversationEnd, names)
        case _:
            raise FieldError(field, "a kind of value is required")


def _numbered(field: str, number: int, of: type[IntEnum], names: Iterable[str]) -> str:
    try:
        return numbered_value(of(number))
    except ValueError:
        raise FieldError(field, f"{number} is not one of {choices(names)}") from None


def decode_topics(field: str, message: pb.TopicSet, fields: FieldReader) -> list[str]:
    """Returns the topics of a set.

    Raises:
        FieldError: there are none, or too many, or one is no id.
    """
    if not message.topic_ids:
        raise FieldError(field, "is empty: no set that is counted is")
    return checked(f"{field}.topic_ids", message.topic_ids, fields.id)


def encode_value(kind: ValueKind, value: str) -> pb.Value:  # noqa: PLR0911  # one case a kind
    """Returns a fact's value as a message."""
    match kind:
        case ValueKind.STARS:
            return pb.Value(stars=int(value))
        case ValueKind.INACTIVITY_ACTION:
            return pb.Value(action=event_pb2.InactivityAction.ValueType(int(value)))
        case ValueKind.OFFLINE_ASSIGNMENT:
            return pb.Value(offline_assignment=pb.OfflineAssignment.ValueType(OfflineAssignment(int(value))))
        case ValueKind.GOAL:
            return pb.Value(goal_id=value)
        case ValueKind.TOPIC_SET:
            return pb.Value(topics=pb.TopicSet(topic_ids=value_topics(value)))
        case ValueKind.SURVEY_ANSWER:
            question, option = value_answer(value)
            return pb.Value(answer=event_pb2.SurveyAnswer(question_id=question, option_id=option))
        case ValueKind.SENDER:
            return pb.Value(sender=event_pb2.Sender.ValueType(int(value)))
        case ValueKind.CONVERSATION_END:
            return pb.Value(conversation_end=pb.ConversationEnd.ValueType(int(value)))
        case ValueKind.NONE | ValueKind.DURATION:
            return pb.Value()
