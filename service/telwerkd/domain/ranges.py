"""Ranges of time: half-open, their start in them and their end not."""

from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

from telwerkd.domain.calendar import day_start
from telwerkd.domain.errors import InvalidArgumentError


class QuarterRange(NamedTuple):
    """From one quarter-hour to another, both since 1970-01-01T00:00:00Z."""

    start: int
    end: int


class DateRange(NamedTuple):
    """From the beginning of one local day to the beginning of another."""

    start: date
    end: date

    def quarters(self, zone: ZoneInfo) -> QuarterRange:
        """The same range in quarter-hours.

        Raises:
            InvalidArgumentError: the zone's clocks skipped all of its days.
        """
        start, end = day_start(self.start, zone), day_start(self.end, zone)
        if end <= start:
            raise InvalidArgumentError.of("range.dates.end_date", f"the clocks of {zone.key} skipped the whole range")
        return QuarterRange(start, end)
