"""Digests: durations by key and bucket, from which sums, percentiles and histograms come."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from telwerkd.application.query.slices import NONE, Slice
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.durations import CODES, SUM, bounds_ms, representatives_ms

Floats: TypeAlias = npt.NDArray[np.float64]


class Bins(NamedTuple):
    """How many durations there are of each length: aligned arrays, by length; bounds in ms, both within."""

    lower: IntArray
    upper: IntArray
    n: IntArray


class Digest(NamedTuple):
    """Durations of keys, in each bucket. A place is the key times the number of buckets, plus the bucket."""

    keys: int
    width: int
    sums: IntArray
    """Milliseconds, by key and bucket."""
    place: IntArray
    code: IntArray
    n: IntArray
    """These three: how many facts of each bin, aligned arrays sorted by place and bin."""

    def percentiles(self, wanted: Sequence[float]) -> Floats:
        """Returns each percentile by key and bucket, in ms: the p * n-th smallest, rounded up; NaN without facts.

        R-DUR-2, R-DUR-4.
        """
        found = np.full((len(wanted), self.keys * self.width), np.nan)
        if len(self.place) and wanted:
            upto = np.cumsum(self.n)
            firsts = np.flatnonzero(np.diff(self.place, prepend=-1))
            before = upto[firsts] - self.n[firsts]
            facts = np.add.reduceat(self.n, firsts)
            for row, share in zip(found, wanted, strict=True):
                rank = np.maximum(np.ceil(share * facts), 1).astype(np.int64)
                row[self.place[firsts]] = representatives_ms(self.code[np.searchsorted(upto, before + rank)])
        return found.reshape(len(wanted), self.keys, self.width)

    def bins(self, place: int) -> Bins:
        """Returns the bins of a key in a bucket."""
        start, end = np.searchsorted(self.place, (place, place + 1))
        return Bins(*bounds_ms(self.code[start:end]), self.n[start:end])


def digest(of: Slice, key_of_row: IntArray, keys: int, *, whole: bool = False) -> Digest:
    """Returns the durations of a slice under the keys of its rows (`NONE`: none), by bucket or of the whole period."""
    width = 1 if whole else of.width
    at, n = _NONE_YET
    for part in of.durations:
        key = key_of_row[part.row]
        place = key if whole else key * width + part.bucket
        kept = key != NONE
        codes, numbers = (part.code, part.n) if kept.all() else (part.code[kept], part.n[kept])
        at = np.concatenate((at, place[kept] << _CODE_BITS | codes))
        n = np.concatenate((n, numbers))
    at, n = _summed(at, n)
    place, code = at >> _CODE_BITS, at & (1 << _CODE_BITS) - 1
    is_sum = code == SUM
    sums = np.zeros(keys * width, np.int64)
    sums[place[is_sum]] = n[is_sum]
    is_bin = ~is_sum
    return Digest(keys, width, sums.reshape(keys, width), place[is_bin], code[is_bin], n[is_bin])


def digest_of_all(of: Slice) -> Digest:
    """Returns the durations of a slice under one key, in one bucket."""
    numbers = np.zeros(CODES, np.int64)
    for part in of.durations:
        np.add.at(numbers, part.code, part.n)
    code = np.flatnonzero(numbers[SUM + 1 :]) + SUM + 1
    return Digest(1, 1, numbers[SUM].reshape(1, 1), np.zeros_like(code), code, numbers[code])


_CODE_BITS = (CODES - 1).bit_length()
"""Shifting takes a fraction of the time of a division."""

_NONE_YET = np.zeros(0, np.int64), np.zeros(0, np.int64)


def _summed(at: IntArray, n: IntArray) -> tuple[IntArray, IntArray]:
    """Returns each place once, in order, with its sum; without what cancels out."""
    ascends = np.diff(at) > 0
    if not ascends.all():  # one rollup, under the keys of its rows, is in order already
        order = np.argsort(at, kind="stable")
        at = at[order]
        firsts = np.flatnonzero(np.diff(at, prepend=-1))
        at, n = at[firsts], np.add.reduceat(n[order], firsts)
    return (at, n) if n.all() else (at[n != 0], n[n != 0])
