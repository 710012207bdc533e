"""The calendar: which buckets a time zone's own clock cuts a range of time into.

Instants inside counters are *quarters*: whole quarter hours since 1970-01-01T00:00:00Z, that is, microseconds divided
by `QUARTER_HOUR_MICROS`. Since 2000 every zone's offset is a multiple of 15 minutes, so that every local midnight and
every local full hour is a quarter, +05:30 and +05:45 included; a test holds this against the whole IANA database.

Theory of operation: a zone is a few hundred *stretches* of constant offset. A boundary of the calendar is a reading of
the wall clock, in quarters too (`local = quarter + offset`); it lies at the first quarter at which the clock has
reached that reading. Hence, without a special case:

- midnight in a gap: the day begins where the gap ends (America/Sao_Paulo, until 2018);
- midnight twice: the day begins at the first one, and what the clock repeats belongs to it;
- a day that the clock skips begins where the next one does: it is empty and gets no bucket (Pacific/Apia, 2011-12-30).

Some changes of the past came at 00:01 (America/St_Johns, until 2011). They are taken to happen at the next quarter.
"""

import enum
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from functools import cache
from typing import Final, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import numpy.typing as npt

from telwerkd.domain.errors import InvalidArgumentError, Reason, RequestPart

QuarterHours: TypeAlias = npt.NDArray[np.int64]
"""Quarter indexes, or readings of a wall clock in quarters."""

QUARTER_HOUR_MICROS: Final = 900_000_000

EARLIEST: Final = 1_051_776
"""The first quarter the calendar knows: 1999-12-31T00:00Z, when 2000 was about to begin in the first zone."""

LATEST: Final = 8_064_672
"""The last edge the calendar knows: 2200-01-02T00:00Z, when 2200 has begun in every zone."""

_QUARTER_HOUR = timedelta(minutes=15)
PER_HOUR: Final = 4
PER_DAY: Final = 96

# Offsets are sampled this often and bisected in between. Since 2000 no zone changes twice within 6 days (test).
_SAMPLE = 6 * PER_DAY

# Nor did the offsets of any zone differ by more: Pacific/Apia skipped a day, and had summer time on both sides of it.
_LARGEST_SHIFT = PER_DAY + 3 * PER_HOUR

# Further than any offset, any shift and any skipped day reach: calendar units looked at on both sides of a range.
_MARGIN = 3 * PER_DAY

_LONGEST_NAME = 64


class Granularity(enum.IntEnum):
    """The width of a bucket. The numbers are the contract's."""

    QUARTER_HOUR = 1
    HOUR = 2
    DAY = 3
    WEEK = 4
    MONTH = 5
    QUARTER = 6
    YEAR = 7


class Buckets(NamedTuple):
    """A range, cut: bucket `i` is the half-open `[edges[i], edges[i + 1])`.

    `edges` ascend strictly, from the range's start to its end. A clipped bucket is only part of its hour, day or week.
    """

    edges: QuarterHours
    first_clipped: bool
    last_clipped: bool


def zone(name: str) -> ZoneInfo:
    """Returns the zone of an IANA name, spelled as IANA does.

    Raises:
        InvalidArgumentError: there is none; the text has the nearest name if one is.
    """
    # Never hand an unknown name to ZoneInfo: it would look for a file.
    if name in _names():
        return ZoneInfo(name)
    hint = _nearest(name)
    raise InvalidArgumentError.of(
        RequestPart.TIME_ZONE,
        f"{name[:_LONGEST_NAME]!r} is not an IANA time zone" + (f"; did you mean {hint!r}?" if hint else ""),
        Reason.UNKNOWN_TIME_ZONE,
    )


def day_start(day: date, tz: ZoneInfo) -> int:
    """Returns the quarter at which a local day begins. A day that the clock skipped begins where the next one does."""
    return int(_reached(_stretches(tz), np.array([_days_since_1970(day) * PER_DAY], np.int64))[0])


def readings(quarter_hours: QuarterHours, tz: ZoneInfo) -> QuarterHours:
    """Returns the wall clock's reading at each quarter, in quarters since 1970-01-01 00:00 of the wall clock."""
    stretches = _stretches(tz)
    return quarter_hours + stretches.offsets[np.searchsorted(stretches.begins, quarter_hours, side="right") - 1]


def reached(reading: int, tz: ZoneInfo) -> int:
    """Returns the first quarter at which the wall clock has reached a reading."""
    return int(_reached(_stretches(tz), np.array([reading], np.int64))[0])


