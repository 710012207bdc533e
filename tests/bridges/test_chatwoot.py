"""What Chatwoot's deliveries mean, and what they must never carry on."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from telwerk.v1.event_pb2 import Event, Sender
from telwerk_bridges.chatwoot import FRESH_SECONDS, Chatwoot
from telwerk_bridges.payload import PayloadError
from telwerk_bridges.platform import SignatureError
from tests.bridges import bridging
from tests.bridges.bridging import FIXTURES, Translator

CHATWOOT = Chatwoot("secret")


def payload(name: str) -> dict[str, Any]:
    """A delivery by a part of its file's name."""
    [path] = [path for path in FIXTURES if name in path.name]
    found: dict[str, Any] = json.loads(path.read_text())
    return found


def translated(*deliveries: object) -> list[Event]:
    """What these deliveries mean, one after the other, where nothing was told before."""
    translate = Translator()
    return [event for delivery in deliveries for event in translate(delivery)]


def kinds(*deliveries: object) -> list[str | None]:
    return [event.WhichOneof("kind") for event in translated(*deliveries)]


def readable(event: Event) -> str:
    """`09:01:30 message_sent inbox-1`, with what it says."""
    kind = event.WhichOneof("kind")
    assert kind
    said = " ".join(str(getattr(event, kind)).split())
    at = event.occur_time.ToDatetime(UTC)
    return f"{at:%H:%M:%S} {event.conversation_id} {kind} {said}".strip()


def test_two_conversations_as_chatwoot_tells_them() -> None:
    assert [readable(event) for event in translated(*(json.loads(path.read_text()) for path in FIXTURES))] == [
        "09:00:01 chatwoot-10 message_sent sender: SENDER_CONTACT",
        "09:00:02 chatwoot-10 message_sent sender: SENDER_BOT",
        '09:01:00 chatwoot-10 operator_assigned operator_id: "agent-7" operator_group_id: "team-3"',
        "09:01:00 chatwoot-10 went_live",
        "09:01:30 chatwoot-10 message_sent sender: SENDER_CONTACT",
        "09:02:00 chatwoot-10 message_sent sender: SENDER_OPERATOR",
        '09:05:00 chatwoot-10 topics_set topic_ids: "billing" topic_ids: "vip"',
        "09:06:40 chatwoot-10 conversation_ended",
        "09:10:00 chatwoot-10 conversation_rated stars: 5",
        "09:11:00 chatwoot-10 feedback_left",
        "10:00:00 chatwoot-10 conversation_resumed",
        '11:46:40 chatwoot-11 operator_assigned operator_group_id: "team-3"',
        '11:46:40 chatwoot-11 topics_set topic_ids: "returns"',
        "11:46:41 chatwoot-11 message_sent sender: SENDER_CONTACT",
        "11:46:42 chatwoot-11 message_sent sender: SENDER_BOT",
        "11:51:40 chatwoot-11 conversation_ended",
    ]


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_the_same_delivery_gives_the_same_events_with_the_same_ids(path: Path) -> None:
    text = path.read_text()
    assert translated(json.loads(text)) == translated(json.loads(text))


def test_every_event_has_an_id_of_its_own_in_its_conversation() -> None:
    """Whatever is told twice: each delivery comes again."""
    said = translated(*(json.loads(path.read_text()) for path in FIXTURES * 2))
    ids = [(event.conversation_id, event.event_id) for event in said]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_no_text_no_name_and_nothing_of_a_contact_is_passed_on(path: Path) -> None:
    text = path.read_text()
    assert "PRIVATE" in text
    assert not any(b"PRIVATE" in event.SerializeToString() for event in translated(json.loads(text)))


def answered(minute: int, stars: int) -> dict[str, Any]:
    """The survey, answered at 09:`minute`."""
    delivery = payload("survey_rated")
    delivery["content_attributes"]["submitted_values"]["csat_survey_response"]["rating"] = stars
    delivery["conversation"]["messages"][0]["updated_at"] = f"2026-11-02T09:{minute}:00.000Z"
    return delivery


def test_a_survey_answered_with_other_stars_replaces_the_earlier_rating() -> None:
    """Also where that one counts already; and back again, which is a third rating."""
    first, second, third = (answered(minute, stars) for minute, stars in ((20, 5), (21, 3), (22, 5)))
    told = translated(first, second, third)
    assert [event.WhichOneof("kind") for event in told] == [
        "conversation_rated",
        *["event_retracted", "conversation_rated"] * 2,
    ]
    assert [told[1].event_retracted.retracted_event_id, told[3].event_retracted.retracted_event_id] == [
        told[0].event_id,
        told[2].event_id,
    ]


def test_an_event_that_follows_again_or_at_another_instant_has_another_id() -> None:
    """5 stars at :22; then 5 at :20 is told, which makes that the instant; then 3 at :21 in between."""
    told = translated(*(answered(minute, stars) for minute, stars in ((22, 5), (20, 5), (21, 3))))
    assert [(event.event_id, event.occur_time.ToDatetime(UTC).minute) for event in told] == [
        ("rating-125-5", 22),
        ("no-rating-125-5", 22),
        ("rating-125-5.2", 20),
        ("no-rating-125-5.2", 20),
        ("rating-125-5.3", 22),
    ]


