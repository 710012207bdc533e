"""The cache of rollups, keyed by chunks: an entry is valid while the chunks' versions are unchanged."""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.counting.rollups import Rollup
from telwerkd.domain.ids import AccountId
from telwerkd.domain.time.calendar import Granularity
from telwerkd.process.bounded_cache import AnyCache, BoundedCache


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
    """An LRU cache of rollups, bounded in bytes; 0 disables it. Thread-safe."""

    def __init__(self, bytes_max: int) -> None:
        self._rollups: BoundedCache[RollupKey, tuple[Versions, Rollup]] = BoundedCache(bytes_max)

    @property
    def kept(self) -> AnyCache:
        """The cache behind it, for its figures."""
        return self._rollups

    def get(self, keys: Sequence[tuple[RollupKey, Versions]]) -> list[Rollup | None]:
        """Returns the rollup of each key, if it was made of those versions of its chunks."""
        return [self._get(key, versions) for key, versions in keys]

    def _get(self, key: RollupKey, versions: Versions) -> Rollup | None:
        found = self._rollups.peek(key)
        if found is None or found[0] != versions:
            return None
        self._rollups.use(key)
        return found[1]

    def put(self, key: RollupKey, versions: Versions, rollup: Rollup) -> None:
        """Caches a rollup, replacing an earlier one of the key."""
        self._rollups.put(key, (versions, rollup), _size(versions, rollup))


_VERSION_BYTES = 120
"""About what a chunk's version takes."""


def _size(versions: Versions, rollup: Rollup) -> int:
    return rollup.nbytes + _VERSION_BYTES * len(versions)
