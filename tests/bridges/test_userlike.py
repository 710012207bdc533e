"""Userlike's deliveries: what they mean, and that they do what every platform's must."""

import base64
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from telwerk import Telwerk
from telwerk.v1.event_pb2 import Event, Sender
from telwerk.v1.settings_service_pb2 import WidgetSettings
from telwerk_bridges.payload import PayloadError
from telwerk_bridges.platform import SignatureError
from telwerk_bridges.userlike import TYPE, Userlike
from tests.bridges.bridging import BridgeProcess, bridge, deliver, eventually_true, settled
from tests.bridges.conformance import RANGE, PlatformConformance, Sample, samples, standing
from tests.bridges.userlike_days import ACTIONS, day_of, deliveries, meaning
from tests.conftest import ServerProcess
from tests.effort import examples

START = 1_793_610_000_000
STORY = samples("userlike", START)


class TestConformance(PlatformConformance):
    platform = TYPE
    story = STORY
    counted = (
        "conversation_topics billing+lead userlike-operator-13/userlike-group-8 userlike-widget-9",
        "feedback_count userlike-operator-13/userlike-group-8 userlike-widget-9",
        "goals_reached goal-3 userlike-operator-13/userlike-group-8 userlike-widget-9",
        "post_chat_survey_results post_survey=Very satisfied userlike-operator-13/userlike-group-8 userlike-widget-9",
        "pre_chat_survey_results pre_survey=support nobody/- userlike-widget-9",
        "satisfaction_score 4 userlike-operator-13/userlike-group-8 userlike-widget-9",
        "unanswered_ended_conversations userlike-operator-5/userlike-group-14 userlike-widget-9",
    )
    """All was received today: what Userlike does not date comes after all that it dates."""
    unknown = (
        {"_type": "um_widget", "_event": "config", "id": 9},
        {"_type": "operator", "_event": "created", "id": 9},
        {"_type": "chat_session", "_event": "new"},
        {"_type": "conversation", "_event": "new"},
    )
    undated = frozenset(
        {"operator_assigned", "topics_set", "conversation_rated", "feedback_left", "goal_reached"}
        | {"post_chat_survey_answered", "went_live", "left_live", "event_retracted"}
    )
    signs_body = False

    def sign(self, body: bytes, secret: str, now_seconds: float) -> tuple[bytes, dict[str, str]]:  # noqa: ARG002 - none
        return body, {"authorization": f"Bearer {secret}"}


# --- the law: what is told is what happened, however deliveries are shuffled, late or repeated -----------------------


def line_of(event: Event) -> str:
    """In the words of `Told`."""
    kind = event.WhichOneof("kind") or ""
    detail = {
        "message_sent": lambda: (
            f"{event.event_id.removeprefix('message-')} "
            + Sender.Name(event.message_sent.sender).removeprefix("SENDER_")
        ),
        "operator_assigned": lambda: event.operator_assigned.operator_id.removeprefix("userlike-operator-"),
        "topics_set": lambda: " ".join(event.topics_set.topic_ids),
        "conversation_rated": lambda: str(event.conversation_rated.stars),
        "goal_reached": lambda: event.goal_reached.goal_id,
        "post_chat_survey_answered": lambda: event.post_chat_survey_answered.answers[0].option_id,
    }.get(kind, str)()
    return f"{event.occur_time.ToMilliseconds() - START:>9} {kind} {detail}".rstrip()


def is_overtaken(repeated: Sample, samples: Sequence[Sample]) -> bool:
    """Whether an operator's status is told again when the opposite has arrived."""
    same = {"_type": "operator", "id": repeated.payload["id"]} if repeated.payload["_type"] == "operator" else None
    return same is not None and any(
        one.payload.items() >= same.items()
        and one.payload["_event"] != repeated.payload["_event"]
        and one.received_at <= repeated.received_at
        and any(first.payload == repeated.payload and first.received_at <= one.received_at for first in samples)
        for one in samples
    )


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ACTIONS), st.integers(1, 900_000)), max_size=16), st.data())
def test_shuffled_late_and_repeated_deliveries_tell_the_story(
    story: list[tuple[tuple[str, Any], int]], data: st.DataObject
) -> None:
    """Facts, operators, instants and being live. Repeated within a minute, or at any time where it has its instant.

    An operator's status is repeated until the opposite one arrives: after that it would hold again.
    """
    day = day_of([action for action, _ in story], [gap for _, gap in story])
    delays = data.draw(st.lists(st.integers(0, 3_600_000), min_size=len(day.story), max_size=len(day.story)))
    samples = deliveries(day, delays)
    again = data.draw(st.lists(st.sampled_from(samples), max_size=4)) if samples else []
    repeated = [Sample(one.received_at + data.draw(st.integers(0, 60_000)), one.payload) for one in again]
    repeated = [one for one in repeated if not is_overtaken(one, samples)]
    found = standing(Userlike("s"), data.draw(st.permutations(samples + repeated)))
    assert sorted(map(line_of, found)) == meaning(day)


