"""Times of the week: converts slices by hours into totals of the cells of a week, with a row per cell.

From then on the cell is a part of a row's key, as its operator is, for all later stages.
"""

import numpy as np

from telwerkd.application.query.budgets import RowBudget
from telwerkd.application.query.slices.slices import CellRow, DensePart, KpiReading, Reading, Slice, SparsePart
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.time.calendar import Buckets
from telwerkd.domain.time.ranges import Period
from telwerkd.domain.time.week import WeekSpan


def periods_of(week: tuple[WeekSpan, ...]) -> tuple[Period, ...]:
    """Returns the periods in which the spans are read, with a bucket for each stretch."""
    return tuple(Period(Buckets(of.edges, first_clipped=False, last_clipped=False), None) for of in week)


def into_cells(reading: Reading, rows: RowBudget) -> Reading:
    """Returns a reading by stretches as one by cells of the week.

    Raises:
        LimitExceededError: there are too many rows.
    """
    before, week = rows.taken, reading.outline.week

    def of_kpi(kpi: KpiReading) -> KpiReading:
        slices = [_in_cells(of, week[period], rows) for period, of in enumerate(kpi.slices)]
        return kpi._replace(slices=slices, below=[of_kpi(below) for below in kpi.below])

    kpis = [of_kpi(kpi) for kpi in reading.kpis]
    whole = tuple(Period(Buckets(of.edges[[0, -1]], first_clipped=False, last_clipped=False), None) for of in week)
    return reading._replace(kpis=kpis, periods=whole, rows=reading.rows + rows.taken - before)


def _in_cells(of: Slice, week: WeekSpan, rows: RowBudget) -> Slice:
    """Returns a slice of one bucket, with a row for each row and cell that have counts."""
    cells = week.division.cells
    dense = [_summed(part, week) for part in of.dense]
    sparse = [part.row * cells + week.cells[part.bucket] for part in of.sparse]
    durations = [part.row * cells + week.cells[part.bucket] for part in of.durations]
    used = np.unique(np.concatenate([*(position for position, _ in dense), *sparse, np.zeros(0, np.int64)]))
    rows.take(len(used))
    labels = [week.division.labels(cell) for cell in range(cells)]
    return Slice(
        [CellRow(*of.rows[position // cells], *labels[position % cells]) for position in used.tolist()],
        of.values,
        1,
        [DensePart(np.searchsorted(used, position), 0, counts) for position, counts in dense],
        [
            SparsePart(np.searchsorted(used, position), np.zeros_like(position), part.code, part.n)
            for position, part in zip(sparse, of.sparse, strict=True)
        ],
        [
            SparsePart(np.searchsorted(used, position), np.zeros_like(position), part.code, part.n)
            for position, part in zip(durations, of.durations, strict=True)
        ],
    )


def _summed(part: DensePart, week: WeekSpan) -> tuple[IntArray, IntArray]:
    """Returns the positions of rows and cells that have anything, and their counts in one bucket, by value."""
    cell = week.cells[part.first : part.first + part.counts.shape[1]]
    order = np.argsort(cell, kind="stable")
    firsts = np.flatnonzero(np.diff(cell[order], prepend=-1))
    counts = np.add.reduceat(part.counts[:, order], firsts, axis=1, dtype=np.int64)
    line, present = np.nonzero(counts.any(axis=2))
    return part.row[line] * week.division.cells + cell[order[firsts]][present], counts[line, present][:, None]
