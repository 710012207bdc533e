"""The laws of order, pages, the largest, comparison and shares: they choose among the facts' numbers, and change none.

Each answer is compared with the oracle's facts counted one by one, as in `test_query_laws`.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

from hypothesis import HealthCheck, given, settings, strategies as st

from telwerkd.application.query.question import (
    NEEDS_COMPARISON,
    NEEDS_MEAN,
    NEEDS_RATE,
    Filter,
    Order,
    OrderMeasure,
    Page,
    PreviousPeriod,
    Query,
    Top,
)
from telwerkd.application.query.result import AnswerRow, GroupKey, KpiRows
from telwerkd.domain.catalogue.kpis import CATALOGUE, KpiInfo
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.time.ranges import DateRange, QuarterHourRange
from tests.laws.asked import (
    PROFILE,
    QUARTER_MICROS,
    World,
    counted,
    edges,
    kept,
    nonzero,
    place,
    queries,
    ranges,
    sums_of,
    time_of_week,
)
from tests.oracle_words import Counted

law = settings(max_examples=PROFILE.max_examples // 3, suppress_health_check=[HealthCheck.too_slow])
slow_law = settings(max_examples=PROFILE.max_examples // 5, suppress_health_check=[HealthCheck.too_slow])

WireKey: TypeAlias = tuple[Any, ...]
Buckets: TypeAlias = Mapping[int, list[str]]
"""The values of the facts of a key, by the bucket's place."""


@st.composite
def compared_queries(draw: st.DrawFn) -> Query:
    """Queries with a second period, just before (which must not lie before the calendar) or anywhere."""
    query = draw(queries())
    return query._replace(compare_to=draw(st.one_of(st.just(PreviousPeriod.PREVIOUS), ranges())))


@st.composite
def ordered_queries(draw: st.DrawFn) -> Query:
    """Queries with rows to be ordered by any number that they have."""
    query = draw(st.one_of(queries(), compared_queries()).filter(lambda query: query.group_by))
    measure = draw(st.sampled_from(sorted(measures_of(query, query.kpis[0]))))
    return query._replace(order=Order(measure, draw(st.booleans())))


def other(query: Query) -> Query:
    """The same query about the compared period."""
    compared = query.compare_to
    if isinstance(compared, PreviousPeriod):
        compared = before(query.range)
    assert compared is not None
    return query._replace(range=compared, compare_to=None)


def before(period: QuarterHourRange | DateRange) -> QuarterHourRange | DateRange:
    """The period just before, by a walk over days: whole months as months, else as many days."""
    if isinstance(period, QuarterHourRange):
        return QuarterHourRange(period.start - (period.end - period.start), period.start)
    day = period.start
    length = (period.end - period.start).days
    if period.start.day == period.end.day == 1:
        months = (period.end.year - period.start.year) * 12 + period.end.month - period.start.month
        for _ in range(months):
            day = (day.replace(day=1) - (day.resolution)).replace(day=1)
    else:
        day -= length * day.resolution
    return DateRange(day, period.start)


def values_of(buckets: Buckets) -> list[str]:
    return [value for values in buckets.values() for value in values]


def number(order: Order, now: list[str], then: list[str]) -> Fraction | None:  # noqa: PLR0911  # one case a measure
    """What a row is ordered by: exactly, from the values of its facts."""

    def mean(values: list[str]) -> Fraction | None:
        return Fraction(sum(map(int, values)), len(values)) if values else None

    match order.measure:
        case OrderMeasure.COUNT:
            return Fraction(len(now))
        case OrderMeasure.SUM:
            return Fraction(sum(map(int, now)))
        case OrderMeasure.MEAN:
            return mean(now)
        case OrderMeasure.COUNT_DELTA:
            return Fraction(len(now) - len(then))
        case OrderMeasure.COUNT_CHANGE:
            return Fraction(len(now) - len(then), len(then)) if then else None
        case OrderMeasure.MEAN_DELTA:
            one, two = mean(now), mean(then)
            return None if one is None or two is None else one - two
        case _:
            return Fraction(0)


def in_order(query: Query, world: World) -> list[WireKey]:
    """All keys with facts in either period, in the order asked for: the number, then the key; without one, last."""
    whole = query._replace(granularity=None)
    periods = [whole] if query.compare_to is None else [whole, other(whole)]
    of_kpis = [[counted(period, world.facts[info.kpi]) for period in periods] for info in query.kpis]
    now, then = of_kpis[query.order.kpi][0], of_kpis[query.order.kpi][-1]

    def place(key: WireKey) -> tuple[bool, Fraction, list[str]]:
        by = number(query.order, values_of(now.get(key, {})), values_of(then.get(key, {})))
        sign = -1 if query.order.descending else 1
        return by is None, sign * Fraction(by or 0), [part or "" for part in key]

    backwards = query.order.measure is OrderMeasure.KEY and query.order.descending
    return sorted({key for periods_ in of_kpis for found in periods_ for key in found}, key=place, reverse=backwards)


