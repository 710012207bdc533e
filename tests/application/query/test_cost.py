"""What a query costs, as estimated: nothing that there is not, and never less for more."""

from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given, settings, strategies as st

from telwerkd.application.query import cost
from telwerkd.application.query.plan import outline
from telwerkd.application.query.question import PreviousPeriod, Query
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.counting.rollups import Rollup, SeriesKey
from telwerkd.domain.time.calendar import Granularity
from tests.application.query.reading import LIMITS, Some, asking, reading

law = settings(deadline=None, max_examples=40)
DAYS = asking(granularity=Granularity.DAY)
BY_OPERATOR = DAYS._replace(group_by=(Dimension.OPERATOR,))


def of_outline(query: Query) -> int:
    return outline(query, ZoneInfo("UTC"), LIMITS).cost


def of_answer(query: Query, *facts: Some) -> int:
    """What it costs to group and to assemble."""
    read = reading(query, *facts)
    return cost.of_grouping(read) + cost.of_assembling(read, rows=2)


def test_where_nothing_waits_nothing_is_read() -> None:
    """Delta entries and cached chunks cost what there is of them."""
    nothing = Rollup([], np.arange(3), np.zeros((0, 2, 1), np.int32), 0)
    assert (cost.of_entries(Kpi.FEEDBACK_COUNT, 0, 0), cost.of_rollup(nothing, 0)) == (0, 0)


def test_a_query_costs_its_statements_and_buckets_whatever_its_account_holds() -> None:
    """Each KPI and period, and each KPI below a line, is read by statements of its own."""
    once = of_outline(asking())
    twice = of_outline(asking(kpis=asking().kpis * 2))
    assert of_outline(asking(compare_to=PreviousPeriod.PREVIOUS)) > twice > once > 0
    assert of_outline(asking(RATES["goal_rate"])) == twice
    assert of_outline(asking(RATES["live_answer_rate"])) > twice
    assert of_outline(DAYS) > once


@law
@given(st.sampled_from(Kpi), st.integers(0, 1_000), st.integers(0, 1_000), st.integers(1, 9))
def test_more_entries_never_cost_less(kpi: Kpi, filed: int, entries: int, more: int) -> None:
    """Nor as many in more transactions."""
    before = cost.of_entries(kpi, filed, entries)
    assert cost.of_entries(kpi, filed + more, entries) > before
    assert cost.of_entries(kpi, filed, entries + more) > before


def test_what_producers_choose_costs_more_to_read() -> None:
    """A value that is a text of its own."""
    assert cost.of_entries(Kpi.GOALS_REACHED, 1, 100) > cost.of_entries(Kpi.SATISFACTION_SCORE, 1, 100)


def test_rows_and_counts_of_a_rollup_cost_both() -> None:
    """Few rows of long series, and many rows of short ones."""
    rows = [SeriesKey(f"o{n}", "", "", "") for n in range(50)]
    one = Rollup(rows[:1], np.arange(51), np.zeros((1, 50, 1), np.int32), 1)
    long = one._replace(counts=np.zeros((1, 2_500, 1), np.int32))
    wide = Rollup(rows, np.arange(51), np.zeros((50, 50, 1), np.int32), 1)
    assert cost.of_rollup(wide, 1) > cost.of_rollup(long, 1) > cost.of_rollup(one, 1)
    assert cost.of_rollup(one, 12) > cost.of_rollup(one, 1)


def test_an_answer_costs_what_is_asked_for_in_it() -> None:
    """A comparison, percentiles, what is below a line: more numbers of the same facts."""
    facts = [Some("anna", 3), Some("bram", 2, 1)]
    plain = of_answer(BY_OPERATOR, *facts)
    assert of_answer(BY_OPERATOR._replace(compare_to=PreviousPeriod.PREVIOUS), *facts) > plain
    assert of_answer(BY_OPERATOR, *facts, Some("carl", 1)) > plain
    times = BY_OPERATOR._replace(kpis=asking(Kpi.RESPONSE_TIME).kpis)
    durations = [Some("anna", 1, value=str(1_000 * n), kpi=Kpi.RESPONSE_TIME) for n in range(1, 40)]
    assert of_answer(times._replace(percentiles=(0.5,)), *durations) > of_answer(times, *durations)


def test_a_histogram_costs_its_buckets_and_its_bins() -> None:
    """Also one that is empty, for each bucket has a message."""
    times = BY_OPERATOR._replace(kpis=asking(Kpi.RESPONSE_TIME).kpis, include_histogram=True)
    one, many = ([Some("anna", 1, value=str(n**3), kpi=Kpi.RESPONSE_TIME) for n in range(1, to)] for to in (2, 40))
    asked = {to: cost.of_assembling(reading(times, *of), 1) for to, of in ((0, []), (1, one), (39, many))}
    assert asked[39] > asked[1] > asked[0] > cost.of_assembling(reading(BY_OPERATOR), 1)


def test_an_answer_by_day_of_a_usual_account_is_made_in_the_event_loop() -> None:
    """A year by 50 operators: its chunks' versions, counts, rows, and the numbers of its answer."""
    year = asking(granularity=Granularity.DAY, group_by=(Dimension.OPERATOR,))
    rollup = Rollup(
        [SeriesKey(f"o{n}", "", "", "") for n in range(50)], np.arange(366), np.zeros((50, 365, 1), np.int32), 1
    )
    outlined = outline(year, ZoneInfo("UTC"), LIMITS)
    spent = cost.of_outline([365], outlined.kpis) + cost.of_rollup(rollup, 12)
    assert spent < cost.LOOP_COST_MAX < 4 * spent


def test_an_estimate_in_milliseconds_grows_with_both_parts() -> None:
    """What is added up, and what is folded for a question as of an instant."""
    assert cost.milliseconds(0, 0) == 0
    assert cost.milliseconds(cost.LOOP_COST_MAX, 0) < 2.0
    assert cost.milliseconds(1_000, 10) > cost.milliseconds(1_000, 0) > 0
