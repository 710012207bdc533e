"""Opening hours: how much of a length of time lies in them (R-SERVICE)."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.domain.ids import Micros
from telwerkd.domain.time.opening_hours import (
    Day,
    OpenHours,
    OpenStretch,
    open_hours_of,
    overlapping,
    schedule_bytes,
    schedule_of,
)

SECOND = 1_000_000
HOUR = 3_600 * SECOND
DAY = 24 * HOUR
CLOSED: Day = ()
OFFICE: Day = (OpenStretch(9 * 60, 17 * 60),)
WEEKDAYS = [OFFICE] * 5 + [CLOSED] * 2
ZONES = (
    "Europe/Amsterdam",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "Asia/Beirut",
    "America/Sao_Paulo",
    "Pacific/Apia",
    "America/Havana",
    "Africa/Casablanca",
)


def at(text: str, zone: str = "UTC", fold: int = 0) -> Micros:
    moment = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return Micros(round(moment.timestamp() * SECOND))


def opened(
    begin: Micros,
    end: Micros,
    week: Sequence[Day] = WEEKDAYS,
    zone: str = "Europe/Amsterdam",
    exceptions: Mapping[date, Day] | None = None,
) -> int:
    return OpenHours(schedule_of(zone, week, [*(exceptions or {}).items()])).open_micros(begin, end)


def test_what_lies_outside_the_stretches_does_not_count() -> None:
    """From Friday 16:00 to Monday 10:00 two hours are open, and of a Sunday none (R-SERVICE-3)."""
    zone = "Europe/Amsterdam"
    assert opened(at("2026-06-05T16:00", zone), at("2026-06-08T10:00", zone)) == 2 * HOUR
    assert opened(at("2026-06-07T00:00", zone), at("2026-06-08T00:00", zone)) == 0


def test_a_date_of_its_own_replaces_its_weekday() -> None:
    closed_and_short = {date(2026, 6, 8): CLOSED, date(2026, 6, 9): (OpenStretch(600, 660), OpenStretch(720, 1440))}
    begin, end = at("2026-06-08T00:00", "Europe/Amsterdam"), at("2026-06-10T00:00", "Europe/Amsterdam")
    assert opened(begin, end, exceptions=closed_and_short) == 13 * HOUR


def test_a_day_may_be_open_to_its_end() -> None:
    always = [(OpenStretch(0, 1440),)] * 7
    begin, end = at("2026-03-20T12:34:56"), at("2026-11-02T01:02:03")
    assert opened(begin, end, always) == end - begin


@pytest.mark.parametrize(
    ("stretch", "hours"),
    [
        (OpenStretch(2 * 60 + 15, 4 * 60), 1.0),  # opens in the gap: at its end, 03:00
        (OpenStretch(60, 2 * 60 + 45), 1.0),  # closes in the gap: at its end
        (OpenStretch(2 * 60 + 15, 2 * 60 + 45), 0.0),
    ],
)
def test_an_opening_or_closing_that_the_clock_skips_is_the_end_of_the_gap(stretch: OpenStretch, hours: float) -> None:
    """R-SERVICE-4: on 2026-03-29 Amsterdam's clock goes from 02:00 to 03:00."""
    begin, end = at("2026-03-29T00:00", "Europe/Amsterdam"), at("2026-03-30T00:00", "Europe/Amsterdam")
    assert opened(begin, end, [(stretch,)] * 7) == hours * HOUR


@pytest.mark.parametrize(
    ("stretches", "hours"),
    [
        ((OpenStretch(2 * 60 + 15, 2 * 60 + 45),), 1.5),  # from the first 02:15 to the second 02:45
        ((OpenStretch(60, 2 * 60),), 2.0),  # 02:00 comes twice, and a closing takes the second
        ((OpenStretch(2 * 60, 2 * 60 + 30), OpenStretch(2 * 60 + 30, 3 * 60)), 2.0),  # they overlap, and count once
    ],
)
def test_what_the_clock_repeats_opens_the_first_time_and_closes_the_second(stretches: Day, hours: float) -> None:
    """R-SERVICE-4: on 2026-10-25 Amsterdam's clock goes from 03:00 back to 02:00."""
    begin, end = at("2026-10-25T00:00", "Europe/Amsterdam"), at("2026-10-26T00:00", "Europe/Amsterdam")
    assert opened(begin, end, [stretches] * 7) == hours * HOUR