def keys(rows: KpiRows) -> list[WireKey]:
    return [tuple(row.key) for row in rows.rows if not row.rest]


@law
@given(query=compared_queries())
def test_a_comparison_is_the_other_period_counted_by_itself(world: World, query: Query) -> None:
    """Both periods in their own buckets, aligned by nothing but their first; a row is there if either has facts."""
    answer = world.ask(query)
    [rows] = answer.kpis
    facts = world.facts[rows.info.kpi]
    then_query = other(query)
    now, then = counted(query, facts), counted(then_query, facts)
    assert answer.compared is not None
    assert answer.compared.edges.tolist() == edges(then_query)
    assert answer.buckets.edges.tolist() == edges(query)
    wanted = now.keys() | then.keys() if query.group_by else {(None,) * len(GroupKey._fields)}
    assert sorted(keys(rows), key=repr) == sorted(wanted, key=repr)
    for row in rows.rows:
        assert row.compared is not None
        for numbers, period in ((row, now), (row.compared, then)):
            values = period.get(tuple(row.key), {})
            assert nonzero(numbers.counts) == {bucket: len(each) for bucket, each in values.items()}
            if numbers.sums is not None:
                assert nonzero(numbers.sums) == sums_of(values)
            if numbers.distribution is not None:
                for known, of_value in zip(rows.info.values, numbers.distribution, strict=True):
                    assert nonzero(of_value) == nonzero_counts(values, known.value)
    assert rows.summed.facts == len(kept(query, facts))
    assert rows.compared.facts == len(kept(then_query, facts))
    assert rows.held_back == len(kept(query, world.held[rows.info.kpi]))


def nonzero_counts(buckets: Buckets, value: str) -> dict[int, int]:
    return {bucket: values.count(value) for bucket, values in buckets.items() if value in values}


@law
@given(query=ordered_queries())
def test_rows_come_in_the_order_of_their_exact_numbers(world: World, query: Query) -> None:
    """By any number of either period, both ways; ties by key; rows without the number last."""
    [rows] = world.ask(query).kpis
    assert keys(rows) == in_order(query, world)
    assert rows.row_count == len(rows.rows)


@slow_law
@given(query=ordered_queries(), size=st.integers(1, 6), rest=st.booleans())
def test_the_largest_and_the_rest_are_everything(world: World, query: Query, size: int, rest: bool) -> None:  # noqa: FBT001
    """The first keys with their own numbers; the rest sums up the facts under any other key, each once."""
    [whole] = world.ask(query).kpis
    [rows] = world.ask(query._replace(top=Top(size, rest))).kpis
    order = in_order(query, world)
    assert keys(rows) == order[:size]
    for row, same in zip(rows.rows, whole.rows, strict=False):
        if not row.rest:
            assert row.counts.tolist() == same.counts.tolist()
    resting = [row for row in rows.rows if row.rest]
    assert len(resting) == (rest and len(order) > size)
    for row in resting:
        left = facts_under(query, world, order[size:])
        assert nonzero(row.counts) == Counter(place(edges(query), fact[5]) for fact in left)
    assert rows.row_count == whole.row_count
    assert rows.summed == whole.summed


def facts_under(query: Query, world: World, under: Iterable[WireKey]) -> list[Counted]:
    """The facts of the main period that fall under one or several of these keys."""
    wanted = set(under)
    # By key alone: in which bucket a fact is does not matter, and is slow to find.
    whole = query._replace(granularity=None)
    facts = kept(whole, world.facts[query.kpis[0].kpi])
    return [fact for fact in facts if not wanted.isdisjoint(counted(whole, [fact]))]


@st.composite
def dashboards(draw: st.DrawFn) -> Query:
    """Several KPIs at once, by what all of them have, in the order of one's numbers."""
    kpis = [CATALOGUE[kpi] for kpi in draw(st.lists(st.sampled_from(Kpi), min_size=2, max_size=4, unique=True))]
    query = draw(st.one_of(queries(), compared_queries()))
    common = [d for d in (Dimension.OPERATOR, Dimension.OPERATOR_GROUP, Dimension.WIDGET) if draw(st.booleans())]
    query = query._replace(
        kpis=tuple(kpis), filter=Filter(*query.filter[:3]), group_by=tuple(common) or (Dimension.OPERATOR,)
    )
    decisive = draw(st.integers(0, len(kpis) - 1))
    measure = draw(st.sampled_from(sorted(measures_of(query, kpis[decisive]))))
    return query._replace(order=Order(measure, draw(st.booleans()), decisive))


def measures_of(query: Query, decisive: KpiInfo) -> set[OrderMeasure]:
    """By which numbers rows can be ordered."""
    any_of = set(OrderMeasure) - {OrderMeasure.PERCENTILE} - NEEDS_RATE  # see test_duration_laws.py, test_rate_laws.py
    without_mean = any_of if decisive.has_mean else any_of - NEEDS_MEAN
    return without_mean if query.compare_to is not None else without_mean - NEEDS_COMPARISON


