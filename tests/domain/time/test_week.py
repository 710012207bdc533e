"""Times of the week, against a clock on the wall that is read at every quarter-hour."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from telwerkd.domain.ids import Micros
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.domain.time.week import WeekDivision, in_the_week

CHANGES = [
    ("Europe/Berlin", datetime(2026, 3, 29, tzinfo=UTC)),
    ("Europe/Berlin", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Asia/Kathmandu", datetime(2026, 10, 25, tzinfo=UTC)),
    ("Australia/Lord_Howe", datetime(2025, 10, 4, tzinfo=UTC)),  # forward by half an hour
    ("Australia/Lord_Howe", datetime(2026, 4, 4, tzinfo=UTC)),  # back
    ("America/St_Johns", datetime(2006, 10, 29, tzinfo=UTC)),  # back just after midnight: to the day before
    ("America/St_Johns", datetime(2006, 4, 2, tzinfo=UTC)),
    ("Pacific/Apia", datetime(2011, 12, 30, tzinfo=UTC)),  # a day is skipped
    ("Africa/Monrovia", datetime(2026, 1, 1, tzinfo=UTC)),
]
DIVISIONS = [WeekDivision(*by) for by in ((True, False), (False, True), (True, True))]


def wall_cell(quarter: int, zone: ZoneInfo, division: WeekDivision) -> int:
    # What changes within a quarter-hour is taken to change at the next (see `calendar`): so its end is what is read.
    shown = datetime.fromtimestamp(quarter * 900, zone)
    return division.cell(str(shown.isoweekday()), str(shown.hour))


@pytest.mark.parametrize("division", DIVISIONS, ids=["weekday", "hour", "both"])
@pytest.mark.parametrize(("name", "about"), CHANGES)
def test_every_quarter_hour_is_in_the_cell_that_the_clock_shows(
    name: str, about: datetime, division: WeekDivision
) -> None:
    """Also where a range begins within an hour: repeated hours count twice, skipped ones not at all (R-WEEK-2)."""
    random, zone = Random(18), ZoneInfo(name)  # noqa: S311 - any ranges will do
    for _ in range(12):
        start = int((about - timedelta(hours=random.randrange(40))).timestamp()) // 900 + random.randrange(4)
        span = QuarterHourRange(start, start + random.randrange(1, 1_200))
        week = in_the_week(span, division, zone)
        wanted = Counter(wall_cell(quarter, zone, division) for quarter in range(*span))
        hours = week.hours(Micros(0), Micros(span.end * QUARTER_HOUR_MICROS))
        assert {cell: round(n * 4) for cell, n in enumerate(hours) if n} == wanted
        assert week.edges[0] == span.start
        assert week.edges[-1] == span.end


def test_hours_are_counted_between_two_instants_only() -> None:
    """To the microsecond: up to when an answer is complete, and from when its KPI is known."""
    monday = int(datetime(2026, 1, 5, tzinfo=UTC).timestamp()) // 900
    week = in_the_week(
        QuarterHourRange(monday, monday + 96), WeekDivision(by_weekday=True, by_hour=False), ZoneInfo("UTC")
    )
    start = monday * QUARTER_HOUR_MICROS
    hour = 4 * QUARTER_HOUR_MICROS
    assert week.hours(Micros(start + hour), Micros(start + hour * 3 + hour // 3)).sum() == pytest.approx(2 + 1 / 3)
    assert week.hours(Micros(start + hour), Micros(start)).sum() == 0
    assert week.hours(Micros(0), Micros(start - 1)).sum() == 0


def test_labels_and_cells_are_each_others_inverse() -> None:
    """Monday is 1; hours are 00 to 23."""
    for division in DIVISIONS:
        labels = [division.labels(cell) for cell in range(division.cells)]
        assert labels == sorted(set(labels))
        assert [division.cell(*label) for label in labels] == list(range(division.cells))
    assert WeekDivision(by_weekday=True, by_hour=True).labels(0) == ("1", "00")
