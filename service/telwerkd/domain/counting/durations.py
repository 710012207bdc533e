"""Durations as numbers of a bin: so that counters of them add up, and any percentile comes out within 1 %.

The bins are one after the other, each as wide as 1 % allows. Their bounds are whole milliseconds, computed with whole
numbers, so that every machine has the same ones; a duration of 0 has a bin of its own (R-DUR-2). They are the storage
format (R-DUR-3).
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting.arrays import IntArray

LONGEST_MS: Final = 200 * 366 * 86_400_000
"""Longer ones cannot be: every instant lies in the same two centuries."""

SUM: Final = 0
"""The code of the sum of milliseconds, beside the bins, whose codes begin with 1."""


def _upper_bounds() -> Iterator[int]:
    """Yields the longest duration of each bin, in ms.

    The harmonic mean of a bin's ends differs from either by (end - begin) / (end + begin): by at most 0.0099.
    """
    end = 0
    yield end
    while end < LONGEST_MS:
        begin = end + 1
        end = max(begin, begin * 10_099 // 9_901)
        yield end


_UPPER: Final = np.array([*_upper_bounds()], np.int64)
_LOWER: Final = np.concatenate(([0], _UPPER[:-1] + 1))
_UPPER_LIST: Final[list[int]] = _UPPER.tolist()

CODES: Final = len(_UPPER_LIST) + 1
"""Bins have the numbers from 1 up to, not including, this."""


def code_of(duration_ms: int) -> int:
    """Returns the bin of a duration.

    Raises:
        ValueError: there is none.
    """
    if not 0 <= duration_ms <= LONGEST_MS:
        raise ValueError(f"no duration is {duration_ms} ms")
    return bisect_left(_UPPER_LIST, duration_ms) + 1


def codes_of(durations_ms: IntArray) -> IntArray:
    """Returns the bin of each duration.

    Raises:
        ValueError: one has none.
    """
    if len(durations_ms):
        code_of(int(durations_ms.min()))
        code_of(int(durations_ms.max()))
    codes: IntArray = np.searchsorted(_UPPER, durations_ms) + 1
    return codes


def bounds_ms(codes: IntArray) -> tuple[IntArray, IntArray]:
    """Returns the shortest and the longest duration of each bin."""
    return _LOWER[codes - 1], _UPPER[codes - 1]


def representatives_ms(codes: IntArray) -> npt.NDArray[np.float64]:
    """Returns for each bin the number that differs from all its durations by less than 1 %."""
    return _REPRESENTATIVES[codes - 1]


def _representatives() -> npt.NDArray[np.float64]:
    sums = (_LOWER + _UPPER).astype(np.float64)
    return np.divide(2.0 * _LOWER * _UPPER.astype(np.float64), sums, out=np.zeros_like(sums), where=sums > 0)


_REPRESENTATIVES: Final = _representatives()
