"""The process's monotonic clock, by which this program measures durations and which a simulation can replace.

A simulation (`tests/simulation`) sets its own clock. Code that only reports durations, such as the log of slow queries,
reads the system's clock.
"""

import time
from collections.abc import Callable


class _Monotonic:
    """The replaceable clock behind `monotonic`."""

    __slots__ = ("read",)

    def __init__(self) -> None:
        self.read: Callable[[], float] = time.monotonic
        """Where the seconds come from."""

    def __call__(self) -> float:
        return self.read()


monotonic = _Monotonic()
"""Seconds that never run backwards, from an arbitrary instant on."""
