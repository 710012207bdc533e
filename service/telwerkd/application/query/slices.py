"""What was read of a measure in a period, and its sums."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.rollups import SeriesKey

NONE = -1
"""Marks a row that is not wanted."""


class Layer(NamedTuple):
    """The key under which each row counts, or `NONE`: with all its values, or with one packed value only."""

    key: IntArray
    code: int | None = None

    def is_distinct(self) -> bool:
        """Whether no two rows count under the same key."""
        return int(np.bincount(self.key[self.key != NONE]).max(initial=0)) <= 1


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


class Slice(NamedTuple):
    """Rows, and what is counted in each by bucket and packed value (one where the measure packs none)."""

    rows: list[SeriesKey]
    values: int
    width: int
    """How many buckets there are."""
    dense: list[DensePart]
    sparse: list[SparsePart]

    def totals(self) -> IntArray:
        """Returns what is counted in the whole period, by row and value."""
        totals = np.zeros((len(self.rows), self.values), np.int64)
        for part in self.dense:
            totals[part.row] += np.einsum("rbv->rv", part.counts, dtype=np.int64)
        for cells in self.sparse:
            np.add.at(totals.reshape(-1), cells.row * self.values + cells.code, cells.n)
        return totals

    def series(self, layers: Iterable[Layer], keys: int) -> IntArray:
        """Returns what is counted by key, bucket and value, where each layer gives the key of each row."""
        series = np.zeros((keys, self.width, self.values), np.int64)
        flat = series.reshape(-1)
        for layer in layers:
            distinct = layer.is_distinct()
            for part in self.dense:
                _add_dense(series, part, layer, distinct=distinct)
            for cells in self.sparse:
                key = layer.key[cells.row]
                keep = key != NONE if layer.code is None else (key != NONE) & (cells.code == layer.code)
                at = (key * self.width + cells.bucket) * self.values + cells.code
                # In proportion to the cells, not to the answer: there may be a hundred layers, and as many chunks.
                np.add.at(flat, at[keep], cells.n[keep])
        return series


def _add_dense(series: IntArray, part: DensePart, layer: Layer, *, distinct: bool) -> None:
    key, counts = layer.key[part.row], part.counts
    if key.min(initial=0) == NONE:
        counts, key = counts[key != NONE], key[key != NONE]
    if not distinct and len(key):
        # Lines of one key are summed up first: an addition by place counts each place once.
        order = np.argsort(key, kind="stable")
        firsts = np.flatnonzero(np.diff(key[order], prepend=NONE))
        counts, key = np.add.reduceat(counts[order], firsts, axis=0), key[order[firsts]]
    values = slice(None) if layer.code is None else slice(layer.code, layer.code + 1)
    series[key, part.first : part.first + counts.shape[1], values] += counts[:, :, values]
