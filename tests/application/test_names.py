"""Which distinct names an event brings to its account."""

import pytest

from telwerkd.application.names import FAMILY_TEXT, GROUPS, OPERATORS, WIDGETS, names_of
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.values import answer_value, topics_value
from tests.chats import chat

GOALS, TOPICS, BEFORE, AFTER = (
    Kpi.GOALS_REACHED,
    Kpi.CONVERSATION_TOPICS,
    Kpi.PRE_CHAT_SURVEY_RESULTS,
    Kpi.POST_CHAT_SURVEY_RESULTS,
)


@pytest.mark.parametrize(
    ("what", "names"),
    [
        ("anna assigned in sales", [(OPERATORS, "anna"), (GROUPS, "sales")]),
        ("nobody assigned in sales", [(GROUPS, "sales")]),
        ("anna assigned", [(OPERATORS, "anna")]),
        ("unassigned, stays in sales", [(GROUPS, "sales")]),
        ("unassigned", []),
        ("anna: message, by anna", [(OPERATORS, "anna")]),
        ("anna: message", []),
        ("bot: message, by anna", []),
        ("contact reaches order", [(GOALS, "order")]),
        ("contact visits /thanks, goals order quote", [(GOALS, "order"), (GOALS, "quote")]),
        ("topics size price", [(TOPICS, topics_value(["price", "size"]))]),
        ("no topics", []),
        ("pre-chat survey q=a q=b", [(BEFORE, answer_value("q", "a")), (BEFORE, answer_value("q", "b"))]),
        ("post-chat survey q=a", [(AFTER, answer_value("q", "a"))]),
        ("contact rates 4", []),
        ("action inactivity_message_sent", []),
    ],
)
def test_an_event_brings_its_widget_and_what_producers_choose_in_it(what: str, names: list[tuple[int, str]]) -> None:
    """Nobody is no name, nor is who did not write; what the catalogue knows beforehand cannot run away."""
    [event] = chat(f"09:00:00 {what} on shop")
    assert [*names_of(event)] == [(WIDGETS, "shop"), *names]


def test_every_family_has_words_for_an_error() -> None:
    """Its number is the storage format: that of a KPI, or one beyond all KPIs."""
    assert FAMILY_TEXT.keys() == {GOALS, TOPICS, BEFORE, AFTER, OPERATORS, GROUPS, WIDGETS}
    assert (OPERATORS, GROUPS, WIDGETS) == (101, 102, 103)
    assert all(FAMILY_TEXT.values())
