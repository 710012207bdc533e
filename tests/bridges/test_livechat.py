"""LiveChat's deliveries: what they mean, and that they do what every platform's must."""

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from telwerk.v1.event_pb2 import Event, Sender
from telwerk_bridges.livechat import TYPE, LiveChat
from telwerk_bridges.platform import SignatureError
from telwerkd.domain.ids import Micros
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.ingest.events import EventDecoder, EventLimits
from tests.bridges.conformance import PlatformConformance, Sample, samples, standing
from tests.bridges.livechat_days import ACTIONS, BOT, CUSTOMER, JONES, SMITH, agent, day_of, deliveries, meaning
from tests.effort import examples

START = 1_793_610_000_000
STORY = samples("livechat", START)


class TestConformance(PlatformConformance):
    platform = TYPE
    story = STORY
    counted = (
        f"conversation_topics vip {agent(JONES)}/livechat-group-7 livechat",
        f"feedback_count {agent(JONES)}/livechat-group-7 livechat",
        f"inactivity_actions live_conversation_reassigned {agent(SMITH)}/livechat-group-19 livechat",
        f"post_chat_survey_results 20002=1 {agent(SMITH)}/livechat-group-19 livechat",
        f"pre_chat_survey_results 10023=0 {agent(SMITH)}/livechat-group-19 livechat",
        f"pre_chat_survey_results 10024=0 {agent(SMITH)}/livechat-group-19 livechat",
        f"pre_chat_survey_results 10024=1 {agent(SMITH)}/livechat-group-19 livechat",
        f"satisfaction_score 5 {agent(JONES)}/livechat-group-7 livechat",
        "unanswered_ended_conversations nobody/- livechat",
    )
    """All was received today, so Jones took over after everything that LiveChat dates."""
    unknown = (
        {"action": "routing_status_set", "payload": {"agent_id": "smith@example.com", "status": "accepting chats"}},
        {"action": "user_removed_from_chat", "payload": {"chat_id": "PJ0MRSHTDG", "user_id": "smith@example.com"}},
        {"action": "thread_summary_set"},
        {"action": "new"},
    )
    undated = frozenset(
        {"operator_assigned", "topics_set", "conversation_rated", "feedback_left", "conversation_ended", "left_live"}
        | {"went_live", "event_retracted"}
    )
    signs_body = False

    def sign(self, body: bytes, secret: str, now_seconds: float) -> tuple[bytes, dict[str, str]]:  # noqa: ARG002 - none
        try:
            payload = json.loads(body)
        except (ValueError, RecursionError):
            return body, {}
        return (json.dumps(payload | {"secret_key": secret}).encode() if isinstance(payload, dict) else body), {}


# --- the law: what is told is what happened, however deliveries are shuffled, late or repeated -----------------------


def line_of(event: Event) -> str:
    """In the words of `Told`."""
    kind = event.WhichOneof("kind") or ""
    said = event.operator_assigned
    detail = {
        "message_sent": lambda: (
            f"{event.event_id.split('-')[1]} " + Sender.Name(event.message_sent.sender).removeprefix("SENDER_")
        ),
        "operator_assigned": lambda: f"{said.operator_id or None} {said.operator_group_id}",
        "topics_set": lambda: " ".join(event.topics_set.topic_ids),
        "conversation_rated": lambda: str(event.conversation_rated.stars),
        "pre_chat_survey_completed": lambda: event.pre_chat_survey_completed.answers[0].option_id,
    }.get(kind, str)()
    return f"{event.occur_time.ToMilliseconds() - START:>9} {kind} {detail}".rstrip()


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 900_000)), max_size=16), st.data())
def test_shuffled_late_and_repeated_deliveries_tell_the_story(
    story: list[tuple[tuple[str, Any], int]], data: st.DataObject
) -> None:
    """Facts, operators, instants and being live. Repeated within a minute, as LiveChat does."""
    day = day_of([action for action, _ in story], [gap for _, gap in story])
    delays = data.draw(st.lists(st.integers(0, 3_600_000), min_size=len(day.story), max_size=len(day.story)))
    samples = deliveries(day, delays)
    again = data.draw(st.lists(st.sampled_from(samples), max_size=4)) if samples else []
    repeated = [Sample(one.received_at + data.draw(st.integers(0, 60_000)), one.payload) for one in again]
    told = standing(LiveChat("s"), data.draw(st.permutations(samples + repeated)))
    assert sorted(map(line_of, told)) == meaning(day)


# --- what a single delivery means ------------------------------------------------------------------------------------


def told_by(action: str, at: int = START, **payload: Any) -> Sample:
    return Sample(at, {"action": action, "payload": {"chat_id": "C", "thread_id": "T", **payload}})


def kinds(*deliveries: Sample, **options: Any) -> list[str | None]:
    """Of the events that stand, by instant."""
    events = standing(LiveChat("s", **options), deliveries)
    return [event.WhichOneof("kind") for event in sorted(events, key=lambda one: one.occur_time.ToMilliseconds())]


