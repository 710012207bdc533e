"""A cache that is bounded in bytes."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class BoundedCache(Generic[_Key, _Value]):
    """The values that were used last, of at most so many bytes in all; 0 keeps none. Threads may share it."""

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max = bytes_max
        self._bytes = 0
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
            if key in self._kept:
                self._kept.move_to_end(key)

    def put(self, key: _Key, value: _Value, size: int) -> None:
        """Keeps a value of about so many bytes, in place of an earlier one of the key; those used least lately go.

        A value that is larger than all that may be kept takes the earlier one's place too, and is dropped at once.
        """
        with self._lock:
            self._drop(key)
            if size > self._bytes_max:
                return
            self._kept[key] = (value, size)
            self._bytes += size
            while self._bytes > self._bytes_max:
                _, (_, dropped) = self._kept.popitem(last=False)
                self._bytes -= dropped

    def drop(self, key: _Key) -> None:
        """Keeps the value of a key no longer."""
        with self._lock:
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        earlier = self._kept.pop(key, None)
        if earlier is not None:
            self._bytes -= earlier[1]
