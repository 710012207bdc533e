"""Opening hours, and how much of a duration lies in them.

A schedule is a week of stretches in the wall clock of a time zone, with exceptions by date. It carries the offsets that
its zone had when the schedule was set: what it says about an instant never changes, whatever zone data a later server
has (R-SERVICE-6). A schedule is known by the digest of its content, which events keep.

Theory of operation: the stretches of a calendar year of UTC are laid out as instants once, where they overlap joined,
with the open time before each. How much of a length is open is then a search for both of its ends.
"""

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from telwerkd.domain.ids import Micros
from telwerkd.domain.time import calendar

MINUTES_PER_DAY: Final = 24 * 60
DAYS_PER_WEEK: Final = 7

_MINUTE: Final = 60_000_000
_DAY: Final = MINUTES_PER_DAY * _MINUTE
_DIGEST_BYTES: Final = 12
_Instants: TypeAlias = npt.NDArray[np.int64]

_ENDLESS: Final = 2**61
"""Further than any instant."""

ScheduleId: TypeAlias = bytes
"""The digest of a schedule's content."""


class OpenStretch(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A stretch of open time of a day, in minutes of the wall clock: `0 <= opens < closes <= 1440`."""

    opens: int
    closes: int


Day: TypeAlias = tuple[OpenStretch, ...]
"""The stretches of a day, in order; none where it is closed."""


class ZoneChange(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """The instant from which a zone has an offset."""

    begins: Micros
    offset: Micros
    """How far the wall clock is ahead of UTC."""


class Schedule(msgspec.Struct, frozen=True, array_like=True):
    """Opening hours of an account or widget, with the zone's offsets, so that no zone data is needed (R-SERVICE-3)."""

    time_zone: str
    week: tuple[Day, ...]
    """Seven days, Monday first."""
    exceptions: tuple[tuple[int, Day], ...]
    """What holds on single dates instead, in order; a date is its number of days since 1970-01-01."""
    offsets: tuple[ZoneChange, ...]
    """The zone's, from the first one on, in order."""

    @property
    def id(self) -> ScheduleId:
        """The digest of the schedule's content."""
        return hashlib.sha256(_encode(self)).digest()[:_DIGEST_BYTES]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Schedule).decode


def schedule_bytes(schedule: Schedule) -> bytes:
    """Returns a schedule as it is stored."""
    return _encode(schedule)


def schedule_from(stored: bytes) -> Schedule:
    """Returns the schedule of what is stored.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return _decode(stored)


@lru_cache(maxsize=64)
def open_hours_of(stored: bytes) -> "OpenHours":
    """Returns the opening hours of a schedule as it is stored.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return OpenHours(schedule_from(stored))


def schedule_of(time_zone: str, week: Sequence[Day], exceptions: Sequence[tuple[date, Day]]) -> Schedule:
    """Returns a schedule with the offsets that its zone has today.

    Raises:
        InvalidArgumentError: there is no such zone.
    """
    epoch = date(1970, 1, 1)
    by_date = sorted(((day - epoch).days, stretches) for day, stretches in exceptions)
    offsets = [
        ZoneChange(
            Micros(max(begins * calendar.QUARTER_HOUR_MICROS, -_ENDLESS)),
            Micros(offset * calendar.QUARTER_HOUR_MICROS),
        )
        for begins, offset in calendar.offsets(calendar.zone(time_zone))
    ]
    return Schedule(time_zone, tuple(week), tuple(by_date), tuple(offsets))


def overlapping(stretches: Sequence[OpenStretch]) -> tuple[int, int] | None:
    """Returns the indexes of two stretches of a day that overlap; None where none do. They may touch."""
    order = sorted(range(len(stretches)), key=lambda position: stretches[position].opens)
    for one, other in pairwise(order):
        if stretches[other].opens < stretches[one].closes:
            return one, other
    return None


class _Year(NamedTuple):
    """The open stretches of a calendar year of UTC: instants, in order, none overlapping."""

    opens: "array[int]"
    closes: "array[int]"
    before: "array[int]"
    """How long it was open in the year before each stretch, and last in the whole year."""

    def open_until(self, instant: int) -> int:
        """Returns the open microseconds from the year's beginning to an instant of the year."""
        position = bisect_right(self.opens, instant) - 1
        return 0 if position < 0 else self.before[position] + min(instant, self.closes[position]) - self.opens[position]