def message(author: str, **more: Any) -> Sample:
    event = {"id": "E", "type": "message", "created_at": "2026-11-02T09:00:00Z", "visibility": "all"}
    return told_by("incoming_event", event={**event, "author_id": author, **more})


def user(name: str, kind: str = "agent", visibility: str = "all") -> Sample:
    return told_by("user_added_to_chat", user={"id": name, "type": kind, "visibility": visibility})


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize(
    ("author", "kind", "sender"),
    [
        (SMITH, "agent", Sender.SENDER_OPERATOR),
        (BOT, "agent", Sender.SENDER_BOT),
        ("robot@example.com", "agent", Sender.SENDER_BOT),
        (CUSTOMER, "customer", Sender.SENDER_CONTACT),
        ("new@example.com", "customer", Sender.SENDER_CONTACT),
    ],
)
def test_who_said_it_is_known_from_whichever_delivery_shows_the_author(
    author: str, kind: str, sender: int, *, is_first: bool
) -> None:
    """An event has its author's id only."""
    story = [user(author, kind), message(author)]
    found = standing(LiveChat("s", bots=["robot@example.com"]), story if is_first else story[::-1])
    assert [event.message_sent.sender for event in found if event.HasField("message_sent")] == [sender]


@pytest.mark.parametrize(
    "change", [{"visibility": "agents"}, {"recipients": "agents"}, {"type": "system_message"}, {"type": "custom"}]
)
def test_what_the_contact_does_not_read_is_no_message(change: dict[str, Any]) -> None:
    assert kinds(message(SMITH, **change)) == []


def test_an_agent_who_joins_is_responsible_where_nobody_is_and_one_who_watches_never() -> None:
    assert kinds(user(SMITH, visibility="agents")) == []
    found = standing(LiveChat("s"), [user(SMITH), user(JONES)._replace(received_at=START + 1)])
    assert [event.operator_assigned.operator_id for event in found if event.HasField("operator_assigned")] == [
        agent(SMITH)
    ]


def test_the_same_told_again_is_a_repetition_within_a_minute_and_another_happening_later() -> None:
    """LiveChat dates neither, and repeats what is not answered in time within about a minute."""
    tag, untag = told_by("thread_tagged", tag="x"), told_by("thread_untagged", START + 1, tag="x")
    repeated, later = tag._replace(received_at=START + 60_000), tag._replace(received_at=START + 60_001)
    assert kinds(tag, untag, repeated) == ["topics_set", "topics_set"]
    assert kinds(tag, untag, later) == ["topics_set", "topics_set", "topics_set"]


LONG = (
    "Geld zurück verlangt, Ware zurückgeschickt, und die Spedition weiß von nichts; bitte noch einmal nachfragen, ob "
    * 2
)


def test_a_tag_that_is_longer_than_an_id_may_be_is_a_topic_by_its_beginning() -> None:
    """Telwerk refuses such an id, and with it the conversation's other topics. Two long tags stay two."""
    tags = ["vip", LONG, LONG + "."]
    found = standing(
        LiveChat("s"), [told_by("thread_tagged", START + place, tag=tag) for place, tag in enumerate(tags)]
    )
    [told] = [sorted(event.topics_set.topic_ids) for event in found if len(event.topics_set.topic_ids) == len(tags)]
    assert told[-1] == "vip"
    assert all(len(topic.encode()) <= 128 and topic.startswith(LONG[:90]) for topic in told[:-1])
    limits = EventLimits()
    decoder = EventDecoder(limits, FieldReader(limits.id_bytes_max, limits.url_bytes_max))
    assert not decoder.decode(found, Micros(START * 1_000)).refused


def test_of_more_tags_than_a_conversation_may_have_topics_the_first_count() -> None:
    found = standing(LiveChat("s"), [told_by("thread_tagged", START + n, tag=f"tag {n:02}") for n in range(25)])
    assert max(len(event.topics_set.topic_ids) for event in found) == 20


def test_a_rating_that_is_taken_back_is_none() -> None:
    rated = told_by("thread_properties_updated", properties={"rating": {"score": 1}})
    taken_back = told_by("thread_properties_deleted", START + 1, properties={"rating": ["score", "comment"]})
    assert kinds(rated) == ["conversation_rated"]
    assert kinds(rated, taken_back) == []
    assert kinds(taken_back, rated) == []


def test_an_end_that_no_event_of_the_thread_tells_is_when_it_is_received() -> None:
    assert kinds(told_by("chat_deactivated")) == ["conversation_ended"]


def test_a_body_without_the_secret_is_refused_whatever_it_is() -> None:
    """Also where the secret is one that JSON may write in several ways."""
    for secret in ("plain-1", "with/slash", "with space", "é"):
        livechat = LiveChat(secret)
        livechat.verify({}, json.dumps({"secret_key": secret}).replace("/", r"\/").encode(), 0.0)
        for told in (None, 1, [secret], {secret: secret}, "", f"{secret}x"):
            with pytest.raises(SignatureError):
                livechat.verify({}, json.dumps({"secret_key": told, "text": secret}).encode(), 0.0)
