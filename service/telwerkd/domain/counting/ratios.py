"""Quotients of two counts: means, rates and changes, of single numbers and of columns.

A quotient with a denominator of 0 is `None`, in columns NaN (R-NUM-1, R-DUR-4, R-RATE-2).
"""

from collections.abc import Callable
from typing import Final, Generic, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting.arrays import IntArray

Floats: TypeAlias = npt.NDArray[np.float64]

_Counts = TypeVar("_Counts", int, IntArray)
_Ratios = TypeVar("_Ratios")


class Ratios(Generic[_Counts, _Ratios]):
    """The ratios of numbers of one kind."""

    def __init__(self, divided: Callable[[_Counts, _Counts], _Ratios]) -> None:
        self._divided: Callable[[_Counts, _Counts], _Ratios] = divided

    def mean(self, total: _Counts, facts: _Counts) -> _Ratios:
        """Returns the mean of the values of so many facts."""
        return self._divided(total, facts)

    def rate(self, above: _Counts, below: _Counts) -> _Ratios:
        """Returns what is above the line by what is below it."""
        return self._divided(above, below)

    def change(self, facts: _Counts, before: _Counts) -> _Ratios:
        """Returns the relative growth of a number of facts, as a part of the number before."""
        return self._divided(facts - before, before)


def _divided(numerator: int, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


def _columns_divided(numerators: IntArray, denominators: IntArray) -> Floats:
    ratios = np.full(np.shape(denominators), np.nan)
    np.divide(numerators, denominators, out=ratios, where=denominators != 0)
    return ratios


OF_NUMBERS: Final = Ratios[int, float | None](_divided)
OF_COLUMNS: Final = Ratios[IntArray, Floats](_columns_divided)
