"""Answers made by hand, of which each test names what it is about."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from telwerkd.application.ports import AnswerVersion
from telwerkd.application.query.result import (
    Answer,
    AnswerRow,
    DurationNumbers,
    GrandTotal,
    GroupKey,
    KpiRows,
    Numbers,
)
from telwerkd.application.query.slices.digests import Bins, Histogram
from telwerkd.domain.catalogue.kpis import CATALOGUE, KpiInfo
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.ids import Micros
from telwerkd.domain.time.calendar import Buckets

FIRST_QUARTER = 1_963_968
"""2026-01-05T00:00Z, a Monday, in quarters of an hour since 1970."""
NOW = Micros(FIRST_QUARTER * 900_000_000 + 5_000_000)
FEEDBACK, SCORE = CATALOGUE[Kpi.FEEDBACK_COUNT], CATALOGUE[Kpi.SATISFACTION_SCORE]
NO_KEY = GroupKey()


def column(*numbers: int) -> IntArray:
    return np.array(numbers, np.int64)


def numbers(*counts: int, **more: Any) -> Numbers:
    return Numbers(column(*counts), **{"sums": None, "distribution": None} | more)


def row(*counts: int, key: GroupKey = NO_KEY, **more: Any) -> AnswerRow:
    """A row of so many facts in each bucket."""
    return AnswerRow(key, column(*counts), **{"sums": None, "distribution": None} | more)


def of_kpi(info: KpiInfo, *rows: AnswerRow, **more: Any) -> KpiRows:
    about: dict[str, Any] = {
        "held_back": 0,
        "enabled": True,
        "not_enabled": [],
        "overlapping": False,
        "summed": GrandTotal(),
        "compared": GrandTotal(),
        "row_count": len(rows),
    }
    return KpiRows(info, list(rows), **about | more)


def buckets(count: int, first: int = FIRST_QUARTER, *, clipped: tuple[bool, bool] = (False, False)) -> Buckets:
    """So many quarters of an hour."""
    return Buckets(np.arange(first, first + count + 1), first_clipped=clipped[0], last_clipped=clipped[1])


def answer(*kpis: KpiRows, width: int = 1, due: Micros | None = None, **more: Any) -> Answer:
    about = {"buckets": buckets(width), "compared": None, "time_zone": "UTC", "next": None}
    return Answer(**about | {"kpis": list(kpis), "answer_version": AnswerVersion(7, due)} | more)


def durations(
    percentiles: dict[float, Sequence[float]], histogram: Sequence[Sequence[tuple[int, int, int]]] | None = None
) -> DurationNumbers:
    """Percentiles and bins of each bucket."""
    bins = [each for bucket in histogram or () for each in bucket]
    edges = np.cumsum([0, *(len(bucket) for bucket in histogram or ())])
    columns = Bins(*(column(*of) for of in zip(*bins, strict=True))) if bins else Bins(column(), column(), column())
    values = np.array(list(percentiles.values()), float).reshape(len(percentiles), -1)
    return DurationNumbers(tuple(percentiles), values, None if histogram is None else Histogram(edges, columns))
