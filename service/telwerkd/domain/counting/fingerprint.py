"""Comparing two large sets of counters in little memory.

A fingerprint is a sum over cells, `count x weight(series) x weight(slot)`, modulo 2 ** 64. It is linear: it does not
matter in which order or portions cells are added, and the same counts give the same fingerprint. Different counts give
different ones but for a chance of about 1 in 2 ** 64 per chunk: the weights are random, drawn anew in every process.
"""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting.cells import SLOTS, pairs_of
from telwerkd.domain.counting.counters import ChunkKey, chunk_keys, slot_of
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.measures import Measure

_MODULUS = 2**64
_CHUNKS_AT_ONCE = 1_000
_SERIES_MAX = 50_000


class Part(NamedTuple):
    """What one fingerprint is of: all series of a grouping, in one chunk of time."""

    measure: int
    grouping: int
    chunk: int


class Fingerprints:
    """The fingerprint of every part."""

    def __init__(self) -> None:
        self._sums: dict[Part, int] = {}
        self._series: dict[tuple[Measure, int, str, str, str, str], int] = {}
        """The summed weights of entries that are in no sum yet."""

    def add_entries(self, measure: Measure, entries: Iterable[DeltaEntry]) -> None:
        """Adds signed facts, in all groupings.

        A series' slots are summed before its groupings are looked at: that is what makes a million facts quick.
        """
        for value, operator, group, widget, quarter_hour, n in entries:
            chunk, slot = slot_of(measure, value, quarter_hour)
            series = (measure, chunk, operator, group, widget, value)
            self._series[series] = self._series.get(series, 0) + n * _WEIGHT_LIST[slot]
        if len(self._series) >= _SERIES_MAX:
            self._cut()

    def _cut(self) -> None:
        for series, weight in self._series.items():
            for key in chunk_keys(*series):
                self._add(key, weight)
        self._series.clear()

    def add_chunks(self, chunks: Iterable[tuple[ChunkKey, bytes]]) -> None:
        """Adds chunks as stored."""
        filled = ((key, cells) for key, cells in chunks if cells)
        while portion := list(islice(filled, _CHUNKS_AT_ONCE)):
            keys, blobs = zip(*portion, strict=True)
            pairs, lengths = pairs_of(blobs)
            # Unsigned numbers wrap around, which is the modulus wanted.
            weighed = _WEIGHTS[pairs[:, 0]] * pairs[:, 1].astype(np.uint64)
            sums = np.add.reduceat(weighed, np.cumsum(lengths) - lengths)
            for key, weight in zip(keys, sums.tolist(), strict=True):
                self._add(key, weight)

    def _add(self, key: ChunkKey, weight: int) -> None:
        part = Part(key.measure, key.grouping, key.chunk)
        self._sums[part] = (self._sums.get(part, 0) + hash(key) * weight) % _MODULUS

    @property
    def sums(self) -> dict[Part, int]:
        """The fingerprint of every part that was added to."""
        self._cut()
        return self._sums

    def differing(self, other: "Fingerprints") -> set[Part]:
        """The parts in which the counts are not the same."""
        mine, others = self.sums, other.sums
        return {part for part in mine.keys() | others.keys() if mine.get(part, 0) != others.get(part, 0)}


def _random_weights() -> npt.NDArray[np.uint64]:
    weights = np.random.default_rng().integers(0, _MODULUS - 1, SLOTS, np.uint64)
    return weights | np.uint64(1)


_WEIGHTS = _random_weights()
_WEIGHT_LIST: list[int] = _WEIGHTS.tolist()
