"""Group: assigns the rows of all slices to group keys, and sums them up by key.

A row has one key, but: by single topic it counts under each of its topics, and by a packed value under one key a value.
So keys come in layers (`slices.Layer`).
"""

from collections.abc import Callable, Iterable, Sequence
from operator import itemgetter
from typing import TypeAlias

import numpy as np

from telwerkd.application.query.keys import Below, Grouped, GroupedKpi, GroupedSlice, KeyTotals, Wholes
from telwerkd.application.query.question import NEEDS_MEAN, Order, OrderMeasure, Query, RawKey
from telwerkd.application.query.slices.digests import digest
from telwerkd.application.query.slices.slices import NONE, CellRow, KpiReading, Layer, Reading, SeriesRow, Slice
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.rates import SPLITS_ABOVE_ALONE
from telwerkd.domain.catalogue.specs import Dimension, ValueKind
from telwerkd.domain.catalogue.values import value_answer, value_topics
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.measures import has_durations, has_packed_values


def group_rows(reading: Reading) -> Grouped:
    """Returns what was read under the keys that the query groups by."""
    query = reading.outline.query
    dimensions, order = query.group_by, query.order
    indexes: dict[RawKey, int] = {}
    layers = [[_layers(of.rows, dimensions, kpi.info, indexes) for of in kpi.slices] for kpi in reading.kpis]
    # Their keys are indexes too, so they come before the sums by index.
    below = [_below_layers(kpi, dimensions, indexes) for kpi in reading.kpis]
    kpis = [
        _grouped(query, kpi, of_kpi, len(indexes), order if index == order.kpi else Order())
        for index, (kpi, of_kpi) in enumerate(zip(reading.kpis, layers, strict=True))
    ]
    return Grouped(
        list(indexes),
        [
            kpi if of is None else _with_below(kpi, *of, dimensions, indexes)
            for kpi, of in zip(kpis, below, strict=True)
        ],
    )


_BelowLayers: TypeAlias = tuple[list[list[tuple[Slice, Layer]]], dict[RawKey, int]]


def _below_layers(kpi: KpiReading, dimensions: Sequence[Dimension], indexes: dict[RawKey, int]) -> _BelowLayers | None:
    """Returns how the rows below the line count, and the keys under which they do: the answer's where it can be."""
    if not kpi.below:
        return None
    shared = [dimension for dimension in dimensions if dimension not in SPLITS_ABOVE_ALONE]
    own = indexes if len(shared) == len(dimensions) else {}
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
    indexes: dict[RawKey, int],
) -> GroupedKpi:
    kept = [i for i, dimension in enumerate(sorted(dimensions)) if dimension not in SPLITS_ABOVE_ALONE]
    of_key = np.array([own.get(tuple(key[i] for i in kept), NONE) for key in indexes], np.int64)
    below = Below(periods, of_key, len(own))
    by_key = [below.by_key(period) for period in range(len(kpi.periods))]
    with_below = [
        of._replace(by_key=of.by_key._replace(below=of_period))
        for of, of_period in zip(kpi.periods, by_key, strict=True)
    ]
    has_row = kpi.has_row
    if len(kept) == len(dimensions):
        # What is below alone makes a row, but where its key is divided further.
        has_row = np.any([has_row, *(of_period != 0 for of_period in by_key)], axis=0)
    return kpi._replace(periods=with_below, below=below, has_row=has_row)


def _grouped(query: Query, kpi: KpiReading, layers: Sequence[list[Layer]], keys: int, order: Order) -> GroupedKpi:
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
    has_row = np.any([of.by_key.counts != 0 for of in periods], axis=0)
    return GroupedKpi(kpi.info, periods, kpi.held_back, stars, has_row, _wholes(query, kpi.info, periods[0]))


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


def _wholes(query: Query, info: KpiInfo, of: GroupedSlice) -> Wholes:
    """Returns what the rows of totals are parts of."""
    dimensions = sorted(query.group_by)
    parts = _PARTS.intersection(dimensions)
    whole_by = {dimension for dimension in dimensions if parts and dimension not in parts}
    if info.value_kind is ValueKind.SURVEY_ANSWER and Dimension.VALUE in dimensions:
        whole_by.add(Dimension.QUESTION)
    counts = _sums_by(of, info, sorted(whole_by)) if query.granularity is None else {}
    return Wholes(dimensions, sorted(whole_by), counts)


_PARTS = frozenset({Dimension.VALUE, Dimension.TOPIC, Dimension.QUESTION})


def _sums_by(of: GroupedSlice, info: KpiInfo, dimensions: Sequence[Dimension]) -> dict[RawKey, int]:
    """Returns the facts of a slice by other dimensions than the query's, none of which is a packed value or a topic."""
    indexes: dict[RawKey, int] = {}
    [layer] = _layers(of.slice.rows, dimensions, info, indexes)
    counts = np.zeros(len(indexes), np.int64)
    np.add.at(counts, layer.key, of.totals.sum(axis=1))
    return dict(zip(indexes, counts.tolist(), strict=True))


def _layers(
    rows: Sequence[SeriesRow], dimensions: Sequence[Dimension], info: KpiInfo, indexes: dict[RawKey, int]
) -> list[Layer]:
    """Returns how the rows of a KPI count by some dimensions; new keys get the next indexes."""
    if Dimension.TOPIC in dimensions:
        return _by_topic(rows, dimensions, indexes)
    if Dimension.VALUE in dimensions and has_packed_values(info.kpi):
        get = _key_getter([d for d in dimensions if d is not Dimension.VALUE])
        raw, at = [get(row) for row in rows], sorted(dimensions).index(Dimension.VALUE)
        return [
            Layer(_indexes_of(((*key[:at], known.value, *key[at:]) for key in raw), indexes), code)
            for code, known in enumerate(info.values)
        ]
    if not dimensions:
        return [Layer(np.full(len(rows), indexes.setdefault((), len(indexes))))]
    return [Layer(_indexes_of(map(_key_getter(dimensions), rows), indexes))]


def _indexes_of(keys: Iterable[RawKey], indexes: dict[RawKey, int]) -> IntArray:
    return np.array([indexes.setdefault(key, len(indexes)) for key in keys], np.int64)


def _by_topic(rows: Sequence[SeriesRow], dimensions: Sequence[Dimension], indexes: dict[RawKey, int]) -> list[Layer]:
    """Returns a layer for the first topic of each row, one for the second, and so on."""
    get = _key_getter(dimensions)
    topics = [value_topics(row.value) for row in rows]
    layers = []
    for n in range(max(map(len, topics), default=0)):
        key = np.full(len(rows), NONE)
        having = [index for index, of_row in enumerate(topics) if len(of_row) > n]
        key[having] = _indexes_of((get(rows[index]._replace(value=topics[index][n])) for index in having), indexes)
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
    """Returns the function that extracts a row's key, in the order of `GroupKey`."""
    indexes = [CellRow._fields.index(_FIELDS[dimension]) for dimension in sorted(dimensions)]
    if Dimension.QUESTION in dimensions:
        of_value = CellRow._fields.index("value")
        return lambda row: tuple(value_answer(row.value)[0] if at == of_value else row[at] for at in indexes)
    if len(indexes) > 1:
        return itemgetter(*indexes)
    return lambda row: tuple(row[index] for index in indexes)
