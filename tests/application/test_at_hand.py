"""Which answers are made in the event loop: short ones, of what is kept, one in a turn."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from telwerkd.application import answering
from telwerkd.application.answering import AT_HAND_MAX, Queries
from telwerkd.application.ports import Snapshot
from telwerkd.application.query import Answer, Filter, Ids, Query, QueryLimits
from telwerkd.application.rollup_cache import RollupCache
from telwerkd.domain.calendar import Granularity
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError
from telwerkd.domain.facts import Change, Fact, Kpi, Outcome, topics_value
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

    async def ask(self, **fields: Any) -> int:
        """Asks about a year by day of ratings; how many facts there are."""
        wanted = {"kpis": (CATALOGUE[Kpi.FEEDBACK_COUNT],), "granularity": Granularity.DAY, "filter": Filter()}
        query = Query(ACCOUNT, range=YEAR, **{"time_zone": "Europe/Berlin", "group_by": (), **wanted, **fields})
        found: Answer = await self._queries.ask(query, lambda answer: answer)
        return found.kpis[0].summed.facts

    async def in_thread(self, **fields: Any) -> bool:
        """Whether the answer, which is the right one, took a thread."""
        before = self.store.reads
        assert await self.ask(**fields)
        await asyncio.sleep(0)  # the next turn
        return self.store.reads > before


def counted(*days: int) -> Deltas:
    """A fact of every operator on each day, of two KPIs."""
    deltas = Deltas()
    for day in days:
        for n in range(OPERATORS):
            operator, widget = OperatorId(f"o{n}"), WidgetId("web")
            instant = Micros((FIRST_DAY + day) * DAY_MICROS + DAY_MICROS // 2)
            for kpi, value in ((Kpi.FEEDBACK_COUNT, ""), (Kpi.INACTIVITY_ACTIONS, "1")):
                fact = Fact(kpi, value, operator, OperatorGroupId(""), widget, instant, EventId("e"))
                deltas.add(Outcome(Change.COUNTED, fact))
    return deltas


async def count(store: SqliteStore, *days: int, compact: bool = True) -> None:
    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_deltas(counted(*days))
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
    """Neither an answer from many kept numbers, nor one of many numbers from few: topics count for each of them."""
    topics = Deltas()
    for day in (5, 100, 200):
        instant = Micros((FIRST_DAY + day) * DAY_MICROS)
        ids = OperatorId(""), OperatorGroupId(""), WidgetId("web")
        value = topics_value([f"t{n}" for n in range(30)])
        topics.add(Outcome(Change.COUNTED, Fact(Kpi.CONVERSATION_TOPICS, value, *ids, instant, EventId("e"))))

    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_deltas(topics)
        tx.compact(Kpi.CONVERSATION_TOPICS, 1_000)

    await asking.store.write([(ACCOUNT, work)])
    by_operator = {"group_by": (Dimension.OPERATOR,), "granularity": None}
    by_topic = {"kpis": (CATALOGUE[Kpi.CONVERSATION_TOPICS],), "group_by": (Dimension.TOPIC,)}
    for fields in ({}, by_operator, by_topic):
        assert await asking.in_thread(**fields)
        assert not await asking.in_thread(**fields)
    monkeypatch.setattr(answering, "AT_HAND_MAX", 5_000)
    for fields in (by_operator, by_topic):
        assert await asking.in_thread(**fields)
    assert not await asking.in_thread()


async def test_many_leaves_are_not_read_at_once(asking: Asking, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are counted first: of a backlog that compaction cannot work off, the loop reads nothing."""
    await asking.ask()
    many = Deltas()
    for quarter in range(AT_HAND_MAX // (8 * OPERATORS) + 1):
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
