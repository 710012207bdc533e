"""What a decoder remembers: it makes decoding cheap, and changes nothing."""

from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor

from telwerk.v1 import event_pb2 as pb
from telwerkd.application.batches import Submitted
from telwerkd.domain.ids import Micros
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.ingest.events import EventDecoder, EventLimits

NOW = Micros(1_767_225_600_000_000)

FIELDS = FieldReader(id_bytes_max=128, url_bytes_max=2_048)


def event(number: int, **kind: Any) -> pb.Event:
    made = pb.Event(event_id=f"e{number}", conversation_id=f"c{number % 3}", widget_id="web", **kind)
    made.occur_time.FromMicroseconds(NOW - number)
    return made


def answers(*options: str) -> dict[str, Any]:
    return {"answers": [{"question_id": "q", "option_id": option} for option in options]}


KINDS: list[dict[str, Any]] = [
    {"went_live": {}},
    {"went_live": {"live_limit": {"seconds": 60}}},
    {"left_live": {}},
    *({"message_sent": {"sender": sender}} for sender in (1, 2, 3)),
    {"operator_assigned": {"operator_id": "anna"}},
    {"operator_assigned": {"operator_group_id": "anna"}},
    {"operator_assigned": {}},
    {"operator_unassigned": {}},
    {"conversation_ended": {}},
    {"conversation_resumed": {}},
    *({"conversation_rated": {"stars": stars}} for stars in range(1, 6)),
    {"feedback_left": {}},
    *({"inactivity_action_performed": {"action": action}} for action in range(1, 9)),
    {"page_visited": {"url": "https://shop.example/"}},
    {"page_visited": {"url": "https://shop.example/?q=1"}},
    {"goal_reached": {"goal_id": "anna"}},
    {"topics_set": {"topic_ids": ["anna"]}},
    {"topics_set": {"topic_ids": ["b", "a", "b"]}},
    {"topics_set": {}},
    {"pre_chat_survey_completed": answers("yes", "no")},
    {"post_chat_survey_answered": answers("yes", "no")},
    {"event_retracted": {"retracted_event_id": "anna"}},
]

REFUSED: list[dict[str, Any]] = [
    {"message_sent": {"sender": 4}},
    {"conversation_rated": {"stars": 6}},
    {"inactivity_action_performed": {"action": 9}},
    {"operator_assigned": {"operator_id": "\n"}},
    {"page_visited": {"url": "ftp://shop.example/"}},
    {"topics_set": {"topic_ids": [""]}},
    {"pre_chat_survey_completed": {}},
    {"post_chat_survey_answered": answers("")},
    {"goal_reached": {}},
]


def alone(sent: pb.Event) -> Submitted:
    [decoded] = EventDecoder(EventLimits(), FIELDS).decode([sent], NOW).valid
    return decoded


@pytest.mark.parametrize("remembered_max", [2, 2_000])
def test_what_a_decoder_has_seen_does_not_change_what_it_says(remembered_max: int) -> None:
    """An event is decoded as a decoder that has seen nothing would, each time, however much is remembered."""
    sent = [event(number, **kind) for number, kind in enumerate(KINDS)]
    decoder = EventDecoder(EventLimits(), FIELDS, ids_max=remembered_max, contents_max=remembered_max)
    for _ in range(2):
        assert decoder.decode(sent, NOW).valid == [alone(each) for each in sent]
    assert {each.WhichOneof("kind") for each in sent} == {field.name for field in pb.Event.DESCRIPTOR.oneofs[0].fields}


def test_what_was_refused_is_refused_again() -> None:
    """Nothing that is wrong is remembered as right, and an index says which event it was."""
    decoder = EventDecoder(EventLimits(), FIELDS)
    sent = [event(number, **kind) for number, kind in enumerate([*REFUSED, KINDS[0]])]
    once, again = decoder.decode(sent, NOW), decoder.decode(sent, NOW)
    assert list(once.refused) == list(range(len(REFUSED)))
    assert again == once
    assert once.valid == [alone(sent[-1])]


def test_what_is_remembered_is_bounded() -> None:
    """However many ids and contents come, and however long they are, only so many are kept."""
    decoder = EventDecoder(EventLimits(), FIELDS, ids_max=2_000)
    for number in range(0, 6_000, 1_000):
        some = [pb.Event(conversation_id=f"{n}", event_id="e", widget_id="w") for n in range(number, number + 1_000)]
        decoder.decode(some, NOW)
        assert len(decoder._conversations) <= 2_000


def test_an_event_has_no_room_for_text() -> None:
    """Every string that an event can carry is an id, or the URL of a page: no message, no feedback, no contact data.

    R-KEEP-7.
    """

    def strings(message: Descriptor) -> set[str]:
        inner = [field.message_type for field in message.fields if field.message_type]
        own = {field.name for field in message.fields if field.type in {field.TYPE_STRING, field.TYPE_BYTES}}
        return own.union(*map(strings, inner))

    found = strings(pb.Event.DESCRIPTOR)
    assert {name for name in found if not name.endswith(("_id", "_ids"))} == {"url"}