def test_two_changes_of_the_same_instant_have_different_ids() -> None:
    delivery = payload("updated_labels")
    delivery["changed_attributes"] = []
    first = translated(delivery)
    delivery["labels"] = ["billing"]
    assert first[-1].event_id != translated(delivery)[-1].event_id


def test_where_a_payload_does_not_say_what_changed_all_is_said() -> None:
    delivery = payload("updated_labels")
    del delivery["changed_attributes"]
    assert [event.WhichOneof("kind") for event in translated(delivery)] == ["operator_assigned", "topics_set"]


@pytest.mark.parametrize("current", ["open", "pending", "snoozed"])
@pytest.mark.parametrize(
    ("previous", "expected"), [("resolved", ["conversation_resumed"]), ("pending", []), ("snoozed", [])]
)
def test_only_what_was_resolved_is_resumed_by_any_other_status(
    previous: str, expected: list[str], current: str
) -> None:
    delivery = payload("reopened") | {"status": current}
    delivery["changed_attributes"] = [{"status": {"previous_value": previous, "current_value": current}}]
    assert [kind for kind in kinds(delivery) if kind in {"conversation_ended", "conversation_resumed"}] == expected


def test_a_message_makes_live_only_on_a_website_with_an_agent_online() -> None:
    def kinds_with(change: dict[str, Any]) -> list[str | None]:
        delivery = payload("contact_again")
        delivery["conversation"] |= change
        return kinds(delivery)

    meta = payload("contact_again")["conversation"]["meta"]
    offline = {"meta": {**meta, "assignee": {**meta["assignee"], "availability_status": "offline"}}}
    assert kinds_with({}) == ["message_sent", "went_live"]
    assert kinds_with({"channel": "Channel::Email"}) == ["message_sent"]
    assert kinds_with(offline) == ["message_sent"]
    assert kinds_with({"meta": {**meta, "assignee_type": "AgentBot"}}) == ["message_sent"]
    assert kinds_with({"meta": {**meta, "assignee_type": "Captain::Assistant"}}) == ["message_sent"]


@pytest.mark.parametrize(
    ("created_at", "at"),
    [
        ("2021-07-23T18:02:48.000Z", datetime(2021, 7, 23, 18, 2, 48, tzinfo=UTC)),
        ("2020-03-03 13:05:57 UTC", datetime(2020, 3, 3, 13, 5, 57, tzinfo=UTC)),
        (1_627_063_369, datetime(2021, 7, 23, 18, 2, 49, tzinfo=UTC)),
    ],
)
def test_every_form_of_a_time_that_chatwoot_documents_is_read(created_at: object, at: datetime) -> None:
    delivery = payload("created_agent") | {"created_at": created_at}
    assert translated(delivery)[0].occur_time.ToDatetime(UTC) == at


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"id": None}, "id is missing"),
        ({"id": "x"}, "id is not a whole number"),
        ({"created_at": None}, "created_at is missing"),
        ({"created_at": "soon"}, "created_at is not a time"),
        ({"created_at": 1e300}, "created_at is not a time"),
        ({"conversation": []}, "conversation is not an object"),
        ({"conversation": {"id": 1}}, "conversation.inbox_id is missing"),
        ({"private": "no"}, "private is not true or false"),
    ],
)
def test_a_delivery_that_is_not_what_is_documented_names_the_field(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(PayloadError, match=sentence.replace(".", r"\.")):
        translated(payload("created_agent") | change)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec="utf-8")),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=8), children, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_whatever_comes_is_events_or_a_payload_error(data: st.DataObject) -> None:
    """A real delivery with any one value replaced by anything."""
    delivery = json.loads(data.draw(st.sampled_from(FIXTURES)).read_text())
    place = delivery
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        below = place[key]
        if not (isinstance(below, dict | list) and below and data.draw(st.booleans())):
            place[key] = data.draw(ANYTHING)
            break
        place = below
    try:
        events = translated(delivery)
    except PayloadError:
        return
    assert all(event.event_id and event.WhichOneof("kind") for event in events)


