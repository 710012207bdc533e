"""Estimates of a query's cost, by which the runner chooses event loop or thread.

The unit is 8 ns, the time to add one number of a rollup, encoding included, measured on two slow cores.
"""

from collections.abc import Sequence

from telwerkd.application.query.slices.outlines import KpiOutline
from telwerkd.application.query.slices.slices import Reading, Slice
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.measures import has_open_values
from telwerkd.domain.counting.rollups import Rollup

LOOP_COST_MAX = 240_000
"""What an answer may cost in the event loop: 1.9 ms. A year by day by 50 operators, of a KPI with five values, costs
170,000 before it is read, and 190,000 with the numbers of its answer."""

_MS_PER_UNIT = 8e-6

_EVENT_MS = 0.03
"""About what it takes to read an event and to fold it."""

_READ = 20_000
"""The statements that read one measure in one period, and all that is done for a KPI that has nothing."""

_BUCKET, _COMPARED_BUCKET = 12, 16
"""A bucket: its edge is found and encoded."""

_COUNT, _COMPARED_COUNT = 2, 8
"""A count of a series: allocated, summed up over its values and encoded; with its differences where it is compared."""

_CHUNK, _ENTRY, _OPEN_ENTRY, _FILED = 60, 12, 60, 60
"""A chunk whose version is read, a delta entry, one whose value producers choose, a transaction's entries."""

_DURATION = 12
"""A bin of durations in a bucket of a series: put into its bucket and its order, and counted."""

_HISTOGRAM, _BIN = 80, 600
"""A bucket that has a histogram, be it empty, and a bin in it: messages of their own."""

_ROW = 800
"""A row of an answer."""


def of_outline(bucket_counts: Sequence[int], kpis: Sequence[KpiOutline]) -> int:
    """Returns what a query costs whatever its account holds: its buckets, and the statements that read it.

    `bucket_counts` are those of each period.
    """
    per_bucket = _BUCKET if len(bucket_counts) == 1 else _COMPARED_BUCKET
    reads = sum((1 + len(kpi.below)) * len(bucket_counts) + len(kpi.by_widget) for kpi in kpis)
    return sum(bucket_counts) * per_bucket + reads * _READ


def of_entries(kpi: Kpi, filed: int, entries: int) -> int:
    """Returns what it costs to read what so many transactions have filed of a KPI since its chunks were merged."""
    return _FILED * filed + (_OPEN_ENTRY if has_open_values(kpi) else _ENTRY) * entries


def of_rollup(rollup: Rollup, chunks: int) -> int:
    """Returns what it costs to read a rollup of so many chunks that is cached, and to group it.

    Only for the choice before it is read: afterwards `of_grouping` takes its place, with the rows and numbers that were
    read.
    """
    durations = 0 if rollup.durations is None else _DURATION * len(rollup.durations.n)
    return _CHUNK * chunks + rollup.counts.size + _ROW * len(rollup.rows) + durations


def milliseconds(spent: int, events: int) -> float:
    """Returns how long it takes, as estimated, to do what costs so much and to fold so many events."""
    return spent * _MS_PER_UNIT + events * _EVENT_MS


def of_grouping(reading: Reading) -> int:
    """Returns what it costs to put what was read under its keys, and the keys in their order."""
    kpis = [part for kpi in reading.kpis for part in (kpi, *kpi.below)]
    return sum(_of_slice(of) for kpi in kpis for of in kpi.slices)


def _of_slice(of: Slice) -> int:
    cells = sum(len(part.row) for part in of.sparse)
    durations = sum(len(part.row) for part in of.durations)
    return _ROW * len(of.rows) + sum(part.counts.size for part in of.dense) + _ENTRY * cells + _DURATION * durations


def of_assembling(reading: Reading, rows: int) -> int:
    """Returns what it costs to allocate and to encode the numbers of so many rows."""
    per_count = _COUNT if len(reading.periods) == 1 else _COMPARED_COUNT
    widths = sum(period.width for period in reading.periods)
    query = reading.outline.query
    columns = sum((2 if kpi.below else 1) + len(query.percentiles) for kpi in reading.kpis)
    spent = rows * widths * columns * per_count
    if query.include_histogram:
        bins = sum(len(part.code) for kpi in reading.kpis for of in kpi.slices for part in of.durations)
        spent += rows * widths * len(reading.kpis) * _HISTOGRAM + bins * _BIN
    return spent
