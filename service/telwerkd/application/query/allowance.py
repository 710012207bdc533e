"""What a query, or a batch of queries together, may take: counted before it is read or allocated."""

from collections.abc import Sequence

from telwerkd.application.query.question import QueryLimits
from telwerkd.domain.errors import LimitExceededError


class RowsRead:
    """The rows of chunks that a query is made of, or a batch of queries, counted before they are put under keys.

    A row is a series in one chunk of 32 days. Those that are kept as a rollup count as well, so that what is refused
    does not depend on what was asked before.
    """

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._taken = 0

    @property
    def too_many(self) -> int:
        """How many more rows are too many: nothing needs to be read further."""
        return self._rows_max - self._taken + 1

    def take(self, rows: int) -> None:
        """Counts rows.

        Raises:
            LimitExceededError: they are too many, together with those before.
        """
        self._taken += rows
        if self._taken > self._rows_max:
            raise LimitExceededError(
                "group_by",
                f"the answer is made of more than {self._rows_max} rows (rows_max), one for each combination of the "
                "ids that it groups or filters by in each 32 days, of each KPI and period: group or filter by less, "
                "name a few ids in the filter, choose a shorter range or fewer KPIs",
            )


class Points:
    """The numbers of an answer, or of a batch of them, counted before they are allocated."""

    def __init__(self, limits: QueryLimits) -> None:
        self.limits = limits
        self.rows = RowsRead(limits.rows_max)
        self._taken = 0

    def take(self, series: int, buckets: int, values: Sequence[int]) -> None:
        """Adds a query's numbers: of each KPI, so many series of so many buckets, and `values` numbers in each.

        Raises:
            LimitExceededError: they are too many, together with those before. Then none of them is added.
        """
        wanted = series * buckets * sum(values)
        if self._taken + wanted > self.limits.points_max:
            before = f", and the queries before it take {self._taken}" if self._taken else ""
            raise LimitExceededError(
                "group_by",
                f"the answer would take {wanted} numbers ({len(values)} KPIs, {series} series each, {buckets} buckets, "
                f"up to {max(values)} values){before}; at most {self.limits.points_max} (points_max) are answered: ask "
                "for pages (page_size) or the largest (top), filter, group by less, choose a coarser granularity, a "
                "shorter range or fewer KPIs",
            )
        self._taken += wanted