def changes(start: int, end: int, tz: ZoneInfo) -> QuarterHours:
    """Returns the quarters between two, both excluded, at which the clock is changed."""
    begins = _stretches(tz).begins
    return begins[(begins > start) & (begins < end)]


def offsets(tz: ZoneInfo) -> list[tuple[int, int]]:
    """Returns a zone's offsets: from which quarter on, and how many quarters the clock is then ahead of UTC."""
    stretches = _stretches(tz)
    return list(zip(stretches.begins.tolist(), stretches.offsets.tolist(), strict=True))


def buckets(start: int, end: int, granularity: Granularity, tz: ZoneInfo) -> Buckets:
    """Cuts the quarters `[start, end)` at the zone's own boundaries. Needs EARLIEST <= start < end <= LATEST.

    The number of buckets has no limit here: ask `count_upper_bound` first.

    HOUR: a bucket begins whenever the wall clock shows a full hour, or jumps over one. So an hour that the clock
    repeats is two buckets, and one that it skips is none. Where the clock changes by half an hour (Australia/Lord_Howe)
    the hour that it shortens is a bucket of 30 minutes, and the one that it lengthens is one bucket of 90.
    """
    if not EARLIEST <= start < end <= LATEST:
        raise ValueError(f"not a range that the calendar knows: {start} to {end}")
    match granularity:
        case Granularity.QUARTER_HOUR:
            return Buckets(np.arange(start, end + 1, dtype=np.int64), first_clipped=False, last_clipped=False)
        case Granularity.HOUR:
            edges = _hours(_stretches(tz), start, end)
        case _:
            edges = _reached(_stretches(tz), _midnights(start - _MARGIN, end + _MARGIN, granularity))
    return _cut(edges, start, end)


def count_upper_bound(start: int, end: int, granularity: Granularity) -> int:
    """Returns an upper bound of the number of `buckets`, in any zone, by a division; rarely more than 3 too many.

    By hour it allows for a change of the clock every six days: 1 in 70 too many.
    """
    length = end - start
    match granularity:
        case Granularity.QUARTER_HOUR:
            return length
        case Granularity.HOUR:
            # A change ends one hour early and begins another.
            return _ceil_div(length, PER_HOUR) + 1 + 2 * _ceil_div(length, _SAMPLE)
        case _:
            return _ceil_div(length + _LARGEST_SHIFT, _SHORTEST[granularity]) + 1


_SHORTEST: Mapping[Granularity, int] = {
    Granularity.DAY: PER_DAY,
    Granularity.WEEK: 7 * PER_DAY,
    Granularity.MONTH: 28 * PER_DAY,
    Granularity.QUARTER: 90 * PER_DAY,
    Granularity.YEAR: 365 * PER_DAY,
}
"""The shortest unit, in quarters of the wall clock."""


# Stretches of constant offset.


class _Stretches(NamedTuple):
    """A zone's offsets. Stretch `i` is `[begins[i], begins[i + 1])`; the first and the last one are endless."""

    begins: QuarterHours
    offsets: QuarterHours
    reach: QuarterHours
    """By the end of stretch `i` the clock has reached all readings below this.

    Ascending, although the clock may go back: every stretch is longer than any change.
    """


_used: dict[str, _Stretches] = {}


def is_used(name: str) -> bool:
    """Whether there is a zone of this name that was used already. The first use takes ten or twenty milliseconds."""
    return name in _used


def _stretches(tz: ZoneInfo) -> _Stretches:
    if tz.key not in _used:
        _used[tz.key] = _sampled(tz)
    return _used[tz.key]


