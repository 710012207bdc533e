"""The state of a conversation: how it begins, and what it tells of its last event."""

import pytest

from telwerkd.domain.conversation.fold import fold
from telwerkd.domain.conversation.response_timer import settle
from telwerkd.domain.conversation.state import CURRENT_RULES, EMPTY, PART_ONE, State, empty, last_event_time
from tests.chats import at, chat

WAITING = """
    09:00:00 goes live, limit 60s
    09:00:10 contact: message
"""


def test_a_conversation_begins_with_nothing_but_its_rules() -> None:
    """Of each version, also one that is newer than this server (R-ANEW-1)."""
    for rules in range(PART_ONE, CURRENT_RULES + 2):
        assert empty(rules) == State(rules=rules)
    assert empty(PART_ONE) == EMPTY


def test_the_last_event_is_no_timer() -> None:
    """None before the first event, and none where a timer came last: that is an instant, but of no event."""
    state, _ = fold(EMPTY, chat(WAITING), at("09:00:20"))
    assert last_event_time(EMPTY) is None
    assert last_event_time(state) == at("09:00:10")
    assert last_event_time(settle(state, at("09:01:10"))[0]) is None


@pytest.mark.parametrize(
    ("more", "reached"),
    [("", "09:01:10"), ("09:00:30 bot: message", "09:01:10"), ("09:00:30 anna: message", "09:00:30")],
)
def test_a_state_reaches_to_its_timer(more: str, reached: str) -> None:
    """As long as one runs, that is when it is due, be it after every event; else the last event."""
    state, _ = fold(EMPTY, chat(f"{WAITING}\n{more}"), at("09:00:20"))
    assert state.reached == at(reached)
