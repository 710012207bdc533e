"""Rollups: the counts of a chunk, or of several, summed up in quarter-hours, or in the hours or days of a time zone.

A chunk holds the quarter-hours that have facts, so that it serves every zone; the busier an account, the more of them.
Answers add up the same quarter-hours again and again. A rollup does so once: a dense array of numbers by row, bucket
and value, as large as the answer whatever the number of facts.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS, Cells
from telwerkd.domain.counting.durations import CODES, SUM
from telwerkd.domain.time.calendar import EARLIEST, LATEST, Buckets, Granularity, QuarterHours, buckets
from telwerkd.domain.time.ranges import QuarterHourRange

_ROW_BYTES = 300
"""About what the ids of a row take in memory."""

_SMALL_BYTES = 1 << 16
_DENSE_MAX = 4
"""A rollup may be so many times larger than the cells it is made of; with fewer facts than that, cells are as good."""


class SeriesKey(NamedTuple):
    """Which series of a measure; a dimension that the grouping does not divide by is empty."""

    operator: str
    group: str
    widget: str
    value: str


class DurationCells(NamedTuple):
    """Durations by row, bucket and bin: aligned arrays, sorted by these three, each there once.

    Bins are sparse: of 1,300 most are empty. Where the bin is `durations.SUM`, the number is the sum of milliseconds.
    """

    row: npt.NDArray[np.int32]
    bucket: npt.NDArray[np.int32]
    code: npt.NDArray[np.int16]
    n: IntArray

    @property
    def nbytes(self) -> int:
        """The memory that the arrays take, in bytes."""
        return sum(column.nbytes for column in self)


class Rollup(NamedTuple):
    """The counts of rows of one or more chunks. Treat as frozen: it is shared."""

    rows: Sequence[SeriesKey]
    edges: QuarterHours
    """Bucket `i` is `[edges[i], edges[i + 1])`; together they are the chunks, as far as the calendar knows them."""
    counts: npt.NDArray[np.int32]
    """Counts by row, bucket and packed value (one where the measure packs none)."""
    sources: int
    """The number of chunks that it was made of."""
    durations: DurationCells | None = None
    """Only for measures of durations, whose `counts` have the numbers of facts."""

    @property
    def nbytes(self) -> int:
        """About how much memory the rollup takes, in bytes."""
        of_durations = 0 if self.durations is None else self.durations.nbytes
        return int(self.counts.nbytes) + of_durations + _ROW_BYTES * len(self.rows)


def resolution(granularity: Granularity | None) -> Granularity:
    """Returns the width of the rollups' buckets from which an answer is read; days for totals and wider buckets."""
    match granularity:
        case Granularity.QUARTER_HOUR | Granularity.HOUR:
            return granularity
        case _:
            return Granularity.DAY


def chunk_buckets(first: int, last: int, width: Granularity, zone: ZoneInfo) -> Buckets:
    """The buckets of chunks, hours or days at their ends clipped. The calendar begins and ends within a chunk."""
    start, end = max(first * CHUNK_QUARTER_HOURS, EARLIEST), min((last + 1) * CHUNK_QUARTER_HOURS, LATEST)
    return buckets(start, end, width, zone)


def fits(edges: QuarterHours, span: QuarterHourRange) -> bool:
    """Whether neither end of a span cuts a bucket of a rollup.

    The edges between the ends never do: those of a query's buckets are edges of the rollups that it is read in.
    """
    inside = [end for end in (span.start, span.end) if edges[0] < end < edges[-1]]
    return all(edges[edges.searchsorted(end)] == end for end in inside)


def is_worth_it(rows: int, buckets_: int, values: int, cell_bytes: int) -> bool:
    """Whether a rollup would not be much larger than the cells it is made of."""
    return rows * buckets_ * values * 4 <= _DENSE_MAX * cell_bytes + _SMALL_BYTES


def roll_up(rows: Sequence[SeriesKey], cells: Cells, edges: QuarterHours, values: int) -> Rollup:
    """Sums up the cells of a chunk; their rows are indexes into `rows`."""
    width = len(edges) - 1
    bucket = np.searchsorted(edges, cells.quarter_hour, side="right") - 1
    at = (cells.row * width + bucket) * values + np.maximum(cells.code - 1, 0)
    counts = np.bincount(at, weights=cells.n, minlength=len(rows) * width * values)
    return Rollup(rows, edges, counts.astype(np.int32).reshape(len(rows), width, values), len(rows))


