"""Times of the week: which stretches of a range lie in which cell of a week, by the zone's wall clock."""

from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from telwerkd.domain.ids import Micros
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import PER_DAY, PER_HOUR, QUARTER_HOUR_MICROS, Granularity, QuarterHours
from telwerkd.domain.time.ranges import QuarterHourRange

WEEKDAYS: Final = 7
HOURS: Final = 24

_FIRST_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""

_HOUR_MICROS = PER_HOUR * QUARTER_HOUR_MICROS


class WeekDivision(NamedTuple):
    """What a week is divided into: weekdays, hours of the day, or each hour of each weekday (R-WEEK-1)."""

    by_weekday: bool
    by_hour: bool

    @property
    def cells(self) -> int:
        """How many cells a week has."""
        return (WEEKDAYS if self.by_weekday else 1) * (HOURS if self.by_hour else 1)

    def labels(self, cell: int) -> tuple[str, str]:
        """Returns weekday, 1 (Monday) to 7, and hour of the day, 00 to 23, of a cell; empty where not divided by it."""
        weekday, hour = divmod(cell, HOURS) if self.by_hour else (cell, 0)
        return (str(weekday + 1) if self.by_weekday else ""), (f"{hour:02}" if self.by_hour else "")

    def cell(self, weekday: str, hour: str) -> int:
        """Returns the cell of two labels."""
        of_day = int(hour) if self.by_hour else 0
        return (int(weekday) - 1 if self.by_weekday else 0) * (HOURS if self.by_hour else 1) + of_day


class WeekSpan(NamedTuple):
    """A range, cut so that each stretch lies in one cell: stretch `i` is `[edges[i], edges[i + 1])`."""

    division: WeekDivision
    edges: QuarterHours
    cells: QuarterHours
    """The cell of each stretch."""
    resolution: Granularity
    """The buckets that none of the edges cut, but those at the ends of the range."""

    def hours(self, since: Micros, until: Micros) -> npt.NDArray[np.float64]:
        """Returns the elapsed hours from one instant to another that lie in each cell (R-WEEK-3)."""
        edges = (self.edges * QUARTER_HOUR_MICROS).clip(since, max(since, until))
        return np.bincount(self.cells, np.diff(edges), self.division.cells) / _HOUR_MICROS


def in_the_week(span: QuarterHourRange, division: WeekDivision, zone: ZoneInfo) -> WeekSpan:
    """Returns a range divided into stretches, with the cell of each.

    An hour that the clock repeats lies in one cell twice; in one that it skips lies nothing (R-WEEK-2).
    """
    hours = calendar.buckets(span.start, span.end, Granularity.HOUR, zone).edges
    hour_changes = _hour_changes(span, zone)
    edges = np.union1d(hours, hour_changes)
    readings = calendar.readings(edges[:-1], zone)
    weekday = (readings // PER_DAY + _FIRST_WEEKDAY) % WEEKDAYS
    hour = readings % PER_DAY // PER_HOUR
    cells = weekday * division.by_weekday * (HOURS if division.by_hour else 1) + hour * division.by_hour
    whole = len(edges) == len(hours)
    return WeekSpan(division, edges, cells, Granularity.HOUR if whole else Granularity.QUARTER_HOUR)


def _hour_changes(span: QuarterHourRange, zone: ZoneInfo) -> QuarterHours:
    """Returns the quarters at which a change of the clock leads to another hour of the wall clock."""
    changes = calendar.changes(span.start, span.end, zone)
    after, before = (calendar.readings(at, zone) // PER_HOUR for at in (changes, changes - 1))
    of_hour: QuarterHours = changes[after != before]
    return of_hour
