"""What can be asked: conditions, and whether a query suits the catalogue."""

from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.application.query.question import (
    Filter,
    Ids,
    Order,
    OrderMeasure,
    Page,
    PreviousPeriod,
    Top,
    Topics,
    check,
)
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.specs import Dimension, Kpi, ValueKind
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.domain.errors import InvalidArgumentError, Reason, RequestPart
from tests.application.query.reading import asking

law = settings(deadline=None)
NAMES = st.frozensets(st.sampled_from("abcd"))
TOPICS = st.frozensets(st.sampled_from("abcd"), min_size=1)


# --- Conditions -------------------------------------------------------------------------------------------------------


@law
@given(NAMES, NAMES, st.sampled_from("abcd"))
def test_an_id_is_one_of_those_named_and_none_of_those_left_out(
    any_of: frozenset[str], none_of: frozenset[str], name: str
) -> None:
    """To name none is no condition; to leave out wins over to name."""
    condition = Ids(any_of, none_of)
    assert condition.keeps(name) is (name in (any_of or {name}) - none_of)
    assert bool(condition) is bool(any_of | none_of)


@law
@given(TOPICS, NAMES, NAMES, NAMES, NAMES)
def test_each_condition_on_a_set_of_topics_must_hold(
    of: frozenset[str], any_of: frozenset[str], all_of: frozenset[str], none_of: frozenset[str], exactly: frozenset[str]
) -> None:
    """Any of these, all of those, none of others, or exactly this set; without any every set is kept."""
    conditions = {"any_of": any_of, "all_of": all_of, "none_of": none_of, "exactly": exactly}
    holds = {
        "any_of": not any_of or any_of & of,
        "all_of": all_of <= of,
        "none_of": not none_of & of,
        "exactly": not exactly or exactly == of,
    }
    value = topics_value(of)
    for name, names in conditions.items():
        assert Topics(**{name: names}).keeps(value) is bool(holds[name])
    assert Topics(**conditions).keeps(value) is all(holds.values())


def test_conditions_of_different_dimensions_must_all_hold() -> None:
    """An operator and a widget; an answer and its question."""
    where = Filter(operators=Ids(frozenset({"anna"})), widgets=Ids(none_of=frozenset({"shop"})))
    assert [where.keeps(*who) for who in (("anna", "", "web"), ("anna", "", "shop"), ("bram", "", "web"))] == [
        True,
        False,
        False,
    ]
    value = answer_value("q1", "yes")
    of = Filter(values=Ids(frozenset({value})), questions=Ids(none_of=frozenset({"q1"})))
    assert not of.keeps_value(value)
    assert of._replace(questions=Ids(frozenset({"q1"}))).keeps_value(value)


# --- Checks -----------------------------------------------------------------------------------------------------------

RATE, STARS, GOALS, FEEDBACK = RATES["goal_rate"], Kpi.SATISFACTION_SCORE, Kpi.GOALS_REACHED, Kpi.FEEDBACK_COUNT
BEFORE = PreviousPeriod.PREVIOUS


@pytest.mark.parametrize(
    ("kpi", "fields", "part"),
    [
        (FEEDBACK, {"group_by": (Dimension.VALUE,)}, RequestPart.GROUPING),
        (GOALS, {"group_by": (Dimension.TOPIC,)}, RequestPart.GROUPING),
        (FEEDBACK, {"filter": Filter(topics=Topics(frozenset("a")))}, RequestPart.FILTER),
        (
            STARS,
            {"filter": Filter(values=Ids(frozenset("a")), value_kinds=frozenset({ValueKind.GOAL}))},
            RequestPart.FILTERED_VALUES,
        ),
        (GOALS, {"percentiles": (0.5,)}, RequestPart.PERCENTILES),
        (GOALS, {"include_histogram": True}, RequestPart.HISTOGRAM),
        (GOALS, {"order": Order(OrderMeasure.PERCENTILE, percentile=0.5)}, RequestPart.ORDER_MEASURE),
        (FEEDBACK, {"order": Order(OrderMeasure.MEAN)}, RequestPart.ORDER_MEASURE),
        (FEEDBACK, {"order": Order(OrderMeasure.RATE)}, RequestPart.ORDER_MEASURE),
        (FEEDBACK, {"order": Order(OrderMeasure.COUNT_DELTA)}, RequestPart.ORDER_MEASURE),
    ],
)
def test_what_a_kpi_has_not_is_refused_by_the_part_that_asks_for_it(
    kpi: Kpi, fields: dict[str, Any], part: RequestPart
) -> None:
    """And the refusal names the KPI, or what the order lacks."""
    with pytest.raises(InvalidArgumentError) as caught:
        check(asking(kpi, **fields))
    [violation] = caught.value.violations
    assert violation.field is part
    assert CATALOGUE[kpi].id in violation.description or "compare_to" in violation.description


@pytest.mark.parametrize(
    ("kpi", "fields"),
    [
        (GOALS, {"group_by": (Dimension.VALUE, Dimension.WEEKDAY)}),
        (FEEDBACK, {"group_by": (Dimension.HOUR_OF_DAY,)}),
        (STARS, {"order": Order(OrderMeasure.MEAN_DELTA), "compare_to": BEFORE}),
        (RATE, {"order": Order(OrderMeasure.RATE_DELTA), "compare_to": BEFORE}),
        (
            Kpi.RESPONSE_TIME,
            {"percentiles": (0.5,), "include_histogram": True, "order": Order(OrderMeasure.PERCENTILE)},
        ),
        (STARS, {"filter": Filter(values=Ids(frozenset("5")), value_kinds=frozenset({ValueKind.STARS}))}),
    ],
)
def test_what_a_kpi_has_can_be_asked(kpi: Any, fields: dict[str, Any]) -> None:
    """Times of the week by every KPI."""
    check(asking(kpi, **fields))


@pytest.mark.parametrize(
    "chosen", [{"top": Top(3, rest=True)}, {"page": Page(3)}, {"order": Order(OrderMeasure.COUNT)}]
)
def test_values_of_different_kinds_have_no_order_in_common(chosen: dict[str, Any]) -> None:
    """So none of them is the largest; in the order of keys they can be asked together."""
    both = asking(kpis=(CATALOGUE[STARS], CATALOGUE[GOALS]), group_by=(Dimension.VALUE,))
    check(both)
    with pytest.raises(InvalidArgumentError, match="different kinds"):
        check(both._replace(**chosen))
    check(both._replace(group_by=(Dimension.OPERATOR,), **chosen))


def test_a_missing_dimension_has_a_reason_of_its_own() -> None:
    """And the text says which ones there are."""
    with pytest.raises(InvalidArgumentError, match="it has operator, operator_group, widget") as caught:
        check(asking(FEEDBACK, group_by=(Dimension.VALUE,)))
    assert caught.value.reason is Reason.UNKNOWN_DIMENSION
