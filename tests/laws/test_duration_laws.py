"""The laws of durations: what is answered is what numpy finds in the durations themselves, within 1 %.

An account with response times of a year, a tenth of them taken back again, partly packed into chunks and partly not,
in SQLite and in PostgreSQL. Questions are made by chance: by the seed, so that they are the same every time.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import date, timedelta
from functools import partial
from itertools import islice, pairwise
from random import Random
from typing import NamedTuple

import numpy as np
import pytest

from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.ports import Store, Transaction
from telwerkd.application.query.question import (
    Filter,
    Ids,
    Order,
    OrderMeasure,
    PreviousPeriod,
    Query,
    QueryLimits,
    Top,
)
from telwerkd.application.query.result import Answer, AnswerRow, GroupKey, Numbers
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import answer
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.service_times import SERVICE_TIMES
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.conversation.facts import Change, Fact, FactChange, InHours
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.counting.measures import COUNTED, SERVICE_TIME
from telwerkd.domain.ids import AccountId, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time.calendar import Buckets, Granularity
from telwerkd.domain.time.opening_hours import OpenHours, OpenStretch, schedule_of
from telwerkd.domain.time.ranges import DateRange
from telwerkd.storage.location import SqliteFile, located
from telwerkd.storage.open_store import opened
from telwerkd.storage.sqlite.schema import prepare
from tests.commands import Do
from tests.postgres import fresh_database

ACCOUNT = AccountId("acme")
KPI = CATALOGUE[Kpi.RESPONSE_TIME]
FIRST_DAY = date(2025, 3, 1)
QUARTER_MICROS = 900_000_000
FACTS, QUESTIONS, SLICES = 4_000, 24, 1_000
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"]
DIMENSIONS = [Dimension.OPERATOR, Dimension.OPERATOR_GROUP, Dimension.WIDGET]
ROUNDING = 1e-12
"""Of numbers that are 1 % apart, to the last bit."""


def durations(random: Random) -> Iterator[Fact]:
    """Response times from 0 ms to two hundred years, mostly of seconds and minutes."""
    first = (FIRST_DAY - date(1970, 1, 1)).days * 86_400
    for n in range(FACTS):
        ms = random.choice([int(random.lognormvariate(10, 2)), random.randrange(300), 0, 6_000_000_000_000])
        yield Fact(
            Kpi.RESPONSE_TIME,
            str(ms if random.random() < 0.9 else int(random.lognormvariate(17, 3))),
            OperatorId(random.choice(["", "ann", "bob", "cem", "dora"])),
            OperatorGroupId(random.choice(["", "sales"])),
            WidgetId(random.choice(["shop", "help"])),
            # A few instants of each day, so that cells have several durations.
            Micros((first + random.randrange(365) * 86_400 + random.randrange(96) * 900) * 1_000_000 + n),
            EventId(f"e{n}"),
        )


class World(NamedTuple):
    """The stores that answer, and the facts that they count."""

    runner: asyncio.Runner
    stores: Sequence[tuple[Store, RollupCache]]
    facts: Sequence[Fact]

    def facts_of(self, widget: str) -> list[Fact]:
        return [fact for fact in self.facts if fact.widget == widget]

    def ask(self, query: Query) -> list[Answer]:
        return [
            self.runner.run(store.read(ACCOUNT, partial(answer, query, LIMITS, rollups)))
            for store, rollups in self.stores
        ]


LIMITS = QueryLimits(points_max=10_000_000)


ALWAYS_OPEN = OpenHours(schedule_of("UTC", [(OpenStretch(0, 1440),)] * 7, []))


def always(fact: Fact) -> InHours | None:
    """On one widget it is always open; the other has no opening hours."""
    return InHours(Micros(fact.instant - int(fact.value) * 1_000), b"always") if fact.widget == "shop" else None


def fill(facts: Sequence[Fact], gone: Sequence[Fact], tx: Transaction) -> None:
    """Counts facts in several steps, packs some of them into chunks, and takes some back in either place."""
    for start in range(0, len(facts), 1_000):
        deltas = Deltas(lambda _id: ALWAYS_OPEN)
        for fact in facts[start : start + 1_000]:
            deltas.add(FactChange(Change.COUNTED, fact, always(fact)))
        tx.bump_version()
        tx.add_deltas(deltas)
        if start == 2_000:
            for measure in (COUNTED[Kpi.RESPONSE_TIME], SERVICE_TIME[Kpi.RESPONSE_TIME]):
                while compact(tx, measure, 1_000, 100):
                    pass
    taken_back = Deltas(lambda _id: ALWAYS_OPEN)
    for fact in gone:
        taken_back.add(FactChange(Change.TAKEN_BACK, fact, always(fact)))
    tx.bump_version()
    tx.add_deltas(taken_back)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, postgres: str, postgres_template: str) -> Iterator[World]:
    random = Random(14)  # noqa: S311 - any will do
    facts = list(durations(random))
    gone = [fact for fact in facts if random.random() < 0.1]
    path = tmp_path_factory.mktemp("durations") / "telwerk.db"
    prepare(path)
    with fresh_database(postgres, postgres_template) as url, asyncio.Runner() as runner:
        stack = AsyncExitStack()
        stores = [runner.run(stack.enter_async_context(opened(of))) for of in (SqliteFile(path), located(url))]
        for store in stores:
            runner.run(store.write([(ACCOUNT, Do(partial(fill, facts, gone)))]))
        left = set(facts) - set(gone)
        # The second has nothing summed up: each question reads its cells.
        yield World(
            runner,
            list(zip(stores, (RollupCache(64 << 20), RollupCache(0)), strict=True)),
            sorted(left, key=lambda fact: fact.instant),
        )
        runner.run(stack.aclose())


def questions(random: Random) -> Iterator[Query]:
    """Questions of all forms."""
    for _ in range(QUESTIONS):
        start = FIRST_DAY + timedelta(random.randrange(-10, 300))
        end = start + timedelta(random.choice([1, 7, 40, 200]))
        group_by = tuple(random.sample(DIMENSIONS, random.randrange(3)))
        operators = Ids(frozenset(random.sample(["", "ann", "bob"], random.randrange(3))), frozenset({"dora"}))
        order = random.choice([Order(), Order(OrderMeasure.MEAN), Order(OrderMeasure.PERCENTILE, percentile=0.9)])
        yield Query(
            ACCOUNT,
            (KPI,),
            DateRange(start, end),
            random.choice([None, Granularity.HOUR, Granularity.DAY, Granularity.WEEK, Granularity.MONTH]),
            random.choice(ZONES),
            random.choice([Filter(), Filter(operators=operators), Filter(widgets=Ids(frozenset({"shop"})))]),
            group_by,
            compare_to=random.choice([None, PreviousPeriod.PREVIOUS]),
            order=order if group_by else Order(),
            top=Top(2, rest=True) if group_by and random.random() < 0.3 else None,
            percentiles=tuple(sorted({0.0, 0.5, 0.9, 1.0, random.random()})),
            include_histogram=random.random() < 0.5,
        )


def key_of(query: Query, fact: Fact) -> GroupKey:
    """The row in which a fact counts."""
    return GroupKey(
        fact.operator if Dimension.OPERATOR in query.group_by else None,
        fact.group if Dimension.OPERATOR_GROUP in query.group_by else None,
        fact.widget if Dimension.WIDGET in query.group_by else None,
    )


def check(query: Query, numbers: Numbers, of_buckets: dict[int, list[int]]) -> int:
    """Holds a row's numbers against its durations, by bucket. Returns how many buckets have any."""
    durations_ = numbers.durations
    assert durations_ is not None
    assert numbers.sums is not None
    empty = np.ones(len(numbers.counts), bool)
    empty[list(of_buckets)] = False
    assert not numbers.counts[empty].any()
    assert not numbers.sums[empty].any()
    assert np.isnan(durations_.percentiles[:, empty]).all()
    histogram = [*durations_.histogram.buckets()] if durations_.histogram is not None else None
    assert (histogram is not None) == query.include_histogram
    assert not any(bins for bins, is_empty in zip(histogram or (), empty.tolist(), strict=False) if is_empty)
    for bucket, of_bucket in of_buckets.items():
        values = np.array(of_bucket, np.int64)
        found = durations_.percentiles[:, bucket]
        assert (numbers.counts[bucket], numbers.sums[bucket]) == (len(values), sum(of_bucket))
        expected = np.quantile(values, query.percentiles, method="inverted_cdf")
        assert (np.abs(found - expected) <= 0.01 * expected + ROUNDING).all(), (found, expected)
        if histogram is not None:
            assert sum(n for *_, n in histogram[bucket]) == len(values)
            for low, high, n in histogram[bucket]:
                assert int(((values >= low) & (values <= high)).sum()) == n
    return len(of_buckets)