# --- who said it -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "sender"),
    [
        ({}, Sender.SENDER_OPERATOR),
        ({"message_type": 1}, Sender.SENDER_OPERATOR),
        ({"sender": None}, Sender.SENDER_BOT),
        ({"sender": None, "content_attributes": {"external_echo": True}}, Sender.SENDER_OPERATOR),
        ({"additional_attributes": {"campaign_id": 5}}, Sender.SENDER_BOT),
        ({"content_attributes": {"automation_rule_id": 2}}, Sender.SENDER_BOT),
        ({"sender": {"id": 7, "type": "agent_bot"}}, Sender.SENDER_BOT),
        ({"sender": {"id": 7, "type": "captain_assistant"}}, Sender.SENDER_BOT),
        ({"sender": {"id": 7}, "sender_type": "AgentBot"}, Sender.SENDER_BOT),
        ({"sender": {"id": 99, "type": "user"}}, Sender.SENDER_BOT),
        ({"content_attributes": None, "additional_attributes": None}, Sender.SENDER_OPERATOR),
        ({"content_attributes": [], "additional_attributes": "{}"}, Sender.SENDER_OPERATOR),
        ({"message_type": "template"}, Sender.SENDER_BOT),
    ],
)
def test_who_said_it(change: dict[str, Any], sender: int) -> None:
    """Agent 99 is named as a bot in the settings."""
    [event] = Translator(bot_agents=[99])(payload("created_agent") | change)
    assert event.message_sent.sender == sender


@pytest.mark.parametrize(
    ("meta", "operator"),
    [
        ({}, "agent-7"),
        ({"assignee_type": "AgentBot"}, ""),
        ({"assignee_type": "Captain::Assistant"}, ""),
        ({"assignee": {"id": 7, "type": "captain_assistant"}}, ""),
        ({"assignee": {"id": 99, "type": "user"}}, ""),
        ({"assignee": {"id": 7}, "assignee_type": None}, "agent-7"),
        ({"assignee": {"id": "7"}}, "agent-7"),
        ({"assignee": {"id": 7.0}}, "agent-7"),
    ],
)
def test_a_bot_is_assigned_as_nobody(meta: dict[str, Any], operator: str) -> None:
    delivery = payload("updated_assignee")
    delivery["meta"] |= meta
    number = delivery["meta"]["assignee"]["id"]
    delivery["changed_attributes"][0]["assignee_id"]["current_value"] = number
    [event] = [one for one in Translator(bot_agents=[99])(delivery) if one.HasField("operator_assigned")]
    assert event.operator_assigned.operator_id == operator


@pytest.mark.parametrize("assignee", [None, {}, {"id": None}])
def test_a_message_counts_whatever_is_shown_of_who_is_assigned(assignee: object) -> None:
    delivery = payload("contact_again")
    delivery["conversation"]["meta"]["assignee"] = assignee
    assert kinds(delivery) == ["message_sent"]


def test_changes_are_read_from_one_object_as_from_a_list_of_them() -> None:
    delivery = payload("updated_assignee")
    listed = translated(delivery)
    one = {name: change for each in delivery["changed_attributes"] for name, change in each.items()}
    assert translated(delivery | {"changed_attributes": one}) == listed
    assert translated(delivery | {"changed_attributes": [one, None]}) == listed


def test_inboxes_and_prefixes_keep_accounts_apart() -> None:
    delivery = payload("updated_assignee")
    [event] = Translator(prefix="shop-")(delivery)
    said = event.operator_assigned
    named = (event.conversation_id, event.widget_id, said.operator_id, said.operator_group_id)
    assert named == ("shop-chatwoot-10", "shop-inbox-1", "shop-agent-7", "shop-team-3")
    assert Translator(inboxes=[2])(delivery) == []


# --- signatures ------------------------------------------------------------------------------------------------------

NOW = 1_793_610_000.0
BODY = b'{"event": "message_created"}'


def signed(body: bytes = BODY, timestamp: str = f"{NOW:.0f}", key: str = "secret") -> dict[str, str]:
    return bridging.signed(body, timestamp, key)


def test_any_of_several_secrets_signs_whatever_space_surrounds_it() -> None:
    both = Chatwoot(" secret\n", "other")
    for secret in ("secret", "other"):
        both.verify(signed(key=secret), BODY, NOW)
    with pytest.raises(SignatureError):
        both.verify(signed(key="third"), BODY, NOW)


def test_a_delivery_that_chatwoot_signed_just_now_is_taken() -> None:
    CHATWOOT.verify(signed(), BODY, NOW)
    CHATWOOT.verify(signed(), BODY, NOW + FRESH_SECONDS)


@pytest.mark.parametrize(
    ("headers", "body", "now"),
    [
        ({}, BODY, NOW),
        (signed(), BODY + b" ", NOW),
        (signed(key="other"), BODY, NOW),
        (signed() | {"x-chatwoot-timestamp": f"{NOW + 1:.0f}"}, BODY, NOW),
        ({"x-chatwoot-signature": signed()["x-chatwoot-signature"]}, BODY, NOW),
        (signed() | {"x-chatwoot-signature": "sha256=ü"}, BODY, NOW),
        (signed(), BODY, NOW + FRESH_SECONDS + 1),
        (signed(), BODY, NOW - FRESH_SECONDS - 1),
        (signed(timestamp="soon"), BODY, NOW),
    ],
    ids=[
        "none",
        "other body",
        "other secret",
        "other time",
        "no time",
        "no hex",
        "old",
        "from the future",
        "no number",
    ],
)
def test_any_other_is_refused(headers: dict[str, str], body: bytes, now: float) -> None:
    with pytest.raises(SignatureError):
        CHATWOOT.verify(headers, body, now)
