"""Display names: which ones harm nobody, how they are searched, and what has one."""

import unicodedata

import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.domain.catalogue.specs import ValueKind
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.domain.display_names import NameKey, NameKind, flaw_of, folded, keys_of_ids, keys_of_value, option_key

law = settings(deadline=None)


@pytest.mark.parametrize("name", ["Anna", "Zoë de Vries", "李雷", "🙂", "سارة", "a\u0301", "x\u200dy"])
def test_names_of_people_are_names(name: str) -> None:
    """In whatever script, with accents and joiners in them."""
    assert flaw_of(name) == ""


@pytest.mark.parametrize(
    ("name", "flaw"),
    [
        ("An\nna", "control character"),
        ("\x9b31m", "control character"),
        ("one\u2028two", "control character"),
        ("evil\u202egnp.exe", "direction of writing"),
        ("\u200fAnna", "direction of writing"),
        ("", "no visible character"),
        (" \u00a0\u3000", "no visible character"),
        ("\u200b\u200d", "no visible character"),
        ("\u3164", "no visible character"),
        ("\u0301", "no visible character"),
    ],
)
def test_what_is_no_name_is_told_without_the_name(name: str, flaw: str) -> None:
    """What moves a terminal's cursor, what turns the text beside it around, and what nobody sees."""
    assert flaw in flaw_of(name)
    assert not name or name not in flaw_of(name)


@law
@given(st.text("aAßẞıIİiéſΣς\u0301\u0345", max_size=6))
def test_a_search_sees_no_case_and_no_form_of_unicode(name: str) -> None:
    """Folded once is folded; an accent of its own is that of a letter; and capitals are as small ones."""
    assert folded(folded(name)) == folded(name)
    assert folded(unicodedata.normalize("NFD", name)) == folded(name)
    assert folded("STRASSE") == folded("straße")


def test_the_parts_of_an_option_are_its_question_and_itself() -> None:
    """An option has no name without its question; anything else is named by itself alone."""
    assert option_key("q1", "yes").parts == ("q1", "yes")
    assert option_key("q1", "yes") != option_key("q2", "yes")
    assert NameKey(NameKind.TOPIC, "price").parts == ("", "price")


def test_a_value_consists_of_what_can_have_names() -> None:
    """A set of its topics, an answer of its question and option; a star of nothing."""
    assert [*keys_of_value(ValueKind.TOPIC_SET, topics_value(["price", "delivery"]))] == [
        NameKey(NameKind.TOPIC, "delivery"),
        NameKey(NameKind.TOPIC, "price"),
    ]
    assert [*keys_of_value(ValueKind.SURVEY_ANSWER, answer_value("q1", "yes"))] == [
        NameKey(NameKind.QUESTION, "q1"),
        option_key("q1", "yes"),
    ]
    assert [*keys_of_value(ValueKind.GOAL, "order")] == [NameKey(NameKind.GOAL, "order")]
    assert [*keys_of_value(ValueKind.STARS, "5")] == []


def test_nobody_has_no_name() -> None:
    """The empty id of an operator, or of a group."""
    assert [*keys_of_ids(["", "anna"], [""], ["web"])] == [
        NameKey(NameKind.OPERATOR, "anna"),
        NameKey(NameKind.WIDGET, "web"),
    ]
