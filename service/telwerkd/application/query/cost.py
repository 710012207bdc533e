"""What a query costs, estimated before it is done: by it the runner chooses event loop or thread.

In units of 8 ns, the time to add one number of a rollup, measured on two slow cores, with what encoding takes.
"""

from telwerkd.application.ports import AnswerView
from telwerkd.application.query.plan import CachedWhole, Outline, QueryPlan
from telwerkd.application.query.rank import Selection
from telwerkd.application.query.read import Reading
from telwerkd.application.query.slices import Slice
from telwerkd.domain.counting.measures import has_open_values

LOOP_COST_MAX = 240_000
"""What an answer may cost in the event loop: 1.9 ms. A year by day by 50 operators is 210,000."""

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


def of_outline(outlined: Outline) -> int:
    """Returns what a query costs whatever its account holds: its buckets, and the statements that read it."""
    per_bucket = _BUCKET if len(outlined.spans) == 1 else _COMPARED_BUCKET
    reads = sum((1 + len(kpi.below)) * len(outlined.spans) + len(kpi.by_widget) for kpi in outlined.kpis)
    return sum(outlined.bucket_counts) * per_bucket + reads * _READ


def of_reading(planned: QueryPlan, view: AnswerView) -> int:
    """Returns what reading a plan costs whose chunks are all cached, beside what its outline costs.

    The delta entries are counted for it, and not read.
    """
    spent = 0
    for of in planned.slices():
        filed, entries = view.filed(of.outline.selector.measure)
        spent += _FILED * filed + (_OPEN_ENTRY if has_open_values(of.outline.info.kpi) else _ENTRY) * entries
        if isinstance(of.source, CachedWhole):
            rollup = of.source.rollup
            spent += _CHUNK * len(of.source.versions) + rollup.counts.size + _ROW * len(rollup.rows)
            spent += 0 if rollup.durations is None else _DURATION * len(rollup.durations.n)
    return spent


def milliseconds(reading: Reading) -> float:
    """Returns what a query costs in all, but for its answer's numbers, in estimated milliseconds."""
    return (of_outline(reading.outline) + of_grouping(reading)) * _MS_PER_UNIT + reading.folded * _EVENT_MS


def of_grouping(reading: Reading) -> int:
    """Returns what it costs to put what was read under its keys, and the keys in their order."""
    kpis = [part for kpi in reading.kpis for part in (kpi, *kpi.below)]
    return sum(_of_slice(of) for kpi in kpis for of in kpi.slices)


def _of_slice(of: Slice) -> int:
    cells = sum(len(part.row) for part in of.sparse)
    durations = sum(len(part.row) for part in of.durations)
    return _ROW * len(of.rows) + sum(part.counts.size for part in of.dense) + _ENTRY * cells + _DURATION * durations


def of_assembling(reading: Reading, selection: Selection) -> int:
    """Returns what it costs to allocate and to encode the numbers of the selected keys."""
    per_count = _COUNT if len(reading.periods) == 1 else _COMPARED_COUNT
    widths = sum(period.width for period in reading.periods)
    query = reading.outline.query
    columns = sum((2 if kpi.below else 1) + len(query.percentiles) for kpi in reading.kpis)
    spent = selection.size * widths * columns * per_count
    if query.include_histogram:
        bins = sum(len(part.code) for kpi in reading.kpis for of in kpi.slices for part in of.durations)
        spent += selection.size * widths * len(reading.kpis) * _HISTOGRAM + bins * _BIN
    return spent