def test_a_schedule_says_the_same_whatever_becomes_of_its_zone() -> None:
    """It carries its zone's offsets: those of Amsterdam under the name of another zone are still Amsterdam's.

    R-SERVICE-6.
    """
    schedule = schedule_of("Europe/Amsterdam", WEEKDAYS, [])
    other = type(schedule)("Asia/Tokyo", schedule.week, schedule.exceptions, schedule.offsets)
    begin, end = at("2026-06-01T05:00"), at("2026-06-01T12:00")
    assert open_hours_of(schedule_bytes(other)).open_micros(begin, end) == OpenHours(schedule).open_micros(begin, end)
    assert other.id != schedule.id
    assert schedule_of("Europe/Amsterdam", WEEKDAYS, []).id == schedule.id


def test_two_hundred_years_add_up() -> None:
    """A length is what its parts are together, however many years it spans."""
    begin, middle, end = at("2000-01-01T00:00"), at("2103-07-05T10:11:12"), at("2199-12-31T23:59:59")
    assert opened(begin, middle) + opened(middle, end) == opened(begin, end)


def test_stretches_may_touch_and_not_overlap() -> None:
    assert overlapping([OpenStretch(60, 120), OpenStretch(0, 60)]) is None
    assert overlapping([OpenStretch(60, 120), OpenStretch(0, 61)]) == (1, 0)


def instant_of(zone: ZoneInfo, day: date, minute: int, *, is_closing: bool) -> int:
    """When the wall clock of a zone reads this, by trying both folds; else the next quarter at which it reads more."""
    reading = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001  # a wall clock's
    both = [reading.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)]
    found = [moment for moment in both if moment.astimezone(zone).replace(tzinfo=None) == reading]
    if found:
        return int((max(found) if is_closing else min(found)).timestamp()) * SECOND
    moment = (min(both) - timedelta(days=1, hours=3)).replace(minute=0, second=0)
    while moment.astimezone(zone).replace(tzinfo=None) < reading:
        moment += timedelta(minutes=15)
    return int(moment.timestamp()) * SECOND


def reference(begin: int, end: int, week: Sequence[Day], zone: str, exceptions: Mapping[date, Day]) -> int:
    """Each stretch of each day by itself, joined where they overlap."""
    tz, day = ZoneInfo(zone), date(1970, 1, 1) + timedelta(days=begin // DAY - 3)
    spans = []
    while day <= date(1970, 1, 1) + timedelta(days=end // DAY + 3):
        for stretch in exceptions.get(day, week[day.weekday()]):
            opens, closes = (
                instant_of(tz, day, minute, is_closing=is_closing)
                for minute, is_closing in ((stretch.opens, False), (stretch.closes, True))
            )
            spans.append((opens, closes))
        day += timedelta(days=1)
    total, reached = 0, begin
    for opens, closes in sorted(spans):
        total += max(0, min(closes, end) - max(opens, reached))
        reached = max(reached, min(closes, end))
    return total


@st.composite
def days(draw: st.DrawFn) -> Day:
    minutes = sorted(draw(st.sets(st.integers(0, 288), max_size=6)))
    pairs = zip(minutes[::2], minutes[1::2], strict=False)
    return tuple(OpenStretch(5 * opens, 5 * closes) for opens, closes in pairs)


@settings(max_examples=120)
@given(
    zone=st.sampled_from(ZONES),
    week=st.lists(days(), min_size=7, max_size=7),
    begin=st.sampled_from([2011, 2012, 2017, 2023, 2026]).flatmap(
        lambda year: st.integers(at(f"{year}-01-01T00:00"), at(f"{year}-12-31T00:00"))
    ),
    length=st.integers(0, 20 * DAY),
    exceptions=st.dictionaries(st.dates(date(2026, 1, 1), date(2026, 12, 31)), days(), max_size=5),
)
def test_open_time_is_that_of_every_stretch_laid_out_by_itself(
    zone: str, week: list[Day], begin: int, length: int, exceptions: dict[date, Day]
) -> None:
    """In zones that change at midnight, by half an hour, by a day, and during the day (R-SERVICE-3, R-SERVICE-4)."""
    end = Micros(begin + length)
    assert opened(Micros(begin), end, week, zone, exceptions) == reference(begin, end, week, zone, exceptions)
