"""The laws of rates: what is above and below the line are the facts counted one by one, each in its own slice."""

from collections.abc import Sequence
from fractions import Fraction

from hypothesis import given, strategies as st

from telwerkd.application.query.question import Filter, Ids, Order, OrderMeasure, Query, Top
from telwerkd.application.query.result import AnswerRow, GroupKey, KpiRows
from telwerkd.domain.catalogue.rates import RATES, RateInfo
from telwerkd.domain.catalogue.specs import Dimension
from tests.laws.asked import World, counted, kept, law, nonzero, queries
from tests.oracle_words import Counted

ALONE = {Dimension.VALUE, Dimension.TOPIC, Dimension.QUESTION}
"""What only the KPI above the line has."""


def above(rate: RateInfo, world: World) -> list[Counted]:
    return [fact for fact in world.facts[rate.above.kpi] if rate.above.value in ("", fact[1])]


def below(rate: RateInfo, world: World) -> list[Counted]:
    return [fact for kpi, value in rate.below for fact in world.facts[kpi] if value in ("", fact[1])]


def shared(query: Query) -> Query:
    """What of a query holds below the line."""
    conditions = Filter(query.filter.operators, query.filter.groups, query.filter.widgets)
    return query._replace(filter=conditions, group_by=tuple(d for d in query.group_by if d not in ALONE))


def reduced(key: Sequence[object]) -> tuple[object, ...]:
    """A key without value, topic and question."""
    return (*key[:3], None, None, None, *key[6:])


@law
@given(query=queries(RATES.values()))
def test_a_rate_is_its_facts_above_and_below_the_line(world: World, query: Query) -> None:
    """In each bucket and row, by whatever it is grouped, also by time of the week; R-RATE-1, R-RATE-6."""
    [rows] = world.ask(query).kpis
    rate = rows.info
    assert isinstance(rate, RateInfo)
    over = counted(query, above(rate, world))
    under = counted(shared(query), below(rate, world))
    keys = set(over) if ALONE & set(query.group_by) else set(over) | set(under)
    if not query.group_by:
        keys = {(None,) * len(GroupKey._fields)}
    assert [tuple(row.key) for row in rows.rows] == sorted(keys, key=lambda key: [part or "" for part in key])
    for row in rows.rows:
        assert nonzero(row.counts) == {bucket: len(each) for bucket, each in over.get(tuple(row.key), {}).items()}
        assert row.below is not None
        assert nonzero(row.below) == {bucket: len(each) for bucket, each in under.get(reduced(row.key), {}).items()}
    assert rows.summed.facts == len(kept(query, above(rate, world)))
    assert rows.summed.below == len(kept(shared(query), below(rate, world)))


@law
@given(query=queries(RATES.values()), size=st.integers(1, 4), floor=st.sampled_from([0, 1, 5, 40]))
def test_the_best_by_rate_and_the_rest_are_everything(world: World, query: Query, size: int, floor: int) -> None:
    """Those with enough below, the highest rate first, ties by key; the rest has all others, each fact once."""
    if not query.group_by or Dimension.TOPIC in query.group_by:
        return  # one row, or rows that overlap
    query = query._replace(granularity=None)
    [whole] = world.ask(query).kpis
    order = Order(OrderMeasure.RATE, descending=True)
    [found] = world.ask(query._replace(order=order, top=Top(size, rest=True, min_below=floor))).kpis
    best = sorted((row for row in whole.rows if number(row)[1] >= floor), key=place)[:size]
    shown = [row for row in found.rows if not row.rest]
    assert [(row.key, number(row)) for row in shown] == [(row.key, number(row)) for row in best]
    left = [row for row in whole.rows if row.key not in {one.key for one in best}]
    below_left = {reduced(row.key): number(row)[1] for row in left}
    assert rest_of(found) == ((sum(number(row)[0] for row in left), sum(below_left.values())) if left else None)


def number(row: AnswerRow) -> tuple[int, int]:
    assert row.below is not None
    return int(row.counts[0]), int(row.below[0])


def place(row: AnswerRow) -> tuple[object, ...]:
    over, under = number(row)
    return not under, -Fraction(over, under) if under else 0, [part or "" for part in row.key]


def rest_of(rows: KpiRows) -> tuple[int, int] | None:
    return next((number(row) for row in rows.rows if row.rest), None)


@law
@given(query=queries(RATES.values()))
def test_a_rate_is_what_its_kpis_say_by_themselves(world: World, query: Query) -> None:
    """Asked one by one, in the shared slice: so a client can merge what it has of both."""
    query = shared(query)
    [rows] = world.ask(query).kpis
    rate = rows.info
    assert isinstance(rate, RateInfo)
    for terms, line in (([rate.above], "counts"), (rate.below, "below")):
        alone = []
        for term in terms:
            values = Ids(frozenset({term.value})) if term.value else Ids()
            asked = query._replace(kpis=(term.info,), filter=query.filter._replace(values=values))
            alone += world.ask(asked).kpis
        for row in rows.rows:
            parts = [one.counts for kpi in alone for one in kpi.rows if one.key == row.key]
            assert sum(int(part.sum()) for part in parts) == int(getattr(row, line).sum())


@law
@given(query=queries([RATES["unanswered_ended_rate"]]))
def test_no_more_conversations_end_unanswered_than_end(world: World, query: Query) -> None:
    """Each that KPI 4 counts is a first end of KPI 12, at the same instant and for the same operator (R-RATE-4)."""
    [rows] = world.ask(query).kpis
    for row in rows.rows:
        assert row.below is not None
        assert (row.counts <= row.below).all()
