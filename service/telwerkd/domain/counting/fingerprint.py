"""Comparing two large sets of counters in little memory.

A fingerprint is a sum over cells, `count x weight(series) x weight(slot)`, modulo 2 ** 64. It is linear: it does not
matter in which order or portions cells are added, and the same counts give the same fingerprint. Different counts give
different ones but for a chance of about 1 in 2 ** 64 per chunk: the weights are random, drawn anew in every process.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting import duration_cells
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS, SLOTS, chunk_and_slot, pairs_of, parts_of
from telwerkd.domain.counting.counters import ChunkKey, chunk_keys, slot_of
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.duration_entries import cells_of
from telwerkd.domain.counting.measures import Measure, has_durations, has_open_values

_MODULUS = 2**64
_CHUNKS_AT_ONCE = 1_000
_SERIES_MAX = 50_000


class FingerprintKey(NamedTuple):
    """What one fingerprint covers: all series of a grouping, in one chunk of time."""

    measure: Measure
    grouping: int
    chunk: int


class Fingerprints:
    """The fingerprint of every part."""

    def __init__(self) -> None:
        self._sums: dict[FingerprintKey, int] = {}
        self._series: dict[tuple[Measure, int, str, str, str, str], int] = {}
        """The summed weights of entries that are in no sum yet."""

    def add_entries(self, measure: Measure, entries: Iterable[DeltaEntry]) -> None:
        """Adds signed facts, in all groupings.

        A series' slots are summed before it is divided into groupings: that is what makes a million facts quick.
        """
        weight_of = _duration_weight if has_durations(measure) else _weight
        in_series = has_open_values(measure)
        for value, operator, group, widget, quarter_hour, n in entries:
            chunk, weight = weight_of(measure, value, quarter_hour)
            series = (measure, chunk, operator, group, widget, value if in_series else "")
            self._series[series] = self._series.get(series, 0) + n * weight
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
            for measure, of_measure in groupby(zip(keys, blobs, strict=True), key=lambda chunk: chunk[0].measure):
                self._add_portion(measure, *zip(*of_measure, strict=True))

    def _add_portion(self, measure: Measure, keys: Sequence[ChunkKey], blobs: Sequence[bytes]) -> None:
        """Adds some chunks of a measure."""
        # Unsigned numbers wrap around, which is the modulus wanted.
        if has_durations(measure):
            words, lengths = duration_cells.words_of(blobs)
            slots, n = duration_cells.decoded(words)
            # A weight for each slot would be four million: here it is that of the quarter-hour by that of the code.
            codes, quarter_hours = parts_of(slots)
            weights = _WEIGHTS[quarter_hours] * _WEIGHTS[_FIRST_CODE + codes]
        else:
            pairs, lengths = pairs_of(blobs)
            weights, n = _WEIGHTS[pairs[:, 0]], pairs[:, 1].astype(np.int64)
        sums = np.add.reduceat(weights * n.astype(np.uint64), np.cumsum(lengths) - lengths)
        for key, weight in zip(keys, sums.tolist(), strict=True):
            self._add(key, weight)

    def _add(self, key: ChunkKey, weight: int) -> None:
        part = FingerprintKey(key.measure, key.grouping, key.chunk)
        self._sums[part] = (self._sums.get(part, 0) + hash(key) * weight) % _MODULUS

    @property
    def sums(self) -> dict[FingerprintKey, int]:
        """The fingerprint of every part that was added to."""
        self._cut()
        return self._sums

    def differing(self, other: "Fingerprints") -> set[FingerprintKey]:
        """Returns the keys whose fingerprints differ."""
        mine, others = self.sums, other.sums
        return {part for part in mine.keys() | others.keys() if mine.get(part, 0) != others.get(part, 0)}


def _random_weights() -> npt.NDArray[np.uint64]:
    weights = np.random.default_rng().integers(0, _MODULUS - 1, SLOTS, np.uint64)
    return weights | np.uint64(1)


_WEIGHTS = _random_weights()
_WEIGHT_LIST: list[int] = _WEIGHTS.tolist()
_FIRST_CODE = CHUNK_QUARTER_HOURS


def _weight(measure: Measure, value: str, quarter_hour: int) -> tuple[int, int]:
    """Returns in which chunk an entry counts, and its weight there."""
    chunk, slot = slot_of(measure, value, quarter_hour)
    return chunk, _WEIGHT_LIST[slot]


def _duration_weight(_: Measure, value: str, quarter_hour: int) -> tuple[int, int]:
    """Returns the weight of a duration's entry."""
    chunk, slot = chunk_and_slot(quarter_hour, 0)
    of_codes = sum(times * _WEIGHT_LIST[_FIRST_CODE + code] for code, times in cells_of(value))
    return chunk, _WEIGHT_LIST[slot] * of_codes
