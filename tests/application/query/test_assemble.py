"""Assemble: the numbers of the selected keys, bucket by bucket, and what all others come to."""

import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.application.query.question import Order, OrderMeasure, PreviousPeriod, Query, Top
from telwerkd.application.query.result import AnswerRow
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.domain.errors import LimitExceededError
from telwerkd.domain.time.calendar import Granularity
from tests.application.query.reading import Some, answered, asking, spread

law = settings(deadline=None, max_examples=40)
BY_OPERATOR = {"group_by": (Dimension.OPERATOR,)}
MOST = Order(OrderMeasure.COUNT, descending=True)
TOPICS, SURVEY = Kpi.CONVERSATION_TOPICS, Kpi.POST_CHAT_SURVEY_RESULTS


def rows(query: Query, *facts: Some) -> list[AnswerRow]:
    [kpi] = answered(query, *facts).kpis
    return kpi.rows


@law
@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.integers(1, 3), st.integers(0, 6)), max_size=12), st.integers(1, 5)
)
def test_the_selected_rows_and_the_rest_are_the_whole(of: list[tuple[str, int, int]], size: int) -> None:
    """In every bucket: a rest is what is not selected, each fact once."""
    whole = asking(granularity=Granularity.DAY)
    top = whole._replace(group_by=(Dimension.OPERATOR,), order=MOST, top=Top(size, rest=True))
    [total] = rows(whole, *spread(*of))
    shown = rows(top, *spread(*of))
    assert sum((row.counts for row in shown), 0 * total.counts).tolist() == total.counts.tolist()
    assert [row.rest for row in shown] == [False] * min(size, len({who for who, *_ in of})) + (
        [True] if len({who for who, *_ in of}) > size else []
    )


def test_the_rest_of_sets_has_each_set_once() -> None:
    """Of a set with two topics that are both left over, and not again of one that is selected."""
    facts = [
        Some("", n, value=topics_value(of), kpi=TOPICS) for of, n in ((["a"], 9), (["b", "c"], 2), (["a", "b"], 1))
    ]
    query = asking(TOPICS, group_by=(Dimension.TOPIC,), order=MOST, top=Top(1, rest=True))
    assert [(row.key.topic, int(row.counts[0])) for row in rows(query, *facts)] == [("a", 10), (None, 3)]


def test_a_rest_in_which_nothing_is_left_is_no_row() -> None:
    """What was counted and taken back of an operator is nothing."""
    facts = spread(("anna", 2), ("bram", 1), ("bram", -1))
    query = asking(order=MOST, top=Top(1, rest=True), **BY_OPERATOR)
    assert [row.key.operator for row in rows(query, *facts)] == ["anna"]


def test_the_grand_total_does_not_depend_on_what_is_selected() -> None:
    """Nor on how rows overlap: each fact once."""
    facts = [Some("", 3, value=topics_value(["a", "b"]), kpi=TOPICS)]
    [kpi] = answered(asking(TOPICS, group_by=(Dimension.TOPIC,), order=MOST, top=Top(1, rest=False)), *facts).kpis
    assert (kpi.summed.facts, kpi.row_count, len(kpi.rows)) == (3, 2, 1)


def test_the_share_of_a_row_is_its_part_of_everything() -> None:
    """Of totals alone; the rest has what is left of it."""
    query = asking(order=MOST, top=Top(1, rest=True), **BY_OPERATOR)
    facts = spread(("anna", 3), ("bram", 1))
    assert [row.share for row in rows(query, *facts)] == [0.75, 0.25]
    assert [row.share for row in rows(query._replace(granularity=Granularity.DAY), *facts)] == [None, None]


def test_the_share_of_an_answer_is_its_part_of_its_question() -> None:
    """Not of all questions; and a rest of several questions is a part of none."""
    facts = [
        Some("", n, value=answer_value(*of), kpi=SURVEY)
        for of, n in ((("q1", "a"), 3), (("q1", "b"), 1), (("q2", "a"), 2))
    ]
    query = asking(SURVEY, group_by=(Dimension.VALUE,))
    assert [row.share for row in rows(query, *facts)] == [0.75, 0.25, 1.0]
    top = query._replace(order=MOST, top=Top(1, rest=True))
    assert [row.share for row in rows(top, *facts)] == [0.75, None]
    assert [row.share for row in rows(top, *facts[:2])] == [0.75, 0.25]


def test_a_row_has_the_numbers_of_both_periods() -> None:
    """Bucket by bucket, nothing where there was nothing."""
    query = asking(granularity=Granularity.DAY, compare_to=PreviousPeriod.PREVIOUS, **BY_OPERATOR)
    [row] = rows(query, *spread(("anna", 2, 1), ("anna", 5, -7)))
    assert row.compared is not None
    assert row.counts.tolist() == [0, 2, 0, 0, 0, 0, 0]
    assert row.compared.counts.tolist() == [5, 0, 0, 0, 0, 0, 0]


def test_what_is_below_the_line_of_several_rows_is_in_their_rest_once() -> None:
    """Of a rate by value, all rows of an operator have the same conversations below (R-RATE-6)."""
    facts = [
        *(Some("anna", n, value=goal, kpi=Kpi.GOALS_REACHED) for goal, n in (("a", 5), ("b", 2), ("c", 1))),
        Some("anna", 8, kpi=Kpi.CONVERSATIONS_RECEIVED),
    ]
    query = asking(RATES["goal_rate"], group_by=(Dimension.VALUE,), order=MOST, top=Top(1, rest=True))
    first, rest = rows(query, *facts)
    assert first.below is not None
    assert rest.below is not None
    assert (int(first.counts[0]), int(first.below[0])) == (5, 8)
    assert (int(rest.counts[0]), int(rest.below[0])) == (3, 8)


def test_too_many_numbers_are_refused_before_they_are_made() -> None:
    """Of each KPI, series by buckets by values: exactly as many are answered as are allowed."""
    query = asking(Kpi.SATISFACTION_SCORE, granularity=Granularity.DAY, **BY_OPERATOR)
    facts = [Some(who, 1, value="5", kpi=Kpi.SATISFACTION_SCORE) for who in ("anna", "bram")]
    assert answered(query, *facts, points_max=2 * 7 * 5).points == 70
    with pytest.raises(LimitExceededError, match=r"70 numbers .*at most 69 \(points_max\)"):
        answered(query, *facts, points_max=69)
