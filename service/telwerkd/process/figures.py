"""Counters and histograms that components keep of their own work, as the source of metrics: plain numbers.

Where they are not locked, only one thread adds to them. Any thread may read: a number is at most one addition old.
"""

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Sequence
from threading import Lock
from typing import Final, NamedTuple, TypeAlias

Labels: TypeAlias = tuple[str, ...]
"""The values of a metric's labels, in their order."""

SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds for what takes milliseconds, or seconds when something is wrong."""
SIZES: Final = (1.0, 10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0)
"""Upper bounds for numbers of things."""

OTHER: Final = "other"
"""The label of all that have none of their own."""


class Distribution(NamedTuple):
    """How many values lay in each range, as a histogram has them at an instant."""

    bounds: tuple[float, ...]
    """The largest value of each range; a last range has no bound."""
    counts: tuple[int, ...]
    total: float
    """The sum of the values."""


class Histogram:
    """Counts values by the ranges that they lie in."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(bounds) + 1)
        self._total = 0.0

    def observe(self, value: float) -> None:
        """Counts a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._total += value

    def read(self) -> Distribution:
        """Returns the counts so far."""
        return Distribution(self._bounds, tuple(self._counts), self._total)


class SharedHistogram(Histogram):
    """A histogram to which several threads add."""

    __slots__ = ("_lock",)

    def __init__(self, bounds: Sequence[float]) -> None:
        super().__init__(bounds)
        self._lock = Lock()

    def observe(self, value: float) -> None:
        """Counts a value."""
        with self._lock:
            super().observe(value)


class CappedCounts:
    """Counts by a name that callers choose: the first `names_max` names separately, all others together."""

    def __init__(self, names_max: int = 0) -> None:
        self._names_max = names_max
        self._names = set[str]()
        self.counts = Counter[Labels]()

    def add(self, name: str, label: str, count: int) -> None:
        """Adds to the count of a name under a label, of which there are few; with a `names_max` of 0 nothing."""
        if not self._names_max:
            return
        if name not in self._names:
            if len(self._names) < self._names_max:
                self._names.add(name)
            else:
                name = OTHER
        self.counts[name, label] += count


_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_IN_BRACKETS = re.compile(r"\((\w+)\)")


class LimitCounts:
    """Counts refusals by limit. The texts of errors name the limit: `... (rows_max) ...`.

    Thread-safe, as it is used only in the rare case of a refusal.
    """

    def __init__(self, names: Collection[str] = ()) -> None:
        self._lock = Lock()
        self.counts = Counter[Labels]({(name,): 0 for name in names})

    def met(self, text: str) -> None:
        """Counts the limit that an error's text names, the first if several; ignores quotations of callers' input."""
        for name in _IN_BRACKETS.findall(_QUOTED.sub("", text)):
            if (name,) in self.counts:
                with self._lock:
                    self.counts[name,] += 1
                return
