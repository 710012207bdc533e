"""Rank: orders the keys, and selects those of the answer."""

from collections.abc import Sequence
from heapq import merge
from typing import assert_never

import numpy as np

from telwerkd.application.query.keys import Grouped, KeyTotals, Selection
from telwerkd.application.query.question import Order, OrderMeasure, Page, Query, RawKey, RowPosition, Top
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.ratios import OF_COLUMNS, Floats
from telwerkd.domain.errors import LimitExceededError, RequestPart


def rank(query: Query, grouped: Grouped, groups_max: int) -> Selection:
    """Returns the keys that a query asks for, in its order.

    Raises:
        LimitExceededError: there are more than `groups_max`, and the query neither pages nor asks for the largest.
    """
    keys = grouped.keys
    number = _numbers(query.order, [of.by_key for of in grouped.kpis[query.order.kpi].periods])
    absent = np.isnan(number)
    ranks = np.empty(len(keys), np.int64)
    ranks[_in_order(keys)] = np.arange(len(keys))
    backwards = query.order.measure is OrderMeasure.KEY and query.order.descending
    order = np.lexsort((-ranks if backwards else ranks, np.where(absent, 0.0, number), absent))
    if query.group_by:
        # What was counted and taken back leaves a key without facts until it is compacted.
        order = order[np.any([kpi.has_row for kpi in grouped.kpis], axis=0)[order]]
    if query.top is not None:
        largest = _at_least(query.top, order, grouped.kpis[query.order.kpi].periods[0].by_key)[: query.top.size]
        return Selection(largest, query.top.rest and len(order) > len(largest), None)
    if query.page is not None:
        positions = [RowPosition(bool(absent[i]), _plain(number[i]), keys[i]) for i in order]
        return _page(query.page, order, positions, backwards=backwards)
    if len(order) > groups_max:
        raise LimitExceededError(
            RequestPart.GROUPING,
            f"the answer would have {len(order)} groups, at most {groups_max} (groups_max) are answered at once: ask "
            "for pages (page_size) or the largest (top), filter, or group by less",
        )
    return Selection(order, rest=False, next=None)


def _at_least(top: Top, order: IntArray, decisive: KeyTotals) -> IntArray:
    """Returns the keys of an order whose denominators are large enough."""
    if not top.min_below or decisive.below is None:
        return order
    return order[decisive.below[order] >= top.min_below]


def _in_order(keys: Sequence[RawKey]) -> list[int]:
    """Returns the positions of keys in their order.

    To sort a hundred thousand at once would keep the interpreter from every other thread for a tenth of a second.
    """
    runs = [
        sorted(range(start, min(start + _RUN, len(keys))), key=keys.__getitem__) for start in range(0, len(keys), _RUN)
    ]
    return runs[0] if len(runs) == 1 else list(merge(*runs, key=keys.__getitem__))


_RUN = 4_000
"""Keys sorted at once: 4 ms."""


def _page(page: Page, order: IntArray, positions: list[RowPosition], *, backwards: bool) -> Selection:
    begin = 0
    if page.after is not None:
        after = page.after
        begin = sum(position.key >= after.key if backwards else position <= after for position in positions)
    end = begin + page.size
    return Selection(order[begin:end], rest=False, next=positions[end - 1] if end < len(positions) else None)


def _plain(number: float) -> float:
    return 0.0 if np.isnan(number) else float(number)


def _numbers(order: Order, periods: Sequence[KeyTotals]) -> Floats:  # noqa: C901  # one case a measure
    """Returns the sort numbers of all keys, ascending in the requested order; NaN for a key without one."""
    main, compared = periods[0], periods[-1]
    match order.measure:
        case OrderMeasure.KEY:
            return np.zeros(len(main.counts))  # ties, which come by key
        case OrderMeasure.COUNT:
            number = main.counts.astype(float)
        case OrderMeasure.SUM:
            number = main.sums.astype(float)
        case OrderMeasure.MEAN:
            number = OF_COLUMNS.mean(main.sums, main.counts)
        case OrderMeasure.COUNT_DELTA:
            number = (main.counts - compared.counts).astype(float)
        case OrderMeasure.COUNT_CHANGE:
            number = OF_COLUMNS.change(main.counts, compared.counts)
        case OrderMeasure.RATE:
            number = _rates(main)
        case OrderMeasure.RATE_DELTA:
            number = _rates(main) - _rates(compared)
        case OrderMeasure.MEAN_DELTA:
            number = OF_COLUMNS.mean(main.sums, main.counts) - OF_COLUMNS.mean(compared.sums, compared.counts)
        case OrderMeasure.PERCENTILE:
            number = _percentiles(main)
        case _:
            assert_never(order.measure)
    return -number if order.descending else number


def _percentiles(totals: KeyTotals) -> Floats:
    if totals.percentile is None:
        raise AssertionError("only durations are ordered by a percentile")
    return totals.percentile


def _rates(totals: KeyTotals) -> Floats:
    if totals.below is None:
        raise AssertionError("only rates are ordered by their rate")
    return OF_COLUMNS.rate(totals.counts, totals.below)
