"""Group: under which keys the rows of a reading count, and how much under each."""

from telwerkd.application.query.question import PreviousPeriod, Query
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.catalogue.values import answer_value, topics_value
from tests.application.query.reading import Some, asking, grouped, spread

TOPICS, SURVEY, STARS = Kpi.CONVERSATION_TOPICS, Kpi.POST_CHAT_SURVEY_RESULTS, Kpi.SATISFACTION_SCORE


def counts(query: Query, *facts: Some) -> dict[tuple[str, ...], int]:
    """How much is under each key that has a row, of the first KPI in the first period."""
    found = grouped(query, *facts)
    kpi = found.kpis[0]
    by_key = zip(found.keys, kpi.periods[0].by_key.counts.tolist(), kpi.has_row.tolist(), strict=True)
    return {key: n for key, n, has_row in by_key if has_row}


def test_without_a_dimension_there_is_one_key() -> None:
    """Also where nothing was counted: zero is an answer."""
    assert grouped(asking()).keys == [()]
    assert counts(asking(), *spread(("anna", 2), ("", 3))) == {(): 5}


def test_nobody_is_a_key_of_its_own() -> None:
    """Not the absence of one (R-FACT-3)."""
    query = asking(group_by=(Dimension.OPERATOR,))
    assert counts(query, *spread(("anna", 2), ("", 3))) == {("anna",): 2, ("",): 3}


def test_parts_of_a_key_stand_in_the_order_of_dimensions_however_they_are_asked_for() -> None:
    """So that a key is the same in every answer."""
    facts = [Some("anna", 2, widget="shop"), Some("anna", 1, widget="web")]
    for group_by in ((Dimension.WIDGET, Dimension.OPERATOR), (Dimension.OPERATOR, Dimension.WIDGET)):
        assert counts(asking(group_by=group_by), *facts) == {("anna", "shop"): 2, ("anna", "web"): 1}


def test_a_packed_value_is_a_part_of_the_key_as_any_other_id() -> None:
    """Though all values of an operator are in one row."""
    query = asking(STARS, group_by=(Dimension.VALUE, Dimension.WIDGET))
    facts = [Some("anna", n, value=stars, kpi=STARS) for stars, n in (("1", 2), ("5", 3))]
    assert counts(query, *facts) == {("web", "1"): 2, ("web", "5"): 3}


def test_a_set_counts_under_each_of_its_topics() -> None:
    """Whole under each, so that rows by topic do not add up (R-NUM-5); only by topic do they overlap."""
    facts = [Some("anna", 2, value=topics_value(of), kpi=TOPICS) for of in (["price", "size"], ["price"])]
    by_topic = asking(TOPICS, group_by=(Dimension.TOPIC,))
    assert counts(by_topic, *facts) == {("price",): 4, ("size",): 2}
    assert grouped(by_topic, *facts).kpis[0].periods[0].overlaps
    by_set = asking(TOPICS, group_by=(Dimension.VALUE,))
    assert counts(by_set, *facts) == {(topics_value(["price", "size"]),): 2, ("price",): 2}
    assert not grouped(by_set, *facts).kpis[0].periods[0].overlaps


def test_answers_count_under_their_question() -> None:
    """All options of it together."""
    facts = [
        Some("", n, value=answer_value(q, o), kpi=SURVEY)
        for q, o, n in (("q1", "a", 1), ("q1", "b", 2), ("q2", "a", 4))
    ]
    assert counts(asking(SURVEY, group_by=(Dimension.QUESTION,)), *facts) == {("q1",): 3, ("q2",): 4}


def test_a_key_has_a_row_if_anything_counts_under_it_in_any_period() -> None:
    """So that a comparison shows what has gone; what was taken back again leaves none."""
    facts = spread(("now", 1), ("then", 2, -7), ("never", 3), ("never", -3), ("long ago", 4, -14))
    query = asking(group_by=(Dimension.OPERATOR,), compare_to=PreviousPeriod.PREVIOUS)
    assert counts(query, *facts) == {("now",): 1, ("then",): 0}


def test_stars_are_summed_beside_their_number() -> None:
    """What a mean is made of; other values are no numbers."""
    facts = [Some("anna", n, value=stars, kpi=STARS) for stars, n in (("1", 2), ("5", 3))]
    [kpi] = grouped(asking(STARS, group_by=(Dimension.OPERATOR,)), *facts).kpis
    assert kpi.periods[0].by_key.sums.tolist() == [2 * 1 + 3 * 5]
    actions = Kpi.INACTIVITY_ACTIONS
    [kpi] = grouped(asking(actions), Some("anna", 3, value="7", kpi=actions)).kpis
    assert kpi.periods[0].by_key.sums.tolist() == [0]


def test_what_is_below_the_line_alone_makes_a_row() -> None:
    """A rate of 0: an operator who answered nobody of ten is the one to be seen."""
    rate = RATES["live_answer_rate"]
    facts = [Some("anna", 10, kpi=Kpi.UNANSWERED_LIVE_CONVERSATIONS)]
    found = grouped(asking(rate, group_by=(Dimension.OPERATOR,)), *facts)
    [kpi] = found.kpis
    below = kpi.periods[0].by_key.below
    assert below is not None
    assert (found.keys, kpi.has_row.tolist(), below.tolist()) == ([("anna",)], [True], [10])


def test_what_only_the_kpi_above_has_divides_nothing_below() -> None:
    """Each row by value has all that is below of its operator, and makes no row of its own (R-RATE-6)."""
    rate = RATES["goal_rate"]
    facts = [
        *(Some("anna", n, value=goal, kpi=Kpi.GOALS_REACHED) for goal, n in (("order", 1), ("quote", 2))),
        *(Some(who, n, kpi=Kpi.CONVERSATIONS_RECEIVED) for who, n in (("anna", 8), ("bram", 4))),
    ]
    query = asking(rate, group_by=(Dimension.OPERATOR, Dimension.VALUE))
    assert counts(query, *facts) == {("anna", "order"): 1, ("anna", "quote"): 2}
    [kpi] = grouped(query, *facts).kpis
    below = kpi.periods[0].by_key.below
    assert below is not None
    assert below.tolist() == [8, 8]
    assert kpi.below is not None
    assert kpi.below.total(0) == 12
