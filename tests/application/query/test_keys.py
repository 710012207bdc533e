"""What was selected counts under its row, all else in one more, and a row is a part of the right whole."""

import numpy as np
import pytest

from telwerkd.application.query.budgets import PointBudget
from telwerkd.application.query.keys import GroupedSlice, Selection, Wholes, key_maker
from telwerkd.application.query.result import GroupKey
from telwerkd.application.query.slices.slices import series
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.errors import LimitExceededError
from telwerkd.domain.time.calendar import Granularity
from tests.application.query.reading import Some, asking, grouped, ranked, spread

TOPICS = Kpi.CONVERSATION_TOPICS
BY_TOPIC = asking(TOPICS, group_by=(Dimension.TOPIC,))
OF_TOPICS = [
    Some("anna", n, value=topics_value(topics), kpi=TOPICS)
    for n, topics in ((1, ["price"]), (2, ["price", "size"]), (4, ["size", "stock"]))
]


def counted(of: GroupedSlice, keys: list[tuple[str, ...]], *selected: str) -> tuple[list[int], int]:
    """How much is in each row that is selected, and in the one of the rest."""
    indexes = np.array([keys.index((key,)) for key in selected], np.int64)
    rows = Selection(indexes, rest=True, next=None).rows_of(len(keys))
    by_row = series(of.slice, of.selected(rows), len(selected)).sum(axis=(1, 2))
    return by_row.tolist(), int(series(of.slice, of.left_over(rows), 1).sum())


@pytest.mark.parametrize(
    ("selected", "by_row", "rest"),
    [
        ((), [], 1 + 2 + 4),
        (("stock",), [4], 1 + 2 + 4),
        (("size", "price"), [2 + 4, 1 + 2], 4),
        (("price", "size", "stock"), [1 + 2, 2 + 4, 4], 0),
    ],
)
def test_the_rest_has_each_fact_of_any_key_that_is_left_once(
    selected: tuple[str, ...], by_row: list[int], rest: int
) -> None:
    """A set of topics counts whole under each of its topics, and once where several of them are left (R-NUM-5)."""
    found = grouped(BY_TOPIC, *OF_TOPICS)
    assert counted(found.kpis[0].periods[0], found.keys, *selected) == (by_row, rest)


def test_where_keys_do_not_overlap_rows_and_rest_are_all_there_is() -> None:
    """Whatever is selected."""
    found = grouped(asking(group_by=(Dimension.OPERATOR,)), *spread(("anna", 1), ("bram", 2), ("", 4)))
    assert counted(found.kpis[0].periods[0], found.keys, "bram") == ([2], 5)
    assert counted(found.kpis[0].periods[0], found.keys, "", "anna") == ([4, 1], 2)


def test_a_selection_has_a_row_for_each_key_in_its_order_and_one_for_the_rest() -> None:
    chosen = Selection(np.array([2, 0]), rest=True, next=None)
    assert chosen.rows_of(4).tolist() == [1, -1, 0, -1]
    assert (chosen.size, chosen._replace(rest=False).size) == (3, 2)


def test_parts_of_a_key_are_named_by_their_dimensions_however_they_were_asked_for() -> None:
    """The ids come in the order of dimensions."""
    for dimensions in ((Dimension.WIDGET, Dimension.OPERATOR), (Dimension.OPERATOR, Dimension.WIDGET)):
        assert key_maker(dimensions)(("anna", "web")) == GroupKey(operator="anna", widget="web")
    assert key_maker([Dimension.HOUR_OF_DAY, Dimension.WEEKDAY])(("1", "09")) == GroupKey(weekday="1", hour_of_day="09")


# --- parts of wholes -------------------------------------------------------------------------------------------------


def test_an_answer_is_a_part_of_the_answers_to_its_question() -> None:
    """Though the row does not name the question."""
    wholes = Wholes([Dimension.VALUE], [Dimension.QUESTION], {("q1",): 4, ("q2",): 10})
    assert wholes.share((answer_value("q1", "yes"),), 1) == 0.25
    assert wholes.share((answer_value("q2", "yes"),), 1) == 0.1


