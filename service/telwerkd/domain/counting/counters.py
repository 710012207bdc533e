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
from telwerkd.domain.counting.cells import (
    CHUNK_QUARTER_HOURS,
    COUNT_MAX,
    SLOTS,
    Cells,
    Pairs,
    blobs_of,
    pairs_of,
)
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.measures import (
    Measure,
    has_open_values,
    has_packed_values,
)

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


class CounterError(AssertionError):
    """A counter would become negative: the counters do not belong to the log."""


class ChunkChanges(NamedTuple):
    """Signed changes of many chunks: aligned arrays. A slot of a chunk may be there several times."""

    keys: Sequence[KeyParts]
    """The chunks, sorted."""
    row: IntArray
    """Which of the chunks: a place in `keys`."""
    slot: IntArray
    """The quarter-hour within the chunk, and the packed value."""
    n: IntArray
    """How many facts more, or less."""


def chunk_changes(measure: Measure, entries: DeltaEntries, groupings: Sequence[int] = ()) -> ChunkChanges:
    """Returns what entries change in the chunks of these groupings, or of all that the measure has.

    Compaction's work, and so the larger part of the cost of counting: each entry counts in 8 or 16 chunks. Whole
    columns are cut by each grouping. Entries that cancel each other out touch no chunk.
    """
    if not len(entries):
        return _NO_CHANGES
    values, *dimensions, quarter_hours, ns = entries.columns
    columns = [*dimensions, values]
    chunk, slot = np.divmod(quarter_hours, CHUNK_QUARTER_HOURS)
    slot += CHUNK_QUARTER_HOURS * _codes(measure, entries)
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

    A cell is never divided: so no count is negative in between, if none is before and after all of the entries.
    """
    entries = entries.summed()
    count = _within_series(entries, chunks_max)
    changes = chunk_changes(measure, entries.divided(count)[0])
    if count < len(entries) and len(changes.keys) <= chunks_max // 2:
        count = min(len(entries), count * chunks_max // max(1, len(changes.keys)))
        changes = chunk_changes(measure, entries.divided(count)[0])
    while len(changes.keys) > chunks_max and count > 1:
        count = max(1, min(count // 2, count * chunks_max // len(changes.keys)))
        changes = chunk_changes(measure, entries.divided(count)[0])
    return changes, entries.divided(count)[1]


def _within_series(entries: DeltaEntries, chunks_max: int) -> int:
    """Returns how many of the entries, which are `summed`, go into so many chunks, estimated by the finest grouping.

    To cut entries costs many times what it costs to count those: a few thousand are not cut for a hundred that fit.
    """
    *ids, quarter_hours, _ = entries.columns
    series = np.vstack((*ids, quarter_hours // CHUNK_QUARTER_HOURS))
    starts = np.flatnonzero(np.any(np.diff(series, axis=1, prepend=-1), axis=0))
    most = max(1, chunks_max // _SERIES_CHUNKS)
    return len(entries) if len(starts) <= chunks_max else int(starts[most])


_SERIES_CHUNKS = 4
"""Chunks of a series, where there are far too many series: those of some groupings are shared with the next ones."""


_NO_ENTRIES = DeltaEntries.of([])


def _cut(columns: Sequence[IntArray], grouping: int) -> list[IntArray]:
    """Returns those of the columns (operator, group, widget, value) that a grouping divides by."""
    return [column for bit, column in zip(_BITS, columns, strict=True) if grouping & bit]


def _names(ids: Sequence[str], columns: Sequence[IntArray], grouping: int, places: IntArray) -> Iterator[Iterable[str]]:
    """Yields the ids at some places of the columns: empty ones where the grouping does not divide."""
    for bit, column in zip(_BITS, columns, strict=True):
        yield map(ids.__getitem__, column[places].tolist()) if grouping & bit else [""] * len(places)


def _summed(slot: IntArray, of_series: IntArray, n: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Returns slot, series and number of what does not cancel out: each slot of a series once, in order."""
    firsts, cell = _distinct([slot, of_series])
    sums = np.zeros(len(firsts), np.int64)
    np.add.at(sums, cell, n)
    left = firsts[sums != 0]
    return slot[left], of_series[left], sums[sums != 0]


def _stable_order(numbers: IntArray, below: int) -> IntArray:
    """Returns the places of numbers in ascending order; the sort is stable, and by radix where numbers are short."""
    return np.argsort(numbers.astype(np.uint16) if below <= SLOTS else numbers, kind="stable")


_NO_CHANGES = ChunkChanges([], *np.zeros((3, 0), np.int64))

_BITS = (BY_OPERATOR, BY_GROUP, BY_WIDGET, BY_VALUE)


def _groupings(measure: Measure) -> range:
    """All eight of operator, group and widget; where producers choose the values, the same again by value."""
    return range(16 if has_open_values(measure) else 8)


