"""The calendar against a slow walk over every quarter hour, and against the IANA database itself."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import TypeAlias
from zoneinfo import ZoneInfo, _zoneinfo, available_timezones  # type: ignore[attr-defined]  # the twin has no stubs

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.domain.errors import InvalidArgumentError, Reason, RequestPart
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import EARLIEST, LATEST, Granularity, buckets, count_upper_bound, day_start, zone

ZONES = [
    "UTC",
    "Europe/Berlin",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "America/St_Johns",  # changed its clock at 00:01
    "Australia/Lord_Howe",  # by half an hour
    "Pacific/Apia",  # skipped a day
    "America/Sao_Paulo",  # skipped midnights
    "Africa/Casablanca",  # four changes in some years
    "Asia/Gaza",  # a change and another a week later
    "Antarctica/Casey",  # by three hours
]

EVENTFUL_DAYS = [
    date(2011, 12, 30),  # Apia skips it
    date(2010, 11, 7),  # St John's: 00:01 is 23:01 again
    date(2010, 3, 14),  # St John's: 00:01 is 01:01
    date(2018, 11, 4),  # Sao Paulo: no midnight
    date(2018, 2, 18),  # Sao Paulo: the day before has 25 hours
    date(2024, 4, 7),  # Lord Howe: 02:00 is 01:30 again
    date(2024, 10, 6),  # Lord Howe: 02:00 is 02:30
    date(2024, 3, 31),  # Berlin: 23 hours
    date(2024, 10, 27),  # Berlin: 25 hours
    date(2020, 10, 4),  # Casey: 00:01 is 03:01
    date(2021, 3, 14),  # Casey: 00:00 is 21:00 again
    date(2040, 10, 20),  # Gaza
    date(2000, 1, 3),
    date(2099, 12, 31),
]

zones = st.sampled_from(ZONES).map(zone)
days = st.one_of(
    st.dates(date(2000, 1, 5), date(2100, 12, 31)),
    st.builds(lambda day, by: day + timedelta(days=by), st.sampled_from(EVENTFUL_DAYS), st.integers(0, 2)),
)
within_a_day = st.integers(-100, 100)


def quarter_hour(text: str) -> int:
    """The quarter of an instant in UTC, such as `2024-03-31T01:00`."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) // 900


def near(day: date) -> int:
    return (day - date(1970, 1, 1)).days * 96


def wall(index: int, tz: ZoneInfo) -> datetime:
    """What the clock on the wall reads when a quarter begins."""
    return datetime.fromtimestamp(index * 900, tz).replace(tzinfo=None)


def lengths(start: str, end: str, granularity: Granularity, name: str) -> list[int]:
    """The buckets' lengths, in minutes."""
    edges = buckets(quarter_hour(start), quarter_hour(end), granularity, zone(name)).edges
    return [15 * int(length) for length in np.diff(edges)]


# The slow walk.

Unit: TypeAlias = Callable[[datetime], tuple[int, ...]]

