"""Rollups that are still true: kept by chunks, valid while the chunks' versions are those that they were made of."""

from collections import OrderedDict
from collections.abc import Sequence
from threading import Lock
from typing import NamedTuple, TypeAlias

from telwerkd.domain.counting.deltas import Measure
from telwerkd.domain.counting.rollups import Rollup
from telwerkd.domain.ids import AccountId
from telwerkd.domain.time.calendar import Granularity


class RollupKey(NamedTuple):
    """Which rollup of which chunks."""

    account: AccountId
    measure: Measure
    grouping: int
    first_chunk: int
    last_chunk: int
    width: Granularity
    zone: str


Versions: TypeAlias = tuple[tuple[int, int], ...]
"""The chunks that ever held anything, in order, each with its version."""


class RollupCache:
    """The rollups that were used last, of at most so many bytes in all; 0 keeps none. Threads may share it."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
        self._rollups: OrderedDict[RollupKey, tuple[Versions, Rollup]] = OrderedDict()
        self._lock = Lock()

    def get(self, keys: Sequence[tuple[RollupKey, Versions]]) -> list[Rollup | None]:
        """The rollup of each key, if it was made of those versions of its chunks."""
        with self._lock:
            return [self._get(key, versions) for key, versions in keys]

    def _get(self, key: RollupKey, versions: Versions) -> Rollup | None:
        found = self._rollups.get(key)
        if found is None or found[0] != versions:
            return None
        self._rollups.move_to_end(key)
        return found[1]

    def put(self, key: RollupKey, versions: Versions, rollup: Rollup) -> None:
        """Keeps a rollup, in the place of an earlier one; those not used for longest go."""
        if _size(versions, rollup) > self._bytes_max:
            return
        with self._lock:
            earlier = self._rollups.pop(key, None)
            if earlier is not None:
                self._bytes -= _size(*earlier)
            self._rollups[key] = (versions, rollup)
            self._bytes += _size(versions, rollup)
            while self._bytes > self._bytes_max:
                self._bytes -= _size(*self._rollups.popitem(last=False)[1])


_VERSION_BYTES = 120
"""About what a chunk's version takes."""


def _size(versions: Versions, rollup: Rollup) -> int:
    return rollup.nbytes + _VERSION_BYTES * len(versions)
