"""The values of the stages group and rank: slices by group key, and the selected keys."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from telwerkd.application.query.budgets import PointBudget
from telwerkd.application.query.question import RawKey, RowPosition
from telwerkd.application.query.result import GroupKey
from telwerkd.application.query.slices.slices import NONE, Layer, Reading, Slice, series
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.specs import Dimension
from telwerkd.domain.catalogue.values import value_answer
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.ratios import Floats
from telwerkd.domain.display_names import NameKey


class KeyTotals(NamedTuple):
    """The totals of each key in one period: arrays indexed by key."""

    counts: IntArray
    sums: IntArray
    """The stars; of durations the milliseconds, if the order is by them."""
    below: IntArray | None = None
    """The denominators of a rate."""
    percentile: Floats | None = None
    """The percentile of durations by which rows are ordered, if they are."""


class GroupedSlice(NamedTuple):
    """A slice, with the keys of its rows."""

    slice: Slice
    totals: IntArray
    """Totals by row and value."""
    layers: list[Layer]
    overlaps: bool
    """Whether a row may count under several keys with the same facts."""
    by_key: KeyTotals

    def selected(self, answer_rows: IntArray) -> list[Layer]:
        """Returns the layers by answer rows; `answer_rows` has the row of each key, -1 for an unselected one."""
        return [layer._replace(key=_through(answer_rows, layer.key)) for layer in self.layers]

    def left_over(self, answer_rows: IntArray) -> list[Layer]:
        """Returns layers that map every fact of any unselected key to row 0, each fact once."""
        left = [layer._replace(key=np.where(_is_left(answer_rows, layer.key), 0, NONE)) for layer in self.layers]
        if not self.overlaps or not left:
            return left
        return [Layer(np.max([layer.key for layer in left], axis=0))]


class Below(NamedTuple):
    """The denominators of a rate, under keys of their own: without the dimensions that divide only the numerator."""

    periods: list[list[tuple[Slice, Layer]]]
    """For each period, the slices of the KPIs whose sum is the denominator, with the keys of their rows."""
    of_key: IntArray
    """The index of each of the answer's keys among the denominators' keys; `NONE` without a denominator."""
    keys: int
    """The number of the denominators' keys."""

    def by_key(self, period: int) -> IntArray:
        """Returns what is below in a period, by the answer's keys."""
        sums = np.zeros(self.keys + 1, np.int64)  # and one for `NONE`
        for of, layer in self.periods[period]:
            np.add.at(sums, layer.key, of.totals().sum(axis=1))
        return sums[self.of_key]

    def total(self, period: int) -> int:
        """Returns all that is below in a period, each fact once."""
        return sum(int(of.totals().sum()) for of, _ in self.periods[period])

    def numbers(self, period: int, indexes: IntArray) -> IntArray:
        """Returns what is below each of the answer's keys at some indexes, by bucket."""
        own, lines = np.unique(self.of_key[indexes], return_inverse=True)
        return self._added_up(period, own)[lines]

    def left_over(self, period: int, indexes: IntArray) -> IntArray:
        """Returns what is below the answer's keys at some indexes together, each fact once, by bucket."""
        together: IntArray = self._added_up(period, np.unique(self.of_key[indexes])).sum(axis=0)
        return together

    def _added_up(self, period: int, own: IntArray) -> IntArray:
        """Returns the sums by the denominators' keys `own` and bucket."""
        answer_rows = np.full(self.keys + 1, NONE)
        answer_rows[own] = np.arange(len(own))
        answer_rows[NONE] = NONE
        width = self.periods[period][0][0].width
        sums = np.zeros((len(own), width), np.int64)
        for of, layer in self.periods[period]:
            sums += series(of, [layer._replace(key=answer_rows[layer.key])], len(own)).sum(axis=2)
        return sums


