"""The law of the bridge with Rocket.Chat: what is told follows from what happened, however deliveries arrive."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from telwerk import Telwerk
from telwerk.v1.settings_service_pb2 import Goal, WidgetSettings
from telwerk_bridges.payload import PayloadError
from telwerk_bridges.platform import Platform
from telwerk_bridges.rocketchat import RocketChat
from tests.bridges.bridging import Translator, bridge, deliver, eventually_true, settled
from tests.bridges.conformance import counted_lines
from tests.bridges.rocketchat_days import ACTIONS, BOTS, PAGE, ROOM, START, VISITOR, Chat, chat_of, iso
from tests.bridges.telling import line, told
from tests.conftest import serving
from tests.effort import examples

FIXTURES: Final = Path(__file__).parent / "fixtures" / "rocketchat"
EXAMPLES = examples(60)
law = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
SECOND: Final = 1_000


def platform() -> Platform:
    return RocketChat("secret", bot_agents=BOTS)


@st.composite
def chats(draw: st.DrawFn) -> Chat:
    actions = draw(st.lists(st.sampled_from(ACTIONS), max_size=14))
    gaps = draw(st.lists(st.integers(2, 3_000), min_size=len(actions), max_size=len(actions)))
    return chat_of(actions, gaps, draw(st.sampled_from(["", "sales"])))


@law
@given(chats(), st.data())
def test_shuffled_and_repeated_deliveries_tell_the_chat(chat: Chat, data: st.DataObject) -> None:
    """All of it: facts, operators, departments, tags, instants, and being live."""
    again = data.draw(st.lists(st.sampled_from(chat.deliveries), max_size=10))
    assert told(platform(), data.draw(st.permutations(chat.deliveries + again))) == sorted(chat.lines)


@law
@given(chats(), st.data())
def test_any_part_of_the_deliveries_tells_the_same_in_any_order(chat: Chat, data: st.DataObject) -> None:
    some = data.draw(st.lists(st.sampled_from(chat.deliveries), unique_by=id))
    assert told(platform(), data.draw(st.permutations(some))) == told(platform(), some)


def payload(kind: str, *messages: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A room of the visitor; as JSON has it, what is undefined is left out."""
    room = {"_id": ROOM, "createdAt": iso(START), "lastMessageAt": iso(START), "visitor": VISITOR}
    return room | {"type": kind, "messages": list(messages)} | more


@pytest.mark.parametrize("year", ["9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00Z"])
def test_the_ends_of_the_calendar_are_no_times(year: str) -> None:
    """What follows from a delivery may lie a moment beside it: beyond the calendar, no event could say when."""
    closed = payload("LivechatSession", {"_id": "m", "closingMessage": True, "ts": year, "u": {"_id": "x"}}, tags=["a"])
    with pytest.raises(PayloadError, match="is not a time"):
        Translator(platform())(closed)


def said(at: int, agent: str | None = None, **more: Any) -> dict[str, Any]:
    message = {"_id": f"m{at}", "username": agent or "guest-3", "msg": "x", "ts": iso(START + at * SECOND)}
    return message | ({"agentId": agent} if agent else {}) | more


def served(name: str, at: int) -> dict[str, Any]:
    return {"_id": name, "username": name, "ts": iso(START + at * SECOND)}


def lines(*expected: tuple[int, str, str]) -> list[str]:
    return sorted(line(START + at * SECOND, kind, detail) for at, kind, detail in expected)


def test_an_old_version_that_gives_no_ids_of_messages_and_not_since_when_an_agent_serves() -> None:
    """As in the documented sample: closed at the newest instant, served since before the first answer."""
    messages = [{name: value for name, value in one.items() if name != "_id"} for one in (said(1), said(2, "anna"))]
    close = payload("LivechatSession", *messages, agent={"_id": "anna", "username": "anna"}, tags=["b", "a"])
    close["lastMessageAt"] = iso(START + 5 * SECOND)
    close["visitor"] = VISITOR | {"_id": ""}
    assert told(platform(), [close, close]) == sorted(
        [
            *lines((1, "message_sent", "contact"), (2, "message_sent", "operator"), (5, "conversation_ended", "")),
            *lines((5, "topics_set", "a b")),
            line(START + 2 * SECOND - 1, "operator_assigned", "agent-anna -"),
        ]
    )


def test_a_closing_makes_up_for_all_deliveries_before_it() -> None:
    close = payload("LivechatSession", said(1), said(3, "anna"), servedBy=served("anna", 2), tags=["a"])
    close |= {"departmentId": "sales", "closedAt": iso(START + 5 * SECOND)}
    department = line(START + 5 * SECOND - 1, "operator_assigned", "agent-anna department-sales")
    assert told(platform(), [close]) == sorted(
        [
            *lines((1, "message_sent", "contact"), (2, "operator_assigned", "agent-anna -"), (2, "went_live", "")),
            *lines((3, "message_sent", "operator"), (5, "conversation_ended", ""), (5, "topics_set", "a")),
            department,
        ]
    )


