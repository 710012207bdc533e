"""A cache that is bounded in bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Any, Generic, TypeAlias, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class BoundedCache(Generic[_Key, _Value]):
    """The values that were used last, of at most so many bytes in all; 0 keeps none. Threads may share it."""

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
        """Notes that a value is used, so that it is dropped after those that are not."""
        with self._lock:
            self.hits += 1
            if key in self._kept:
                self._kept.move_to_end(key)

    def put(self, key: _Key, value: _Value, size: int) -> None:
        """Keeps a value of about so many bytes, in place of an earlier one of the key; those used least lately go.

        A value that is larger than all that may be kept takes the earlier one's place too, and is dropped at once.
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
        """Keeps the value of a key no longer, because its next one is not to be kept."""
        with self._lock:
            self.misses += 1
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        earlier = self._kept.pop(key, None)
        if earlier is not None:
            self.bytes_kept -= earlier[1]


AnyCache: TypeAlias = BoundedCache[Any, Any]
"""One of whatever values: to read how much it keeps, and how often that was of use."""