class Wholes(NamedTuple):
    """The totals of which rows are shares: by value, the sum over all values of a key; else everything."""

    dimensions: list[Dimension]
    """The dimensions of the rows."""
    whole_by: list[Dimension]
    """The dimensions of the wholes."""
    counts: dict[RawKey, int]
    """The count of each whole; none where the answer is no totals."""

    def share(self, raw: RawKey, count: int) -> float | None:
        """Returns the part that a row is of its whole; None where that is 0."""
        ids = dict(zip(self.dimensions, raw, strict=True))
        if Dimension.QUESTION in self.whole_by and Dimension.QUESTION not in ids:
            # An answer is a part of its question's answers.
            ids[Dimension.QUESTION] = value_answer(ids[Dimension.VALUE])[0]
        of = self.counts.get(tuple(ids[dimension] for dimension in self.whole_by), 0)
        return count / of if of else None

    def share_of_rest(self, count: int) -> float | None:
        """Returns the share of the rest; None where it belongs to several wholes."""
        # What is only counted at other times, or was taken back, is none.
        wholes = [whole for whole in self.counts.values() if whole]
        return count / wholes[0] if len(wholes) == 1 else None


class GroupedKpi(NamedTuple):
    """The slices of one KPI, each with how its rows count."""

    info: KpiInfo
    periods: list[GroupedSlice]
    held_back: int
    stars: IntArray
    """How many stars each packed value is; none for KPIs without a mean."""
    has_row: npt.NDArray[np.bool_]
    """Which keys have a row in any period."""
    wholes: Wholes
    """What the rows of totals are parts of."""
    below: Below | None = None
    """The denominators of a rate; None for other KPIs."""

    @property
    def values(self) -> int:
        """How many numbers each bucket of a series has."""
        return self.periods[0].slice.values + (self.below is not None)


class Grouped(NamedTuple):
    """All slices of a query under their keys."""

    keys: list[RawKey]
    """The distinct keys of all KPIs and periods; elsewhere a key is an index into this list."""
    kpis: list[GroupedKpi]


class Selection(NamedTuple):
    """The selected keys, as indexes in the order of rows."""

    indexes: IntArray
    rest: bool
    """All others are summed up in one more row."""
    next: RowPosition | None
    """The cursor of the next page."""

    @property
    def size(self) -> int:
        """How many rows there are at most."""
        return len(self.indexes) + self.rest

    def rows_of(self, keys: int) -> IntArray:
        """Returns for each of so many keys its row in the answer; -1 for an unselected one."""
        answer_rows = np.full(keys, -1)
        answer_rows[self.indexes] = np.arange(len(self.indexes))
        return answer_rows


class Ranked(NamedTuple):
    """The grouped reading of a query, with the selected keys."""

    reading: Reading
    grouped: Grouped
    selection: Selection
    names: Mapping[NameKey, str] = MappingProxyType({})
    """The display names of the ids in the answer, if they were asked for."""

    def take_numbers(self, points: PointBudget) -> int:
        """Counts the numbers of the answer towards the budget, before any is computed, and returns how many they are.

        Raises:
            LimitExceededError: there are too many.
        """
        query, kpis = self.reading.outline.query, self.grouped.kpis
        width = sum(period.width for period in self.reading.periods)
        of_durations = len(query.percentiles) + query.include_histogram
        numbers = points.take(self.selection.size, width, [kpi.values + of_durations for kpi in kpis])
        if query.include_histogram:
            bins = sum(len(part.code) for kpi in kpis for of in kpi.periods for part in of.slice.durations)
            numbers += points.take(1, bins, [_BIN_NUMBERS])
        return numbers


_BIN_NUMBERS = 3
"""Numbers of a histogram's bin: two bounds and the count."""


def _through(answer_rows: IntArray, key: IntArray) -> IntArray:
    return np.where(key == NONE, NONE, answer_rows[key]) if len(answer_rows) else key


def _is_left(answer_rows: IntArray, key: IntArray) -> npt.NDArray[np.bool_]:
    left: npt.NDArray[np.bool_] = (key != NONE) & (_through(answer_rows, key) == NONE)
    return left


def key_maker(dimensions: Sequence[Dimension]) -> Callable[[RawKey], GroupKey]:
    """Makes keys of rows' ids."""
    fields = [_KEY_FIELDS[dimension] for dimension in sorted(dimensions)]
    return lambda raw: GroupKey(**dict(zip(fields, raw, strict=True)))


_KEY_FIELDS = dict(zip(sorted(Dimension), GroupKey._fields, strict=True))
