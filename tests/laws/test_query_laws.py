"""The laws of answers: every number is a sum of facts, whichever way the calendar and the query cut them."""

from collections import Counter

from hypothesis import HealthCheck, given, settings, strategies as st

from telwerkd.application.query.question import Query
from telwerkd.application.query.result import GroupKey
from telwerkd.domain.catalogue.specs import Dimension
from telwerkd.domain.time.ranges import QuarterHourRange
from tests.laws.asked import PROFILE, World, beginnings, counted, edges, kept, law, nonzero, queries, span, sums_of


@law
@given(query=queries())
def test_an_answer_is_the_facts_counted_one_by_one(world: World, query: Query) -> None:
    """Buckets, keys, counts, stars and values are those of the facts in range and slice; so is what is held back."""
    asked = world.ask(query)
    [found] = asked.kpis
    kpi = found.info.kpi
    assert asked.buckets.edges.tolist() == edges(query)
    if query.granularity is not None:
        begins = beginnings(str(query.time_zone), query.granularity)
        start, end = span(query)
        assert (asked.buckets.first_clipped, asked.buckets.last_clipped) == (start not in begins, end not in begins)
    wanted = counted(query, world.facts[kpi])
    if not query.group_by:
        wanted.setdefault((None,) * len(GroupKey._fields), {})
    assert [tuple(row.key) for row in found.rows] == sorted(wanted, key=lambda key: [part or "" for part in key])
    for row in found.rows:
        values = wanted[tuple(row.key)]
        assert nonzero(row.counts) == {bucket: len(each) for bucket, each in values.items()}
        assert (row.sums is not None) == found.info.has_mean
        if row.sums is not None:
            assert nonzero(row.sums) == sums_of(values)
        assert (row.distribution is not None) == bool(found.info.values)
        for n, of_value in enumerate(row.distribution if row.distribution is not None else ()):
            known = found.info.values[n].value
            assert nonzero(of_value) == {bucket: each.count(known) for bucket, each in values.items() if known in each}
    assert found.held_back == len(kept(query, world.held[kpi]))
    assert found.overlapping == (Dimension.TOPIC in query.group_by)


# --- numbers add up, whoever is right about them ---------------------------------------------------------------------


@settings(max_examples=PROFILE.max_examples // 2, suppress_health_check=[HealthCheck.too_slow])
@given(query=queries())
def test_groups_sum_to_totals_and_buckets_to_the_range(world: World, query: Query) -> None:
    """The groups, with nobody, are the total in every bucket (not so topics); the buckets of each are its range.

    R-NUM-4.
    """
    [rows] = world.ask(query).kpis
    [whole] = world.ask(query._replace(granularity=None)).kpis
    sums = {row.key: (int(row.counts.sum()), None if row.sums is None else int(row.sums.sum())) for row in rows.rows}
    totals = {row.key: (int(row.counts[0]), None if row.sums is None else int(row.sums[0])) for row in whole.rows}
    assert sums == totals
    assert rows.held_back == whole.held_back
    if Dimension.TOPIC not in query.group_by:
        [[total]] = [answered.rows for answered in world.ask(query._replace(group_by=())).kpis]
        assert (sum(row.counts for row in rows.rows) + 0 * total.counts).tolist() == total.counts.tolist()
        if total.distribution is not None:
            assert total.distribution.sum(axis=0).tolist() == total.counts.tolist()


@settings(max_examples=PROFILE.max_examples // 2, suppress_health_check=[HealthCheck.too_slow])
@given(query=queries(), at=st.floats(0, 1))
def test_a_range_is_the_sum_of_its_parts(world: World, query: Query, at: float) -> None:
    """Wherever a range is cut in two, each fact is counted on one side: none at the cut is lost or doubled."""
    start, end = span(query)
    cut = min(max(start + 1, start + int((end - start) * at)), end)
    whole = query._replace(granularity=None, range=QuarterHourRange(start, end))
    parts = [QuarterHourRange(start, cut), *([QuarterHourRange(cut, end)] if cut < end else [])]
    sums: Counter[object] = Counter()
    held = 0
    for part in parts:
        [rows] = world.ask(whole._replace(range=part)).kpis
        sums.update({row.key: int(row.counts.sum()) for row in rows.rows})
        held += rows.held_back
    [rows] = world.ask(whole).kpis
    assert +sums == +Counter({row.key: int(row.counts.sum()) for row in rows.rows})
    assert held == rows.held_back
