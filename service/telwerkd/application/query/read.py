"""Read: what a plan says, on one view of the account. Nothing after this stage needs the database.

Whole chunks come as rollups, which are cached; what a rollup does not fit (an end within a day, a few named ids) comes
from the chunks' cells, and what is not in chunks yet from the deltas.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from telwerkd.application.ports import Account, AnswerVersion, AnswerView, StoredChunk
from telwerkd.application.query.plan import (
    ByChunk,
    CachedWhole,
    ChunkSource,
    KpiPlan,
    LookUp,
    Outline,
    QueryPlan,
    SliceOutline,
    SlicePlan,
    fits,
)
from telwerkd.application.query.question import Filter
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.conversation.counting_anew import rules_of
from telwerkd.domain.conversation.settings import Widgets
from telwerkd.domain.conversation.state import PART_ONE
from telwerkd.domain.counting import duration_cells
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.cells import Cells, unpack
from telwerkd.domain.counting.counters import SeriesParts, cut_entries
from telwerkd.domain.counting.durations import SUM
from telwerkd.domain.counting.measures import Measure, has_durations, has_packed_values
from telwerkd.domain.counting.rollups import (
    Rollup,
    SeriesKey,
    chunk_buckets,
    is_worth_it,
    joined,
    regrouped,
    regrouped_durations,
    roll_up,
    roll_up_durations,
)
from telwerkd.domain.ids import EPOCH, Micros
from telwerkd.domain.time.ranges import Period, QuarterHourRange

_JOINED_MAX = 1 << 18
"""How many numbers rollups are joined to. Of more, adding the numbers takes longer than finding the chunks."""


NONE = -1
"""Marks a row that is not wanted."""


class DensePart(NamedTuple):
    """Dense counts of some rows: by line, bucket from `first` on, and value. A row is in a part once."""

    row: IntArray
    first: int
    counts: npt.NDArray[np.integer[Any]]


class SparsePart(NamedTuple):
    """Single counts: aligned arrays."""

    row: IntArray
    bucket: IntArray
    code: IntArray
    """Of the packed value, from 0; 0 where the measure packs none."""
    n: IntArray


class CellRow(NamedTuple):
    """A row in one cell of the week. It begins as `SeriesKey` does."""

    operator: str
    group: str
    widget: str
    value: str
    weekday: str
    hour: str


SeriesRow: TypeAlias = SeriesKey | CellRow


class Slice(NamedTuple):
    """Rows, and what is counted in each by bucket and packed value (one where the measure packs none)."""

    rows: list[SeriesRow]
    values: int
    width: int
    """How many buckets there are."""
    dense: list[DensePart]
    sparse: list[SparsePart]
    durations: list[SparsePart]
    """Of facts with durations: how many of each bin, and their milliseconds, with the bin as the code. They are no
    further facts: `dense` and `sparse` count them too."""

    def totals(self) -> IntArray:
        """Returns what is counted in the whole period, by row and value."""
        totals = np.zeros((len(self.rows), self.values), np.int64)
        for part in self.dense:
            totals[part.row] += np.einsum("rbv->rv", part.counts, dtype=np.int64)
        for cells in self.sparse:
            np.add.at(totals.reshape(-1), cells.row * self.values + cells.code, cells.n)
        return totals


class KpiReading(NamedTuple):
    """What was read of one KPI."""

    info: KpiInfo
    slices: list[Slice]
    """One for each period."""
    held_back: int
    """How many facts of the first period are held back."""
    below: list["KpiReading"]
    """Of a rate: the KPIs below the line."""
    is_counted: bool = True
    known_from: Micros = EPOCH
    """These two: see `KpiRows`."""


class Reading(NamedTuple):
    """All that was read for a query."""

    outline: Outline
    periods: tuple[Period, ...]
    kpis: list[KpiReading]
    widgets: Widgets
    """Their settings, where the query needs them (KPI 5); else none."""
    answer_version: AnswerVersion
    rows: int
    """How many rows of chunks and deltas it was made of."""
    folded: int = 0
    """How many events were folded for it."""


def read(planned: QueryPlan, periods: tuple[Period, ...], view: AnswerView, rollups: RollupCache) -> Reading:
    """Returns what a plan says, read from the view that it was made on. New rollups are put into the cache.

    Raises:
        LimitExceededError: there are too many rows.
    """
    reader = _Reader(planned, periods, view, rollups)
    account = view.account()
    kpis = [reader.kpi(kpi, account) for kpi in planned.kpis]
    widgets = Widgets(view.widget_versions() if planned.outline.reads_settings else {})
    answer_version = AnswerVersion(account.version, view.earliest_due())
    rows = planned.rows.taken - planned.rows_before
    return Reading(planned.outline, periods, kpis, widgets, answer_version, rows)


class _Reader:
    """Reads the slices of one query."""

    def __init__(self, planned: QueryPlan, periods: Sequence[Period], view: AnswerView, rollups: RollupCache) -> None:
        self._outline = planned.outline
        self._periods = periods
        self._view = view
        self._rollups = rollups
        self._rows = planned.rows
        self._deltas: dict[Measure, tuple[list[SeriesParts], Cells]] = {}
        """By measure: a query reads each in one grouping."""
        self._slices: dict[tuple[Measure, int, Filter], Slice] = {}

    def kpi(self, planned: KpiPlan, account: Account) -> KpiReading:
        """Returns what is counted of a KPI, and of a rate below the line; nothing where the account lacks any of it."""
        rules = max(rules_of(each.kpi) for each in planned.infos())
        return self._kpi(planned, account, rules, is_counted=rules <= account.rules_version)

    def _kpi(self, planned: KpiPlan, account: Account, rules: int, *, is_counted: bool) -> KpiReading:
        return KpiReading(
            planned.info,
            [self.slice(of) if is_counted else self._builder(of).slice for of in planned.slices],
            sum(int(self.slice(of).totals().sum()) for of in planned.held_back) if is_counted else 0,
            [self._kpi(below, account, rules, is_counted=is_counted) for below in planned.below],
            is_counted,
            account.known_from if rules > PART_ONE else EPOCH,
        )

    def _builder(self, planned: SlicePlan) -> "_SliceBuilder":
        of = planned.outline
        return _SliceBuilder(of, of.conditions, self._periods[of.period])

    def slice(self, planned: SlicePlan) -> Slice:
        """Returns what is counted of a measure in a period; what was read already is not read again."""
        of = planned.outline
        key = (of.selector.measure, of.period, of.conditions)
        if key not in self._slices:
            self._slices[key] = self._read(planned)
        return self._slices[key]

    def _read(self, planned: SlicePlan) -> Slice:
        builder = self._builder(planned)
        match planned.source:
            case LookUp():
                rows = self._view.cells(planned.outline.selector._replace(rows_max=self._rows.left + 1))
                self._rows.take(len(rows))
                builder.add_chunks(rows)
            case CachedWhole(rollup=rollup):
                builder.add_rollup(rollup)
            case ByChunk() as source:
                self._add_by_chunk(builder, planned.outline, source)
        delta_rows, cells = self._deltas_of(planned.outline)
        self._rows.take(len(delta_rows))
        if delta_rows:
            builder.add_cells(delta_rows, cells)
        return builder.slice

    def _deltas_of(self, of: SliceOutline) -> tuple[list[SeriesParts], Cells]:
        measure = of.selector.measure
        if measure not in self._deltas:
            entries = self._view.deltas(measure)
            self._deltas[measure] = cut_entries(measure, entries, of.selector.grouping) if len(entries) else _NO_DELTAS
        return self._deltas[measure]

    def _add_by_chunk(self, builder: "_SliceBuilder", of: SliceOutline, source: ByChunk) -> None:
        """Adds each chunk: by its rollup, or from its cells."""
        parts = [rollup for chunk in source.chunks for rollup in chunk.rollups]
        for rollup in parts:
            builder.add_rollup(rollup)
        missing = [chunk for chunk in source.chunks if not chunk.rollups]
        if missing:
            by_chunk = self._cells_of(of, source, missing)
            for chunk in missing:
                # Of a chunk that was emptied nothing is left, which is worth to be cached too.
                parts += self._add_missing(builder, chunk, by_chunk.get(chunk.key.first_chunk, []))
        if source.join and len(parts) == len(source.chunks):
            self._join(parts, source, builder.slice.values)

    def _cells_of(
        self, of: SliceOutline, source: ByChunk, missing: Sequence[ChunkSource]
    ) -> dict[int, list[StoredChunk]]:
        """Returns the rows of the missing chunks, by chunk.

        Cached chunks between them are read with them. Their rows are counted already, and not again.
        """
        wanted = {chunk.key.first_chunk for chunk in missing}
        rows_max = self._rows.left + source.known_rows + 1
        first, last = min(wanted), max(wanted)
        rows = self._view.cells(of.selector._replace(first_chunk=first, last_chunk=last, rows_max=rows_max))
        self._rows.take(sum(row.chunk in wanted for row in rows) if len(rows) < rows_max else rows_max)
        by_chunk: dict[int, list[StoredChunk]] = {}
        for row in rows:
            by_chunk.setdefault(row.chunk, []).append(row)
        return by_chunk

    def _add_missing(self, builder: "_SliceBuilder", chunk: ChunkSource, rows: list[StoredChunk]) -> list[Rollup]:
        """Adds a chunk's rows: by a rollup, returned and cached from now on, where it fits and is worth it."""
        key, values = chunk.key, builder.slice.values
        edges = chunk_buckets(key.first_chunk, key.last_chunk, key.width, self._outline.zone).edges
        if fits(edges, builder.span) and is_worth_it(
            len(rows), len(edges) - 1, values, sum(len(row.cells) for row in rows)
        ):
            ids = [SeriesKey(row.operator, row.group, row.widget, row.value) for row in rows]
            cells = _unpacked(key.measure, rows)
            rollup = (
                roll_up_durations(ids, cells, edges)
                if has_durations(key.measure)
                else roll_up(ids, cells, edges, values)
            )
            self._rollups.put(key, chunk.versions, rollup)
            builder.add_rollup(rollup)
            return [rollup]
        builder.add_chunks(rows)
        return []

    def _join(self, parts: Sequence[Rollup], source: ByChunk, values: int) -> None:
        key = source.key
        edges = chunk_buckets(key.first_chunk, key.last_chunk, key.width, self._outline.zone).edges
        if len({ids for part in parts for ids in part.rows}) * len(edges) * values <= _JOINED_MAX:
            self._rollups.put(key, source.versions, joined(parts, edges))


