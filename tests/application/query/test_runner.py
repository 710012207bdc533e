"""What the runner keeps apart: the plan reads no counter, and what is made of an answer needs no view any more."""

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
    ByChunk,
    CachedWhole,
    LookUp,
    QueryPlan,
    outline,
    plan,
)
from telwerkd.application.query.question import Filter, Ids, Query, QueryLimits
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.runner import Queries
from telwerkd.application.query.slices.outlines import Outline
from telwerkd.application.query.stages import ToThread, answer, read_inline, read_view
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.conversation.facts import Change, Fact, FactChange
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.counting.rollups import fits
from telwerkd.domain.errors import LimitExceededError
from telwerkd.domain.ids import AccountId, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import DateRange, QuarterHourRange
from telwerkd.storage.sql.transaction import AccountTransaction
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.commands import Do

ACCOUNT = AccountId("acme")
LIMITS = QueryLimits()
YEAR = DateRange(date(2025, 1, 1), date(2026, 1, 1))
FIRST_DAY = (date(2025, 1, 1) - date(1970, 1, 1)).days
DAYS = range(5, 360, 10)
CHUNKS = len({(FIRST_DAY + day) * 96 // CHUNK_QUARTER_HOURS for day in DAYS})
QUERY = Query(
    ACCOUNT, (CATALOGUE[Kpi.FEEDBACK_COUNT],), YEAR, Granularity.DAY, "Europe/Berlin", Filter(), (Dimension.OPERATOR,)
)


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
    deltas = Deltas()
    for day in DAYS:
        for operator in ("a", "b"):
            ids = OperatorId(operator), OperatorGroupId(""), WidgetId("web")
            instant = Micros((FIRST_DAY + day) * 86_400_000_000 + 43_200_000_000)
            deltas.add(FactChange(Change.COUNTED, Fact(Kpi.FEEDBACK_COUNT, "", *ids, instant, EventId("e"))))

    def work(tx: Any) -> None:
        tx.bump_version()
        tx.add_deltas(deltas)
        compact(tx, Kpi.FEEDBACK_COUNT, 1_000_000)

    await store.write([(ACCOUNT, Do(work))])
    yield store
    await store.close()


def source_of(query: Query, rollups: RollupCache, view: Snapshot) -> Any:
    """Where the only slice of a query comes from."""
    zone = calendar.zone("Europe/Berlin")
    planned = plan(outline(query, zone, LIMITS), view, rollups)
    [of] = planned.slices()
    return of.source


async def test_a_plan_reads_no_counter(store: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks and deltas are not touched for it, whatever it plans."""
    read: list[str] = []
    for name in ("cells", "deltas", "widget_versions"):
        monkeypatch.setattr(AccountTransaction, name, lambda *_args, name=name: read.append(name))
    with store.inline_view(ACCOUNT) as view:
        for query in (QUERY, QUERY._replace(filter=Filter(operators=Ids(frozenset({"a"}))))):
            source_of(query, RollupCache(64 << 20), view)
    assert not read


async def test_a_plan_says_where_each_chunk_comes_from(store: WatchedStore) -> None:
    """From cells, until they are read; then from one rollup of all, or from those of the chunks that fit."""
    rollups = RollupCache(64 << 20)
    with store.inline_view(ACCOUNT) as view:
        unread = source_of(QUERY, rollups, view)
        assert isinstance(unread, ByChunk)
        assert len(unread.chunks) == CHUNKS
        assert not any(chunk.rollups for chunk in unread.chunks)
        answer(QUERY, LIMITS, rollups, view)
        whole = source_of(QUERY, rollups, view)
        assert isinstance(whole, CachedWhole)
        assert whole.known_rows == 2 * CHUNKS
        start, end = (day * 96 for day in (FIRST_DAY + 2, FIRST_DAY + 357))
        cut = source_of(QUERY._replace(range=QuarterHourRange(start + 1, end)), rollups, view)
        assert isinstance(cut, ByChunk)
        assert [bool(chunk.rollups) for chunk in cut.chunks] == [False, *(CHUNKS - 2) * [True], False]
        named = source_of(QUERY._replace(filter=Filter(operators=Ids(frozenset({"a"})))), rollups, view)
        assert isinstance(named, LookUp)


async def test_a_plan_is_a_value(store: WatchedStore) -> None:
    """Nothing of a reading is kept in it: read again, it says the same of as many rows."""
    none = RollupCache(0)
    with store.inline_view(ACCOUNT) as view:
        planned = plan(outline(QUERY, calendar.zone("Europe/Berlin"), LIMITS), view, none)
        for _ in range(2):
            assert read_view(planned, QueryLimits(rows_max=2 * CHUNKS), none, view).rows == 2 * CHUNKS


async def test_cached_rows_are_refused_before_anything_is_read(
    store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan knows how many they are."""
    rollups = RollupCache(64 << 20)
    with store.inline_view(ACCOUNT) as view:
        answer(QUERY, LIMITS, rollups, view)
        monkeypatch.setattr(AccountTransaction, "cells", None)
        monkeypatch.setattr(AccountTransaction, "deltas", None)
        with pytest.raises(LimitExceededError, match="rows_max"):
            answer(QUERY, QueryLimits(rows_max=2 * CHUNKS - 1), rollups, view)


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
        compact(tx, Kpi.FEEDBACK_COUNT, 1_000_000)

    await store.write([(ACCOUNT, Do(work))])


async def test_a_query_that_goes_to_a_thread_is_planned_once(
    store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the event loop planned of it before it found that out holds in the thread, as long as no chunk changed."""
    calendar.buckets(20_000 * 96, 20_010 * 96, Granularity.DAY, calendar.zone("Europe/Berlin"))  # the zone is used
    planned: list[str] = []

    def watched(name: str) -> Callable[..., Any]:
        of_stage = getattr(stages, name)
        return lambda *args: planned.append(name) or of_stage(*args)

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

    def watched(tx: AccountTransaction, measure: int) -> Any:
        read.append(measure)
        return deltas(tx, measure)

    monkeypatch.setattr(AccountTransaction, "deltas", watched)
    with store.inline_view(ACCOUNT) as view:
        answer(QUERY._replace(compare_to=DateRange(date(2024, 1, 1), date(2025, 1, 1))), LIMITS, RollupCache(0), view)
    assert read == [Kpi.FEEDBACK_COUNT]


def test_a_span_fits_where_no_bucket_is_cut() -> None:
    """An end that lies outside, or on an edge, cuts none."""
    edges = calendar.buckets(0 + 20_000 * 96, 20_010 * 96, Granularity.DAY, calendar.zone("UTC")).edges
    start, end = int(edges[0]), int(edges[-1])
    for span in ((start, end), (start - 5, end + 5), (start + 96, end - 96), (start - 1, start + 96)):
        assert fits(edges, QuarterHourRange(*span))
    for span in ((start + 1, end), (start, end - 1), (start + 95, end + 5)):
        assert not fits(edges, QuarterHourRange(*span))
