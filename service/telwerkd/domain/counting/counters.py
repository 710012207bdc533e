"""Counters: how facts become numbers that a query reads in proportion to its answer.

A *series* is a KPI cut by some of operator, group, widget and value; a *grouping* says by which, as in SQL's GROUPING
SETS. Every fact counts in the series of all eight groupings of operator, group and widget; where producers choose the
values (goals, topic sets, survey answers) also in the same eight cut by value (R-FACT-1). So no query ever sums over
what it did not ask for.

A series is kept in *chunks* of 32 UTC days, each a packed array of the quarter-hours that have facts
(`telwerkd.domain.counting.cells`). Where the values are few and known beforehand (stars, actions, outcomes) it also
holds the value, so that one row answers count, sum and distribution.

Chunks are written late and many facts at a time (`chunk_changes`): a transaction only files its signed facts as *delta
entries* (`telwerkd.domain.counting.deltas`), which queries add to what the chunks say, and compaction moves into them.

Every zone's offset has been a multiple of a quarter of an hour since long before 2000, where the calendar begins, so
that local days of any zone are sums of slots.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple, TypeAlias

import numpy as np

from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.cells import SLOTS, Cells, chunk_and_slot, chunk_of
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.duration_entries import as_cells, cells_of
from telwerkd.domain.counting.measures import Measure, has_durations, has_open_values, has_packed_values, packed_code

BY_OPERATOR, BY_GROUP, BY_WIDGET, BY_VALUE = 1, 2, 4, 8
"""The bits of a grouping."""


class ChunkKey(NamedTuple):
    """Which chunk of which series of an account. Dimensions that the grouping leaves out are empty."""

    measure: Measure
    grouping: int
    chunk: int
    operator: str
    group: str
    widget: str
    value: str


KeyParts: TypeAlias = tuple[Measure, int, int, str, str, str, str]
"""A `ChunkKey`, or its parts: they come by the thousand, and plain tuples take a quarter of the time to make."""

Slots: TypeAlias = dict[int, int]


class ChunkChanges(NamedTuple):
    """Signed changes of many chunks: aligned arrays. A slot of a chunk may be there several times."""

    keys: Sequence[KeyParts]
    """The chunks, sorted."""
    row: IntArray
    """Which of the chunks: an index into `keys`. Ascending."""
    slot: IntArray
    """The quarter-hour within the chunk, and the packed value."""
    n: IntArray
    """How many facts more, or less."""

    def of_chunks(self, start: int, stop: int) -> "ChunkChanges":
        """Returns the changes of the chunks `keys[start:stop]`."""
        first, last = np.searchsorted(self.row, (start, stop)).tolist()
        row, slot, n = (column[first:last] for column in self[1:])
        return ChunkChanges(self.keys[start:stop], row - start, slot, n)


def chunk_changes(measure: Measure, entries: DeltaEntries, groupings: Sequence[int] = ()) -> ChunkChanges:
    """Returns what entries change in the chunks of these groupings, or of all that the measure has.

    Compaction's work, and so the larger part of the cost of counting: each entry counts in 8 or 16 chunks. Whole
    columns are cut by each grouping. Entries that cancel each other out touch no chunk.
    """
    if not len(entries):
        return _NO_CHANGES
    (values, *dimensions, quarter_hours, ns), codes = _by_cell(measure, entries)
    columns = [*dimensions, values]
    chunk, slot = chunk_and_slot(quarter_hours, codes)
    series, of_series = _distinct([chunk, *columns])
    slot, of_series, n = _summed(slot, of_series, ns)
    # What is left of the series: each is cut once, however many entries it has.
    left, of_series = np.unique(of_series, return_inverse=True)
    chunk, columns = chunk[series[left]], [column[series[left]] for column in columns]
    keys: list[KeyParts] = []
    cells = [np.zeros((3, 0), np.int64)]
    for grouping in groupings or _groupings(measure):
        # Places are in the order of their ids, groupings ascend: so the keys come out sorted.
        firsts, of_key = _distinct([chunk, *_cut(columns, grouping)])
        row = of_key[of_series]
        order = _stable_order(row, len(firsts))
        cells.append(np.stack((row[order] + len(keys), slot[order], n[order])))
        ids = _names(entries.ids, columns, grouping, firsts)
        keys += zip(repeat(measure), repeat(grouping), chunk[firsts].tolist(), *ids, strict=False)
    return ChunkChanges(keys, *np.concatenate(cells, axis=1))


def bounded_changes(measure: Measure, entries: DeltaEntries, chunks_max: int) -> tuple[ChunkChanges, DeltaEntries]:
    """Returns what entries change in at most about `chunks_max` chunks, and the entries that are left for later.

    What is left is sorted by series. A cell is never divided: so no count is negative in between, if none is before
    and after all of the entries. That holds for the oldest entries: a fact is filed before what takes it back.
    """
    entries = entries.summed()
    now, left = entries.divided(_within_chunks(measure, entries, chunks_max))
    return chunk_changes(measure, now), left


def _within_chunks(measure: Measure, entries: DeltaEntries, chunks_max: int) -> int:
    """Returns how many of the entries, which are `summed`, change so many chunks at most; those of one series at least.

    To cut entries costs many times what it costs to count their chunks: only those are cut that fit.
    """
    values, *dimensions, quarter_hours, _ = entries.columns
    chunk = chunk_of(quarter_hours)
    if not has_durations(measure):
        # Each value and chunk of these may be left for later by itself. Those of durations go together: different
        # values share cells (the sum, a bin), and entries are sorted by value before time.
        dimensions = [*dimensions, values, chunk]
    starts = np.flatnonzero(np.any(np.diff(np.vstack(dimensions), axis=1, prepend=-1), axis=0))
    if len(starts) <= 1:
        return len(entries)
    # Each series has a chunk of its own, by the finest grouping.
    end = int(starts[chunks_max + 1]) if chunks_max + 1 < len(starts) else len(entries)
    series = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(entries)))[:end]
    positions, _ = _distinct([series, chunk[:end]])
    series = series[positions]
    columns = [column[positions] for column in (*entries.columns[1:_DIMENSIONS_END], values)]
    new = np.zeros(int(series[-1]) + 1, np.int64)
    for grouping in _groupings(measure):
        firsts, _ = _distinct([chunk[positions], *_cut(columns, grouping)])
        new += np.bincount(series[firsts], minlength=len(new))
    count = max(1, int(np.searchsorted(np.cumsum(new), chunks_max, side="right")))
    return int(starts[count]) if count < len(starts) else len(entries)


_DIMENSIONS_END = 4
"""Operator, group and widget come after the value."""


def _cut(columns: Sequence[IntArray], grouping: int) -> list[IntArray]:
    """Returns those of the columns (operator, group, widget, value) that a grouping divides by."""
    return [column for bit, column in zip(_BITS, columns, strict=True) if grouping & bit]


def _names(
    ids: Sequence[str], columns: Sequence[IntArray], grouping: int, positions: IntArray
) -> Iterator[Iterable[str]]:
    """Yields the ids at some positions of the columns: empty ones where the grouping does not divide."""
    for bit, column in zip(_BITS, columns, strict=True):
        yield map(ids.__getitem__, column[positions].tolist()) if grouping & bit else [""] * len(positions)


def _summed(slot: IntArray, of_series: IntArray, n: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Returns slot, series and number of the sums that are not 0: each slot of a series once, in order."""
    firsts, cell = _distinct([slot, of_series])
    sums = np.zeros(len(firsts), np.int64)
    np.add.at(sums, cell, n)
    left = firsts[sums != 0]
    return slot[left], of_series[left], sums[sums != 0]


