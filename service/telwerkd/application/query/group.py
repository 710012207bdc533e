"""Group: under which keys the rows of all slices count, and how much under each.

A row has one key, but: by single topic it counts under each of its topics, and by a packed value under one key a value.
So keys come in layers (`slices.Layer`).
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from telwerkd.application.query.digests import Floats, digest
from telwerkd.application.query.question import NEEDS_MEAN, Order, OrderMeasure, RawKey
from telwerkd.application.query.read import KpiReading, Reading
from telwerkd.application.query.result import GroupKey
from telwerkd.application.query.slices import NONE, CellRow, Layer, SeriesRow, Slice, series
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.rates import SPLITS_ABOVE_ALONE
from telwerkd.domain.catalogue.specs import Dimension
from telwerkd.domain.catalogue.values import value_answer, value_topics
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.measures import has_durations, has_packed_values


class KeyTotals(NamedTuple):
    """What is counted under each key in one period: arrays by the keys' places."""

    counts: IntArray
    sums: IntArray
    """The stars; of durations the milliseconds, if the order is by them."""
    below: IntArray | None = None
    """Of a rate: what is below the line."""
    splits_alone: bool = False
    """Whether a key has a part that splits only what is above the line."""
    percentile: Floats | None = None
    """Of durations, if the order is by one."""

    @property
    def has_row(self) -> npt.NDArray[np.bool_]:
        """Which keys have a row: what is below alone makes one, but where its key is divided further."""
        counted: npt.NDArray[np.bool_] = self.counts != 0
        return counted if self.below is None or self.splits_alone else counted | (self.below != 0)


class GroupedSlice(NamedTuple):
    """A slice, and how its rows count."""

    slice: Slice
    totals: IntArray
    """By row and value."""
    layers: list[Layer]
    overlaps: bool
    """Whether a row may count under several keys with the same facts."""
    by_key: KeyTotals

    def selected(self, slots: IntArray) -> list[Layer]:
        """Returns the layers with slots in the keys' place; `slots` has one for each key, -1 where it is not wanted."""
        return [layer._replace(key=_through(slots, layer.key)) for layer in self.layers]

    def left_over(self, slots: IntArray) -> list[Layer]:
        """Returns slot 0 for every fact that counts under any key that is not wanted: each once."""
        left = [layer._replace(key=np.where(_is_left(slots, layer.key), 0, NONE)) for layer in self.layers]
        if not self.overlaps or not left:
            return left
        return [Layer(np.max([layer.key for layer in left], axis=0))]


class Below(NamedTuple):
    """What is below the line of a rate, under keys of its own: those without what splits only what is above."""

    periods: list[list[tuple[Slice, Layer]]]
    """Of each period the KPIs whose sum it is, and how their rows count."""
    of_key: IntArray
    """The place of each of the answer's keys among its own keys; `NONE` where nothing is below."""
    keys: int
    """How many keys of its own it has."""

    def by_key(self, period: int) -> IntArray:
        """Returns what is below in a period, by the answer's keys."""
        sums = np.zeros(self.keys + 1, np.int64)  # and one for `NONE`
        for of, layer in self.periods[period]:
            np.add.at(sums, layer.key, of.totals().sum(axis=1))
        return sums[self.of_key]

    def total(self, period: int) -> int:
        """Returns all that is below in a period, each fact once."""
        return sum(int(of.totals().sum()) for of, _ in self.periods[period])

    def numbers(self, period: int, places: IntArray) -> IntArray:
        """Returns what is below each of the answer's keys at some places, by bucket."""
        own, lines = np.unique(self.of_key[places], return_inverse=True)
        return self._added_up(period, own)[lines]

    def left_over(self, period: int, places: IntArray) -> IntArray:
        """Returns what is below the answer's keys at some places together, each fact once, by bucket."""
        together: IntArray = self._added_up(period, np.unique(self.of_key[places])).sum(axis=0)
        return together

    def _added_up(self, period: int, own: IntArray) -> IntArray:
        """By own key and bucket."""
        slots = np.full(self.keys + 1, NONE)
        slots[own] = np.arange(len(own))
        slots[NONE] = NONE
        width = self.periods[period][0][0].width
        sums = np.zeros((len(own), width), np.int64)
        for of, layer in self.periods[period]:
            sums += series(of, [layer._replace(key=slots[layer.key])], len(own)).sum(axis=2)
        return sums


