"""Which answers are made in the event loop: short ones, of what is kept, one in a turn."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from telwerkd.application import answering, slices
from telwerkd.application.answering import AT_HAND_MAX, Queries
from telwerkd.application.ports import Snapshot
from telwerkd.application.query import Answer, Filter, Ids, Query, QueryLimits
from telwerkd.application.rollup_cache import RollupCache
from telwerkd.domain.calendar import Granularity
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError
from telwerkd.domain.facts import Change, Fact, Kpi, Outcome
from telwerkd.domain.ids import AccountId, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.kpis import CATALOGUE, Dimension
from telwerkd.domain.leaves import Deltas, Leaves
from telwerkd.domain.ranges import DateRange
from telwerkd.storage.schema import prepare
from telwerkd.storage.sqlite import SqliteStore
from telwerkd.storage.transaction import AccountTransaction

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

    def __post_init__(self) -> None:
        self._queries = Queries(self.store, self.limits, RollupCache(64 << 20))

    async def ask(self, over: DateRange = YEAR, **fields: Any) -> int:
        """Asks about a year by day; how many facts there are."""
        wanted = {"kpis": (CATALOGUE[Kpi.FEEDBACK_COUNT],), "granularity": Granularity.DAY, "filter": Filter()}
        query = Query(ACCOUNT, range=over, **{"time_zone": "Europe/Berlin", "group_by": (), **wanted, **fields})
        found: Answer = await self._queries.ask(query, lambda answer: answer)
        return found.kpis[0].summed.facts

    async def in_thread(self, **fields: Any) -> bool:
        """Whether the answer, which is the right one, took a thread."""
        before = self.store.reads
        assert await self.ask(**fields)
        await asyncio.sleep(0)  # the next turn
        return self.store.reads > before


def counted(*days: int, times: int = 1) -> Deltas:
    """A fact of every operator on each day, of two KPIs."""
    deltas = Deltas()
    for day in days:
        for n in range(OPERATORS):
            operator, widget = OperatorId(f"o{n}"), WidgetId("web")
            instant = Micros((FIRST_DAY + day) * DAY_MICROS + DAY_MICROS // 2)
            for kpi, value in ((Kpi.FEEDBACK_COUNT, ""), (Kpi.INACTIVITY_ACTIONS, "1")):
                fact = Fact(kpi, value, operator, OperatorGroupId(""), widget, instant, EventId("e"))
                deltas.add(Outcome(Change.COUNTED, fact), times)
    return deltas


async def count(store: SqliteStore, *days: int, times: int = 1, compact: bool = True) -> None:
    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_deltas(counted(*days, times=times))
        for kpi in (Kpi.FEEDBACK_COUNT, Kpi.INACTIVITY_ACTIONS) if compact else ():
            tx.compact(kpi, 1_000_000)

    await store.write([(ACCOUNT, work)])


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


async def test_what_was_counted_since_is_in_an_answer_at_hand(asking: Asking) -> None:
    """Leaves are added at once; what compaction changes is read in a thread, and then kept again."""
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


async def test_much_that_is_kept_is_not_added_up_at_once(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor are many rows, however few numbers each has."""
    by_operator: dict[str, Any] = {"group_by": (Dimension.OPERATOR,), "granularity": None}
    for fields in ({}, by_operator):
        assert await asking.in_thread(**fields)
        assert not await asking.in_thread(**fields)
    monkeypatch.setattr(answering, "AT_HAND_MAX", 10_000)
    assert await asking.in_thread(**by_operator)
    assert not await asking.in_thread()
    monkeypatch.setattr(slices, "_ROW_COST", 10_000)
    monkeypatch.setattr(answering, "AT_HAND_MAX", 100_000)
    assert await asking.in_thread(**by_operator)


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


async def test_many_leaves_are_not_read_at_once(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted first: of a backlog that compaction cannot work off, the loop reads nothing."""
    await asking.ask()
    many = Deltas()
    for quarter in range(AT_HAND_MAX // (12 * OPERATORS) + 1):
        for operator in range(OPERATORS):
            instant = Micros((FIRST_DAY + 5) * DAY_MICROS + quarter * 900_000_000)
            ids = OperatorId(f"o{operator}"), OperatorGroupId(""), WidgetId("web")
            many.add(Outcome(Change.COUNTED, Fact(Kpi.FEEDBACK_COUNT, "", *ids, instant, EventId("e"))))

    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_deltas(many)

    await asking.store.write([(ACCOUNT, work)])
    readers: list[threading.Thread] = []
    read = AccountTransaction.deltas

    def watched(tx: AccountTransaction, measure: int) -> Leaves:
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


async def test_a_refusal_leaves_the_view_that_glances_use_as_it_was(asking: Asking) -> None:
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