UNITS: dict[Granularity, Unit] = {
    Granularity.DAY: lambda t: (t.year, t.month, t.day),
    Granularity.WEEK: lambda t: tuple(t.isocalendar())[:2],
    Granularity.MONTH: lambda t: (t.year, t.month),
    Granularity.QUARTER: lambda t: (t.year, (t.month - 1) // 3),
    Granularity.YEAR: lambda t: (t.year,),
}


def walk(start: int, end: int, granularity: Granularity, tz: ZoneInfo) -> list[int]:
    """All boundaries from `start` to `end`, both included, looking at the wall clock every quarter of an hour."""
    match granularity:
        case Granularity.QUARTER_HOUR:
            return list(range(start, end + 1))
        case Granularity.HOUR:
            return [q for q in range(start, end + 1) if hour_begins(wall(q - 1, tz), wall(q, tz))]
        case _:
            return [q for q, begins in units_begin(start, end, UNITS[granularity], tz) if begins]


def hour_begins(before: datetime, now: datetime) -> bool:
    return now.minute == 0 or now.replace(minute=0) > before.replace(minute=0)


def units_begin(start: int, end: int, unit: Unit, tz: ZoneInfo) -> list[tuple[int, bool]]:
    """Whether the clock reaches a new unit at each quarter. It never goes back by more than two days."""
    reached = max(unit(wall(q, tz)) for q in range(start - 192, start))
    result = []
    for q in range(start, end + 1):
        result.append((q, unit(wall(q, tz)) > reached))
        reached = max(reached, unit(wall(q, tz)))
    return result


@settings(deadline=None)
@given(days, within_a_day, st.integers(1, 6 * 96), zones, st.sampled_from(Granularity))
def test_few_days(day: date, off: int, length: int, tz: ZoneInfo, granularity: Granularity) -> None:
    """Over a few days, buckets lie between the boundaries that a walk finds, and are clipped where it finds none."""
    assert_as_walked(near(day) + off, length, granularity, tz)


@settings(max_examples=25, deadline=None)
@given(days, within_a_day, st.integers(50 * 96, 400 * 96), zones, st.sampled_from([*UNITS]))
def test_many_months(day: date, off: int, length: int, tz: ZoneInfo, granularity: Granularity) -> None:
    """Over many months, buckets lie between the boundaries that a walk finds, and are clipped where it finds none."""
    assert_as_walked(near(day) + off, length, granularity, tz)


def assert_as_walked(start: int, length: int, granularity: Granularity, tz: ZoneInfo) -> None:
    end = start + length
    boundaries = walk(start, end, granularity, tz)
    found = buckets(start, end, granularity, tz)
    assert found.edges.tolist() == sorted({start, end, *boundaries})
    assert found.edges.dtype == np.int64
    assert found.first_clipped == (start not in boundaries)
    assert found.last_clipped == (end not in boundaries)


# Laws over long ranges.

ranges = st.tuples(st.integers(EARLIEST, LATEST - 1), st.integers(1, 20 * 365 * 96)).map(
    lambda r: (r[0], min(LATEST, r[0] + r[1]))
)


@settings(deadline=None)
@given(ranges, zones, st.sampled_from(Granularity))
def test_partition(span: tuple[int, int], tz: ZoneInfo, granularity: Granularity) -> None:
    """Buckets partition the range: from start to end, each beginning where the one before ends, none empty."""
    edges = buckets(*span, granularity, tz).edges
    assert (edges[0], edges[-1]) == span
    assert (np.diff(edges) > 0).all()


@settings(deadline=None)
@given(ranges, zones, st.sampled_from(Granularity))
def test_count_upper_bound(span: tuple[int, int], tz: ZoneInfo, granularity: Granularity) -> None:
    """There are never more buckets than the bound says, and not many fewer."""
    count = len(buckets(*span, granularity, tz).edges) - 1
    bound = count_upper_bound(*span, granularity)
    assert count <= bound
    assert bound <= 1.1 * count + 5


@pytest.mark.parametrize("granularity", [Granularity.WEEK, Granularity.YEAR])
def test_count_upper_bound_with_a_skipped_day(granularity: Granularity) -> None:
    """The bound holds where a week has six days and a year 364, and the range is a little longer."""
    tz = zone("Pacific/Apia")
    days = {
        Granularity.WEEK: (date(2011, 12, 26), date(2012, 1, 2)),
        Granularity.YEAR: (date(2011, 1, 1), date(2012, 1, 1)),
    }
    first, last = days[granularity]
    start, end = day_start(first, tz) - 1, day_start(last, tz) + 1
    assert len(buckets(start, end, granularity, tz).edges) - 1 == 3
    assert count_upper_bound(start, end, granularity) >= 3


@settings(deadline=None)
@given(ranges, zones)
def test_nesting(span: tuple[int, int], tz: ZoneInfo) -> None:
    """Every boundary of a coarser unit is one of the finer: a month is a sum of its days."""
    edges = {granularity: set(buckets(*span, granularity, tz).edges.tolist()) for granularity in Granularity}
    for finer, coarser in pairwise([Granularity.QUARTER_HOUR, Granularity.HOUR, Granularity.DAY, Granularity.WEEK]):
        assert edges[coarser] <= edges[finer]
    for finer, coarser in pairwise([Granularity.DAY, Granularity.MONTH, Granularity.QUARTER, Granularity.YEAR]):
        assert edges[coarser] <= edges[finer]


@settings(deadline=None)
@given(days, zones)
def test_day_start(day: date, tz: ZoneInfo) -> None:
    """A day begins at the first quarter at which the wall clock shows it, or, if it is skipped, a later one."""
    start = day_start(day, tz)
    assert wall(start, tz).date() >= day
    assert all(wall(q, tz).date() < day for q in range(start - 192, start))


@settings(deadline=None)
@given(days, st.integers(1, 400), zones)
def test_day_edges(day: date, count: int, tz: ZoneInfo) -> None:
    """Day buckets between two dates are the days themselves, without the skipped ones."""
    dates = [day + timedelta(days=i) for i in range(count + 1)]
    found = buckets(day_start(dates[0], tz), day_start(dates[-1], tz), Granularity.DAY, tz) if count > 1 else None
    if found:
        assert found.edges.tolist() == sorted({day_start(d, tz) for d in dates})
        assert not found.first_clipped
        assert not found.last_clipped


# Examples that people know.


def test_long_and_short_days() -> None:
    """In Berlin the day of the change in spring has 23 hours, the one in autumn 25."""
    assert lengths("2024-03-29T23:00", "2024-04-01T22:00", Granularity.DAY, "Europe/Berlin") == [1440, 1380, 1440]
    assert lengths("2024-10-25T22:00", "2024-10-28T23:00", Granularity.DAY, "Europe/Berlin") == [1440, 1500, 1440]


def test_hours_of_long_and_short_days() -> None:
    """In Berlin all hours have 60 minutes: the repeated one is two buckets, the skipped one none."""
    assert lengths("2024-10-26T22:00", "2024-10-27T23:00", Granularity.HOUR, "Europe/Berlin") == [60] * 25
    assert lengths("2024-03-30T23:00", "2024-03-31T22:00", Granularity.HOUR, "Europe/Berlin") == [60] * 23


def test_hours_of_half_an_hour_more_or_less() -> None:
    """On Lord Howe the change makes one hour of 30 minutes in spring, and one of 90 in autumn."""
    assert lengths("2024-10-05T14:30", "2024-10-05T17:00", Granularity.HOUR, "Australia/Lord_Howe") == [60, 30, 60]
    assert lengths("2024-04-06T13:00", "2024-04-06T16:30", Granularity.HOUR, "Australia/Lord_Howe") == [60, 90, 60]


@pytest.mark.parametrize(("name", "first"), [("Asia/Kolkata", 30), ("Asia/Kathmandu", 15), ("Europe/Berlin", 60)])
def test_hours_of_uneven_offsets(name: str, first: int) -> None:
    """Hours begin when the wall clock shows them, at +05:30 and +05:45 too."""
    found = buckets(quarter_hour("2024-01-01T00:00"), quarter_hour("2024-01-01T03:00"), Granularity.HOUR, zone(name))
    assert (found.edges[1] - found.edges[0]) * 15 == first
    assert found.first_clipped == found.last_clipped == (first != 60)


def test_skipped_midnight() -> None:
    """A day without a midnight begins where the gap ends (Sao Paulo, 2018-11-04 at 01:00 local)."""
    assert day_start(date(2018, 11, 4), zone("America/Sao_Paulo")) == quarter_hour("2018-11-04T03:00")


def test_midnight_twice() -> None:
    """A day that begins twice begins at the first midnight (St John's, 2010-11-07, at 02:30 and 03:30 UTC)."""
    assert day_start(date(2010, 11, 7), zone("America/St_Johns")) == quarter_hour("2010-11-07T02:30")


def test_skipped_day() -> None:
    """A day that the clock skips has no bucket, and begins where the next one does (Apia, 2011-12-30)."""
    apia = zone("Pacific/Apia")
    first, last = day_start(date(2011, 12, 29), apia), day_start(date(2012, 1, 1), apia)
    assert np.diff(buckets(first, last, Granularity.DAY, apia).edges).tolist() == [96, 96]
    assert day_start(date(2011, 12, 30), apia) == day_start(date(2011, 12, 31), apia)


def test_weeks_begin_on_monday() -> None:
    """A week begins on Monday, across the turn of a year too."""
    found = buckets(quarter_hour("2024-12-30T00:00"), quarter_hour("2025-01-13T00:00"), Granularity.WEEK, zone("UTC"))
    assert found.edges.tolist() == [
        quarter_hour("2024-12-30T00:00"),
        quarter_hour("2025-01-06T00:00"),
        quarter_hour("2025-01-13T00:00"),
    ]
    assert not found.first_clipped
    assert not found.last_clipped


def test_clipped() -> None:
    """A bucket is clipped where the range begins, or ends, inside it; a range inside one bucket is clipped twice."""
    inside = buckets(quarter_hour("2024-02-02T00:00"), quarter_hour("2024-02-03T00:00"), Granularity.MONTH, zone("UTC"))
    assert len(inside.edges) == 2
    assert inside.first_clipped
    assert inside.last_clipped
    whole = buckets(quarter_hour("2024-02-01T00:00"), quarter_hour("2024-03-01T00:00"), Granularity.MONTH, zone("UTC"))
    assert (whole.first_clipped, whole.last_clipped) == (False, False)


@pytest.mark.parametrize(
    ("start", "end"), [(EARLIEST, EARLIEST), (EARLIEST + 1, EARLIEST), (EARLIEST - 1, LATEST), (EARLIEST, LATEST + 1)]
)
def test_ranges_that_are_none(start: int, end: int) -> None:
    """An empty range, or one beyond the years that the calendar knows, is a mistake of the caller."""
    with pytest.raises(ValueError, match="not a range"):
        buckets(start, end, Granularity.DAY, zone("UTC"))


@pytest.mark.parametrize("name", ["Etc/GMT+12", "Pacific/Kiritimati", *ZONES])
def test_known_years(name: str) -> None:
    """The calendar knows the years 2000 to 2199 in every zone, from their beginning to their end."""
    assert quarter_hour("1999-12-31T00:00") == EARLIEST <= day_start(date(2000, 1, 1), zone(name))
    assert day_start(date(2200, 1, 1), zone(name)) <= LATEST == quarter_hour("2200-01-02T00:00")
    years = buckets(
        day_start(date(2000, 1, 1), zone(name)), day_start(date(2200, 1, 1), zone(name)), Granularity.YEAR, zone(name)
    )
    assert len(years.edges) - 1 == 200


# Zones.


@pytest.mark.parametrize(
    "name",
    [
        *["", " ", "UTC ", "localtime", "posixrules", "Factory", "europe/berlin", "Europe/Berlin\0", "Europe", "CEST"],
        *[
            "/etc/localtime",
            "../UTC",
            "Europe/../UTC",
            "posix/UTC",
            "right/UTC",
            "tzdata.zi",
            "+01:00",
            "Europe\\Berlin",
        ],
        "x" * 100_000,
    ],
)
def test_unknown_zone(name: str) -> None:
    """What IANA does not name, to the letter, is refused, in a message of bounded length."""
    with pytest.raises(InvalidArgumentError) as error:
        zone(name)
    assert error.value.reason is Reason.UNKNOWN_TIME_ZONE
    assert [v.field for v in error.value.violations] == [RequestPart.TIME_ZONE]
    assert len(error.value.message) < 400


@pytest.mark.parametrize("name", ["europe/berlin", "Europe/Berln", "EUROPE/BERLIN", "Europe/Berlin ", "Berlin"])
def test_near_miss(name: str) -> None:
    """The name that was probably meant is suggested."""
    with pytest.raises(InvalidArgumentError, match="did you mean 'Europe/Berlin'"):
        zone(name)


def test_zone() -> None:
    """Every other name that zoneinfo lists is a zone."""
    names = available_timezones() - {"localtime", "posixrules", "Factory"}
    assert [zone(name).key for name in sorted(names)] == sorted(names)


# What the calendar takes for granted of the IANA database, held against its own transitions.


@cache
def transitions(name: str) -> list[tuple[int, int]]:
    """`(instant, offset)` of every change of offset since 2000, to 2199, in seconds; the first is how 2000 began."""
    tz = _zoneinfo.ZoneInfo.no_cache(name)  # the pure Python twin of ZoneInfo, which keeps what it read
    listed = [(at, seconds(info)) for at, info in zip(tz._trans_utc, tz._ttinfos, strict=True)]
    last = listed[-1][0] if listed else -(2**62)
    after = [(at, offset) for at, offset in by_rule(tz) if at > last]
    start = EARLIEST * 900
    result = [(start, int(wall_offset(start, name)))]
    for at, offset in listed + after:
        if start < at < LATEST * 900 and offset != result[-1][1]:
            result.append((at, offset))
    return result


def by_rule(tz: _zoneinfo.ZoneInfo) -> list[tuple[int, int]]:
    """What the rule says that holds after the last listed change."""
    rule = tz._tz_after
    if not isinstance(rule, _zoneinfo._TZStr):
        return []
    std, dst = seconds(rule.std), seconds(rule.dst)
    years = [rule.transitions(year) for year in range(1999, 2201)]
    return sorted(change for begin, end in years for change in ((int(begin) - std, dst), (int(end) - dst, std)))


def seconds(info: _zoneinfo._ttinfo) -> int:
    return int(info.utcoff.total_seconds())


def wall_offset(at: int, name: str) -> float:
    return (datetime.fromtimestamp(at, ZoneInfo(name)).utcoffset() or timedelta()).total_seconds()


ALL_ZONES = sorted(available_timezones() - {"localtime", "posixrules"})


def test_offsets_are_quarters() -> None:
    """Since 2000 every offset of every zone is a multiple of 15 minutes: local midnights and hours are quarters."""
    assert {name for name in ALL_ZONES if any(offset % 900 for _, offset in transitions(name))} == set()


def test_samples_miss_nothing() -> None:
    """No zone changes twice between two samples of its offset."""
    apart = calendar._SAMPLE * 900
    close = {name for name in ALL_ZONES if any(b[0] - a[0] <= apart for a, b in pairwise(transitions(name)[1:]))}
    assert close == set()


def test_largest_shift() -> None:
    """No zone's offsets differ by more than the bound of the number of buckets allows for."""
    spread = {name: max(o for _, o in transitions(name)) - min(o for _, o in transitions(name)) for name in ALL_ZONES}
    assert max(spread.values()) <= calendar._LARGEST_SHIFT * 900


@pytest.mark.parametrize("name", ZONES)
def test_stretches(name: str) -> None:
    """The stretches found by sampling are the database's own; a change within a quarter comes at the next one."""
    stretches = calendar._stretches(zone(name))
    expected = [(-(-at // 900), offset // 900) for at, offset in transitions(name)]
    assert list(zip(stretches.begins.tolist(), stretches.offsets.tolist(), strict=True))[1:] == expected[1:]
    assert stretches.offsets[0] == expected[0][1]
    assert (np.diff(stretches.reach) > 0).all()