class GroupedKpi(NamedTuple):
    """The slices of one KPI, each with how its rows count."""

    info: KpiInfo
    periods: list[GroupedSlice]
    held_back: int
    stars: IntArray
    """How many stars each packed value is; none for KPIs without a mean."""
    below: Below | None = None
    """Of a rate."""

    @property
    def values(self) -> int:
        """How many numbers each bucket of a series has."""
        return self.periods[0].slice.values + (self.below is not None)

    @property
    def has_row(self) -> npt.NDArray[np.bool_]:
        """Which keys have a row in any period."""
        in_any: npt.NDArray[np.bool_] = np.any([of.by_key.has_row for of in self.periods], axis=0)
        return in_any


class Grouped(NamedTuple):
    """All slices of a query under their keys."""

    keys: list[RawKey]
    """The distinct keys of all KPIs and periods; elsewhere a key is its place here."""
    kpis: list[GroupedKpi]


def group_rows(reading: Reading) -> Grouped:
    """Returns what was read under the keys that the query groups by."""
    dimensions = reading.outline.query.group_by
    places: dict[RawKey, int] = {}
    layers = [[_layers(of.rows, dimensions, kpi.info, places) for of in kpi.slices] for kpi in reading.kpis]
    # Their keys are places too, so they come before the sums by place.
    below = [_below_layers(kpi, dimensions, places) for kpi in reading.kpis]
    order = reading.outline.query.order
    kpis = [
        _grouped(kpi, of_kpi, len(places), order if place == order.kpi else Order())
        for place, (kpi, of_kpi) in enumerate(zip(reading.kpis, layers, strict=True))
    ]
    return Grouped(
        list(places),
        [kpi if of is None else _with_below(kpi, *of, dimensions, places) for kpi, of in zip(kpis, below, strict=True)],
    )


_BelowLayers: TypeAlias = tuple[list[list[tuple[Slice, Layer]]], dict[RawKey, int]]


def _below_layers(kpi: KpiReading, dimensions: Sequence[Dimension], places: dict[RawKey, int]) -> _BelowLayers | None:
    """Returns how the rows below the line count, and the keys under which they do: the answer's where it can be."""
    if not kpi.below:
        return None
    shared = [dimension for dimension in dimensions if dimension not in SPLITS_ABOVE_ALONE]
    own = places if len(shared) == len(dimensions) else {}
    periods = [
        [(of.slices[period], _layers(of.slices[period].rows, shared, of.info, own)[0]) for of in kpi.below]
        for period in range(len(kpi.slices))
    ]
    return periods, own


def _with_below(
    kpi: GroupedKpi,
    periods: list[list[tuple[Slice, Layer]]],
    own: dict[RawKey, int],
    dimensions: Sequence[Dimension],
    places: dict[RawKey, int],
) -> GroupedKpi:
    kept = [i for i, dimension in enumerate(sorted(dimensions)) if dimension not in SPLITS_ABOVE_ALONE]
    of_key = np.array([own.get(tuple(key[i] for i in kept), NONE) for key in places], np.int64)
    below, alone = Below(periods, of_key, len(own)), len(kept) < len(dimensions)
    with_below = [
        of._replace(by_key=of.by_key._replace(below=below.by_key(period), splits_alone=alone))
        for period, of in enumerate(kpi.periods)
    ]
    return kpi._replace(periods=with_below, below=below)


def _grouped(kpi: KpiReading, layers: Sequence[list[Layer]], keys: int, order: Order) -> GroupedKpi:
    of_durations = has_durations(kpi.info.kpi)
    stars = np.arange(1, kpi.slices[0].values + 1) * (kpi.info.has_mean and not of_durations)
    periods = []
    for of, of_slice in zip(kpi.slices, layers, strict=True):
        totals = of.totals()
        by_key = _by_key(totals, of_slice, stars, keys)
        if of_durations and (order.measure in NEEDS_MEAN or order.measure is OrderMeasure.PERCENTILE):
            whole = digest(of, of_slice[0].key, keys, whole=True)
            percentile = None if order.percentile is None else whole.percentiles([order.percentile])[0, :, 0]
            by_key = by_key._replace(sums=whole.sums[:, 0], percentile=percentile)
        # Only topics overlap; they have a layer each.
        overlaps = len(of_slice) > 1 and of_slice[0].code is None
        periods.append(GroupedSlice(of, totals, of_slice, overlaps, by_key))
    return GroupedKpi(kpi.info, periods, kpi.held_back, stars)


