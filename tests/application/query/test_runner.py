"""What the runner keeps apart: a query is planned once, and what is made of its answer needs no view any more."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from telwerkd.application.commands.chunk_merging import compact
from telwerkd.application.commands.settings import SetTimeZone
from telwerkd.application.ports import Snapshot
from telwerkd.application.query import stages
from telwerkd.application.query.plan import (
    QueryPlan,
)
from telwerkd.application.query.question import Filter, Ids
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.runner import Queries
from telwerkd.application.query.slices.outlines import Outline
from telwerkd.application.query.stages import ToThread, answer, read_inline, read_view
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.facts import Change, Fact, FactChange
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.counting.measures import COUNTED, Measure
from telwerkd.domain.ids import AccountId, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import DateRange
from telwerkd.storage.sql.transaction import AccountTransaction
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.query.year import ACCOUNT, DAYS, FIRST_DAY, LIMITS, QUERY, fill
from tests.commands import Do


class WatchedStore(SqliteStore):
    """Knows in which threads a view is open."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.viewing: set[threading.Thread] = set()

    async def read(self, account: AccountId, work: Callable[[Snapshot], Any]) -> Any:
        return await super().read(account, lambda view: self._watched(lambda: work(view)))

    def _watched(self, work: Callable[[], Any]) -> Any:
        self.viewing.add(threading.current_thread())
        try:
            return work()
        finally:
            self.viewing.remove(threading.current_thread())

    @contextmanager
    def inline_view(self, account: AccountId) -> Iterator[Snapshot]:
        with super().inline_view(account) as view:
            self.viewing.add(threading.current_thread())
            try:
                yield view
            finally:
                self.viewing.remove(threading.current_thread())


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[WatchedStore]:
    """Two operators with a fact on every tenth day."""
    prepare(tmp_path / "telwerk.db")
    store = WatchedStore(tmp_path / "telwerk.db")
    await fill(store)
    yield store
    await store.close()


@pytest.mark.parametrize("short", [True, False])
async def test_what_is_made_of_an_answer_needs_no_view(store: WatchedStore, *, short: bool) -> None:
    """The view is closed by then, in a thread and in the event loop: encoding holds no transaction open."""
    queries = Queries(store, Readers(store, 10), LIMITS, RollupCache(64 << 20))
    seen: list[bool] = []

    def encode(found: Answer) -> int:
        seen.append(threading.current_thread() in store.viewing)
        return found.kpis[0].summed.facts

    for _ in range(2):
        assert await queries.ask(QUERY, encode, short=short) == 2 * len(DAYS)
    assert await queries.ask_in_turn(QUERY, encode) == 2 * len(DAYS)
    together = await queries.ask_all(ACCOUNT, [QUERY, QUERY], lambda _place, found: encode(found), list)
    assert together == [2 * len(DAYS)] * 2
    assert seen == 5 * [False]


async def counted(store: WatchedStore, operator: str) -> None:
    """One more fact of an operator, in the middle of the year, in its chunk."""
    instant = Micros((FIRST_DAY + 185) * 86_400_000_000)
    fact = Fact(
        Kpi.FEEDBACK_COUNT, "", OperatorId(operator), OperatorGroupId(""), WidgetId("web"), instant, EventId("e")
    )
    deltas = Deltas()
    deltas.add(FactChange(Change.COUNTED, fact))

    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_deltas(deltas)
        compact(tx, COUNTED[Kpi.FEEDBACK_COUNT], 1_000_000)

    await store.write([(ACCOUNT, Do(work))])


async def test_a_query_that_goes_to_a_thread_is_planned_once(
    store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the event loop planned of it before it found that out holds in the thread, as long as no chunk changed."""
    calendar.buckets(20_000 * 96, 20_010 * 96, Granularity.DAY, calendar.zone("Europe/Berlin"))  # the zone is used
    planned: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        of_stage = getattr(stages, name)

        def noted(*args: Any) -> Any:
            planned.append(name)
            return of_stage(*args)

        return noted

    for name in ("outline", "plan"):
        monkeypatch.setattr(stages, name, watched(name))
    queries = Queries(store, Readers(store, 10), LIMITS, RollupCache(64 << 20))
    assert await queries.ask(QUERY, lambda found: found.kpis[0].summed.facts) == 2 * len(DAYS)
    assert planned == ["outline", "plan"]


async def test_a_plan_does_not_outlive_its_chunks_nor_its_zone(store: WatchedStore) -> None:
    """What a thread is given of an earlier view is made anew where that view is no longer what there is."""
    rollups, query = RollupCache(64 << 20), QUERY._replace(time_zone=None)
    calendar.buckets(20_000 * 96, 20_010 * 96, Granularity.DAY, calendar.zone("UTC"))
    with store.inline_view(ACCOUNT) as view:
        found = read_inline(query, LIMITS, rollups, view)
    assert isinstance(found, ToThread)
    assert isinstance(found.known, QueryPlan)
    await counted(store, "c")
    with store.inline_view(ACCOUNT) as view:
        assert not found.known.holds_on(view)
        assert len(read_view(found.known, LIMITS, rollups, view).kpis[0].slices[0].rows) == 3  # a, b and c
        planned = read_inline(query._replace(filter=Filter(operators=Ids(frozenset({"c"})))), LIMITS, rollups, view)
    assert isinstance(planned, ToThread)
    assert isinstance(planned.known, Outline)
    await store.write([(ACCOUNT, SetTimeZone("Asia/Kathmandu"))])
    with store.inline_view(ACCOUNT) as view:
        for known in (found.known, planned.known):
            assert read_view(known, LIMITS, rollups, view).outline.zone.key == "Asia/Kathmandu"


async def test_deltas_of_both_periods_are_read_once(store: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A comparison needs the same ones."""
    read: list[int] = []
    deltas = AccountTransaction.deltas

    def watched(tx: AccountTransaction, measure: Measure) -> Any:
        read.append(measure)
        return deltas(tx, measure)

    monkeypatch.setattr(AccountTransaction, "deltas", watched)
    with store.inline_view(ACCOUNT) as view:
        answer(QUERY._replace(compare_to=DateRange(date(2024, 1, 1), date(2025, 1, 1))), LIMITS, RollupCache(0), view)
    assert read == [Kpi.FEEDBACK_COUNT]
