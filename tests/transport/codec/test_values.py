"""A value that a client sends back, of an answer that it had, is the value of the facts that were counted."""

import pytest

from telwerk.v1 import event_pb2, kpi_service_pb2 as pb
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import ValueKind
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.transport.codec.fields import FieldError, FieldReader
from telwerkd.transport.codec.values import decode_value, encode_value

READER = FieldReader(128, 2_048)
CHOSEN = {
    ValueKind.GOAL: "order",
    ValueKind.TOPIC_SET: topics_value(["price", "size"]),
    ValueKind.SURVEY_ANSWER: answer_value("q1", "yes"),
}
"""A value of each kind that producers choose."""
VALUES = [
    *((info.value_kind, known.value) for info in CATALOGUE.values() for known in info.values),
    *CHOSEN.items(),
]


@pytest.mark.parametrize(("kind", "value"), VALUES)
def test_every_value_of_the_catalogue_is_read_as_it_was_written(kind: ValueKind, value: str) -> None:
    """And none is the default of its field, which would be none at all."""
    message = encode_value(kind, value)
    assert message.WhichOneof("kind")
    assert decode_value("value", pb.Value.FromString(message.SerializeToString()), READER) == (kind, value)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        (pb.Value(), "value"),
        (pb.Value(stars=0), "value.stars"),
        (pb.Value(stars=6), "value.stars"),
        (pb.Value(action=event_pb2.INACTIVITY_ACTION_UNSPECIFIED), "value.action"),
        (pb.Value(action=99), "value.action"),  # type: ignore[arg-type]  # of a newer contract
        (pb.Value(offline_assignment=pb.OFFLINE_ASSIGNMENT_UNSPECIFIED), "value.offline_assignment"),
        (pb.Value(sender=99), "value.sender"),  # type: ignore[arg-type]
        (pb.Value(conversation_end=pb.CONVERSATION_END_UNSPECIFIED), "value.conversation_end"),
        (pb.Value(goal_id=""), "value.goal_id"),
        (pb.Value(topics=pb.TopicSet()), "value.topics"),
        (pb.Value(topics=pb.TopicSet(topic_ids=["price", ""])), "value.topics.topic_ids[1]"),
        (pb.Value(answer=event_pb2.SurveyAnswer(question_id="q1")), "value.answer.option_id"),
        (pb.Value(answer=event_pb2.SurveyAnswer(option_id="yes")), "value.answer.question_id"),
    ],
)
def test_a_value_that_nothing_can_have_is_refused_by_the_part_that_is_wrong(message: pb.Value, field: str) -> None:
    with pytest.raises(FieldError) as refused:
        decode_value("value", message, READER)
    assert [violation.field for violation in refused.value.violations] == [field]
