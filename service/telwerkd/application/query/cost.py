"""What the stages of an answer cost, estimated before they run; by it the runner chooses event loop or thread.

Costs are in units of 8 ns, the time to add one number of a rollup. They were measured on two slow cores and include
what encoding takes.
"""

from telwerkd.application.ports import Snapshot
from telwerkd.application.query.plan import CachedWhole, Outline, QueryPlan
from telwerkd.application.query.rank import Selection
from telwerkd.application.query.read import Reading
from telwerkd.application.query.slices import Slice
from telwerkd.domain.counting.measures import has_open_values

LOOP_COST_MAX = 240_000
"""What an answer may cost in the event loop: 1.9 ms. A year by day by 50 operators is 210,000."""

_READ = 20_000
"""The statements that read one measure in one period, and all that is done for a KPI that has nothing."""

_BUCKET, _COMPARED_BUCKET = 12, 16
"""A bucket: its edge is found and encoded."""

_COUNT, _COMPARED_COUNT = 2, 8
"""A count of a series: allocated, summed up over its values and encoded; with its differences where it is compared."""

_CHUNK, _ENTRY, _OPEN_ENTRY, _FILED = 60, 12, 60, 60
"""A chunk whose version is read, a delta entry, one whose value producers choose, a transaction's entries."""

ROW = 800
"""A row of an answer."""


def of_outline(outlined: Outline) -> int:
    """Returns what a query costs whatever its account holds: its buckets, and the statements that read it."""
    per_bucket = _BUCKET if len(outlined.spans) == 1 else _COMPARED_BUCKET
    return sum(outlined.bucket_counts) * per_bucket + len(outlined.kpis) * len(outlined.spans) * _READ


def of_reading(planned: QueryPlan, view: Snapshot) -> int:
    """Returns what reading a plan costs whose chunks are all cached, beside what its outline costs.

    The delta entries are counted for it, and not read.
    """
    cost = 0
    for of in planned.slices():
        filed, entries = view.filed(of.outline.selector.measure)
        cost += _FILED * filed + (_OPEN_ENTRY if has_open_values(of.outline.info.kpi) else _ENTRY) * entries
        if isinstance(of.source, CachedWhole):
            rollup = of.source.rollup
            cost += _CHUNK * of.source.chunk_count + rollup.counts.size + ROW * len(rollup.rows)
    return cost


def of_grouping(reading: Reading) -> int:
    """Returns what it costs to put what was read under its keys, and the keys in their order."""
    return sum(_of_slice(of) for kpi in reading.kpis for of in kpi.slices)


def _of_slice(of: Slice) -> int:
    cells = sum(len(part.row) for part in of.sparse)
    return ROW * len(of.rows) + sum(part.counts.size for part in of.dense) + _ENTRY * cells


def of_assembling(reading: Reading, selection: Selection) -> int:
    """Returns what it costs to allocate and to encode the numbers of the selected keys."""
    per_count = _COUNT if len(reading.periods) == 1 else _COMPARED_COUNT
    widths = sum(period.width for period in reading.periods)
    return selection.size * widths * len(reading.kpis) * per_count