@pytest.mark.parametrize(
    ("message", "sender"),
    [
        (said(1), "contact"),
        (said(1, "anna"), "operator"),
        (said(1, "Ag1", username="hubot"), "bot"),
        (said(1, "hubot"), "bot"),
        (said(1, "rocket.cat"), "bot"),
        (said(1, "Ap1", username="helper.bot"), "bot"),
        (said(1, "Ag1", u={"_id": "Ag1", "username": "hubot"}, username="alias"), "bot"),
        (said(1, str(VISITOR["_id"]), username="guest-2"), "contact"),
        (said(1, "x", u={"_id": VISITOR["_id"], "username": "guest-2"}), "contact"),
        (said(1, None, visitor=None, u=None), "contact"),
    ],
)
def test_who_said_it(message: dict[str, Any], sender: str) -> None:
    """A visitor who was renamed since is named as an agent is; bots go by id or name, apps by their name's ending."""
    assert told(platform(), [payload("Message", message)]) == lines((1, "message_sent", sender))


def test_a_visitor_who_chooses_ids_cannot_have_a_chat_refused_nor_counted_twice() -> None:
    for chosen in ("x" * 500, "\0", "é\n", "a/b c"):
        odd = said(1, None) | {"_id": chosen}
        close = payload("LivechatSession", odd, said(2) | {"_id": f"{chosen}y"}, closedAt=iso(START)) | {"_id": chosen}
        assert len(told(platform(), [close, payload("Message", odd) | {"_id": chosen}, close])) == 3


def test_a_return_to_the_queue_that_cannot_be_dated_leaves_what_was_before_as_it_was() -> None:
    """Nobody wrote since the second agent got the chat: the queue shows no newer instant than the first one's days."""
    taken = payload("LivechatSessionTaken", servedBy=served("anna", 1))
    message = said(2)
    forwarded = payload("LivechatSessionForwarded", message, servedBy=served("bert", 3), oldServedBy=served("anna", 1))
    queued = payload("LivechatSessionQueued", message)
    before = told(platform(), [taken, payload("Message", message), forwarded])
    assert told(platform(), [queued, taken, forwarded, queued]) == before
    assert lines((3, "operator_assigned", "agent-bert -"))[0] in before


def test_tags_that_are_changed_after_the_closing_replace_those_of_the_closing() -> None:
    bye = said(5, "anna", closingMessage=True)
    close = payload("LivechatSession", said(1), bye, closedAt=iso(START + 5 * SECOND), tags=["a"])
    edited = payload("LivechatEdit", said(1), bye, tags=["b"])
    assert (
        [line(START + 5 * SECOND, "topics_set", "a"), line(START + 5 * SECOND + 1, "topics_set", "b")]
        == [one for one in told(platform(), [edited, close]) if "topics_set" in one]
        == [one for one in told(platform(), [close, edited]) if "topics_set" in one]
    )


@pytest.mark.parametrize(
    "href",
    ["javascript:alert(1)", "", None, "/thanks", "https://", "https://x/ y", "https://[", "https://x/" + "y" * 2_048],
)
def test_a_page_that_has_no_address_on_the_web_is_no_visit_and_no_message(href: object) -> None:
    page = said(1, "rocket.cat", navigation={"page": {"location": {"href": href}}})
    assert told(platform(), [payload("Message", page)]) == []


def test_the_address_of_a_page_is_told_once_and_not_remembered() -> None:
    page = said(1, "rocket.cat", navigation={"page": {"location": {"href": PAGE}}})
    translate = Translator(platform())
    assert [event.page_visited.url for event in translate(payload("Message", page))] == [PAGE]
    assert translate(payload("LivechatSession", page, closedAt=iso(START + 5 * SECOND)))[0].HasField(
        "conversation_ended"
    )
    assert PAGE not in translate.kept()


def test_goals_and_live_conversations_are_counted(tmp_path: Path) -> None:
    """Beside what the conformance counts: a visited page is a goal, and an agent who does not answer is noticed."""
    environment = {"TELWERK_BRIDGE_CHATWOOT_SECRET": "", "TELWERK_BRIDGE_ROCKETCHAT_SECRET": "s"}
    bodies = [path.read_bytes() for path in sorted(FIXTURES.glob("*.json"))]
    taken = payload("LivechatSessionTaken", said(1), servedBy=served("anna", 2)) | {"_id": "unanswered"}
    with (
        serving(tmp_path / "telwerk.db") as server,
        bridge(server.address, tmp_path / "bridge.db", **environment) as started,
        Telwerk(server.address) as client,
    ):
        widget = WidgetSettings(widget_id="rocketchat", goals=[Goal(goal_id="order", url=PAGE)])
        widget.live_limit.FromSeconds(90)
        client.set_widget_settings("acme", widget)
        for body in (*bodies, json.dumps(taken).encode(), *bodies[::-1]):
            token = {"x-rocketchat-livechat-token": "s"}
            assert deliver(started.url, body, token, path="/rocketchat")[0] == 200
        settled(started.url)
        wanted = [
            "conversation_topics order+return agent-Ag2BertXXXXXXXXXX/department-8LBlojWCpJbvntpqS rocketchat",
            "goals_reached order agent-Ag1AnnaXXXXXXXXXX/department-9MCmpkXDqKcwouqrT rocketchat",
            "unanswered_ended_conversations nobody/- rocketchat",
            "unanswered_live_conversations agent-anna/- rocketchat",
        ]
        # The limit of the one that nobody answers passes by itself.
        eventually_true(lambda: len(counted_lines(server.address, "acme")) == len(wanted))
        assert counted_lines(server.address, "acme") == wanted
