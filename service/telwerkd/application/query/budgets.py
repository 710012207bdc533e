"""Limits of a query, or of the queries of a batch together, checked before rows are read or memory is allocated."""

from collections.abc import Sequence

from telwerkd.application.sharing.memory_budget import AnswerMemory
from telwerkd.domain.errors import LimitExceededError, RequestPart

_ROW_BYTES = 1_500
"""A row that is read: its ids, its numbers and its place among the answer's keys. Measured by 100,000 rows."""

_NUMBER_BYTES = 32
"""A number of an answer: summed up, copied to be encoded, and encoded."""


def too_many_buckets(wanted: int, buckets_max: int, part: RequestPart) -> LimitExceededError:
    """Returns the error for a range with too many buckets, of a time series or as hours for the cells of a week."""
    if part is RequestPart.GROUPING:
        what, how = "hours, of which", "put into the cells of a week: choose a shorter range"
    else:
        what, how = "buckets of this width,", "answered: choose a coarser granularity or a shorter range"
    return LimitExceededError(
        part, f"the range holds up to {wanted} {what} at most {buckets_max} (buckets_max) are {how}"
    )


class RowBudget:
    """The limit on rows that a query, or a batch, reads.

    A row is a series in one chunk of 32 days. Rows of cached rollups count as well, so that what is refused does not
    depend on what was asked before.
    """

    def __init__(self, rows_max: int, memory: AnswerMemory | None = None) -> None:
        self._rows_max = rows_max
        self.taken = 0
        self._memory = memory

    @property
    def left(self) -> int:
        """How many rows may still be taken."""
        return self._rows_max - self.taken

    def take(self, rows: int) -> None:
        """Counts rows.

        Raises:
            LimitExceededError: the limit is exceeded, together with earlier rows; then also by every further row.
            UnavailableError: OVERLOADED, memory has no room for them now.
        """
        self.taken += rows
        if self.taken > self._rows_max:
            raise LimitExceededError(
                RequestPart.GROUPING,
                f"the answer is made of more than {self._rows_max} rows (rows_max), one for each combination of the "
                "ids that it groups or filters by in each 32 days (or cell of the week), of each KPI and period: group "
                "or filter by less, name a few ids in the filter, choose a shorter range or fewer KPIs",
            )
        if self._memory is not None:
            self._memory.take(rows * _ROW_BYTES)


class PointBudget:
    """The numbers of an answer, or of a batch of them."""

    def __init__(self, points_max: int, memory: AnswerMemory | None = None) -> None:
        self._points_max = points_max
        self._taken = 0
        self._memory = memory

    def take(self, series: int, buckets: int, values: Sequence[int]) -> int:
        """Counts the numbers of a query: for each KPI, series times buckets times its number of `values`.

        Returns their number.

        Raises:
            LimitExceededError: the limit is exceeded, together with earlier queries; then none of them is counted.
            UnavailableError: OVERLOADED, memory has no room for them now.
        """
        wanted = series * buckets * sum(values)
        if self._taken + wanted > self._points_max:
            before = f", and the queries before it take {self._taken}" if self._taken else ""
            raise LimitExceededError(
                RequestPart.GROUPING,
                f"the answer would take {wanted} numbers ({len(values)} KPIs, {series} series each, {buckets} buckets, "
                f"up to {max(values)} values){before}; at most {self._points_max} (points_max) are answered: ask "
                "for pages (page_size) or the largest (top), filter, group by less, choose a coarser granularity, a "
                "shorter range or fewer KPIs",
            )
        self._taken += wanted
        if self._memory is not None:
            self._memory.take(wanted * _NUMBER_BYTES)
        return wanted


class EventBudget:
    """The limit on events that a query as of an instant, or a batch of them, folds."""

    def __init__(self, events_max: int) -> None:
        self._events_max = events_max
        self.taken = 0

    def take(self, events: int) -> None:
        """Counts events.

        Raises:
            LimitExceededError: the limit is exceeded, together with earlier events.
        """
        self.taken += events
        if self.taken > self._events_max:
            raise LimitExceededError(
                RequestPart.AS_OF,
                f"more than {self._events_max} events (as_of_events_max) would have to be folded, with one more for "
                "each conversation: all of the conversations in which anything happened in the range; ask for a "
                "shorter one",
            )