def by_row(query: Query, buckets: Buckets, facts: Sequence[Fact]) -> dict[GroupKey, dict[int, list[int]]]:
    """The durations of facts by row and bucket."""
    rows: dict[GroupKey, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for fact in facts:
        at = int(np.searchsorted(buckets.edges, fact.instant // QUARTER_MICROS, side="right")) - 1
        if 0 <= at < len(buckets.edges) - 1 and query.filter.keeps(fact.operator, fact.group, fact.widget):
            rows[key_of(query, fact)][at].append(int(fact.value))
    return rows


def whole(of_buckets: dict[int, list[int]]) -> list[int]:
    """All durations of a row."""
    return [ms for values in of_buckets.values() for ms in values]


def test_answers_are_those_of_numpy(world: World) -> None:
    """Count and sum exactly, and every percentile within 1 %: over a thousand buckets of rows, zones and periods
    (R-DUR-2, R-DUR-3)."""
    slices = 0
    for query in questions(Random(41)):  # noqa: S311 - any will do
        first, second = world.ask(query)
        for found in (first, second):
            [rows] = found.kpis
            periods = [by_row(query, found.buckets, world.facts)]
            if found.compared is not None:
                periods.append(by_row(query, found.compared, world.facts))
            named = {row.key for row in rows.rows if not row.rest}
            for row in rows.rows:
                keys = [row.key] if not row.rest else [key for period in periods for key in period if key not in named]
                main = Numbers(row.counts, row.sums, None, durations=row.durations)
                for numbers, period in zip((main, row.compared), periods, strict=False):
                    assert numbers is not None
                    merged: dict[int, list[int]] = defaultdict(list)
                    for key in dict.fromkeys(keys):
                        for bucket, values in period.get(key, {}).items():
                            merged[bucket] += values
                    slices += check(query, numbers, merged)
            check_whole(query, found, periods[0])
        assert [row.key for row in first.kpis[0].rows] == [row.key for row in second.kpis[0].rows]
        assert first.kpis[0].summed == second.kpis[0].summed
    assert slices >= SLICES


def check_whole(query: Query, found: Answer, rows: dict[GroupKey, dict[int, list[int]]]) -> None:
    """Holds what is said of a whole answer against all its durations; and the order of its rows."""
    [of_kpi] = found.kpis
    everything = [ms for of_row in rows.values() for ms in whole(of_row)]
    assert (of_kpi.summed.facts, of_kpi.summed.sum) == (len(everything), sum(everything))
    assert [asked for asked, _ in of_kpi.summed.percentiles] == list(query.percentiles if everything else ())
    for asked, value in of_kpi.summed.percentiles:
        expected = np.quantile(everything, asked, method="inverted_cdf")
        assert abs(value - expected) <= 0.01 * expected + ROUNDING
    if query.include_histogram:
        assert sum(n for *_, n in of_kpi.summed.histogram) == len(everything)
    if query.order.measure is OrderMeasure.PERCENTILE and query.top is None:
        numbers = [
            np.quantile(values, 0.9, method="inverted_cdf") for row in of_kpi.rows if (values := whole(rows[row.key]))
        ]
        # Each is within 1 % of the one that it is ordered by.
        assert all(first <= second * 1.02 + ROUNDING for first, second in pairwise(numbers))


def test_where_it_is_always_open_a_service_time_is_its_kpi(world: World) -> None:
    """In every number of every row, on both databases; the other widget is named where it has facts (R-SERVICE-7)."""
    in_shop = Filter(widgets=Ids(frozenset({"shop"})))
    for query in islice(questions(Random(43)), 6):  # noqa: S311 - any will do
        asked = query._replace(kpis=(SERVICE_TIME_OF_RESPONSES,))
        helped = by_row(
            query._replace(filter=Filter(), group_by=()), world.ask(query)[0].buckets, world.facts_of("help")
        )
        for plain, told, everywhere in zip(
            world.ask(query._replace(filter=in_shop)),
            world.ask(asked._replace(filter=in_shop)),
            world.ask(asked._replace(filter=Filter())),
            strict=True,
        ):
            [of_kpi], [of_service] = plain.kpis, told.kpis
            assert of_service.summed == of_kpi.summed
            assert of_service.compared == of_kpi.compared
            assert [bits(row) for row in of_service.rows] == [bits(row) for row in of_kpi.rows]
            assert of_service.unscheduled == ()
            assert everywhere.kpis[0].summed == of_kpi.summed
            assert everywhere.kpis[0].unscheduled == (("help",) if helped else ())


def bits(row: AnswerRow) -> list[object]:
    """The numbers of a row, each to the bit."""
    periods: list[AnswerRow | Numbers] = [row, row.compared] if row.compared is not None else [row]
    durations = [of.durations for of in periods if of.durations is not None]
    return [
        row.key,
        row.share,
        *(None if each is None else each.tobytes() for of in periods for each in (of.counts, of.sums)),
        *(of.percentiles.tobytes() for of in durations),
        *(bins for of in durations if of.histogram is not None for bins in of.histogram.buckets()),
    ]


SERVICE_TIME_OF_RESPONSES = SERVICE_TIMES["response_service_time"]
