"""Outlines: which chunks are read of each KPI, as follows from the query alone."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from telwerkd.application.query.plan import outline
from telwerkd.application.query.question import Filter, Ids, PreviousPeriod, Query, Topics
from telwerkd.application.query.slices.outlines import KpiOutline
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.service_times import SERVICE_TIMES
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.counting.cells import chunk_of
from telwerkd.domain.counting.counters import BY_GROUP, BY_OPERATOR, BY_VALUE, BY_WIDGET
from telwerkd.domain.counting.measures import COUNTED, HELD_BACK, SERVICE_TIME
from telwerkd.domain.time.ranges import DateRange
from tests.application.query.reading import LIMITS, WEEK, asking
from tests.application.query.year import YEAR


def outlined(query: Query) -> KpiOutline:
    [kpi] = outline(query, ZoneInfo("UTC"), LIMITS).kpis
    return kpi


def some(count: int, prefix: str = "id") -> Ids:
    return Ids(frozenset(f"{prefix}{n}" for n in range(count)))


@pytest.mark.parametrize("period", [WEEK, YEAR])
def test_the_chunks_are_those_of_the_range(period: DateRange) -> None:
    """From that of its first quarter-hour to that of its last, of each period its own."""
    utc = ZoneInfo("UTC")
    now, then = (of.selector for of in outlined(asking(range=period, compare_to=PreviousPeriod.PREVIOUS)).slices)
    for selector, span in ((now, period.quarter_hours(utc)), (then, period.previous().quarter_hours(utc))):
        assert (selector.first_chunk, selector.last_chunk) == (chunk_of(span.start), chunk_of(span.end - 1))


def test_counters_are_divided_by_what_is_grouped_or_filtered_by_and_no_further() -> None:
    """The fewest rows that tell."""
    where = Filter(operators=Ids(none_of=frozenset({"x"})), groups=some(1))
    query = asking(filter=where, group_by=(Dimension.WIDGET,))
    assert outlined(asking()).slices[0].selector.grouping == 0
    assert outlined(query).slices[0].selector.grouping == BY_OPERATOR | BY_GROUP | BY_WIDGET
    assert outlined(asking(group_by=(Dimension.WEEKDAY,))).slices[0].selector.grouping == 0


@pytest.mark.parametrize(
    ("kpi", "fields", "by_value"),
    [
        (Kpi.GOALS_REACHED, {}, False),
        (Kpi.GOALS_REACHED, {"group_by": (Dimension.VALUE,)}, True),
        (Kpi.GOALS_REACHED, {"filter": Filter(values=some(1))}, True),
        (Kpi.CONVERSATION_TOPICS, {"filter": Filter(topics=Topics(frozenset("a")))}, True),
        (Kpi.POST_CHAT_SURVEY_RESULTS, {"group_by": (Dimension.QUESTION,)}, True),
        (Kpi.SATISFACTION_SCORE, {"group_by": (Dimension.VALUE,)}, False),
    ],
)
def test_values_that_producers_choose_are_told_apart_only_where_they_are_used(
    kpi: Kpi, fields: dict[str, Any], *, by_value: bool
) -> None:
    """Packed ones never need it: all of them are in one row."""
    [of] = outlined(asking(kpi, **fields)).slices
    assert of.by_value is by_value
    assert bool(of.selector.grouping & BY_VALUE) is by_value


def test_named_ids_are_looked_up_unless_their_combinations_are_too_many() -> None:
    """At most a thousand keys in each chunk, the shortest lists first; the conditions on all of them hold still."""
    where = Filter(operators=some(1_000), groups=some(10), widgets=some(90))
    selector = outlined(asking(filter=where)).slices[0].selector
    assert (len(selector.operators), len(selector.groups), len(selector.widgets)) == (0, 10, 90)
    assert outlined(asking(filter=where)).slices[0].conditions == where
    alone = outlined(asking(filter=Filter(operators=some(1_000)))).slices[0]
    assert (len(alone.selector.operators), alone.names_ids) == (1_000, True)
    assert not outlined(asking(filter=Filter(operators=Ids(none_of=frozenset("x"))))).slices[0].names_ids


def test_only_what_holds_facts_back_is_asked_for_them() -> None:
    """Of the first period (R-NUM-7)."""
    for kpi in Kpi:
        of = outlined(asking(kpi, compare_to=PreviousPeriod.PREVIOUS))
        measures = [one.selector.measure for one in of.held_back]
        assert measures == ([HELD_BACK[kpi]] if CATALOGUE[kpi].is_held_back else [])


def test_below_the_line_holds_what_both_sides_have() -> None:
    """Conditions on operator, group and widget, and to be divided by them; not the value (R-RATE-6)."""
    where = Filter(operators=some(2), values=some(1))
    query = asking(RATES["goal_rate"], filter=where, group_by=(Dimension.WIDGET, Dimension.VALUE))
    of = outlined(query)
    [below] = of.below
    assert of.slices[0].conditions == where
    assert below.slices[0].conditions == Filter(operators=some(2))
    assert below.slices[0].selector.grouping == BY_OPERATOR | BY_WIDGET


def test_a_rate_of_one_value_counts_that_value_alone() -> None:
    """Above by its own, below by that of each term; all slices of both are read."""
    above = outlined(asking(RATES["offline_reassignment_rate"]))
    assert above.slices[0].conditions.values == Ids(frozenset({"1"}))
    assert above.below[0].slices[0].conditions.values == Ids()
    ended = outlined(asking(RATES["unanswered_ended_rate"]))
    assert ended.below[0].slices[0].conditions.values == Ids(frozenset({"1"}))
    assert len([*ended.all_slices()]) == 2


def test_a_service_time_is_compared_with_its_kpi_widget_by_widget() -> None:
    """Which tells the widgets that have durations without one, as they had no opening hours (R-SERVICE-7)."""
    of = outlined(asking(SERVICE_TIMES["response_service_time"]))
    kpi = Kpi.RESPONSE_TIME
    assert [one.selector.measure for one in of.by_widget] == [SERVICE_TIME[kpi], COUNTED[kpi]]
    assert {one.selector.grouping for one in of.by_widget} == {BY_WIDGET}
    assert outlined(asking(kpi)).by_widget == ()
