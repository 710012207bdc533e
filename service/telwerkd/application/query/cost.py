"""What an answer costs, estimated before anything is read or allocated; this decides between event loop and thread.

Costs are in units of 8 ns, the time to add one number of a rollup. They were measured on two slow cores and include
what encoding takes. An answer begins in the event loop with a budget of `LOOP_COST_MAX`; each step spends its estimate
first, and where the budget does not suffice the answer is begun again in a thread. A thread has no such budget: there
the limits of `QueryLimits` hold.
"""

from collections.abc import Sequence

LOOP_COST_MAX = 240_000
"""What an answer may cost in the event loop: 1.9 ms. A year by day by 50 operators is 210,000."""

_READ = 20_000
"""The statements that read one measure in one period, and all that is done for a KPI that has nothing."""

_BUCKET, _COMPARED_BUCKET = 12, 16
"""A bucket: its edge is found and encoded."""

_COUNT, _COMPARED_COUNT = 2, 8
"""A count of a series: allocated, summed up over its values and encoded; with its differences where it is compared."""

CHUNK, LEAF, OPEN_LEAF, FILED, ROW = 60, 12, 60, 60, 800
"""A chunk whose version is read, a leaf, one whose value producers choose, a transaction's leaves, a row of an answer.
"""


class NotInLoopError(Exception):
    """An answer costs more than the event loop is to be held for."""


class Budget:
    """What may still be spent; without a limit, anything may."""

    def __init__(self, limit: int | None = None) -> None:
        self._left = limit

    @property
    def is_limited(self) -> bool:
        """Whether this is an answer in the event loop."""
        return self._left is not None

    def spend(self, cost: int) -> None:
        """Takes a cost off the budget.

        Raises:
            NotInLoopError: it does not suffice.
        """
        if self._left is not None:
            self._left -= cost
            if self._left < 0:
                raise NotInLoopError

    def refuse(self) -> None:
        """Raises NotInLoopError if there is a limit: what comes next has no estimate."""
        if self._left is not None:
            raise NotInLoopError


def of_buckets(widths: Sequence[int], kpis: int) -> int:
    """What an answer costs by its buckets alone, whatever it holds: `widths` are those of its periods."""
    per_bucket = _BUCKET if len(widths) == 1 else _COMPARED_BUCKET
    return sum(widths) * per_bucket + kpis * len(widths) * _READ


def of_counts(series: int, widths: Sequence[int], kpis: int) -> int:
    """What the counts of an answer cost beside what was read for them: so many series of each KPI."""
    per_count = _COUNT if len(widths) == 1 else _COMPARED_COUNT
    return series * sum(widths) * kpis * per_count
