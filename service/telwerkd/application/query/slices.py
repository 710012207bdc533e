"""Reading a slice: what is counted of a measure in a range, by the rows of the coarsest grouping that serves.

Whole chunks come as rollups, which are kept; what a rollup does not fit (an end within a day, a few named ids) comes
from the chunks' cells, and what is not in chunks yet from the deltas.
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from telwerkd.application.ports import CellRow, Cut, Snapshot
from telwerkd.application.query import cost
from telwerkd.application.query.allowance import RowsRead
from telwerkd.application.query.cost import Budget
from telwerkd.application.query.question import Filter
from telwerkd.application.query.result import Counts
from telwerkd.application.query.rollup_cache import RollupCache, RollupKey, Versions
from telwerkd.domain.catalogue.kpis import Dimension, KpiInfo
from telwerkd.domain.counting.counters import (
    BY_GROUP,
    BY_OPERATOR,
    BY_VALUE,
    BY_WIDGET,
    CHUNK_QUARTERS,
    Cells,
    Row,
    cut_leaves,
    has_open_values,
    has_packed_values,
    unpack,
)
from telwerkd.domain.counting.deltas import Measure
from telwerkd.domain.counting.rollups import (
    Rollup,
    RowIds,
    chunk_buckets,
    is_worth_it,
    joined,
    regrouped,
    resolution,
    roll_up,
)
from telwerkd.domain.ids import AccountId
from telwerkd.domain.time.calendar import Buckets, Granularity

_NONE = -1
"""Marks a row that is not wanted."""


class Period(NamedTuple):
    """A range of time, cut."""

    buckets: Buckets
    granularity: Granularity | None
    zone: ZoneInfo

    @property
    def start(self) -> int:
        """Its first quarter-hour."""
        return int(self.buckets.edges[0])

    @property
    def end(self) -> int:
        """The quarter-hour after its last."""
        return int(self.buckets.edges[-1])

    @property
    def width(self) -> int:
        """How many buckets it has."""
        return len(self.buckets.edges) - 1

    def bucket_of(self, quarters: Counts) -> Counts:
        """In which bucket each of its quarter-hours lies."""
        if self.granularity is Granularity.QUARTER_HOUR:
            return quarters - self.start
        return np.searchsorted(self.buckets.edges, quarters, side="right") - 1


class Layer(NamedTuple):
    """Under which of some keys each row counts, or `_NONE`: with all its values, or with one packed value only."""

    key: Counts
    code: int | None = None

    def is_distinct(self) -> bool:
        """Whether no two rows count under the same key."""
        return int(np.bincount(self.key[self.key != _NONE]).max(initial=0)) <= 1


class _Part(NamedTuple):
    """Dense counts of some rows: by line, bucket from `first` on, and value."""

    row: Counts
    first: int
    counts: npt.NDArray[np.integer[Any]]


class Slice:
    """Rows, and what is counted in each by bucket and packed value (one where the measure packs none)."""

    def __init__(self, conditions: Filter, info: KpiInfo, period: Period, *, by_value: bool) -> None:
        self.rows: list[RowIds] = []
        self.values = len(info.values) if has_packed_values(info.kpi) else 1
        self._conditions = conditions
        self._filters = any(conditions)
        self._by_value = by_value
        self._period = period
        self._kept = _kept_codes(conditions, info)
        self._places: dict[Row, int] = {}
        self._parts: list[_Part] = []
        self._scattered: list[Cells] = []

    def add_rollup(self, rollup: Rollup) -> bool:
        """Adds the part of a rollup within the period, if its buckets fit."""
        found = regrouped(rollup, self._period.buckets.edges)
        if found is None:
            return False
        first, counts = found
        row = self._places_of(rollup.rows)
        if self._filters and (row == _NONE).any():
            counts, row = counts[row != _NONE], row[row != _NONE]
        self._parts.append(_Part(row, first, counts if self._kept is None else counts * self._kept))
        return True

    def add_cells(self, rows: Sequence[Row], cells: Cells) -> None:
        """Adds those of the cells that lie within the period; their rows are places in `rows`."""
        keep = (cells.quarter >= self._period.start) & (cells.quarter < self._period.end)
        row = self._places_of(rows)[cells.row] if rows else cells.row
        keep &= row != _NONE
        code = np.maximum(cells.code - 1, 0)
        if self._kept is not None:
            keep &= self._kept[code]
        if keep.any():
            bucket = self._period.bucket_of(cells.quarter[keep])
            self._scattered.append(Cells(row[keep], bucket, code[keep], cells.n[keep]))

    def _places_of(self, rows: Iterable[Row]) -> Counts:
        """The place of each row among all; `_NONE` where the conditions leave it out."""
        places = self._places
        return np.array([places[ids] if ids in places else self._new_place(ids) for ids in rows], np.int64)

    def _new_place(self, ids: Row) -> int:
        row = RowIds._make(ids)
        if self._filters and not keeps(self._conditions, row, by_value=self._by_value):
            self._places[row] = _NONE
        else:
            self._places[row] = len(self.rows)
            self.rows.append(row)
        return self._places[row]

    def totals(self) -> Counts:
        """What is counted in the whole period, by row and value."""
        totals = np.zeros((len(self.rows), self.values), np.int64)
        for part in self._parts:
            totals[part.row] += np.einsum("rbv->rv", part.counts, dtype=np.int64)  # a row is in a part once
        for cells in self._scattered:
            np.add.at(totals.reshape(-1), cells.row * self.values + cells.code, cells.n)
        return totals

    def series(self, layers: Iterable[Layer], keys: int) -> Counts:
        """What is counted by key, bucket and value, where each layer says which rows count under which key."""
        series = np.zeros((keys, self._period.width, self.values), np.int64)
        flat = series.reshape(-1)
        for layer in layers:
            distinct = layer.is_distinct()
            for part in self._parts:
                _add_part(series, part, layer, distinct=distinct)
            for cells in self._scattered:
                key = layer.key[cells.row]
                keep = key != _NONE if layer.code is None else (key != _NONE) & (cells.code == layer.code)
                at = (key * self._period.width + cells.quarter) * self.values + cells.code
                # In proportion to the cells, not to the answer: there may be a hundred layers, and as many chunks.
                np.add.at(flat, at[keep], cells.n[keep])
        return series


def _add_part(series: Counts, part: _Part, layer: Layer, *, distinct: bool) -> None:
    key, counts = layer.key[part.row], part.counts
    if key.min(initial=0) == _NONE:
        counts, key = counts[key != _NONE], key[key != _NONE]
    if not distinct and len(key):
        # Lines of one key are summed up first: an addition by place counts each place once.
        order = np.argsort(key, kind="stable")
        firsts = np.flatnonzero(np.diff(key[order], prepend=_NONE))
        counts, key = np.add.reduceat(counts[order], firsts, axis=0), key[order[firsts]]
    values = slice(None) if layer.code is None else slice(layer.code, layer.code + 1)
    series[key, part.first : part.first + counts.shape[1], values] += counts[:, :, values]


def keeps(conditions: Filter, row: RowIds | CellRow, *, by_value: bool) -> bool:
    """Whether a row meets the conditions; those on values only where the row has one."""
    return (
        conditions.operators.keeps(row.operator)
        and conditions.groups.keeps(row.group)
        and conditions.widgets.keeps(row.widget)
        and (not by_value or conditions.keeps_value(row.value))
    )


def _kept_codes(conditions: Filter, info: KpiInfo) -> npt.NDArray[np.bool_] | None:
    """Which packed values are kept, by their codes; None for all."""
    if not conditions.values or not has_packed_values(info.kpi):
        return None
    return np.array([conditions.values.keeps(known.value) for known in info.values])


# --- Reading ---------------------------------------------------------------------------------------------------------

_VALUE_DIMENSIONS = frozenset({Dimension.VALUE, Dimension.TOPIC, Dimension.QUESTION})
_BITS = {Dimension.OPERATOR: BY_OPERATOR, Dimension.OPERATOR_GROUP: BY_GROUP, Dimension.WIDGET: BY_WIDGET}


_JOINED_MAX = 1 << 18
"""How many numbers rollups are joined to. Of more, adding the numbers takes longer than finding the chunks."""

_LOOK_UPS_MAX = 1_000
"""Keys looked up in each chunk. Three lists of a thousand ids each would be a thousand million."""


class SliceReader:
    """Reads slices of an account on one view."""

    def __init__(
        self, account: AccountId, snapshot: Snapshot, rollups: RollupCache, rows: RowsRead, budget: Budget
    ) -> None:
        """With a limited budget: only from a rollup that is kept."""
        self._account = account
        self._snapshot = snapshot
        self._rollups = rollups
        self._rows = rows
        self._budget = budget

    def read(
        self, conditions: Filter, group_by: Sequence[Dimension], info: KpiInfo, measure: Measure, period: Period
    ) -> Slice:
        """What is counted of a measure of a KPI in a period, cut by what it is grouped and filtered by.

        Raises:
            LimitExceededError: it has too many rows.
            NotInLoopError: it costs more than the budget.
        """
        by_value = has_open_values(info.kpi) and (
            bool(conditions.values or conditions.topics or conditions.questions)
            or not _VALUE_DIMENSIONS.isdisjoint(group_by)
        )
        read = Slice(conditions, info, period, by_value=by_value)
        cut = _cut(conditions, group_by, measure, period, by_value=by_value)
        named = bool(cut.operators or cut.groups or cut.widgets or cut.values)
        if named or by_value:  # looked up in the chunks; of as many rows as producers have values
            self._budget.refuse()
        if self._budget.is_limited:
            filed, leaf_count = self._snapshot.filed(measure)
            self._budget.spend(cost.FILED * filed)
            self._budget.spend((cost.OPEN_LEAF if has_open_values(info.kpi) else cost.LEAF) * leaf_count)
        if named:
            rows = self._snapshot.cells(cut._replace(rows_max=self._rows.too_many))
            self._rows.take(len(rows))
            _add_chunks(read, rows)
        else:
            self._add_rollups(read, cut, resolution(period.granularity), period.zone)
        leaves = self._snapshot.deltas(measure)
        if len(leaves):
            leaf_rows, cells = cut_leaves(measure, leaves, cut.grouping)
            self._budget.spend((cost.ROW + period.width * read.values) * len(leaf_rows))
            self._rows.take(len(leaf_rows))
            read.add_cells(leaf_rows, cells)
        return read

    def _add_rollups(self, read: Slice, cut: Cut, width: Granularity, zone: ZoneInfo) -> None:
        """Adds all chunks of a cut: by one rollup, or a rollup for each, or their cells where none serves."""
        versions = tuple(sorted(self._snapshot.chunk_versions(cut.measure, cut.first_chunk, cut.last_chunk).items()))
        if not versions:
            return
        self._budget.spend(cost.CHUNK * len(versions))
        key = RollupKey(self._account, cut.measure, cut.grouping, cut.first_chunk, cut.last_chunk, width, zone.key)
        [whole] = self._rollups.get([(key, versions)])
        if whole is not None:
            self._budget.spend(whole.counts.size + cost.ROW * len(whole.rows))
            if read.add_rollup(whole):
                self._rows.take(whole.sources)
                return
        self._budget.refuse()
        parts = self._add_parts(read, cut, key, versions, zone)
        if whole is None and key.first_chunk < key.last_chunk and len(parts) == len(versions):
            edges = chunk_buckets(key.first_chunk, key.last_chunk, width, zone).edges
            if len({ids for part in parts for ids in part.rows}) * len(edges) * read.values <= _JOINED_MAX:
                self._rollups.put(key, versions, joined(parts, edges))

    def _add_parts(self, read: Slice, cut: Cut, whole: RollupKey, versions: Versions, zone: ZoneInfo) -> list[Rollup]:
        """Adds each chunk, and gives the rollups that served."""
        too_many = self._rows.too_many
        keys = [(whole._replace(first_chunk=of[0], last_chunk=of[0]), (of,)) for of in versions]
        parts: list[Rollup] = []
        missing: dict[int, tuple[RollupKey, Versions]] = {}
        for (key, of), rollup in zip(keys, self._rollups.get(keys), strict=True):
            if rollup is not None and read.add_rollup(rollup):
                self._rows.take(rollup.sources)
                parts.append(rollup)
            else:
                missing[key.first_chunk] = (key, of)
        if missing:
            # Chunks between the missing ones are read once more. They count once: as long as the rows are not too many.
            read_at_most = cut._replace(first_chunk=min(missing), last_chunk=max(missing), rows_max=too_many)
            rows = self._snapshot.cells(read_at_most)
            self._rows.take(sum(row.chunk in missing for row in rows) if len(rows) < too_many else too_many)
            by_chunk: dict[int, list[CellRow]] = {}
            for row in rows:
                by_chunk.setdefault(row.chunk, []).append(row)
            for chunk, (missed, its) in missing.items():
                # Of a chunk that was emptied nothing is left, which is worth to be kept too.
                parts += self._add_missing(read, by_chunk.get(chunk, []), missed, its, zone)
        return parts

    def _add_missing(
        self, read: Slice, rows: list[CellRow], key: RollupKey, versions: Versions, zone: ZoneInfo
    ) -> list[Rollup]:
        """Adds a chunk's rows: by a rollup, given and kept from now on, where it is worth it and fits."""
        edges = chunk_buckets(key.first_chunk, key.last_chunk, key.width, zone).edges
        if is_worth_it(len(rows), len(edges) - 1, read.values, sum(len(row.cells) for row in rows)):
            ids = [RowIds(row.operator, row.group, row.widget, row.value) for row in rows]
            rollup = roll_up(ids, _unpacked(rows), edges, read.values)
            self._rollups.put(key, versions, rollup)
            if read.add_rollup(rollup):
                return [rollup]
        _add_chunks(read, rows)
        return []