def test_a_value_is_a_part_of_all_values_of_its_key() -> None:
    wholes = Wholes([Dimension.OPERATOR, Dimension.VALUE], [Dimension.OPERATOR], {("anna",): 4, ("bram",): 0})
    assert wholes.share(("anna", "5"), 3) == 0.75
    assert wholes.share(("bram", "5"), 0) is None, "nothing is no part of nothing"
    assert wholes.share(("carl", "5"), 0) is None, "nor of what is not there"


@pytest.mark.parametrize(
    ("counts", "share"),
    [({("anna",): 4}, 0.5), ({("anna",): 4, ("bram",): 0}, 0.5), ({("anna",): 4, ("bram",): 1}, None), ({}, None)],
)
def test_the_rest_is_a_part_of_the_only_whole_there_is(counts: dict[tuple[str, ...], int], share: float | None) -> None:
    """Of several it would be a part of none; one of which nothing is left is none."""
    wholes = Wholes([Dimension.OPERATOR, Dimension.VALUE], [Dimension.OPERATOR], counts)
    assert wholes.share_of_rest(2) == share


# --- what is below the line of a rate --------------------------------------------------------------------------------


def test_what_is_below_several_rows_is_below_their_rest_once() -> None:
    """Rows by value have all of their operator below them, and so has what is left of them (R-RATE-6)."""
    facts = [
        *(Some("anna", n, value=goal, kpi=Kpi.GOALS_REACHED) for goal, n in (("order", 1), ("quote", 2))),
        *(Some(who, n, day, kpi=Kpi.CONVERSATIONS_RECEIVED) for who, n, day in (("anna", 8, 0), ("anna", 1, 2))),
        Some("bram", 4, kpi=Kpi.CONVERSATIONS_RECEIVED),
    ]
    query = asking(RATES["goal_rate"], group_by=(Dimension.OPERATOR, Dimension.VALUE), granularity=Granularity.DAY)
    found = grouped(query, *facts)
    below = found.kpis[0].below
    assert below is not None
    every: IntArray = np.array([found.keys.index(("anna", goal)) for goal in ("order", "quote")])
    by_day = [8, 0, 1, 0, 0, 0, 0]
    assert below.numbers(0, every).tolist() == [by_day, by_day]
    assert below.left_over(0, every).tolist() == by_day
    assert below.total(0) == 13


# --- the numbers of an answer ----------------------------------------------------------------------------------------


BY_DAY = {"granularity": Granularity.DAY}


@pytest.mark.parametrize(
    ("asked", "of", "value", "fields", "numbers"),
    [
        (Kpi.FEEDBACK_COUNT, Kpi.FEEDBACK_COUNT, "", {}, 2),
        (Kpi.FEEDBACK_COUNT, Kpi.FEEDBACK_COUNT, "", BY_DAY, 2 * 7),
        (Kpi.SATISFACTION_SCORE, Kpi.SATISFACTION_SCORE, "5", BY_DAY, 2 * 7 * 5),
        (RATES["live_answer_rate"], Kpi.UNANSWERED_LIVE_CONVERSATIONS, "", BY_DAY, 2 * 7 * 2),
        (Kpi.RESPONSE_TIME, Kpi.RESPONSE_TIME, "1000", {**BY_DAY, "percentiles": (50.0, 90.0)}, 2 * 7 * 3),
    ],
    ids=["totals", "by day", "stars", "a rate", "percentiles"],
)
def test_the_numbers_of_all_rows_buckets_and_values_are_counted_before_any_is_made(
    asked: object, of: Kpi, value: str, fields: dict[str, object], numbers: int
) -> None:
    """A rate has two of each, stars have five; percentiles come on top."""
    facts = [Some(who, 1, value=value, kpi=of) for who in ("anna", "bram")]
    query = asking(asked, group_by=(Dimension.OPERATOR,), **fields)
    assert ranked(query, *facts).take_numbers(PointBudget(numbers)) == numbers
    with pytest.raises(LimitExceededError, match="points_max"):
        ranked(query, *facts).take_numbers(PointBudget(numbers - 1))
