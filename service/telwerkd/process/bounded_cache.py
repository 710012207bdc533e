"""A cache that is bounded in bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any, Generic, TypeAlias, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class BoundedCache(Generic[_Key, _Value]):
    """An LRU cache of at most so many bytes in all; 0 disables it. Thread-safe."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self.bytes_kept = 0
        """Read without the lock."""
        self.hits = 0
        """Uses of what was kept."""
        self.misses = 0
        """Values that had to be made, kept or not."""
        self._kept: OrderedDict[_Key, tuple[_Value, int]] = OrderedDict()
        self._lock = Lock()

    def peek(self, key: _Key) -> _Value | None:
        """Returns the value of a key, which does not count as a use of it. None if it is not kept."""
        with self._lock:
            kept = self._kept.get(key)
            return None if kept is None else kept[0]

    def use(self, key: _Key) -> None:
        """Marks a value as the most recently used."""
        with self._lock:
            self.hits += 1
            if key in self._kept:
                self._kept.move_to_end(key)

    def put(self, key: _Key, value: _Value, size: int) -> None:
        """Stores a value of about so many bytes, replacing the key's earlier one; the least recently used are dropped.

        A value larger than the cache is not stored, and the key's earlier one is dropped.
        """
        with self._lock:
            self.misses += 1
            self._drop(key)
            if size > self._bytes_max:
                return
            self._kept[key] = (value, size)
            self.bytes_kept += size
            while self.bytes_kept > self._bytes_max:
                _, (_, dropped) = self._kept.popitem(last=False)
                self.bytes_kept -= dropped

    def drop(self, key: _Key) -> None:
        """Drops the value of a key whose next value must not be cached; counted as a miss."""
        with self._lock:
            self.misses += 1
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        earlier = self._kept.pop(key, None)
        if earlier is not None:
            self.bytes_kept -= earlier[1]


AnyCache: TypeAlias = BoundedCache[Any, Any]
"""One of whatever values: to read how much it keeps, and how often that was of use."""
