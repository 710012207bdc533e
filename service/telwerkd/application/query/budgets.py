"""What a query, or the queries of a batch together, may use: counted before it is read or allocated."""

from collections.abc import Sequence

from telwerkd.domain.errors import LimitExceededError, Part


class RowBudget:
    """The rows that are read for a query, or for a batch.

    A row is a series in one chunk of 32 days. Rows of cached rollups count as well, so that what is refused does not
    depend on what was asked before.
    """

    def __init__(self, rows_max: int) -> None:
        self._rows_max = rows_max
        self._taken = 0

    @property
    def left(self) -> int:
        """How many rows may still be taken."""
        return self._rows_max - self._taken

    def take(self, rows: int) -> None:
        """Counts rows.

        Raises:
            LimitExceededError: they are too many, together with those before. After that every other row is too many.
        """
        self._taken += rows
        if self._taken > self._rows_max:
            raise LimitExceededError(
                Part.GROUPING,
                f"the answer is made of more than {self._rows_max} rows (rows_max), one for each combination of the "
                "ids that it groups or filters by in each 32 days, of each KPI and period: group or filter by less, "
                "name a few ids in the filter, choose a shorter range or fewer KPIs",
            )


class PointBudget:
    """The numbers of an answer, or of a batch of them."""

    def __init__(self, points_max: int) -> None:
        self._points_max = points_max
        self._taken = 0

    def take(self, series: int, buckets: int, values: Sequence[int]) -> None:
        """Counts a query's numbers: of each KPI, so many series of so many buckets, and `values` numbers in each.

        Raises:
            LimitExceededError: they are too many, together with those before. Then none of them is counted.
        """
        wanted = series * buckets * sum(values)
        if self._taken + wanted > self._points_max:
            before = f", and the queries before it take {self._taken}" if self._taken else ""
            raise LimitExceededError(
                Part.GROUPING,
                f"the answer would take {wanted} numbers ({len(values)} KPIs, {series} series each, {buckets} buckets, "
                f"up to {max(values)} values){before}; at most {self._points_max} (points_max) are answered: ask "
                "for pages (page_size) or the largest (top), filter, group by less, choose a coarser granularity, a "
                "shorter range or fewer KPIs",
            )
        self._taken += wanted
