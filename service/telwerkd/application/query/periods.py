"""Place in time: the ranges of a query in quarter-hours, and their division into buckets."""

from collections.abc import Sequence
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from telwerkd.application.query.question import PreviousPeriod, Query
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import Buckets, Granularity
from telwerkd.domain.time.ranges import QuarterHourRange


class Period(NamedTuple):
    """A range of time, divided into buckets."""

    buckets: Buckets
    granularity: Granularity | None

    @property
    def start(self) -> int:
        """Its first quarter-hour."""
        return int(self.buckets.edges[0])

    @property
    def end(self) -> int:
        """The quarter-hour after its last."""
        return int(self.buckets.edges[-1])

    @property
    def width(self) -> int:
        """How many buckets it has."""
        return len(self.buckets.edges) - 1

    def bucket_of(self, quarter_hours: IntArray) -> IntArray:
        """Returns the bucket in which each of its quarter-hours lies."""
        if self.granularity is Granularity.QUARTER_HOUR:
            return quarter_hours - self.start
        return np.searchsorted(self.buckets.edges, quarter_hours, side="right") - 1


def spans_of(query: Query, zone: ZoneInfo) -> list[QuarterHourRange]:
    """Returns the range of a query in quarter-hours, and after it the one that it is compared with, if any.

    Raises:
        InvalidArgumentError: the zone's clocks skipped a whole range, or the previous period is before the calendar.
    """
    spans = [query.range.quarter_hours(zone)]
    if isinstance(query.compare_to, PreviousPeriod):
        spans.append(query.range.previous().quarter_hours(zone, "compare_to.previous_period"))
    elif query.compare_to is not None:
        spans.append(query.compare_to.quarter_hours(zone, "compare_to.range.dates.end_date"))
    return spans


def place_in_time(
    spans: Sequence[QuarterHourRange], granularity: Granularity | None, zone: ZoneInfo
) -> tuple[Period, ...]:
    """Returns the spans divided into buckets; without a granularity, into one."""
    return tuple(Period(_buckets(span, granularity, zone), granularity) for span in spans)


def _buckets(span: QuarterHourRange, granularity: Granularity | None, zone: ZoneInfo) -> Buckets:
    if granularity is None:
        return Buckets(np.array([span.start, span.end]), first_clipped=False, last_clipped=False)
    return calendar.buckets(span.start, span.end, granularity, zone)