def roll_up_durations(rows: Sequence[SeriesKey], cells: Cells, edges: QuarterHours) -> Rollup:
    """Sums up the cells of a chunk of durations; their rows are indexes into `rows`."""
    bucket = np.searchsorted(edges, cells.quarter_hour, side="right") - 1
    return roll_up(rows, facts_of(cells), edges, 1)._replace(
        durations=_duration_cells(cells.row, bucket, cells.code, cells.n, len(edges) - 1)
    )


def facts_of(cells: Cells) -> Cells:
    """Returns the facts among cells of durations, whatever bins they are of."""
    row, quarter_hour, code, n = (column[cells.code != SUM] for column in cells)
    return Cells(row, quarter_hour, np.zeros_like(code), n)


def _duration_cells(row: IntArray, bucket: IntArray, code: IntArray, n: IntArray, width: int) -> DurationCells:
    at = (row * width + bucket) * CODES + code
    order = np.argsort(at, kind="stable")
    at = at[order]
    firsts = np.flatnonzero(np.diff(at, prepend=-1))
    n = np.add.reduceat(n[order], firsts) if len(firsts) else n[:0]
    position, code = np.divmod(at[firsts], CODES)
    row, bucket = np.divmod(position, width)
    return DurationCells(row.astype(np.int32), bucket.astype(np.int32), code.astype(np.int16), n)


def joined(rollups: Sequence[Rollup], edges: QuarterHours) -> Rollup:
    """Returns the counts of rollups as one rollup in wider or equal buckets, none of which cuts a bucket of theirs.

    Raises:
        ValueError: a bucket of a rollup is cut by the new ones, or lies outside them.
    """
    rows = {
        ids: position for position, ids in enumerate(dict.fromkeys(ids for rollup in rollups for ids in rollup.rows))
    }
    counts = np.zeros((len(rows), len(edges) - 1, rollups[0].counts.shape[2]), np.int32)
    for rollup in rollups:
        found = regrouped(rollup, edges)
        if found is None or rollup.edges[0] < edges[0] or rollup.edges[-1] > edges[-1]:
            raise ValueError("the buckets do not hold those of every rollup")
        first, of_rollup = found
        counts[[rows[ids] for ids in rollup.rows], first : first + of_rollup.shape[1]] += of_rollup
    durations = _joined_durations(rollups, rows, edges) if rollups[0].durations is not None else None
    return Rollup(list(rows), edges, counts, sum(rollup.sources for rollup in rollups), durations)


def _joined_durations(rollups: Sequence[Rollup], rows: Mapping[SeriesKey, int], edges: QuarterHours) -> DurationCells:
    parts = [
        (
            np.array([rows[ids] for ids in rollup.rows], np.int64)[rollup.durations.row],
            *regrouped_durations(rollup, edges),
        )
        for rollup in rollups
        if rollup.durations is not None
    ]
    row, bucket, code, n = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return _duration_cells(row, bucket, code, n, len(edges) - 1)


def regrouped_durations(rollup: Rollup, edges: QuarterHours) -> tuple[IntArray, IntArray, IntArray]:
    """Returns bucket, bin and number of each of a rollup's `durations`, in wider or equal buckets; -1 if in none.

    No edge may cut one of the rollup's buckets.
    """
    cells = rollup.durations
    if cells is None:
        raise ValueError("a rollup without durations")
    starts = rollup.edges[:-1]
    bucket = np.searchsorted(edges, starts, side="right") - 1
    bucket[starts >= edges[-1]] = -1
    return bucket[cells.bucket], cells.code.astype(np.int64), cells.n


def regrouped(rollup: Rollup, edges: QuarterHours) -> tuple[int, npt.NDArray[np.signedinteger[Any]]] | None:
    """The part of a rollup that lies in `edges`, in their buckets: the first bucket, and numbers by row, bucket, value.

    Sums are of 64 bits: those of a year may be more than 32 hold.

    None where an edge cuts one of the rollup's buckets, or nothing of the rollup lies within.
    """
    own = rollup.edges
    start, end = max(own[0], edges[0]), min(own[-1], edges[-1])
    if start >= end:
        return None
    first = int(edges.searchsorted(start, side="right")) - 1
    wanted = edges[first : int(edges.searchsorted(end)) + 1].clip(start, end)
    if len(own) - 1 == own[-1] - own[0]:  # quarter-hours: every edge fits, and where is plain
        cuts = wanted - own[0]
    else:
        cuts = own.searchsorted(wanted)
        if (own[cuts] != wanted).any():
            return None
    counts = rollup.counts[:, cuts[0] : cuts[-1]]
    if len(cuts) - 1 == counts.shape[1]:
        return first, counts
    return first, np.add.reduceat(counts, cuts[:-1] - cuts[0], axis=1)