def _by_key(totals: IntArray, layers: Sequence[Layer], stars: IntArray, keys: int) -> KeyTotals:
    counts = np.zeros(keys, np.int64)
    of_stars = np.zeros_like(counts)
    for layer in layers:
        has_key = layer.key >= 0
        values = totals if layer.code is None else totals[:, [layer.code]]
        of_value = stars if layer.code is None else stars[[layer.code]]
        np.add.at(counts, layer.key[has_key], values.sum(axis=1)[has_key])
        np.add.at(of_stars, layer.key[has_key], (values @ of_value)[has_key])
    return KeyTotals(counts, of_stars)


def sums_by(of: GroupedSlice, info: KpiInfo, dimensions: Sequence[Dimension]) -> dict[RawKey, int]:
    """Returns the facts of a slice by other dimensions than the query's, none of which is a packed value or a topic."""
    places: dict[RawKey, int] = {}
    [layer] = _layers(of.slice.rows, dimensions, info, places)
    counts = np.zeros(len(places), np.int64)
    np.add.at(counts, layer.key, of.totals.sum(axis=1))
    return dict(zip(places, counts.tolist(), strict=True))


def _through(slots: IntArray, key: IntArray) -> IntArray:
    return np.where(key == NONE, NONE, slots[key]) if len(slots) else key


def _is_left(slots: IntArray, key: IntArray) -> npt.NDArray[np.bool_]:
    left: npt.NDArray[np.bool_] = (key != NONE) & (_through(slots, key) == NONE)
    return left


def _layers(
    rows: Sequence[SeriesRow], dimensions: Sequence[Dimension], info: KpiInfo, places: dict[RawKey, int]
) -> list[Layer]:
    """Returns how the rows of a KPI count by some dimensions; new keys get the next places."""
    if Dimension.TOPIC in dimensions:
        return _by_topic(rows, dimensions, places)
    if Dimension.VALUE in dimensions and has_packed_values(info.kpi):
        get = _key_getter([d for d in dimensions if d is not Dimension.VALUE])
        raw, at = [get(row) for row in rows], sorted(dimensions).index(Dimension.VALUE)
        return [
            Layer(_places_of(((*key[:at], known.value, *key[at:]) for key in raw), places), code)
            for code, known in enumerate(info.values)
        ]
    if not dimensions:
        return [Layer(np.full(len(rows), places.setdefault((), len(places))))]
    return [Layer(_places_of(map(_key_getter(dimensions), rows), places))]


def _places_of(keys: Iterable[RawKey], places: dict[RawKey, int]) -> IntArray:
    return np.array([places.setdefault(key, len(places)) for key in keys], np.int64)


def _by_topic(rows: Sequence[SeriesRow], dimensions: Sequence[Dimension], places: dict[RawKey, int]) -> list[Layer]:
    """Returns a layer for the first topic of each row, one for the second, and so on."""
    get = _key_getter(dimensions)
    topics = [value_topics(row.value) for row in rows]
    layers = []
    for n in range(max(map(len, topics), default=0)):
        key = np.full(len(rows), NONE)
        having = [place for place, of_row in enumerate(topics) if len(of_row) > n]
        key[having] = _places_of((get(rows[place]._replace(value=topics[place][n])) for place in having), places)
        layers.append(Layer(key))
    return layers


_FIELDS = {
    Dimension.OPERATOR: "operator",
    Dimension.OPERATOR_GROUP: "group",
    Dimension.WIDGET: "widget",
    Dimension.VALUE: "value",
    Dimension.TOPIC: "value",
    Dimension.QUESTION: "value",
    Dimension.WEEKDAY: "weekday",
    Dimension.HOUR_OF_DAY: "hour_of_day",
}
"""Where a row has a dimension. By topic, each copy of a row has one topic as its value."""


def _key_getter(dimensions: Sequence[Dimension]) -> Callable[[SeriesRow], RawKey]:
    """Takes a row's key, in the order of `GroupKey`."""
    places = [CellRow._fields.index(_FIELDS[dimension]) for dimension in sorted(dimensions)]
    if Dimension.QUESTION in dimensions:
        of_value = CellRow._fields.index("value")
        return lambda row: tuple(value_answer(row.value)[0] if at == of_value else row[at] for at in places)
    if len(places) > 1:
        return itemgetter(*places)
    return lambda row: tuple(row[place] for place in places)


def key_maker(dimensions: Sequence[Dimension]) -> Callable[[RawKey], GroupKey]:
    """Makes keys of rows' ids."""
    fields = [_KEY_FIELDS[dimension] for dimension in sorted(dimensions)]
    return lambda raw: GroupKey(**dict(zip(fields, raw, strict=True)))


_KEY_FIELDS = dict(zip(sorted(Dimension), GroupKey._fields, strict=True))
