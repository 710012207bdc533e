"""What an answer costs: rows in proportion to the answer, not to operators, groups, widgets or events.

An account of 1,000 operators, 50 groups and 20 widgets with ratings over a year, in SQLite.
"""

import asyncio
from collections.abc import Iterator
from datetime import date
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.query.question import Filter, Ids, Query, QueryLimits, Top
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import answer
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.conversation.facts import Change, Fact, FactChange
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.ids import AccountId, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import DateRange
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.commands import Do

ACCOUNT = AccountId("acme")
YEAR = DateRange(date(2025, 1, 1), date(2026, 1, 1))
OPERATORS, GROUPS, WIDGETS = 1_000, 50, 20
CHUNKS = 13
"""Of 32 days, which a year lies in at the most."""
OVERHEAD = 3 + CHUNKS
"""The account's row, its earliest limit, how much is not in chunks yet, and a version for each chunk."""


class Asked(NamedTuple):
    """An answer, and how many rows were read for it."""

    answer: Answer
    rows: int


class Account:
    """The account, and a reader that counts."""

    def __init__(self, runner: asyncio.Runner, store: SqliteStore) -> None:
        self._runner = runner
        self._store = store
        self._rows = 0
        self.steps = 0
        """Thousands of SQLite's own steps, since the beginning."""
        sa.event.listen(store._reader, "begin", self._watch)

    def _watch(self, connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(self._step, 1_000)
        driver.row_factory = self._row

    def _step(self) -> None:
        self.steps += 1

    def _row(self, _cursor: Any, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Sees every row that is read, whoever asks for it."""
        self._rows += 1
        return row

    def ask(self, rollups: RollupCache | None = None, **fields: Any) -> Asked:
        wanted = {"granularity": Granularity.DAY, "filter": Filter(), "group_by": (), **fields}
        query = Query(ACCOUNT, (CATALOGUE[Kpi.SATISFACTION_SCORE],), YEAR, time_zone="Europe/Berlin", **wanted)
        self._rows = 0
        work = partial(answer, query, QueryLimits(), RollupCache(0) if rollups is None else rollups)
        return Asked(self._runner.run(self._store.read(ACCOUNT, work)), self._rows)


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    database: Path = tmp_path_factory.mktemp("cost") / "telwerk.db"
    prepare(database)
    store = SqliteStore(database)
    deltas = Deltas()
    for fact in ratings(Random(7)):  # noqa: S311 - any will do
        deltas.add(FactChange(Change.COUNTED, fact))

    async def fill() -> None:
        def work(tx: Any) -> None:
            tx.bump_version()
            tx.add_deltas(deltas)
            compact(tx, COUNTED[Kpi.SATISFACTION_SCORE], 1_000_000)

        await store.write([(ACCOUNT, Do(work))])

    with asyncio.Runner() as runner:
        runner.run(fill())
        yield Account(runner, store)
        runner.run(store.close())


def ratings(random: Random) -> Iterator[Fact]:
    """Two a month for each operator, who works in two groups."""
    first = int(date(2025, 1, 1).toordinal() - date(1970, 1, 1).toordinal()) * 86_400
    for n in range(OPERATORS * 24):
        operator = n % OPERATORS
        group = (operator + random.randrange(2)) % GROUPS
        # Not on the first and the last day, which begin elsewhere at another time.
        instant = (first + random.randrange(86_400, 364 * 86_400)) * 1_000_000
        yield Fact(
            Kpi.SATISFACTION_SCORE,
            str(random.randint(1, 5)),
            OperatorId(f"o{operator:04}"),
            OperatorGroupId(f"g{group:02}"),
            WidgetId(f"w{random.randrange(WIDGETS):02}"),
            Micros(instant),
            EventId(f"{n}"),
        )


def test_a_total_reads_a_row_a_chunk(account: Account) -> None:
    """Whatever the operators, groups and widgets."""
    asked = account.ask()
    assert asked.rows <= OVERHEAD + CHUNKS
    assert asked.answer.kpis[0].summed.facts == OPERATORS * 24


@pytest.mark.parametrize(
    ("dimension", "size"),
    [(Dimension.OPERATOR_GROUP, GROUPS), (Dimension.WIDGET, WIDGETS), (Dimension.OPERATOR, OPERATORS)],
)
def test_a_grouping_reads_a_row_a_group_and_chunk(account: Account, dimension: Dimension, size: int) -> None:
    """It is never summed over what was not asked for."""
    asked = account.ask(group_by=(dimension,))
    assert len(asked.answer.kpis[0].rows) == size
    assert asked.rows <= OVERHEAD + size * CHUNKS


@pytest.mark.parametrize(
    ("conditions", "named"),
    [
        (Filter(operators=Ids(frozenset({"o0007"}))), 1),
        (Filter(operators=Ids(frozenset({"o0007", "o0700", "o0999"}))), 3),
        (Filter(groups=Ids(frozenset({"g07"}))), 1),
        (Filter(widgets=Ids(frozenset({"w07", "w08"}))), 2),
    ],
)
def test_a_few_named_ids_read_their_own_rows_only(account: Account, conditions: Filter, named: int) -> None:
    """One operator of a thousand costs as much as if there were no other."""
    asked = account.ask(filter=conditions)
    assert asked.answer.kpis[0].summed.facts
    assert asked.rows <= OVERHEAD + CHUNKS + named * CHUNKS


def test_an_operator_in_a_group_reads_the_rows_of_both(account: Account) -> None:
    """Each part of the key is looked up, in the grouping by both."""
    both = Filter(Ids(frozenset({"o0007"})), Ids(frozenset({"g07"})))
    asked = account.ask(filter=both)
    assert asked.rows <= OVERHEAD + 2 * CHUNKS


def test_many_named_ids_are_not_looked_up_each_with_each(account: Account) -> None:
    """Every operator in every group on every widget, by name: a million keys a chunk, and a few thousand rows."""
    named = (("o", "04", OPERATORS), ("g", "02", GROUPS), ("w", "02", WIDGETS))
    operators, groups, widgets = (
        Ids(frozenset(f"{kind}{n:{width}}" for n in range(size))) for kind, width, size in named
    )
    everyone = Filter(operators, groups, widgets)
    before = account.steps
    asked = account.ask(filter=everyone)
    assert asked.answer.kpis[0].summed.facts == OPERATORS * 24
    assert account.steps - before < 5_000


def test_the_largest_ten_make_ten_series(account: Account) -> None:
    """All operators are read to know which are the largest, and no more."""
    asked = account.ask(group_by=(Dimension.OPERATOR,), top=Top(10, rest=True))
    assert len(asked.answer.kpis[0].rows) == 11
    assert asked.rows <= OVERHEAD + OPERATORS * CHUNKS


def test_what_was_summed_up_is_not_read_again(account: Account) -> None:
    """Another range over the same chunks, by another width: only versions are read."""
    rollups = RollupCache(64 << 20)
    account.ask(rollups, group_by=(Dimension.OPERATOR_GROUP,))
    again = account.ask(rollups, group_by=(Dimension.OPERATOR_GROUP,), granularity=Granularity.MONTH)
    assert again.rows <= OVERHEAD
    assert again.answer.kpis[0].summed.facts == OPERATORS * 24