def _cut(conditions: Filter, group_by: Sequence[Dimension], measure: Measure, period: Period, *, by_value: bool) -> Cut:
    operators, groups, widgets, values = _looked_up(
        conditions.operators.any_of,
        conditions.groups.any_of,
        conditions.widgets.any_of,
        conditions.values.any_of if by_value else frozenset(),
    )
    grouping = _grouping(conditions, group_by) | (BY_VALUE if by_value else 0)
    first, last = period.start // CHUNK_QUARTERS, (period.end - 1) // CHUNK_QUARTERS
    return Cut(measure, grouping, first, last, operators, groups, widgets, values)


def _looked_up(*lists: frozenset[str]) -> list[frozenset[str]]:
    """Which of the lists of ids are looked up by key: each id of one with each of the others, if they are not too many.

    The other lists come out empty. They are not forgotten: the conditions hold for every row that is read.
    """
    combinations, kept = 1, [frozenset[str]()] * len(lists)
    for place, ids in sorted(enumerate(lists), key=lambda placed: len(placed[1])):
        if ids and combinations * len(ids) <= _LOOK_UPS_MAX:
            combinations *= len(ids)
            kept[place] = ids
    return kept


def _add_chunks(read: Slice, rows: Sequence[CellRow]) -> None:
    if rows:
        read.add_cells([(row.operator, row.group, row.widget, row.value) for row in rows], _unpacked(rows))


def _unpacked(rows: Sequence[CellRow]) -> Cells:
    return unpack([row.chunk for row in rows], [row.cells for row in rows])


def _grouping(conditions: Filter, group_by: Sequence[Dimension]) -> int:
    filtered = (
        (Dimension.OPERATOR, conditions.operators),
        (Dimension.OPERATOR_GROUP, conditions.groups),
        (Dimension.WIDGET, conditions.widgets),
    )
    return sum(_BITS[dimension] for dimension, condition in filtered if condition or dimension in group_by)
