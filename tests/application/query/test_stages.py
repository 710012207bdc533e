"""Which answers are made in the event loop: those that cost little, of what is kept, one in a turn."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from telwerkd.application.commands.chunk_merging import compact as compacted
from telwerkd.application.ports import Snapshot
from telwerkd.application.query import cost
from telwerkd.application.query.question import Filter, Ids, PreviousPeriod, Query, QueryLimits
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.runner import Queries
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.conversation.facts import Change, Fact, FactChange
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.deltas import DeltaEntries, Deltas
from telwerkd.domain.counting.measures import COUNTED, Measure
from telwerkd.domain.display_names import NameKey
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError
from telwerkd.domain.ids import AccountId, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import DateRange
from telwerkd.storage.sql.transaction import AccountTransaction
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.commands import Do

ACCOUNT = AccountId("acme")
YEAR = DateRange(date(2025, 1, 1), date(2026, 1, 1))
DAY_MICROS = 86_400_000_000
FIRST_DAY = (date(2025, 1, 1) - date(1970, 1, 1)).days
OPERATORS = 40


class CountingStore(SqliteStore):
    """Counts what is read in a thread."""

    reads = 0

    async def read(self, account: AccountId, work: Callable[[Snapshot], Any]) -> Any:
        self.reads += 1
        return await super().read(account, work)


@dataclass
class Asking:
    """Queries of an account, and how many had to wait for a thread."""

    store: CountingStore
    limits: QueryLimits = field(default_factory=QueryLimits)
    loop_cost_max: int = cost.LOOP_COST_MAX

    def __post_init__(self) -> None:
        readers, rollups = Readers(self.store, 10), RollupCache(64 << 20)
        self._queries = Queries(self.store, readers, self.limits, rollups, loop_cost_max=self.loop_cost_max)

    async def ask(self, over: DateRange = YEAR, **fields: Any) -> int:
        """Asks about a year by day; how many facts there are."""
        found: Answer = await self._queries.ask(self._query(over, **fields), self._made)
        return found.kpis[0].summed.facts

    async def ask_all(self, batch: list[dict[str, Any]]) -> list[Any]:
        """Asks several such questions at once; the answers, and the errors."""
        queries = [self._query(YEAR, **fields) for fields in batch]
        return await self._queries.ask_all(ACCOUNT, queries, lambda _, found: found, lambda found: found)

    def _query(self, over: DateRange, **fields: Any) -> Query:
        wanted = {"kpis": (CATALOGUE[Kpi.FEEDBACK_COUNT],), "granularity": Granularity.DAY, "filter": Filter()}
        return Query(ACCOUNT, range=over, **{"time_zone": "Europe/Berlin", "group_by": (), **wanted, **fields})

    def _made(self, found: Answer) -> Answer:
        self._made_in = threading.current_thread()
        return found

    async def in_thread(self, **fields: Any) -> bool:
        """Whether the answer, which is the right one, was read or made in a thread."""
        before = self.store.reads
        assert await self.ask(**fields)
        await asyncio.sleep(0)  # the next turn
        return self.store.reads > before or self._made_in is not threading.current_thread()


def counted(*days: int, times: int = 1) -> Deltas:
    """A fact of every operator on each day, of two KPIs."""
    deltas = Deltas()
    for day in days:
        for n in range(OPERATORS):
            operator, widget = OperatorId(f"o{n}"), WidgetId("web")
            instant = Micros((FIRST_DAY + day) * DAY_MICROS + DAY_MICROS // 2)
            for kpi, value in ((Kpi.FEEDBACK_COUNT, ""), (Kpi.INACTIVITY_ACTIONS, "1")):
                fact = Fact(kpi, value, operator, OperatorGroupId(""), widget, instant, EventId("e"))
                deltas.add(FactChange(Change.COUNTED, fact), times)
    return deltas


async def count(store: SqliteStore, *days: int, times: int = 1, compact: bool = True) -> None:
    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_deltas(counted(*days, times=times))
        for kpi in (Kpi.FEEDBACK_COUNT, Kpi.INACTIVITY_ACTIONS) if compact else ():
            compacted(tx, COUNTED[kpi], 1_000_000)

    await store.write([(ACCOUNT, Do(work))])


@pytest.fixture
async def asking(tmp_path: Path) -> AsyncIterator[Asking]:
    prepare(tmp_path / "telwerk.db")
    store = CountingStore(tmp_path / "telwerk.db")
    await count(store, *range(5, 360, 10))
    yield Asking(store)
    await store.close()


async def test_what_is_kept_is_answered_at_once(asking: Asking) -> None:
    """The first question of a zone reads chunks in a thread; the same again does not, nor one of longer buckets."""
    assert await asking.in_thread()
    assert not await asking.in_thread()
    assert not await asking.in_thread(granularity=Granularity.MONTH)
    assert not await asking.in_thread(granularity=None)
    assert await asking.in_thread(time_zone="Asia/Kathmandu")
    assert not await asking.in_thread(time_zone="Asia/Kathmandu")


async def test_no_name_is_read_for_an_answer_that_is_too_large(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone and in a batch: there may be a hundred thousand, and the view is open meanwhile."""
    read, names_of = list[NameKey](), AccountTransaction.display_names_of

    def noted(view: AccountTransaction, keys: Iterable[NameKey]) -> dict[NameKey, str]:
        read.extend(wanted := list(keys))
        return names_of(view, wanted)

    monkeypatch.setattr(AccountTransaction, "display_names_of", noted)
    by_operator: dict[str, Any] = {"group_by": (Dimension.OPERATOR,), "include_names": True}
    assert await asking.ask(**by_operator)
    assert len(read) == OPERATORS
    small = Asking(asking.store, QueryLimits(points_max=365 * OPERATORS - 1))
    with pytest.raises(LimitExceededError, match="points_max"):
        await small.ask(**by_operator)
    [first, second] = await small.ask_all([by_operator] * 2)
    assert isinstance(first, LimitExceededError)
    assert isinstance(second, LimitExceededError)
    assert len(read) == OPERATORS


