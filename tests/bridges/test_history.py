"""The law of an import: beside deliveries it changes nothing, and alone it tells what the API shows of the story."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from telwerk.v1.event_pb2 import Event
from telwerk_bridges import chatwoot_history
from telwerk_bridges.chatwoot import Chatwoot
from telwerk_bridges.chatwoot_history import Past
from telwerk_bridges.payload import Node, PayloadError
from telwerk_bridges.platform import Delivery
from telwerk_bridges.story import Story
from tests.bridges.days import START, Happening, deliveries, meaning
from tests.bridges.history import past
from tests.bridges.test_arrival import law, line_of, stories, without_live

CHATWOOT = Chatwoot("secret")


def read(shown: dict[str, Any]) -> tuple[Delivery, Counter[str]]:
    parts = [list(Node(shown[name]).items()) for name in ("messages", "csat_survey_responses", "reporting_events")]
    found = chatwoot_history.read(CHATWOOT, Past(Node(shown["conversation"]), *parts))
    assert found
    return found


def delivered(payload: dict[str, Any]) -> Delivery:
    found = CHATWOOT.read(Node(payload), 0)
    assert found
    return found


def told(tellings: Sequence[Delivery]) -> list[str]:
    """What stands in the end, in the words of `days.Told`; without the survey's own message.

    An event that was told anew has the number of times behind its id.
    """
    stored, events = "", dict[str, Event]()
    for one in tellings:
        story = Story.from_json("1", stored) if stored else Story("1", one.widget_id)
        for event in story.told(one.observations):
            if event.HasField("event_retracted"):
                del events[event.event_retracted.retracted_event_id]
            else:
                assert event.event_id not in events
                events[event.event_id] = event
        stored = story.to_json()
    for event in events.values():
        event.event_id = re.sub(r"^(message-\d+).*|\.\d+$", r"\1", event.event_id)
    return sorted(line_of(event) for event in events.values() if event.event_id != "message-5")


@law
@given(stories(), st.data())
def test_deliveries_and_an_import_tell_the_story_once_in_any_order(story: list[Happening], data: st.DataObject) -> None:
    """Also an import in the middle of the story, and two; with what only recent versions show, or without it."""
    tellings = [delivered(one) for one in deliveries(story, 1, [0] * len(story))]
    for _ in range(data.draw(st.integers(1, 2))):
        until = data.draw(st.integers(0, len(story)))
        tellings.append(read(past(story[:until], 1, reports=data.draw(st.booleans())))[0])
    assert told(data.draw(st.permutations(tellings))) == meaning(story)


@law
@given(stories(), st.data())
def test_beside_late_payloads_an_import_changes_nothing_but_being_live(
    story: list[Happening], data: st.DataObject
) -> None:
    lags = data.draw(st.lists(st.integers(0, 6), min_size=len(story), max_size=len(story)))
    tellings = [delivered(one) for one in deliveries(story, 1, lags)]
    tellings.append(read(past(story, 1))[0])
    assert without_live(told(data.draw(st.permutations(tellings)))) == without_live(meaning(story))


@law
@given(stories(), st.data())
def test_an_import_and_any_part_of_the_deliveries_tell_the_same_in_any_order(
    story: list[Happening], data: st.DataObject
) -> None:
    """It fills what was lost, whichever comes first."""
    payloads = deliveries(story, 1, [0] * len(story))
    tellings = [delivered(one) for one in data.draw(st.lists(st.sampled_from(payloads), unique_by=id))]
    tellings.append(read(past(story, 1))[0])
    assert told(data.draw(st.permutations(tellings))) == told(tellings)


SPACED = stories(2_000, 600_000)
"""More than a second apart: an import alone knows no order within a second."""


def instants(lines: Sequence[str], kind: str) -> list[int]:
    return sorted(int(line.split()[0]) for line in lines if line.split()[1] == kind)


@law
@given(SPACED, st.data())
def test_an_import_alone_tells_each_message_end_resumption_and_answer_once(
    story: list[Happening], data: st.DataObject
) -> None:
    """Each message at its second, each end less than one late; with what only recent versions show, or not."""
    found = told([read(past(story, 1, reports=data.draw(st.booleans())))[0]])
    expected = meaning(story)
    # Who is online is shown as of now.
    assert without_live(found) == found
    for kind in ("message_sent", "conversation_ended", "conversation_resumed", "feedback_left", "conversation_rated"):
        seen, wanted = instants(found, kind), instants(expected, kind)
        assert len(seen) == len(wanted)
        if kind.startswith("conversation_e"):
            assert all(0 <= one - other < 1_000 for one, other in zip(seen, wanted, strict=True))
        if kind == "message_sent":
            assert seen == [at // 1_000 * 1_000 for at in wanted]
    assert [line.split()[-1] for line in found if "rated" in line] == [
        line.split()[-1] for line in expected if "rated" in line
    ]


def test_an_import_alone_knows_who_was_assigned_at_an_answer_at_an_end_and_in_the_end() -> None:
    """Each before what was of that instant; the team and the labels only as they are in the end."""
    story = [
        Happening(START + 10_250, "assignee_id", 7),
        Happening(START + 11_250, "team_id", 3),
        Happening(START + 20_250, "status", "resolved"),
        Happening(START + 30_250, "assignee_id", 8),
        Happening(START + 40_250, "answer", (5, False)),
        Happening(START + 50_250, "label_list", ("b", "a")),
        Happening(START + 60_250, "answer", (4, True)),
        Happening(START + 70_250, "assignee_id", 9),
    ]
    delivery, unknown = read(past(story, 1))
    assert told([delivery]) == [
        "    19999 operator_assigned 7 None",
        "    20253 conversation_ended",
        "    39999 operator_assigned 8 None",
        "    40000 conversation_rated 4",
        "    40000 feedback_left",
        "    70250 operator_assigned 9 3",
        "    70250 topics_set a b",
    ]
    assert +unknown == {"assignments": 1, "labels": 1, "live": 1, "notes": 5}


def test_notes_of_one_second_follow_each_other_and_a_later_import_says_the_same() -> None:
    """Without reports, each by a millisecond."""
    statuses = ["resolved", "open", "resolved", "snoozed"]
    story = [Happening(START + 1_100 * 10 + at, "status", status) for at, status in enumerate(statuses)]
    whole, earlier = (read(past(story[:until], 1, reports=False))[0] for until in (4, 2))
    expected = [
        "    11999 conversation_ended",
        "    12000 conversation_resumed",
        "    12001 conversation_ended",
        "    12002 conversation_resumed",
    ]
    assert told([whole]) == expected
    assert told([whole, earlier]) == told([earlier, whole]) == expected


def test_what_the_api_does_not_tell_is_counted_by_kind() -> None:
    """Without reports, notes and surveys; a sender who is gone; an end after an end; begun by an agent."""
    story = [
        Happening(START + 1_000, "agent"),
        Happening(START + 2_000, "status", "resolved"),
        Happening(START + 3_000, "status", "open"),
        Happening(START + 4_000, "status", "resolved"),
        Happening(START + 5_000, "answer", (5, False)),
    ]
    shown = past(story, 1, reports=False)
    resumed = [
        one for one in shown["messages"] if one["content_attributes"].get("activity", {}).get("status") == "open"
    ]
    resumed[0]["content_attributes"] = {}
    assert read(shown)[1]["resumptions"] == 1
    shown["messages"] = [
        one | {"content_attributes": {}} if one["message_type"] == 2 else one for one in shown["messages"]
    ]
    shown["messages"][0].pop("sender")
    shown["csat_survey_responses"] = []
    delivery, unknown = read(shown)
    assert +unknown == {"assignments": 1, "live": 1, "ends": 1, "notes": 3, "senders": 1, "answers": 1}
    assert told([delivery]) == [
        "     1000 message_sent 1000 BOT",
        "     5000 conversation_ended",
        "     5000 conversation_rated 5",
    ]
    assert read(past(story, 1))[1]["campaigns"] == 1


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        (("conversation", "id"), None, "id is missing"),
        (("conversation", "inbox_id"), "x", "inbox_id is not a whole number"),
        (("conversation", "updated_at"), "soon", "updated_at is not a time"),
        (("conversation", "meta"), [], "meta is not an object"),
        (("messages", 0, "created_at"), None, "created_at is missing"),
        (("messages", 0, "id"), "x", "id is not a whole number"),
        (("csat_survey_responses", 0, "message_id"), None, "message_id is missing"),
        (("reporting_events", 0, "event_end_time"), 1e300, "event_end_time is not a time"),
    ],
)
def test_what_is_not_as_documented_names_the_field(place: tuple[Any, ...], value: object, said: str) -> None:
    story = [Happening(START + 1_000 * at, *what) for at, what in enumerate((("contact",), ("status", "resolved")), 1)]
    shown = past([*story, Happening(START + 9_000, "answer", (5, False))], 1)
    below: Any = shown
    for name in place[:-1]:
        below = below[name]
    below[place[-1]] = value
    with pytest.raises(PayloadError, match=said):
        read(shown)


def test_inboxes_bots_and_prefixes_hold_for_an_import_too() -> None:
    story = [Happening(START + 1_000, "assignee_id", 7), Happening(START + 2_000, "answer", (5, False))]
    line = past(story, 1)
    parts = [list(Node(line[name]).items()) for name in ("messages", "csat_survey_responses", "reporting_events")]
    shown = Past(Node(line["conversation"]), *parts)
    assert chatwoot_history.read(Chatwoot("secret", inboxes=[2]), shown) is None
    found = chatwoot_history.read(Chatwoot("secret", prefix="shop-"), shown)
    assert found
    assert (found[0].conversation_id, found[0].widget_id) == ("shop-chatwoot-1", "shop-inbox-1")
    assert "shop-agent-7" in {getattr(one, "current", "") for one in found[0].observations}
    bots = chatwoot_history.read(Chatwoot("secret", bot_agents=[7]), shown)
    assert bots
    assert not any("operator_assigned" in line for line in told([bots[0]]))
