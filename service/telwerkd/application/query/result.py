"""The types of an answer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from telwerkd.application.ports import AnswerVersion
from telwerkd.application.query.question import RowPosition
from telwerkd.application.query.slices.digests import Histogram
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.ratios import Floats
from telwerkd.domain.display_names import NameKey
from telwerkd.domain.ids import EPOCH, Micros
from telwerkd.domain.time.calendar import Buckets, Granularity
from telwerkd.domain.time.week import WeekSpan


class GroupKey(NamedTuple):
    """The key of a row; None for a dimension that it is not grouped by."""

    operator: str | None = None
    group: str | None = None
    widget: str | None = None
    value: str | None = None
    topic: str | None = None
    question: str | None = None
    weekday: str | None = None
    """1 (Monday) to 7."""
    hour_of_day: str | None = None
    """00 to 23."""


class DurationNumbers(NamedTuple):
    """Percentiles and histogram of a row's durations in one period, in ms."""

    asked: tuple[float, ...]
    """The percentiles."""
    percentiles: Floats
    """Values by percentile, in the requested order, and bucket; NaN without facts."""
    histogram: Histogram | None
    """The histogram, if requested."""


class Numbers(NamedTuple):
    """A row's numbers in one period: arrays with a number per bucket."""

    counts: IntArray
    sums: IntArray | None
    """KPI 1: the stars; of durations the milliseconds."""
    distribution: IntArray | None
    """For values known beforehand: by value, in the catalogue's order, and bucket. A mean comes with it (R-NUM-2)."""
    below: IntArray | None = None
    """The denominators of a rate, whose numerators are `counts`; None for other KPIs."""
    durations: DurationNumbers | None = None
    """Where facts are durations, and more than their count and sum is asked for."""

    def is_any(self) -> bool:
        """Whether anything is in it."""
        return bool(self.counts.any() or (self.below is not None and self.below.any()))


class AnswerRow(NamedTuple):
    """One series of a KPI. Rows add up to the total, and buckets to the range (R-NUM-4)."""

    key: GroupKey
    counts: IntArray
    sums: IntArray | None
    distribution: IntArray | None
    """Counts, sums and distribution, as in `Numbers`."""
    compared: Numbers | None = None
    """The numbers of the compared period, in its own buckets."""
    rest: bool = False
    """Whether the row is the sum of all keys that have no row."""
    share: float | None = None
    """The row's share of its whole, in totals only; None if the whole is 0, or the rest belongs to several wholes."""
    below: IntArray | None = None
    durations: DurationNumbers | None = None
    """Denominators and durations, as in `Numbers`."""


class GrandTotal(NamedTuple):
    """All facts of a range and slice, each once; 0 without any (R-NUM-3). Of durations the sum and more (R-DUR-1)."""

    facts: int = 0
    sum: int = 0
    """KPI 1: the stars; of durations the milliseconds."""
    below: int | None = None
    """The denominator of a rate; None for other KPIs."""
    percentiles: tuple[tuple[float, float], ...] = ()
    """The requested percentiles, each with its value; none without facts."""
    histogram: tuple[tuple[int, int, int], ...] = ()
    """If asked for: the shortest and the longest duration of each bin, in ms, and how many there are."""


class KpiRows(NamedTuple):
    """The answer for a KPI."""

    info: KpiInfo
    rows: list[AnswerRow]
    held_back: int
    """Facts of the range and slice that wait for a first message (R-NUM-7)."""
    enabled: bool
    """False for KPI 5 where each widget asked for is known to have no action enabled (R-KPI5-3)."""
    not_enabled: list[str]
    """KPI 5: the widgets of the slice that are known to have no action enabled."""
    overlapping: bool
    """Rows do not add up: they are of single topics (R-NUM-5)."""
    summed: GrandTotal
    compared: GrandTotal
    row_count: int
    """Rows on all pages."""
    is_counted: bool = True
    """False where the account is not wholly counted by rules that have the KPI: there are no numbers (R-ANEW-2)."""
    known_from: Micros = EPOCH
    """The KPI is wholly counted of conversations that began from then on (R-ANEW-7); 0: of all."""
    unscheduled: tuple[str, ...] = ()
    """For a service time: the widgets with durations that have none, for lack of opening hours (R-SERVICE-7)."""
    durations_hash: int = 0
    """Set where the rows are not kept: it differs if their durations do."""


class Answer(NamedTuple):
    """The answer to a query."""

    buckets: Buckets
    compared: Buckets | None
    kpis: list[KpiRows]
    time_zone: str
    answer_version: AnswerVersion
    next: RowPosition | None
    """The cursor of the next page; None on the last."""
    rows: int = 0
    """The number of rows of chunks and deltas that were read."""
    points: int = 0
    """How many numbers it has."""
    granularity: Granularity | None = None
    """The width of its buckets; None for totals."""
    names: Mapping[NameKey, str] = MappingProxyType({})
    """The display names of the ids in it, if they were asked for."""
    week: tuple[WeekSpan, ...] = ()
    """The stretches of the week's cells in the range, and in the compared period if there is one; else empty."""
