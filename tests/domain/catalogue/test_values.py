"""The values of facts as strings: each says again what it was made of, and equal things are equal strings."""

from hypothesis import given, settings, strategies as st

from telwerkd.domain.catalogue.values import answer_value, duration_value, topics_value, value_answer, value_topics
from telwerkd.domain.ids import Micros

law = settings(deadline=None)
IDS = st.text("ab =/\u00e9\uff5a\U0001f600", min_size=1, max_size=4)


@law
@given(st.lists(IDS, min_size=1, max_size=5), st.data())
def test_a_set_of_topics_has_one_value(topics: list[str], data: st.DataObject) -> None:
    """However often each is named and in which order; sorted by their bytes, each once (R-KPI8-4)."""
    value = topics_value(topics)
    assert topics_value(data.draw(st.permutations([*topics, topics[0]]))) == value
    assert list(value_topics(value)) == sorted(set(topics), key=str.encode)


@law
@given(IDS, IDS)
def test_an_answer_says_again_its_question_and_option(question: str, option: str) -> None:
    """No id can contain what stands between them."""
    assert value_answer(answer_value(question, option)) == (question, option)


@law
@given(st.integers(0, 10**15), st.integers(0, 10**12))
def test_a_duration_is_its_whole_milliseconds(begin: int, length: int) -> None:
    """Cut, not rounded (R-TIME-1)."""
    assert int(duration_value(Micros(begin), Micros(begin + length))) == length // 1_000
