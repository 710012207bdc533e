"""Half-open ranges of time, as asked for, and as quarter-hours divided into buckets."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import numpy as np

from telwerkd.domain.errors import InvalidArgumentError, RequestPart
from telwerkd.domain.ids import Micros
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import EARLIEST, QUARTER_HOUR_MICROS, Buckets, Granularity, QuarterHours, day_start
from telwerkd.domain.time.years import FIRST_DATE


class QuarterHourRange(NamedTuple):
    """A half-open range of quarter-hours, both ends counted since 1970-01-01T00:00:00Z."""

    start: int
    end: int

    @property
    def instants(self) -> tuple[Micros, Micros]:
        """The instants at which the range begins and ends."""
        return Micros(self.start * QUARTER_HOUR_MICROS), Micros(self.end * QUARTER_HOUR_MICROS)

    def quarter_hours(self, _zone: ZoneInfo, _part: RequestPart = RequestPart.RANGE) -> "QuarterHourRange":
        """Returns the range itself: instants are the same in every zone."""
        return self

    def previous(self) -> "QuarterHourRange":
        """Returns the range of the same length just before.

        Raises:
            InvalidArgumentError: that is before the calendar begins.
        """
        start = 2 * self.start - self.end
        if start < EARLIEST:
            raise _too_early()
        return QuarterHourRange(start, self.start)


class DateRange(NamedTuple):
    """A half-open range of local days: from the beginning of `start` to the beginning of `end`."""

    start: date
    end: date

    def quarter_hours(self, zone: ZoneInfo, part: RequestPart = RequestPart.RANGE) -> QuarterHourRange:
        """Returns the range in quarter-hours of a zone; `part` names the range of the question in an error.

        Raises:
            InvalidArgumentError: the zone's clocks skipped all of its days.
        """
        start, end = day_start(self.start, zone), day_start(self.end, zone)
        if end <= start:
            raise InvalidArgumentError.of(part, f"the clocks of {zone.key} skipped the whole range")
        return QuarterHourRange(start, end)

    def previous(self) -> "DateRange":
        """Returns the range just before: of as many months if this one is of whole months, else of as many days.

        So a quarter is preceded by a quarter, and February by all of January.

        Raises:
            InvalidArgumentError: that is before the calendar begins.
        """
        try:
            if self.start.day == self.end.day == 1:
                start = _month(2 * _months(self.start) - _months(self.end))
            else:
                start = date.fromordinal(2 * self.start.toordinal() - self.end.toordinal())
        except ValueError:
            raise _too_early() from None
        if start < FIRST_DATE:
            raise _too_early()
        return DateRange(start, self.start)


Range: TypeAlias = QuarterHourRange | DateRange


def _months(day: date) -> int:
    return day.year * 12 + day.month - 1


def _month(months: int) -> date:
    return date(months // 12, months % 12 + 1, 1)


def _too_early() -> InvalidArgumentError:
    return InvalidArgumentError.of(
        RequestPart.PREVIOUS_PERIOD,
        f"the period before this range begins before {FIRST_DATE.year}: name one by `range`",
    )


# Place in time.


class Period(NamedTuple):
    """A range of time, divided into buckets."""

    buckets: Buckets
    granularity: Granularity | None

    @property
    def start(self) -> int:
        """The first quarter-hour of the range."""
        return int(self.buckets.edges[0])

    @property
    def end(self) -> int:
        """The quarter-hour after the last one of the range."""
        return int(self.buckets.edges[-1])

    @property
    def instants(self) -> tuple[Micros, Micros]:
        """The instants at which the period begins and ends."""
        return QuarterHourRange(self.start, self.end).instants

    @property
    def width(self) -> int:
        """The number of buckets."""
        return len(self.buckets.edges) - 1

    def bucket_of(self, quarter_hours: QuarterHours) -> QuarterHours:
        """Returns the bucket of each quarter-hour of the period."""
        if self.granularity is Granularity.QUARTER_HOUR:
            return quarter_hours - self.start
        return np.searchsorted(self.buckets.edges, quarter_hours, side="right") - 1


def place_in_time(
    spans: Sequence[QuarterHourRange], granularity: Granularity | None, zone: ZoneInfo
) -> tuple[Period, ...]:
    """Returns the spans divided into buckets; without a granularity, into one."""
    return tuple(Period(_buckets(span, granularity, zone), granularity) for span in spans)


def _buckets(span: QuarterHourRange, granularity: Granularity | None, zone: ZoneInfo) -> Buckets:
    if granularity is None:
        return Buckets(np.array([span.start, span.end]), first_clipped=False, last_clipped=False)
    return calendar.buckets(span.start, span.end, granularity, zone)
