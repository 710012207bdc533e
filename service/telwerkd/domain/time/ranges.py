"""Ranges of time: half-open, their start in them and their end not."""

from datetime import date
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.domain.time.calendar import EARLIEST, day_start
from telwerkd.domain.time.years import FIRST_DATE


class QuarterHourRange(NamedTuple):
    """From one quarter-hour to another, both since 1970-01-01T00:00:00Z."""

    start: int
    end: int

    def quarter_hours(self, _zone: ZoneInfo, _field: str = "") -> "QuarterHourRange":
        """Itself: instants are the same in every zone."""
        return self

    def previous(self) -> "QuarterHourRange":
        """As much time just before.

        Raises:
            InvalidArgumentError: that is before the calendar begins.
        """
        start = 2 * self.start - self.end
        if start < EARLIEST:
            raise _too_early()
        return QuarterHourRange(start, self.start)


class DateRange(NamedTuple):
    """From the beginning of one local day to the beginning of another."""

    start: date
    end: date

    def quarter_hours(self, zone: ZoneInfo, field: str = "range.dates.end_date") -> QuarterHourRange:
        """The same range in quarter-hours; `field` is what an error names.

        Raises:
            InvalidArgumentError: the zone's clocks skipped all of its days.
        """
        start, end = day_start(self.start, zone), day_start(self.end, zone)
        if end <= start:
            raise InvalidArgumentError.of(field, f"the clocks of {zone.key} skipped the whole range")
        return QuarterHourRange(start, end)

    def previous(self) -> "DateRange":
        """As many months just before whole months, as many days before any other days.

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
        "compare_to.previous_period",
        f"the period before this range begins before {FIRST_DATE.year}: name one by `range`",
    )
