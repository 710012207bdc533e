"""Slices: the rows of a measure in a period with their counts, and how they are built from rollups and cells.

And readings: all slices of a query.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from telwerkd.application.ports import AnswerVersion, Damage, DamagedRowError, StoredChunk
from telwerkd.application.query.question import Filter
from telwerkd.application.query.slices.outlines import Outline, SliceOutline
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.counting import reading
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.cells import Cells
from telwerkd.domain.counting.counters import SeriesParts
from telwerkd.domain.counting.durations import SUM
from telwerkd.domain.counting.measures import Measure, cell_codes, has_durations, has_packed_values
from telwerkd.domain.counting.rollups import Rollup, SeriesKey, regrouped, regrouped_durations
from telwerkd.domain.ids import EPOCH, Micros
from telwerkd.domain.time.ranges import Period, QuarterHourRange

NONE = -1
"""Marks a row that is not wanted."""


class DensePart(NamedTuple):
    """Dense counts of some rows, by row, bucket from `first` on, and value. Each row is in a part once."""

    row: IntArray
    first: int
    counts: npt.NDArray[np.integer[Any]]


class SparsePart(NamedTuple):
    """Single counts: aligned arrays."""

    row: IntArray
    bucket: IntArray
    code: IntArray
    """The packed value, from 0; 0 where the measure packs none."""
    n: IntArray


class CellRow(NamedTuple):
    """A row in one cell of the week. Its first fields are those of `SeriesKey`."""

    operator: str
    group: str
    widget: str
    value: str
    weekday: str
    hour_of_day: str


SeriesRow: TypeAlias = SeriesKey | CellRow


class Slice(NamedTuple):
    """Rows, with their counts by bucket and packed value (one where the measure packs none)."""

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
    """The slices of one KPI, as read."""

    info: KpiInfo
    slices: list[Slice]
    """One for each period."""
    held_back: int
    """The number of held back facts of the first period."""
    below: list["KpiReading"]
    """For a rate: the readings of the denominator's KPIs."""
    is_counted: bool = True
    known_from: Micros = EPOCH
    unscheduled: tuple[str, ...] = ()
    enabled: bool = True
    not_enabled: tuple[str, ...] = ()
    """This field and the four before it are as in `KpiRows`."""


class Reading(NamedTuple):
    """All slices of a query, as read."""

    outline: Outline
    periods: tuple[Period, ...]
    kpis: list[KpiReading]
    answer_version: AnswerVersion
    rows: int
    """The number of rows of chunks and deltas that were read."""
    folded: int = 0
    """The number of events that were folded for it."""


class Layer(NamedTuple):
    """The key under which each row of a slice counts, or `NONE`: with all its values, or with one packed value only."""

    key: IntArray
    code: int | None = None

    def is_distinct(self) -> bool:
        """Whether no two rows count under the same key."""
        return int(np.bincount(self.key[self.key != NONE]).max(initial=0)) <= 1


def series(of: Slice, layers: Iterable[Layer], keys: int) -> IntArray:
    """Returns a slice's counts by key, bucket and value; the layers map rows to keys."""
    numbers = np.zeros((keys, of.width, of.values), np.int64)
    flat = numbers.reshape(-1)
    for layer in layers:
        distinct = layer.is_distinct()
        for part in of.dense:
            _add_dense(numbers, part, layer, distinct=distinct)
        for cells in of.sparse:
            key = layer.key[cells.row]
            keep = key != NONE if layer.code is None else (key != NONE) & (cells.code == layer.code)
            at = (key * of.width + cells.bucket) * of.values + cells.code
            # In proportion to the cells, not to the answer: there may be a hundred layers, and as many chunks.
            np.add.at(flat, at[keep], cells.n[keep])
    return numbers


def _add_dense(numbers: IntArray, part: DensePart, layer: Layer, *, distinct: bool) -> None:
    key, counts = layer.key[part.row], part.counts
    if key.min(initial=0) == NONE:
        counts, key = counts[key != NONE], key[key != NONE]
    if not distinct and len(key):
        # Lines of one key are summed up first: an addition by index counts each index once.
        order = np.argsort(key, kind="stable")
        firsts = np.flatnonzero(np.diff(key[order], prepend=NONE))
        counts, key = np.add.reduceat(counts[order], firsts, axis=0), key[order[firsts]]
    values = slice(None) if layer.code is None else slice(layer.code, layer.code + 1)
    numbers[key, part.first : part.first + counts.shape[1], values] += counts[:, :, values]