def _distinct(columns: Sequence[IntArray]) -> tuple[IntArray, IntArray]:
    """Returns the first place of each distinct combination, in their order, and the combination of each place."""
    combined = columns[0] - columns[0].min(initial=0)
    for column in columns[1:]:
        radix = int(column.max(initial=0)) + 1
        if int(combined.max(initial=0)) * radix >= _COMBINED_MAX:
            _, combined = np.unique(combined, return_inverse=True)
        combined = combined * radix + column
    order = _stable_order(combined, int(combined.max(initial=0)) + 1)
    starts = np.diff(combined[order], prepend=-1) > 0
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
    """Returns in which chunk, and in which slot of it, an entry counts."""
    chunk, slot = divmod(quarter_hour, CHUNK_QUARTER_HOURS)
    if has_packed_values(measure):
        slot += int(value) * CHUNK_QUARTER_HOURS
    return chunk, slot


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


def merged(cells: Sequence[bytes], changes: ChunkChanges) -> list[bytes]:
    """Returns the cells of chunks with changes added, `cells[i]` those of `changes.keys[i]`; empty where none is left.

    Raises:
        CounterError: a count would become negative.
    """
    pairs, lengths = pairs_of(cells)
    at = np.repeat(np.arange(len(cells)) * SLOTS, lengths) + pairs[:, 0]
    changed, n = _sums(changes.row * SLOTS + changes.slot, changes.n)
    if int(pairs[:, 1].max(initial=0)) + int(n.max(initial=0)) < COUNT_MAX:
        at, pairs = _merged_short(at, pairs, changed, n, changes)
    else:
        at, pairs = _merged_any(at, pairs, changed, n, changes)
    return blobs_of(pairs, np.searchsorted(at, np.arange(len(cells) + 1) * SLOTS))


def _merged_short(
    at: IntArray, pairs: Pairs, changed: IntArray, n: IntArray, changes: ChunkChanges
) -> tuple[IntArray, Pairs]:
    """Merges where every count is one pair: changes find their place, so that the other pairs are only copied.

    The chunks of a busy account have a thousand times the cells that change.
    """
    place = np.searchsorted(at, changed)
    there = place < len(at)
    there[there] = at[place[there]] == changed[there]
    counts = n.copy()
    counts[there] += pairs[place[there], 1]
    _check(changed, counts, changes)
    pairs = pairs.copy()
    pairs[place[there], 1] = counts[there]
    new = ~there & (counts > 0)
    pairs = np.insert(pairs, place[new], np.stack((changed[new] % SLOTS, counts[new]), axis=1), axis=0)
    at = np.insert(at, place[new], changed[new])
    filled = pairs[:, 1] > 0
    return (at, pairs) if filled.all() else (at[filled], pairs[filled])


def _merged_any(
    at: IntArray, pairs: Pairs, changed: IntArray, n: IntArray, changes: ChunkChanges
) -> tuple[IntArray, Pairs]:
    """Merges any counts: one above what a pair holds takes several of them, full ones and then the rest."""
    at, counts = _sums(np.concatenate((at, changed)), np.concatenate((pairs[:, 1], n)))
    _check(at, counts, changes)
    needed = -(-counts // COUNT_MAX)
    last = np.cumsum(needed)
    held = np.full(int(needed.sum()), COUNT_MAX)
    held[last[needed > 0] - 1] = (counts - (needed - 1) * COUNT_MAX)[needed > 0]
    at = np.repeat(at, needed)
    return at, np.stack((at % SLOTS, held), axis=1).astype("<u2")


def _sums(at: IntArray, n: IntArray) -> tuple[IntArray, IntArray]:
    """Returns each place once, in order, with its sum."""
    order = np.argsort(at, kind="stable")
    at = at[order]
    firsts = np.flatnonzero(np.diff(at, prepend=-1))
    return at[firsts], np.add.reduceat(n[order], firsts) if len(firsts) else n[:0]


def _check(at: IntArray, counts: IntArray, changes: ChunkChanges) -> None:
    if counts.min(initial=0) < 0:
        row, slot = divmod(int(at[counts.argmin()]), SLOTS)
        raise CounterError(f"slot {slot} of {ChunkKey(*changes.keys[row])} would hold {counts.min()}")


def uncut_grouping(measure: Measure) -> int:
    """Returns the finest grouping of a measure."""
    return BY_OPERATOR | BY_GROUP | BY_WIDGET | (BY_VALUE if has_open_values(measure) else 0)


SeriesParts: TypeAlias = tuple[str, str, str, str]
"""Operator, group, widget and value of a series, empty where the grouping does not divide."""


def cut_entries(measure: Measure, entries: DeltaEntries, grouping: int) -> tuple[list[SeriesParts], Cells]:
    """Returns entries as the series of a grouping and their cells."""
    values, *dimensions, quarter_hours, ns = entries.columns
    columns = [*dimensions, values]
    firsts, row = _distinct([np.zeros_like(ns), *_cut(columns, grouping)])
    rows = list(zip(*_names(entries.ids, columns, grouping, firsts), strict=True))
    return rows, Cells(row, quarter_hours, _codes(measure, entries), ns)


def _codes(measure: Measure, entries: DeltaEntries) -> IntArray:
    """Returns the packed value of each entry: 0 where the measure packs none."""
    values = entries.columns[0]
    codes = np.zeros(len(entries.ids), np.int64)
    if has_packed_values(measure):
        for place in set(values.tolist()):
            codes[place] = int(entries.ids[place])
    of_entries: IntArray = codes[values]
    return of_entries