async def test_what_was_counted_since_is_in_an_inline_answer(asking: Asking) -> None:
    """Delta entries are added at once; what compaction changes is read in a thread, and then kept again."""
    before = await asking.ask()
    await count(asking.store, 7, compact=False)
    assert not await asking.in_thread()
    assert await asking.ask() == before + OPERATORS
    await count(asking.store, 8)
    assert await asking.in_thread()
    assert not await asking.in_thread()
    assert await asking.ask() == before + 2 * OPERATORS


@pytest.mark.parametrize(
    "fields",
    [
        {"filter": Filter(operators=Ids(frozenset({"o1"})))},
        {"kpis": (CATALOGUE[Kpi.INACTIVITY_ACTIONS],)},
        {"granularity": Granularity.QUARTER_HOUR, "group_by": (Dimension.OPERATOR,)},
    ],
    ids=["named ids", "all widgets' settings", "too many numbers"],
)
async def test_what_may_take_long_is_not_answered_at_once(asking: Asking, fields: dict[str, Any]) -> None:
    """However often it is asked; it is answered all the same."""
    for _ in range(3):
        assert await asking.in_thread(**fields)


@pytest.mark.parametrize(
    ("loop_cost_max", "in_thread"), [(40_000, {"totals", "days"}), (75_000, {"days"}), (cost.LOOP_COST_MAX, set())]
)
async def test_much_that_is_kept_is_not_added_up_at_once(
    asking: Asking, loop_cost_max: int, in_thread: set[str]
) -> None:
    """Nor are many rows, however few numbers each has."""
    bounded = Asking(asking.store, loop_cost_max=loop_cost_max)
    by_operator: dict[str, Any] = {"group_by": (Dimension.OPERATOR,)}
    asked: dict[str, dict[str, Any]] = {
        "one row": {},
        "totals": {**by_operator, "granularity": None},
        "days": by_operator,
    }
    for fields in asked.values():
        await bounded.in_thread(**fields)  # from now on it is kept
    assert {name for name, fields in asked.items() if await bounded.in_thread(**fields)} == in_thread