@slow_law
@given(query=dashboards(), size=st.integers(1, 6), rest=st.booleans())
def test_several_kpis_are_each_of_them_alone_in_one_order(world: World, query: Query, size: int, rest: bool) -> None:  # noqa: FBT001
    """Whole, cut to the largest, by pages: the same keys for all, and of each KPI those that it has facts of."""
    order = in_order(query, world)
    whole = world.ask(query)
    largest = world.ask(query._replace(top=Top(size, rest)))
    page = world.ask(query._replace(page=Page(size)))
    for n, info in enumerate(query.kpis):
        [alone] = world.ask(query._replace(kpis=(info,), order=Order())).kpis
        numbers = {tuple(row.key): shown(row) for row in alone.rows}
        assert [(tuple(row.key), shown(row)) for row in whole.kpis[n].rows] == [
            (key, numbers[key]) for key in order if key in numbers
        ]
        first = [(key, numbers[key]) for key in order[:size] if key in numbers]
        assert [(tuple(row.key), shown(row)) for row in largest.kpis[n].rows if not row.rest] == first
        assert [(tuple(row.key), shown(row)) for row in page.kpis[n].rows] == first
        left = [numbers[key] for key in order[size:] if key in numbers]
        resting = [shown(row) for row in largest.kpis[n].rows if row.rest]
        assert resting == ([summed_up(left)] if rest and left else [])
        for answer in (whole, largest, page):
            same = ("row_count", "summed", "compared", "held_back", "enabled", "not_enabled")
            assert all(getattr(answer.kpis[n], field) == getattr(alone, field) for field in same)
    assert (page.next is not None) == (len(order) > size)


Shown: TypeAlias = list[list[int]]


def shown(row: AnswerRow) -> Shown:
    """Counts and stars of both periods, bucket by bucket."""
    arrays = [row.counts, row.sums, *((row.compared.counts, row.compared.sums) if row.compared is not None else ())]
    return [array.tolist() for array in arrays if array is not None]


def summed_up(rows: Sequence[Shown]) -> Shown:
    return [[sum(bucket) for bucket in zip(*arrays, strict=True)] for arrays in zip(*rows, strict=True)]


@slow_law
@given(query=ordered_queries(), size=st.integers(1, 5))
def test_pages_are_the_whole_answer_cut(world: World, query: Query, size: int) -> None:
    """One page after the other gives each row once, in the order of the whole."""
    [whole] = world.ask(query).kpis
    page, seen = Page(size), list[WireKey]()
    while True:
        answer = world.ask(query._replace(page=page))
        [rows] = answer.kpis
        assert len(rows.rows) == min(size, len(whole.rows) - len(seen))
        seen += keys(rows)
        if answer.next is None:
            break
        page = Page(size, answer.next)
    assert seen == keys(whole)


@law
@given(query=st.one_of(queries(), compared_queries()))
def test_a_share_is_the_part_of_what_agrees_in_all_but_the_value(world: World, query: Query) -> None:
    """Grouped by value, topic or question: of those of the same operator, group, widget and time of the week; else of
    everything.

    Of the range itself, whatever it is compared with.
    """
    query = query._replace(granularity=None)
    [rows] = world.ask(query).kpis
    facts = kept(query, world.facts[rows.info.kpi])
    parts = {Dimension.VALUE, Dimension.TOPIC, Dimension.QUESTION}.intersection(query.group_by)
    for row in rows.rows:
        whole = [fact for fact in facts if not parts or agrees(query, row.key, fact)]
        if Dimension.VALUE in parts and Dimension.QUESTION in rows.info.dimensions:
            asked = str(row.key.value).split("\x1f")[0]
            whole = [fact for fact in whole if fact[1].split("\x1f")[0] == asked]
        assert row.share == (int(row.counts[0]) / len(whole) if whole else None)


def agrees(query: Query, key: GroupKey, fact: Counted) -> bool:
    *_, operator, group, widget, instant = fact
    of_fact = (operator, group, widget, *time_of_week(query, instant // QUARTER_MICROS))
    asked = (key.operator, key.group, key.widget, key.weekday, key.hour_of_day)
    return all(part in (None, own) for part, own in zip(asked, of_fact, strict=True))


@law
@given(query=queries())
def test_each_fact_is_once_in_the_sum_of_everything(world: World, query: Query) -> None:
    """`summed` counts a fact once, also where rows overlap by topic."""
    [rows] = world.ask(query).kpis
    facts = kept(query, world.facts[rows.info.kpi])
    assert rows.summed.facts == len(facts)
    if rows.info.has_mean:
        assert rows.summed.sum == sum(int(fact[1]) for fact in facts)