_NO_DELTAS: tuple[list[SeriesParts], Cells] = ([], unpack([], []))


class _SliceBuilder:
    """Makes a slice of what is added; rows that the filter leaves out are not in it."""

    def __init__(self, of: SliceOutline, conditions: Filter, period: Period) -> None:
        values = len(of.info.values) if has_packed_values(of.info.kpi) else 1
        self.slice = Slice([], values, period.width, [], [], [])
        self.span = QuarterHourRange(period.start, period.end)
        self._conditions = conditions
        self._filters = any(conditions)
        self._by_value = of.by_value
        self._measure = of.selector.measure
        self._has_durations = has_durations(of.info.kpi)
        self._period = period
        self._kept_codes = _kept_codes(conditions, of.info)
        self._places: dict[SeriesParts, int] = {}

    def add_rollup(self, rollup: Rollup) -> None:
        """Adds the part of a rollup within the period, whose ends must fit it (`fits`)."""
        found = regrouped(rollup, self._period.buckets.edges)
        if found is None:
            raise AssertionError("a rollup was planned whose buckets the period cuts")
        first, counts = found
        places = row = self._places_of(rollup.rows)
        if self._filters and (row == NONE).any():
            counts, row = counts[row != NONE], row[row != NONE]
        kept = self._kept_codes
        self.slice.dense.append(DensePart(row, first, counts if kept is None else counts * kept))
        if rollup.durations is not None:
            bucket, code, n = regrouped_durations(rollup, self._period.buckets.edges)
            of_cells = places[rollup.durations.row]
            keep = (bucket >= 0) & (of_cells != NONE)
            part = SparsePart(of_cells, bucket, code, n)
            self.slice.durations.append(part if keep.all() else SparsePart(*(column[keep] for column in part)))

    def add_chunks(self, rows: Sequence[StoredChunk]) -> None:
        """Adds chunks as stored."""
        if rows:
            self.add_cells(
                [(row.operator, row.group, row.widget, row.value) for row in rows], _unpacked(self._measure, rows)
            )

    def add_cells(self, rows: Sequence[SeriesParts], cells: Cells) -> None:
        """Adds those of the cells that lie within the period; their rows are places in `rows`."""
        keep = (cells.quarter_hour >= self.span.start) & (cells.quarter_hour < self.span.end)
        row = self._places_of(rows)[cells.row]
        keep &= row != NONE
        if self._has_durations:
            self._add_durations(row[keep], Cells(*(column[keep] for column in cells)))
            return
        code = np.maximum(cells.code - 1, 0)
        if self._kept_codes is not None:
            keep &= self._kept_codes[code]
        if keep.any():
            bucket = self._period.bucket_of(cells.quarter_hour[keep])
            self.slice.sparse.append(SparsePart(row[keep], bucket, code[keep], cells.n[keep]))

    def _add_durations(self, row: IntArray, cells: Cells) -> None:
        if len(row):
            bucket = self._period.bucket_of(cells.quarter_hour)
            self.slice.durations.append(SparsePart(row, bucket, cells.code, cells.n))
            is_fact = cells.code != SUM
            no_code = np.zeros(int(is_fact.sum()), np.int64)
            self.slice.sparse.append(SparsePart(row[is_fact], bucket[is_fact], no_code, cells.n[is_fact]))

    def _places_of(self, rows: Iterable[SeriesParts]) -> IntArray:
        """Returns the place of each row among all; `NONE` where the conditions leave it out."""
        places = self._places
        return np.array([places[ids] if ids in places else self._new_place(ids) for ids in rows], np.int64)

    def _new_place(self, ids: SeriesParts) -> int:
        row = SeriesKey._make(ids)
        if self._filters and not self._keeps(row):
            self._places[row] = NONE
        else:
            self._places[row] = len(self.slice.rows)
            self.slice.rows.append(row)
        return self._places[row]

    def _keeps(self, row: SeriesKey) -> bool:
        conditions = self._conditions
        return conditions.keeps(row.operator, row.group, row.widget) and (
            not self._by_value or conditions.keeps_value(row.value)
        )


def _kept_codes(conditions: Filter, info: KpiInfo) -> npt.NDArray[np.bool_] | None:
    """Returns which packed values the filter keeps, by their codes; None for all."""
    if not conditions.values or not has_packed_values(info.kpi):
        return None
    return np.array([conditions.values.keeps(known.value) for known in info.values])


def _unpacked(measure: Measure, rows: Sequence[StoredChunk]) -> Cells:
    chunks, blobs = [row.chunk for row in rows], [row.cells for row in rows]
    return duration_cells.unpack(chunks, blobs) if has_durations(measure) else unpack(chunks, blobs)
