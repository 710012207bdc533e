"""Comparing two large sets of counters in little memory.

A fingerprint is a sum over cells, `count x weight(series) x weight(slot)`, modulo 2 ** 64. It is linear: it does not
matter in which order or portions cells are added, and the same counts give the same fingerprint. Different counts give
different ones but for a chance of about 1 in 2 ** 64 per chunk: the weights are random, drawn anew in every process.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counters import CHUNK_QUARTERS, ChunkKey, Slots

_PACKED_VALUES = 9
_MODULUS = 2**64


class Part(NamedTuple):
    """What one fingerprint is of: all series of a grouping, in one chunk of time."""

    measure: int
    grouping: int
    chunk: int


class Fingerprints:
    """The fingerprint of every part."""

    def __init__(self) -> None:
        self.sums: dict[Part, int] = {}

    def add_slots(self, chunks: Mapping[ChunkKey, Slots], times: int = 1) -> None:
        """Adds signed counts."""
        for key, slots in chunks.items():
            self._add(key, times * sum(n * int(_WEIGHTS[slot]) for slot, n in slots.items()))

    def add_cells(self, key: ChunkKey, cells: bytes) -> None:
        """Adds a chunk as stored."""
        pairs = np.frombuffer(cells, "<u2").reshape(-1, 2)
        # Unsigned numbers wrap around, which is the modulus wanted.
        weighed = _WEIGHTS[pairs[:, 0]] * pairs[:, 1].astype(np.uint64)
        self._add(key, int(weighed.sum(dtype=np.uint64)))

    def _add(self, key: ChunkKey, weight: int) -> None:
        part = Part(key.measure, key.grouping, key.chunk)
        self.sums[part] = (self.sums.get(part, 0) + hash(key) * weight) % _MODULUS

    def differing(self, other: "Fingerprints") -> set[Part]:
        """The parts in which the counts are not the same."""
        parts = self.sums.keys() | other.sums.keys()
        return {part for part in parts if self.sums.get(part, 0) != other.sums.get(part, 0)}


def _random_weights() -> npt.NDArray[np.uint64]:
    weights = np.random.default_rng().integers(0, _MODULUS - 1, _PACKED_VALUES * CHUNK_QUARTERS, np.uint64)
    return weights | np.uint64(1)


_WEIGHTS = _random_weights()