# --- what a single delivery means ------------------------------------------------------------------------------------

SESSION: dict[str, Any] = {
    "_type": "chat_session",
    "_event": "message_received",
    "id": 1,
    "conversation_id": 2,
    "widget_id": 9,
    "created_at": "2026-11-02T09:00:00Z",
}


def told(*payloads: dict[str, Any], **options: Any) -> list[Event]:
    """What stands, where each was received a second after the one before."""
    samples = [Sample(START + 1_000 * number, payload) for number, payload in enumerate(payloads, 1)]
    return standing(Userlike("s", **options), samples)


def senders(**more: Any) -> list[int]:
    found = told(SESSION | more, bot_operators=[13])
    return [event.message_sent.sender for event in found if event.HasField("message_sent")]


@pytest.mark.parametrize(
    ("said", "sender"),
    [
        ({"sender_type": "contact"}, [Sender.SENDER_CONTACT]),
        ({"type": "co"}, [Sender.SENDER_CONTACT]),
        ({"sender_type": "operator"}, [Sender.SENDER_OPERATOR]),
        ({"type": "oc"}, [Sender.SENDER_OPERATOR]),
        ({"sender_type": "operator", "operator": {"id": 13}}, [Sender.SENDER_BOT]),
        ({"sender_type": "ChatBot"}, [Sender.SENDER_BOT]),
        ({"sender_type": "system"}, []),
        ({"operator_name": "PRIVATE"}, [Sender.SENDER_OPERATOR]),
        ({"operator_name": ""}, [Sender.SENDER_CONTACT]),
    ],
)
def test_who_said_it(said: dict[str, Any], sender: list[int]) -> None:
    """Operator 13 is named as a bot in the settings."""
    assert senders(messages=[{"id": 1, "created_at": "2026-11-02T09:00:01Z", **said}]) == (
        sender or [Sender.SENDER_CONTACT]
    )


def test_messages_without_ids_are_told_apart_by_their_order() -> None:
    """In the former format a message has an instant to the second, and no id."""
    same = {"type": "co", "sent_at": "2026-11-02 09:00:01", "message": "PRIVATE"}
    first, second = (SESSION | {"messages": [same] * count} for count in (1, 2))
    assert len([event for event in told(second, first) if event.HasField("message_sent")]) == 2


def test_a_message_without_an_instant_is_when_its_delivery_is_received() -> None:
    assert senders() == [Sender.SENDER_CONTACT]
    assert senders(_event="message_sent") == [Sender.SENDER_OPERATOR]


def test_the_former_format_is_read_as_the_present_one() -> None:
    """Its names: `chat_meta`, `rate`, `topic`, `operator_created`, and `receive` for the end; times without a zone."""
    former = {
        "_type": "chat_meta",
        "id": 67,
        "chat_widget": {"id": 9, "name": "PRIVATE"},
        "chat_widget_goal": {"id": 4, "name": "PRIVATE"},
        "created_at": "2026-11-02 09:00:00",
        "ended_at": "2026-11-02 09:03:00",
        "messages": [{"message": "PRIVATE", "person": "PRIVATE", "sent_at": "2026-11-02 09:00:01", "type": "co"}],
        "operator_created": {"id": 5, "operator_group": {"id": 14}},
        "operator_current": {"id": 13, "operator_group": {"id": 8}},
        "post_survey_option": "Very satisfied",
        "rate": 5,
        "topic": "billing",
    }
    events = told(*(former | {"_event": event} for event in ("receive", "rating", "goal", "survey")))
    kinds = sorted(event.WhichOneof("kind") or "" for event in events)
    assert kinds == [
        "conversation_rated",
        "goal_reached",
        "message_sent",
        "operator_assigned",
        "operator_assigned",
        "post_chat_survey_answered",
        "topics_set",
    ]
    assert {event.conversation_id for event in events} == {"userlike-session-67"}
    assert {event.widget_id for event in events} == {"userlike-widget-9"}


