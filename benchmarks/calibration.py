"""A fixed piece of work, done again and again between measurements: it tells how much of the machine others have."""

import hashlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import inf
from statistics import median
from typing import NamedTuple

BUSY = 1.25
"""How many times as long as on a machine to itself the work may take; beyond that nothing is judged."""

_BLOCK = bytes(2**20)
_BLOCKS = 32


class Sample(NamedTuple):
    """What the work took once, at the same time on every core."""

    seconds: float
    cpu_seconds: float
    """Of the slowest."""


class Calibration:
    """What the work took, each time."""

    def __init__(self) -> None:
        self._cores = os.cpu_count() or 1
        self._least = inf
        self._since: list[Sample] = []
        self._last: Sequence[Sample] = ()

    def work(self) -> None:
        """Does it once."""
        # Hashing lets go of the interpreter, so threads keep all cores busy.
        with ThreadPoolExecutor(self._cores) as threads:
            slowest = max(threads.map(lambda _: _hashed(), range(self._cores)))
        self._least = min(self._least, slowest.seconds)
        self._since.append(slowest)

    def of_line(self) -> Sequence[Sample]:
        """Those since the line before; where there are none, as both are of the same measurements, those of that."""
        self._last, self._since = self._since or self._last, []
        return self._last

    def busy(self, samples: Sequence[Sample]) -> float:
        """How many times as long as at its best in this run, or as the CPU time it took, it took as a rule."""
        return median([max(one.seconds / self._least, one.seconds / one.cpu_seconds) for one in samples] or [1.0])


def _hashed() -> Sample:
    wall, cpu = time.perf_counter(), time.thread_time()
    digest = hashlib.sha256()
    for _ in range(_BLOCKS):
        digest.update(_BLOCK)
    return Sample(time.perf_counter() - wall, time.thread_time() - cpu)
