"""Digests: durations by key and bucket, from which sums, percentiles and histograms are computed."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from telwerkd.application.query.slices.slices import NONE, Slice, SparsePart
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.durations import CODES, SUM, bounds_ms, representatives_ms
from telwerkd.domain.counting.ratios import Floats


class Bins(NamedTuple):
    """How many durations there are of each length: aligned arrays, by length; bounds in ms, both within."""

    lower: IntArray
    upper: IntArray
    n: IntArray


class Histogram(NamedTuple):
    """The durations of a key, bucket by bucket. One that has none, as most of a long series, takes an edge only."""

    edges: IntArray
    """Where the bins of each bucket begin among all bins; after the last bucket, where they end."""
    bins: Bins

    def buckets(self) -> Iterator[list[tuple[int, int, int]]]:
        """Yields the bins of each bucket: the shortest and the longest duration, and how many there are."""
        rows = [*zip(*(column.tolist() for column in self.bins), strict=True)]
        for begin, end in pairwise(self.edges.tolist()):
            yield rows[begin:end]


class Digest(NamedTuple):
    """Durations by key and bucket. A position is the key times the number of buckets, plus the bucket."""

    keys: int
    width: int
    sums: IntArray
    """Milliseconds, by key and bucket."""
    position: IntArray
    code: IntArray
    n: IntArray
    """Position, bin and number of facts: aligned arrays, sorted by position and bin."""

    def percentiles(self, wanted: Sequence[float]) -> Floats:
        """Returns each percentile by key and bucket, in ms: the p * n-th smallest, rounded up; NaN without facts.

        R-DUR-2, R-DUR-4.
        """
        found = np.full((len(wanted), self.keys * self.width), np.nan)
        if len(self.position) and wanted:
            upto = np.cumsum(self.n)
            firsts = np.flatnonzero(np.diff(self.position, prepend=-1))
            before = upto[firsts] - self.n[firsts]
            facts = np.add.reduceat(self.n, firsts)
            for row, share in zip(found, wanted, strict=True):
                rank = np.maximum(np.ceil(share * facts), 1).astype(np.int64)
                row[self.position[firsts]] = representatives_ms(self.code[np.searchsorted(upto, before + rank)])
        return found.reshape(len(wanted), self.keys, self.width)

    def histograms(self) -> Iterator[Histogram]:
        """Yields the histogram of each key."""
        edges = np.searchsorted(self.position, np.arange(self.keys * self.width + 1))
        columns = Bins(*bounds_ms(self.code), self.n)
        for key in range(self.keys):
            own = edges[key * self.width : (key + 1) * self.width + 1]
            yield Histogram(own - own[0], Bins(*(column[own[0] : own[-1]] for column in columns)))


def digest(of: Slice, key_of_row: IntArray, keys: int, *, whole: bool = False) -> Digest:
    """Returns the durations of a slice under the keys of its rows (`NONE`: none), by bucket or of the whole period."""
    width = 1 if whole else of.width
    parts = [_placed(part, key_of_row, width) for part in of.durations] or [_NONE_YET]
    at, n = parts[0] if len(parts) == 1 else (np.concatenate(columns) for columns in zip(*parts, strict=True))
    at, n = _summed(at, n)
    is_bin = at & _CODE_MASK != SUM
    of_bins, of_sums = np.flatnonzero(is_bin), np.flatnonzero(~is_bin)
    sums = np.zeros(keys * width, np.int64)
    sums[at[of_sums] >> _CODE_BITS] = n[of_sums]
    bins = at[of_bins]
    return Digest(keys, width, sums.reshape(keys, width), bins >> _CODE_BITS, bins & _CODE_MASK, n[of_bins])


def _placed(part: SparsePart, key_of_row: IntArray, width: int) -> tuple[IntArray, IntArray]:
    """Returns position and bin combined into one number, and the number of facts, of the cells that have a key."""
    key = key_of_row[part.row]
    position = key if width == 1 else key * width + part.bucket
    at = position << _CODE_BITS | part.code
    if (key_of_row != NONE).all():  # rows are few, their cells many
        return at, part.n
    kept = key != NONE
    return at[kept], part.n[kept]


def digest_of_all(of: Slice) -> Digest:
    """Returns the durations of a slice under one key, in one bucket."""
    numbers = np.zeros(CODES, np.int64)
    for part in of.durations:
        np.add.at(numbers, part.code, part.n)
    code = np.flatnonzero(numbers[SUM + 1 :]) + SUM + 1
    return Digest(1, 1, numbers[SUM].reshape(1, 1), np.zeros_like(code), code, numbers[code])


_CODE_BITS = (CODES - 1).bit_length()
"""Shifting takes a fraction of the time of a division."""
_CODE_MASK = (1 << _CODE_BITS) - 1

_NONE_YET = np.zeros(0, np.int64), np.zeros(0, np.int64)


def _summed(at: IntArray, n: IntArray) -> tuple[IntArray, IntArray]:
    """Returns the distinct positions in order, each with its sum, without sums of 0."""
    ascends = np.diff(at) > 0
    if not ascends.all():  # one rollup, under the keys of its rows, is in order already
        order = np.argsort(at, kind="stable")
        at = at[order]
        firsts = np.flatnonzero(np.diff(at, prepend=-1))
        at, n = at[firsts], np.add.reduceat(n[order], firsts)
    return (at, n) if n.all() else (at[n != 0], n[n != 0])
