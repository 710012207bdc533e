"""Plan: what a query reads and how much of it there is, before any counter is read."""

from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from telwerkd.application.ports import Snapshot
from telwerkd.application.query.plan import ByChunk, CachedWhole, LookUp, outline, plan
from telwerkd.application.query.question import Automatic, Filter, Ids, PreviousPeriod, Query, QueryLimits
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.stages import answer, read_view
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.errors import LimitExceededError, RequestPart
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import DateRange, QuarterHourRange
from telwerkd.storage.sql.transaction import AccountTransaction
from telwerkd.storage.sqlite.schema import prepare
from telwerkd.storage.sqlite.store import SqliteStore
from tests.application.query.reading import asking
from tests.application.query.year import ACCOUNT, CHUNKS, FIRST_DAY, LIMITS, QUERY, YEAR, fill

UTC = ZoneInfo("UTC")


# --- Outline ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "part", "what"),
    [
        ({"granularity": Granularity.QUARTER_HOUR}, RequestPart.GRANULARITY, "buckets of this width"),
        ({"group_by": (Dimension.WEEKDAY,)}, RequestPart.GROUPING, "hours"),
    ],
)
def test_too_many_buckets_are_refused_by_what_asks_for_them(
    fields: dict[str, Any], part: RequestPart, what: str
) -> None:
    """Of a time series its granularity, by time of the week its hours; in the compared period as well."""
    query = asking(**fields)
    wanted = outline(query, UTC, LIMITS).bucket_counts[0]
    for asked in (query, query._replace(range=DateRange(date(2026, 1, 5), date(2026, 1, 6)), compare_to=query.range)):
        with pytest.raises(LimitExceededError, match=what) as caught:
            outline(asked, UTC, QueryLimits(buckets_max=wanted - 1))
        assert caught.value.violations[0].field is part
    assert outline(query, UTC, QueryLimits(buckets_max=wanted)).bucket_counts == [wanted]


def test_the_compared_range_stands_after_the_range() -> None:
    """The one just before, or one that is named; without either there is one span."""
    week = asking()
    before, named = DateRange(date(2025, 12, 29), date(2026, 1, 5)), DateRange(date(2025, 3, 1), date(2025, 3, 4))
    own = week.range.quarter_hours(UTC)
    assert outline(week, UTC, LIMITS).spans == [own]
    for compare_to, other in ((PreviousPeriod.PREVIOUS, before), (named, named)):
        assert outline(week._replace(compare_to=compare_to), UTC, LIMITS).spans == [own, other.quarter_hours(UTC)]


def test_an_automatic_granularity_is_that_of_the_range_for_both_periods() -> None:
    """A short range compared with a long one has the buckets of the short one."""
    query = asking(granularity=Automatic.AUTOMATIC, compare_to=YEAR)
    outlined = outline(query, UTC, LIMITS)
    assert outlined.granularity is outline(query._replace(compare_to=None), UTC, LIMITS).granularity
    assert outlined.granularity is not outline(query._replace(range=YEAR), UTC, LIMITS).granularity


def test_an_outline_says_what_makes_a_query_long() -> None:
    """Ids that are looked up, values that producers choose, settings of all widgets."""
    named = asking(filter=Filter(widgets=Ids(frozenset({"web"}))))
    goals = asking(Kpi.GOALS_REACHED, group_by=(Dimension.VALUE,))
    outlines = [outline(query, UTC, LIMITS) for query in (asking(), named, goals, asking(Kpi.INACTIVITY_ACTIONS))]
    said = [(outlined.names_ids, outlined.by_value, outlined.reads_settings) for outlined in outlines]
    assert said == [(False, False, False), (True, False, False), (False, True, False), (False, False, True)]


# --- Sources ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """Two operators with a fact on every tenth day."""
    prepare(tmp_path / "telwerk.db")
    store = SqliteStore(tmp_path / "telwerk.db")
    await fill(store)
    yield store
    await store.close()


def source_of(query: Query, rollups: RollupCache, view: Snapshot) -> Any:
    """Where the only slice of a query comes from."""
    zone = calendar.zone("Europe/Berlin")
    planned = plan(outline(query, zone, LIMITS), view, rollups)
    [of] = planned.slices()
    return of.source


async def test_a_plan_reads_no_counter(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks and deltas are not touched for it, whatever it plans."""
    read: list[str] = []
    for name in ("cells", "deltas", "widget_versions"):
        monkeypatch.setattr(AccountTransaction, name, lambda *_args, name=name: read.append(name))
    with store.inline_view(ACCOUNT) as view:
        for query in (QUERY, QUERY._replace(filter=Filter(operators=Ids(frozenset({"a"}))))):
            source_of(query, RollupCache(64 << 20), view)
    assert not read


async def test_a_plan_says_where_each_chunk_comes_from(store: SqliteStore) -> None:
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


async def test_a_plan_is_a_value(store: SqliteStore) -> None:
    """Nothing of a reading is kept in it: read again, it says the same of as many rows."""
    none = RollupCache(0)
    with store.inline_view(ACCOUNT) as view:
        planned = plan(outline(QUERY, calendar.zone("Europe/Berlin"), LIMITS), view, none)
        for _ in range(2):
            assert read_view(planned, QueryLimits(rows_max=2 * CHUNKS), none, view).rows == 2 * CHUNKS


async def test_cached_rows_are_refused_before_anything_is_read(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan knows how many they are."""
    rollups = RollupCache(64 << 20)
    with store.inline_view(ACCOUNT) as view:
        answer(QUERY, LIMITS, rollups, view)
        monkeypatch.setattr(AccountTransaction, "cells", None)
        monkeypatch.setattr(AccountTransaction, "deltas", None)
        with pytest.raises(LimitExceededError, match="rows_max"):
            answer(QUERY, QueryLimits(rows_max=2 * CHUNKS - 1), rollups, view)


async def test_a_rate_needs_the_rules_of_all_that_it_is_made_of(store: SqliteStore) -> None:
    """An account that is counted by older ones than those of what is below does not have it (R-ANEW-2)."""
    rate = RATES["rating_rate"]
    with store.inline_view(ACCOUNT) as view:
        [kpi] = plan(outline(asking(rate), UTC, LIMITS), view, RollupCache(0)).kpis
    above, below = rate.above.info.since_rules, CATALOGUE[Kpi.CONVERSATIONS_RECEIVED].since_rules
    assert above < below == kpi.rules


async def test_nothing_waits_to_be_read_where_nothing_was_ever_counted(store: SqliteStore) -> None:
    """No chunk, and so no rollup and no cost: a plan of nothing is one that is cached."""
    query = QUERY._replace(kpis=(CATALOGUE[Kpi.SATISFACTION_SCORE],))
    with store.inline_view(ACCOUNT) as view:
        planned = plan(outline(query, UTC, LIMITS), view, RollupCache(0))
        assert (planned.is_cached_whole, planned.known_rows, planned.cost_on(view)) == (True, 0, 0)
    [of] = planned.slices()
    assert isinstance(of.source, ByChunk)
    assert not of.source.join
