"""The last answer of a watch, compressed to what a comparison with the next answer needs.

Most numbers of a series are 0, and the others small. So the numbers of all rows of a KPI are stored as one array of the
smallest sufficient type, or as the non-zero numbers with their positions.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from telwerkd.application.query.result import Answer, AnswerRow, GroupKey, KpiRows, Numbers
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.measures import has_durations
from telwerkd.domain.time.calendar import Buckets

_ROW_BYTES, _KPI_BYTES, _NAME_BYTES = 400, 2_000, 300
"""Estimated memory in bytes of a row's ids, of a KPI without its rows, and of a display name without its text."""


class _Packed(NamedTuple):
    """A compressed array of numbers."""

    shape: tuple[int, ...]
    positions: npt.NDArray[np.uint32] | None
    """The positions of the non-zero numbers; None: all numbers are stored."""
    numbers: npt.NDArray[np.unsignedinteger[npt.NBitBase]]

    @property
    def nbytes(self) -> int:
        return self.numbers.nbytes + (0 if self.positions is None else self.positions.nbytes)

    def unpacked(self) -> IntArray:
        """Returns the array."""
        if self.positions is None:
            return self.numbers.astype(np.int64).reshape(self.shape)
        flat = np.zeros(int(np.prod(self.shape)), np.int64)
        flat[self.positions] = self.numbers
        return flat.reshape(self.shape)


def _packed(arrays: Sequence[IntArray]) -> _Packed:
    whole = np.array(arrays)
    flat = whole.reshape(-1)
    positions = np.flatnonzero(flat).astype(np.uint32)
    narrow = flat.astype(np.min_scalar_type(int(flat.max(initial=0))))
    some = narrow[positions]
    if some.nbytes + positions.nbytes < narrow.nbytes:
        return _Packed(whole.shape, positions, some)
    return _Packed(whole.shape, None, narrow)


class _Columns(NamedTuple):
    """The numbers of some rows in one period."""

    counts: _Packed
    distribution: _Packed | None
    has_sums: bool
    """Stars are not kept: they are different only where the distribution is."""
    below: _Packed | None
    """The denominators of a rate; None for other KPIs."""

    @property
    def nbytes(self) -> int:
        return self.counts.nbytes + sum(of.nbytes for of in (self.distribution, self.below) if of is not None)

    def numbers(self) -> list[Numbers]:
        """Returns the numbers row by row; sums are zeros."""
        counts = self.counts.unpacked()
        sums = np.zeros_like(counts)
        distribution = None if self.distribution is None else self.distribution.unpacked()
        below = None if self.below is None else self.below.unpacked()
        return [
            Numbers(
                row,
                sums[i] if self.has_sums else None,
                None if distribution is None else distribution[i],
                None if below is None else below[i],
            )
            for i, row in enumerate(counts)
        ]


def _columns(numbers: Sequence[Numbers]) -> _Columns:
    distributions = [of.distribution for of in numbers if of.distribution is not None]
    below = [of.below for of in numbers if of.below is not None]
    return _Columns(
        _packed([of.counts for of in numbers]),
        _packed(distributions) if distributions else None,
        numbers[0].sums is not None,
        _packed(below) if below else None,
    )


class _Kpi(NamedTuple):
    """The compressed answer for a KPI."""

    without_rows: KpiRows
    keys: list[tuple[GroupKey, bool]]
    """The key of each row, and whether it is the rest."""
    periods: list[_Columns]

    @property
    def nbytes(self) -> int:
        return _KPI_BYTES + _ROW_BYTES * len(self.keys) + sum(columns.nbytes for columns in self.periods)

    def rows(self) -> list[AnswerRow]:
        """Returns the rows, with zeros for their sums."""
        main, *compared = [columns.numbers() for columns in self.periods] or [[]]
        return [
            AnswerRow(
                key,
                main[i].counts,
                main[i].sums,
                main[i].distribution,
                compared[0][i] if compared else None,
                rest,
                below=main[i].below,
            )
            for i, (key, rest) in enumerate(self.keys)
        ]


_NO_BUCKETS = Buckets(np.zeros(0, np.int64), first_clipped=False, last_clipped=False)


class KeptAnswer:
    """A compressed answer to a time series, without its buckets and sums."""

    def __init__(self, answer: Answer) -> None:
        self.version = answer.answer_version.version
        self._without_kpis = answer._replace(kpis=[], buckets=_NO_BUCKETS, compared=None)
        self._kpis = [_kept(rows) for rows in answer.kpis]
        names = sum(_NAME_BYTES + 4 * len(name) for name in answer.names.values())
        self.nbytes = names + sum(kpi.nbytes for kpi in self._kpis)
        """About how much memory it takes."""

    def answer(self) -> Answer:
        """Returns the answer, without the parts that were dropped."""
        kpis = [kpi.without_rows._replace(rows=kpi.rows()) for kpi in self._kpis]
        return self._without_kpis._replace(kpis=kpis)


def hashed(rows: KpiRows) -> KpiRows:
    """Returns the rows with a hash in position of their durations."""
    if not has_durations(rows.info.kpi):
        return rows
    numbers = [of for row in rows.rows for of in (row, row.compared) if of is not None]
    parts = [of.sums.tobytes() for of in numbers if of.sums is not None]
    for of in numbers:
        if of.durations is not None:
            parts.append(of.durations.percentiles.tobytes())
            if of.durations.histogram is not None:
                histogram = of.durations.histogram
                parts += [column.tobytes() for column in (histogram.edges, *histogram.bins)]
    return rows._replace(durations_hash=hash(b"".join(parts)))


def _kept(rows: KpiRows) -> _Kpi:
    periods: list[_Columns] = []
    if rows.rows:
        periods.append(_columns([Numbers(row.counts, row.sums, row.distribution, row.below) for row in rows.rows]))
    compared = [row.compared for row in rows.rows if row.compared is not None]
    if compared:
        periods.append(_columns(compared))
    return _Kpi(hashed(rows)._replace(rows=[]), [(row.key, row.rest) for row in rows.rows], periods)