def _stable_order(numbers: IntArray, below: int) -> IntArray:
    """Returns the positions of numbers in ascending order; the sort is stable, and by radix where numbers are short."""
    return np.argsort(numbers.astype(np.uint16) if below <= SLOTS else numbers, kind="stable")


_NO_CHANGES = ChunkChanges([], *np.zeros((3, 0), np.int64))

_BITS = (BY_OPERATOR, BY_GROUP, BY_WIDGET, BY_VALUE)


def _groupings(measure: Measure) -> range:
    """Returns the groupings of a measure: all eight of operator, group and widget, and by value for open values."""
    return range(16 if has_open_values(measure) else 8)


def _distinct(columns: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """Returns the first position of each distinct combination, sorted, and the combination of each position."""
    combined = columns[0] - columns[0].min(initial=0)
    for column in columns[1:]:
        radix = int(column.max(initial=0)) + 1
        if int(combined.max(initial=0)) * radix >= _COMBINED_MAX:
            _, combined = np.unique(combined, return_inverse=True)
        combined = combined * radix + column
    order = _stable_order(combined, int(combined.max(initial=0)) + 1)
    combined = combined[order]
    starts = np.ones(len(combined), np.bool_)
    np.not_equal(combined[1:], combined[:-1], out=starts[1:])
    row = np.empty_like(order)
    row[order] = np.cumsum(starts) - 1
    return order[starts], row


_COMBINED_MAX = 2**62


def chunk_deltas(measure: Measure, entries: DeltaEntries) -> dict[ChunkKey, Slots]:
    """Returns `chunk_changes` as a dictionary of chunks and slots."""
    changes = chunk_changes(measure, entries)
    chunks: dict[ChunkKey, Slots] = {}
    for row, slot, n in zip(changes.row.tolist(), changes.slot.tolist(), changes.n.tolist(), strict=True):
        slots = chunks.setdefault(ChunkKey(*changes.keys[row]), {})
        slots[slot] = slots.get(slot, 0) + n
    return chunks


def changes_of(chunks: Mapping[ChunkKey, Slots]) -> ChunkChanges:
    """Returns such a dictionary as aligned arrays."""
    keys = sorted(chunks)
    cells = [(row, slot, n) for row, key in enumerate(keys) for slot, n in chunks[key].items()]
    return ChunkChanges(keys, *np.array(cells, np.int64).reshape(-1, 3).T)


def slot_of(measure: Measure, value: str, quarter_hour: int) -> tuple[int, int]:
    """Returns in which chunk, and in which slot of it, an entry counts that is not of a duration."""
    return chunk_and_slot(quarter_hour, packed_code(measure, value) if has_packed_values(measure) else 0)


def check_entry(measure: Measure, value: str, quarter_hour: int) -> None:
    """Checks that a stored entry counts anywhere.

    Raises:
        ValueError: the measure has no such value.
    """
    if has_durations(measure):
        cells_of(value)
    slot_of(measure, value, quarter_hour)


def chunk_keys(measure: Measure, chunk: int, operator: str, group: str, widget: str, value: str) -> Iterator[ChunkKey]:
    """Yields the chunks in which an entry counts: one in each grouping."""
    for grouping in _groupings(measure):
        yield ChunkKey(
            measure,
            grouping,
            chunk,
            operator if grouping & BY_OPERATOR else "",
            group if grouping & BY_GROUP else "",
            widget if grouping & BY_WIDGET else "",
            value if grouping & BY_VALUE else "",
        )


def finest_grouping(measure: Measure) -> int:
    """Returns the finest grouping of a measure."""
    return BY_OPERATOR | BY_GROUP | BY_WIDGET | (BY_VALUE if has_open_values(measure) else 0)


SeriesParts: TypeAlias = tuple[str, str, str, str]
"""Operator, group, widget and value of a series, empty where the grouping does not divide."""


def project_entries(measure: Measure, entries: DeltaEntries, grouping: int) -> tuple[list[SeriesParts], Cells]:
    """Returns entries as the series of a grouping and their cells."""
    (values, *dimensions, quarter_hours, ns), codes = _by_cell(measure, entries)
    columns = [*dimensions, values]
    firsts, row = _distinct([np.zeros_like(ns), *_cut(columns, grouping)])
    rows = list(zip(*_names(entries.ids, columns, grouping, firsts), strict=True))
    return rows, Cells(row, quarter_hours, codes, ns)


def _by_cell(measure: Measure, entries: DeltaEntries) -> tuple[IntArray, IntArray]:
    """Returns the columns of entries, each of which counts in one cell, and its packed value: 0 where there is none."""
    if has_durations(measure):
        return as_cells(entries)
    values = entries.columns[0]
    codes = np.zeros(len(entries.ids), np.int64)
    if has_packed_values(measure):
        for position in set(values.tolist()):
            codes[position] = packed_code(measure, entries.ids[position])
    return entries.columns, codes[values]