def _sampled(tz: ZoneInfo) -> _Stretches:
    """Returns a zone's stretches, found by sampling its offsets: zoneinfo does not publish transitions."""
    begins, found = [np.iinfo(np.int64).min // 4], [_offset(EARLIEST, tz)]
    for sample in range(EARLIEST + _SAMPLE, LATEST + _SAMPLE, _SAMPLE):
        offset = _offset(sample, tz)
        if offset != found[-1]:
            begins.append(_first_with(offset, sample - _SAMPLE, sample, tz))
            found.append(offset)
    ends = np.array([*begins[1:], np.iinfo(np.int64).max // 4], np.int64)
    offsets = np.array([offset // _QUARTER_HOUR for offset in found], np.int64)
    return _Stretches(np.array(begins, np.int64), offsets, ends + offsets)


def _first_with(offset: timedelta, before: int, sample: int, tz: ZoneInfo) -> int:
    """Returns the first quarter of the stretch of `sample`, by bisection; `before` lies in the stretch before."""
    while sample - before > 1:
        middle = (before + sample) // 2
        if _offset(middle, tz) == offset:
            sample = middle
        else:
            before = middle
    return sample


def _offset(quarter_hour: int, tz: ZoneInfo) -> timedelta:
    """Returns how far the zone's wall clock is ahead of UTC."""
    return datetime.fromtimestamp(quarter_hour * 900, tz).utcoffset() or timedelta()


# Boundaries.


def _reached(stretches: _Stretches, local: QuarterHours) -> QuarterHours:
    """Returns the first quarter at which the wall clock has reached each reading."""
    stretch = np.searchsorted(stretches.reach, local, side="right")
    quarter_hours: QuarterHours = np.maximum(local - stretches.offsets[stretch], stretches.begins[stretch])
    return quarter_hours


def _midnights(first: int, last: int, granularity: Granularity) -> QuarterHours:
    """Returns the readings of the wall clock at which buckets of whole days begin, from `first` to `last` at least."""
    first_day, last_day = first // PER_DAY, last // PER_DAY
    match granularity:
        case Granularity.DAY:
            days = np.arange(first_day, last_day + 1, dtype=np.int64)
        case Granularity.WEEK:
            # 1970-01-05, day 4, was a Monday.
            days = np.arange(first_day - (first_day - 4) % 7, last_day + 1, 7, dtype=np.int64)
        case Granularity.MONTH:
            days = _month_starts(first_day, last_day, 1)
        case Granularity.QUARTER:
            days = _month_starts(first_day, last_day, 3)
        case _:
            days = _month_starts(first_day, last_day, 12)
    return days * PER_DAY


def _month_starts(first_day: int, last_day: int, months: int) -> QuarterHours:
    """Returns the days on which every `months`-th month begins, counted from a January."""
    first, last = np.array([first_day, last_day], "datetime64[D]").astype("datetime64[M]").astype(np.int64).tolist()
    starts: QuarterHours = np.arange(first - first % months, last + months + 1, months, dtype=np.int64)
    return starts.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)


def _hours(stretches: _Stretches, start: int, end: int) -> QuarterHours:
    """Returns the quarters at which hours of the wall clock begin, from `start` to `end`, both included."""
    first, last = np.searchsorted(stretches.begins, [start, end], side="right").tolist()
    parts = []
    for i in range(first - 1, last):
        offset = int(stretches.offsets[i])
        begin = max(start, int(stretches.begins[i]))
        stop = min(end + 1, int(stretches.begins[i + 1])) if i + 1 < len(stretches.begins) else end + 1
        if begin == stretches.begins[i] and _jumps_over_hour(begin, int(stretches.offsets[i - 1]), offset):
            parts.append(np.array([begin], np.int64))
        parts.append(np.arange(begin + -(begin + offset) % PER_HOUR, stop, PER_HOUR, dtype=np.int64))
    return np.concatenate(parts)


def _jumps_over_hour(quarter_hour: int, offset_before: int, offset: int) -> bool:
    """Whether the wall clock, changed at `quarter_hour`, jumps to within an hour that it had not reached."""
    local = quarter_hour + offset
    return local % PER_HOUR != 0 and local // PER_HOUR > (quarter_hour - 1 + offset_before) // PER_HOUR


def _cut(boundaries: QuarterHours, start: int, end: int) -> Buckets:
    """Cuts `[start, end)` at ascending boundaries, which may repeat (skipped days) and reach further than the range."""
    low, high = np.searchsorted(boundaries, start, side="right"), np.searchsorted(boundaries, end, side="left")
    inner = boundaries[low:high]
    if len(inner) > 1:
        inner = inner[np.append(True, inner[1:] != inner[:-1])]
    return Buckets(
        np.concatenate(([start], inner, [end]), dtype=np.int64),
        first_clipped=bool(low == 0 or boundaries[low - 1] != start),
        last_clipped=bool(high == len(boundaries) or boundaries[high] != end),
    )


def _days_since_1970(day: date) -> int:
    return day.toordinal() - date(1970, 1, 1).toordinal()


def _ceil_div(length: int, width: int) -> int:
    return -(-length // width)


# Names.


@cache
def _names() -> frozenset[str]:
    """Returns the names of the IANA zones, without those that stand for the machine's own or for an unset zone."""
    return frozenset(available_timezones() - {"localtime", "posixrules", "Factory"})


def _nearest(name: str) -> str | None:
    """Returns the known zone name nearest to a misspelled one, ignoring case; None if none is near."""
    if len(name) > _LONGEST_NAME:
        return None
    by_folded = {known.casefold(): known for known in sorted(_names())}
    near = get_close_matches(name.casefold().replace(" ", "_"), by_folded, n=1)
    return by_folded[near[0]] if near else None