def test_a_conversation_whose_widget_is_not_shown_waits_for_a_delivery_that_shows_it() -> None:
    ended = {"_type": "conversation", "_event": "ended", "id": 2, "ended_at": "2026-11-02T10:00:00Z"}
    assert told(ended) == []
    assert "conversation_ended" in {event.WhichOneof("kind") for event in told(ended, SESSION)}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": None}, "id is missing"),
        ({"created_at": None}, "created_at is missing"),
        ({"_event": "rating"}, "rating is missing"),
        ({"_event": "rating", "rating": 6}, "rating is not a number of stars from 1 to 5"),
        ({"_event": "goal"}, "um_widget_goal.id is missing"),
        ({"_event": "survey"}, "post_survey_option is missing"),
        ({"messages": 1}, "messages is not a list"),
    ],
)
def test_a_delivery_that_lacks_what_must_be_there_names_the_field(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PayloadError, match=sentence.replace(".", r"\.")):
        told(SESSION | change)


@pytest.mark.parametrize(
    "change", [{"pre_survey_option": ""}, {"_event": "survey", "post_survey_option": {"text": " "}}]
)
def test_an_option_without_a_text_is_no_answer(change: dict[str, Any]) -> None:
    """Telwerk would refuse it for good; the rest of the delivery counts."""
    found = told(SESSION | {"sender_type": "contact"} | change)
    assert not [event for event in found if "survey" in (event.WhichOneof("kind") or "")]


@pytest.mark.parametrize(
    "header",
    ["Bearer s", "bearer  s ", f"Basic {base64.b64encode(b'userlike:s').decode()}"],
)
def test_the_secret_comes_in_a_header_or_in_the_address_of_the_callback(header: str) -> None:
    Userlike("s").verify({"authorization": header}, b"", 0.0)


@pytest.mark.parametrize("header", ["s", "Token s", "Basic s", "Basic c2VjcmV0", "Basic !", "Bearer", "Bearer s s"])
def test_anything_else_in_the_header_is_refused(header: str) -> None:
    with pytest.raises(SignatureError):
        Userlike("s").verify({"authorization": header}, b"", 0.0)


# --- live, through the real bridge and a real server -----------------------------------------------------------------


def test_a_live_conversation_that_nobody_answers_is_counted_once_its_operator_is_there(
    server: ServerProcess, tmp_path: Path
) -> None:
    """The operator comes after one conversation began and before another, with a restart of the bridge in between."""
    began = datetime.now(UTC).isoformat()

    def start(number: int) -> bytes:
        operator = {"id": 5, "operator_group": {"id": 14}}
        shown = {"_event": "start", "id": number, "conversation_id": number, "created_at": began}
        message = {"id": number, "sender_type": "contact", "created_at": began}
        return json.dumps(SESSION | shown | {"operator_current": operator, "messages": [message]}).encode()

    online = json.dumps({"_type": "operator", "_event": "online", "id": 5}).encode()
    environment = {"TELWERK_BRIDGE_USERLIKE_SECRET": "s", "TELWERK_BRIDGE_CHATWOOT_SECRET": ""}

    def send(started: BridgeProcess, body: bytes) -> None:
        assert deliver(started.url, body, {"authorization": "Bearer s"}, path="/userlike")[0] == 200

    with Telwerk(server.address) as client:
        settings_ = WidgetSettings(widget_id="userlike-widget-9")
        settings_.live_limit.FromTimedelta(timedelta(seconds=1))
        client.set_widget_settings("acme", settings_)

        def unanswered() -> int:
            totals = client.totals("acme", "unanswered_live_conversations", **RANGE).totals
            return sum(row.count for row in totals)

        with bridge(server.address, tmp_path / "bridge.db", **environment) as started:
            send(started, start(1))
            settled(started.url)
        with bridge(server.address, tmp_path / "bridge.db", **environment) as started:
            send(started, online)
            send(started, start(2))
            settled(started.url)
            eventually_true(lambda: unanswered() == 2)