class OpenHours:
    """Measures how much of a duration lies in the opening hours of a schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule
        self._exceptions = dict(schedule.exceptions)
        self._dates = np.array(list(self._exceptions), np.int64)
        self._begins = np.array([change.begins for change in schedule.offsets], np.int64)
        self._offsets = np.array([change.offset for change in schedule.offsets], np.int64)
        # By the end of a stretch of constant offset the wall clock has read all below this; at its begin, this.
        self._reach = np.append(self._begins[1:], _ENDLESS) + self._offsets
        self._begin_reading = self._begins + self._offsets
        self._years: dict[int, _Year] = {}
        self._whole_years: dict[int, int] = {}

    def open_micros(self, begin: Micros, end: Micros) -> Micros:
        """Returns how many microseconds between two instants, the first not after the second, are open."""
        first, last = _year_of(begin), _year_of(end)
        if first == last:
            year = self._year(first)
            return Micros(year.open_until(end) - year.open_until(begin))
        whole = sum(self._whole_year(year) for year in range(first, last))
        return Micros(whole - self._year(first).open_until(begin) + self._year(last).open_until(end))

    def duration_value(self, begin: Micros, end: Micros) -> str:
        """Returns the value of a fact: the whole milliseconds that are open between two instants (R-SERVICE-1).

        Of what lies wholly outside that is 0 (R-SERVICE-5).
        """
        return str(self.open_micros(begin, end) // 1_000)

    def _year(self, year: int) -> _Year:
        found = self._years.get(year)
        if found is None:
            if len(self._years) >= _YEARS_KEPT:
                self._years.clear()
            found = self._years[year] = self._laid_out(year)
        return found

    def _whole_year(self, year: int) -> int:
        """Returns the open microseconds of a year, cached: only this number of it, as centuries need many years."""
        if year not in self._whole_years:
            self._whole_years[year] = self._laid_out(year).before[-1]
        return self._whole_years[year]

    def _laid_out(self, year: int) -> _Year:
        start, end = _year_start(year), _year_start(year + 1)
        opens, closes = self._instants(start // _DAY - _MARGIN_DAYS, end // _DAY + _MARGIN_DAYS)
        opens, closes = opens.clip(start, end), closes.clip(start, end)
        left = opens < closes  # what lies in a gap of the clock is nothing
        opens, closes = _joined(opens[left], closes[left])
        before = np.concatenate(([0], np.cumsum(closes - opens)))
        return _Year(*(array("q", each.tolist()) for each in (opens, closes, before)))

    def _instants(self, first_day: int, last_day: int) -> tuple[_Instants, _Instants]:
        """Returns when the stretches of these days open and close, by their own wall clock's days."""
        days = np.arange(first_day, last_day + 1)
        ordinary = days[~np.isin(days, self._dates)]
        parts = [
            (ordinary[(ordinary + _THURSDAY) % DAYS_PER_WEEK == weekday], stretches)
            for weekday, stretches in enumerate(self._schedule.week)
        ]
        dates = self._dates[(self._dates >= first_day) & (self._dates <= last_day)]
        parts += [(np.array([day]), self._exceptions[day]) for day in dates.tolist()]
        opens = [on * _DAY + each.opens * _MINUTE for on, stretches in parts for each in stretches]
        closes = [on * _DAY + each.closes * _MINUTE for on, stretches in parts for each in stretches]
        return self._first_at(np.concatenate([_NONE, *opens])), self._last_at(np.concatenate([_NONE, *closes]))

    def _first_at(self, reading: _Instants) -> _Instants:
        """Returns the first instants at which the wall clock has readings; a gap's end if skipped (R-SERVICE-4)."""
        stretch = np.searchsorted(self._reach, reading, side="right")
        instants: _Instants = np.maximum(reading - self._offsets[stretch], self._begins[stretch])
        return instants

    def _last_at(self, reading: _Instants) -> _Instants:
        """Returns the last instants at which the wall clock has readings; a gap's end if skipped (R-SERVICE-4)."""
        stretch = np.searchsorted(self._begin_reading, reading, side="right") - 1
        ends = np.append(self._begins[1:], _ENDLESS)
        instants: _Instants = np.minimum(reading - self._offsets[stretch], ends[stretch])
        return instants


_NONE: _Instants = np.zeros(0, np.int64)
_YEARS_KEPT = 4
"""Events are mostly of this year and the last."""

_MARGIN_DAYS = 3
"""Further than any offset and any skipped day reach."""
_THURSDAY = 3
"""The weekday of 1970-01-01, Monday being 0."""


def _joined(opens: _Instants, closes: _Instants) -> tuple[_Instants, _Instants]:
    """Returns the stretches with those that overlap or touch made one: a clock that is put back makes them overlap."""
    order = np.argsort(opens, kind="stable")
    opens, closes = opens[order], np.maximum.accumulate(closes[order])
    starts = np.append(True, opens[1:] > closes[:-1])[: len(opens)]
    return opens[starts], closes[np.append(starts[1:], True)[: len(closes)]]


def _year_of(instant: int) -> int:
    return (date(1970, 1, 1) + timedelta(days=instant // _DAY)).year


def _year_start(year: int) -> int:
    return (date(year, 1, 1) - date(1970, 1, 1)).days * _DAY