class SliceBuilder:
    """Builds a slice from rollups, cells and delta entries, without the rows that the filter excludes."""

    def __init__(self, of: SliceOutline, conditions: Filter, period: Period) -> None:
        values = len(of.info.values) if has_packed_values(of.info.kpi) else 1
        self.slice = Slice([], values, period.width, [], [], [])
        self.span = QuarterHourRange(period.start, period.end)
        self._conditions = conditions
        self._filters = any(conditions)
        self._by_value = of.by_value
        self._selector = of.selector
        self._has_durations = has_durations(of.info.kpi)
        self._period = period
        self._kept_codes = _kept_codes(conditions, of.info)
        self._indexes: dict[SeriesParts, int] = {}

    def add_rollup(self, rollup: Rollup) -> None:
        """Adds the part of a rollup within the period, whose ends must fit it (`fits`)."""
        found = regrouped(rollup, self._period.buckets.edges)
        if found is None:
            raise AssertionError("a rollup was planned whose buckets the period cuts")
        first, counts = found
        indexes = row = self._indexes_of(rollup.rows)
        if self._filters and (row == NONE).any():
            counts, row = counts[row != NONE], row[row != NONE]
        kept = self._kept_codes
        self.slice.dense.append(DensePart(row, first, counts if kept is None else counts * kept))
        if rollup.durations is not None:
            bucket, code, n = regrouped_durations(rollup, self._period.buckets.edges)
            of_cells = indexes[rollup.durations.row]
            keep = (bucket >= 0) & (of_cells != NONE)
            part = SparsePart(of_cells, bucket, code, n)
            self.slice.durations.append(part if keep.all() else SparsePart(*(column[keep] for column in part)))

    def add_chunks(self, rows: Sequence[StoredChunk]) -> None:
        """Adds chunks as stored."""
        if rows:
            ids = [(row.operator, row.group, row.widget, row.value) for row in rows]
            self.add_cells(ids, unpacked(self._selector.measure, self._selector.grouping, rows))

    def add_cells(self, rows: Sequence[SeriesParts], cells: Cells) -> None:
        """Adds those of the cells that lie within the period; their rows are indexes in `rows`."""
        keep = (cells.quarter_hour >= self.span.start) & (cells.quarter_hour < self.span.end)
        row = self._indexes_of(rows)[cells.row]
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

    def _indexes_of(self, rows: Iterable[SeriesParts]) -> IntArray:
        """Returns the index of each row among the slice's; `NONE` for one that the filter excludes."""
        indexes = self._indexes
        return np.array([indexes[ids] if ids in indexes else self._new_index(ids) for ids in rows], np.int64)

    def _new_index(self, ids: SeriesParts) -> int:
        row = SeriesKey._make(ids)
        if self._filters and not self._keeps(row):
            self._indexes[row] = NONE
        else:
            self._indexes[row] = len(self.slice.rows)
            self.slice.rows.append(row)
        return self._indexes[row]

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


def unpacked(measure: Measure, grouping: int, rows: Sequence[StoredChunk]) -> Cells:
    """Returns the cells of a grouping's stored chunks, as the measure packs them.

    Raises:
        DamagedRowError: a cell holds a value that no fact of the measure has; it would count as one beside.
    """
    found = reading.unpacked(measure, [row.chunk for row in rows], [row.cells for row in rows])
    if not has_durations(measure):
        _check_codes(measure, grouping, rows, found)
    return found


def _check_codes(measure: Measure, grouping: int, rows: Sequence[StoredChunk], cells: Cells) -> None:
    codes = cell_codes(measure)
    # Without a sign, one below the first is the largest of all: so one pass is enough.
    above_first = (cells.code - codes.start).view(np.uint64)
    if len(above_first) and above_first.max() >= len(codes):
        wrong = int(above_first.argmax())
        key = int(measure), grouping, *rows[cells.row[wrong]][:-1]
        raise DamagedRowError(Damage("counters", key, f"{cells.code[wrong]} where the number of a value belongs"))
