"""The monotonic clock by which this program measures durations: one for the whole process, so that it can be replaced.

A simulation (`tests/simulation`) lets its own time pass instead. What shows durations and decides nothing by them, such
as the log of slow queries, asks the system itself.
"""

import time
from collections.abc import Callable


class _Monotonic:
    """See `monotonic`."""

    __slots__ = ("read",)

    def __init__(self) -> None:
        self.read: Callable[[], float] = time.monotonic
        """Where the seconds come from."""

    def __call__(self) -> float:
        return self.read()


monotonic = _Monotonic()
"""Seconds that never run backwards, from an arbitrary instant on."""