async def test_a_histogram_costs_what_its_bins_take_to_encode(asking: Asking) -> None:
    """Each is a message of its own, and a hundred times as long in the making as a number."""

    def work(tx: Any) -> None:
        deltas, kpi = Deltas(), Kpi.RESPONSE_TIME
        for n in range(20 * OPERATORS):
            instant = Micros((FIRST_DAY + n // OPERATORS) * DAY_MICROS)
            who = OperatorId(f"o{n % OPERATORS}"), OperatorGroupId(""), WidgetId("web")
            deltas.add(FactChange(Change.COUNTED, Fact(kpi, f"{n}", *who, instant, EventId("e"))), 1)
        tx.bump_version()
        tx.add_deltas(deltas)
        compacted(tx, COUNTED[kpi], 1_000_000)

    await asking.store.write([(ACCOUNT, Do(work))])
    fields = {"kpis": (CATALOGUE[Kpi.RESPONSE_TIME],), "group_by": (Dimension.OPERATOR,)}
    assert await asking.in_thread(**fields)
    assert not await asking.in_thread(**fields, percentiles=(0.5, 0.9))
    assert await asking.in_thread(**fields, include_histogram=True)


async def test_many_numbers_of_little_are_not_made_at_once(asking: Asking) -> None:
    """Decades of days in which nothing was counted but on one of them are in an answer all the same."""
    await asking.ask()
    later = 40 * 365
    await count(asking.store, later, compact=False)
    decades = DateRange(date(2040, 1, 1), date(2070, 1, 1))
    fields = {"over": decades, "group_by": (Dimension.OPERATOR,)}
    by_year = {**fields, "granularity": Granularity.YEAR}
    assert not await asking.in_thread(**by_year)
    assert await asking.in_thread(**fields)
    # Nor are the boundaries of a zone looked for: that takes longer than any of this.
    assert await asking.in_thread(**by_year, time_zone="Africa/Nairobi")
    assert not await asking.in_thread(**by_year, time_zone="Africa/Nairobi")


async def test_a_chunk_that_was_emptied_is_kept_as_such(asking: Asking) -> None:
    """Its version stays; what was taken back must not send every question about the year to a thread."""
    await asking.ask()
    await count(asking.store, *range(5, 360, 10), times=-1)
    await count(asking.store, 200)
    assert await asking.ask() == OPERATORS
    assert not await asking.in_thread()
    assert not await asking.in_thread()


async def test_many_delta_entries_are_not_read_at_once(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted first: of a backlog that compaction cannot work off, the loop reads nothing."""
    await asking.ask()
    many = Deltas()
    for quarter_hour in range(cost.LOOP_COST_MAX // (12 * OPERATORS) + 1):
        for operator in range(OPERATORS):
            instant = Micros((FIRST_DAY + 5) * DAY_MICROS + quarter_hour * 900_000_000)
            ids = OperatorId(f"o{operator}"), OperatorGroupId(""), WidgetId("web")
            many.add(FactChange(Change.COUNTED, Fact(Kpi.FEEDBACK_COUNT, "", *ids, instant, EventId("e"))))

    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_deltas(many)

    await asking.store.write([(ACCOUNT, Do(work))])
    readers: list[threading.Thread] = []
    read = AccountTransaction.deltas

    def watched(tx: AccountTransaction, measure: Measure) -> DeltaEntries:
        readers.append(threading.current_thread())
        return read(tx, measure)

    monkeypatch.setattr(AccountTransaction, "deltas", watched)
    assert await asking.in_thread()
    assert readers
    assert threading.main_thread() not in readers


async def test_one_answer_in_a_turn_is_made_at_once(asking: Asking) -> None:
    """Of ten questions that come together, nine go to a thread: whatever else waits has its turn between."""
    await asking.ask()
    before = asking.store.reads
    assert len(set(await asyncio.gather(*(asking.ask() for _ in range(10))))) == 1
    assert asking.store.reads - before == 9


async def test_a_refusal_leaves_the_inline_view_as_it_was(asking: Asking) -> None:
    """What is wrong is said at once, and the next question is answered."""
    await asking.ask()
    with pytest.raises(InvalidArgumentError):
        await asking.ask(time_zone="Europe/Nowhere")
    await asyncio.sleep(0)
    before = asking.store.reads
    await count(asking.store, 9, compact=False)
    assert not await asking.in_thread()
    assert asking.store.reads == before


async def test_limits_are_those_of_the_settings(asking: Asking) -> None:
    """What is too much to be made at once is not too much to be answered, and what is too much says the setting."""
    strict = Asking(asking.store, QueryLimits(points_max=100))
    with pytest.raises(LimitExceededError, match="at most 100 "):
        await strict.ask()
    with pytest.raises(LimitExceededError, match="at most 100 "):
        await strict.ask()


EMPTY = AccountId("nobody")
OTHER_KPIS = tuple(info for info in CATALOGUE.values() if info.kpi != Kpi.INACTIVITY_ACTIONS)


@pytest.mark.parametrize(
    "fields",
    [
        {"granularity": Granularity.QUARTER_HOUR},
        {
            "granularity": Granularity.QUARTER_HOUR,
            "kpis": OTHER_KPIS,
            "range": DateRange(date(2025, 1, 1), date(2025, 12, 1)),  # of a year the numbers would be too many
            "compare_to": PreviousPeriod.PREVIOUS,
        },
        {"granularity": Granularity.DAY, "range": DateRange(date(2025, 1, 1), date(2125, 1, 1))},
        {"granularity": Granularity.HOUR, "range": DateRange(date(2025, 1, 1), date(2029, 1, 1))},
        {"granularity": None, "kpis": OTHER_KPIS, "compare_to": PreviousPeriod.PREVIOUS},
    ],
    ids=["a year by quarter-hour", "all KPIs, compared", "a century by day", "years by hour", "many readings"],
)
async def test_buckets_and_readings_cost_what_they_take_though_nothing_is_counted(
    asking: Asking, fields: dict[str, Any]
) -> None:
    """An account that holds nothing is not free: the numbers of its answer are made and encoded all the same."""
    wanted = {"kpis": (CATALOGUE[Kpi.FEEDBACK_COUNT],), "range": YEAR, "filter": Filter(), "group_by": (), **fields}
    query = Query(EMPTY, time_zone="UTC", **wanted)
    await asking.ask(time_zone="UTC")  # the zone is known from now on
    queries = Queries(asking.store, Readers(asking.store, 10), QueryLimits(), RollupCache(64 << 20))
    here = threading.current_thread()
    assert await queries.ask(query, lambda _answer: threading.current_thread()) is not here
    small = query._replace(granularity=Granularity.MONTH, range=YEAR, kpis=query.kpis[:1], compare_to=None)
    await asyncio.sleep(0)
    assert await queries.ask(small, lambda _answer: threading.current_thread()) is here


async def test_the_cost_of_buckets_is_spent_before_they_are_made(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So the event loop never holds them."""
    await asking.ask(time_zone="UTC")
    made_in: list[threading.Thread] = []
    buckets = calendar.buckets

    def watched(*arguments: Any) -> Any:
        made_in.append(threading.current_thread())
        return buckets(*arguments)

    monkeypatch.setattr(calendar, "buckets", watched)
    assert await asking.in_thread(granularity=Granularity.QUARTER_HOUR, time_zone="UTC")
    assert made_in
    assert threading.main_thread() not in made_in


async def test_the_name_nearest_to_an_unknown_zone_is_looked_for_in_a_thread(asking: Asking) -> None:
    """It takes longer than an answer."""
    before = asking.store.reads
    with pytest.raises(InvalidArgumentError, match="did you mean 'Europe/Berlin'"):
        await asking.ask(time_zone="Europe/Berlim")
    assert asking.store.reads == before + 1


# --- rows ------------------------------------------------------------------------------------------------------------

BY_OPERATOR: dict[str, Any] = {"group_by": (Dimension.OPERATOR,)}
CHUNKS = len({(FIRST_DAY + day) * 96 // CHUNK_QUARTER_HOURS for day in range(5, 360, 10)})
ROWS = CHUNKS * OPERATORS


@pytest.mark.parametrize("fields", [BY_OPERATOR, {"filter": Filter(operators=Ids(none_of=frozenset({"x"})))}])
async def test_more_rows_than_rows_max_are_refused_by_its_name(asking: Asking, fields: dict[str, Any]) -> None:
    """As many are answered, one more are not, and what is kept as sums already makes no difference."""
    enough, too_few = (Asking(asking.store, QueryLimits(rows_max=n)) for n in (ROWS, ROWS - 1))
    too_few._queries._rollups = enough._queries._rollups  # what one has read is kept for both
    for _ in range(2):
        with pytest.raises(LimitExceededError, match=rf"more than {ROWS - 1} rows \(rows_max\)"):
            await too_few.ask(**fields)
        assert await enough.ask(**fields)


async def test_rows_that_are_named_count_as_well(asking: Asking) -> None:
    """Each id in each chunk."""
    named: dict[str, Any] = {"filter": Filter(operators=Ids(frozenset({"o1", "o2"})))}
    assert await Asking(asking.store, QueryLimits(rows_max=2 * CHUNKS)).ask(**named)
    with pytest.raises(LimitExceededError, match="rows_max"):
        await Asking(asking.store, QueryLimits(rows_max=2 * CHUNKS - 1)).ask(**named)


async def test_chunks_that_are_kept_between_others_count_once(asking: Asking) -> None:
    """The first and the last chunk have changed, and those between are read with them: the answer is whole."""
    exact = Asking(asking.store, QueryLimits(rows_max=ROWS))
    before = await exact.ask(**BY_OPERATOR)
    await count(asking.store, 5, 355)
    assert await exact.ask(**BY_OPERATOR) == before + 2 * OPERATORS


async def test_no_more_rows_are_read_than_tell_that_they_are_too_many(
    asking: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database gives one more than are allowed, however many there are."""
    read: list[int] = []
    cells = AccountTransaction.cells

    def counted_cells(tx: AccountTransaction, cut: Any) -> Any:
        rows = cells(tx, cut)
        read.append(len(rows))
        return rows

    monkeypatch.setattr(AccountTransaction, "cells", counted_cells)
    with pytest.raises(LimitExceededError, match="rows_max"):
        await Asking(asking.store, QueryLimits(rows_max=OPERATORS)).ask(**BY_OPERATOR)
    assert read == [OPERATORS + 1]


async def test_a_batch_shares_the_rows(asking: Asking) -> None:
    """Two queries that fit one by one do not fit together."""
    queries = Queries(asking.store, Readers(asking.store, 10), QueryLimits(rows_max=ROWS + 1), RollupCache(0))
    query = Query(ACCOUNT, (CATALOGUE[Kpi.FEEDBACK_COUNT],), YEAR, None, "UTC", Filter(), (Dimension.OPERATOR,))
    first, second = await queries.ask_all(ACCOUNT, [query, query], lambda _place, answer: answer, list)
    assert isinstance(first, Answer)
    assert isinstance(second, LimitExceededError)
    assert "rows_max" in second.message
