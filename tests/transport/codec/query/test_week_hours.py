"""Hours of the week: of the cells that have any time, and of each row's cell in both periods (R-WEEK-3)."""

from zoneinfo import ZoneInfo

import pytest

from telwerkd.application.query.result import GroupKey
from telwerkd.domain.ids import EPOCH, Micros
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.domain.time.week import WeekDivision, WeekSpan, in_the_week
from telwerkd.transport.codec.query.week_hours import WeekHours
from tests.transport.codec.query.answers_made import FIRST_QUARTER

WEEKDAYS = WeekDivision(by_weekday=True, by_hour=False)
HOURS = WeekDivision(by_weekday=False, by_hour=True)
BOTH = WeekDivision(by_weekday=True, by_hour=True)
FOREVER = Micros(2**62)
DAY, HOUR = 96, 4
"""In quarters of an hour."""


def span(division: WeekDivision, start: int, end: int) -> WeekSpan:
    """From and to so many quarters of an hour after Monday."""
    return in_the_week(QuarterHourRange(FIRST_QUARTER + start, FIRST_QUARTER + end), division, ZoneInfo("UTC"))


def hours(*spans: WeekSpan, since: Micros = EPOCH, until: Micros = FOREVER) -> WeekHours:
    found = WeekHours.of(spans, since, until)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("division", "cells"),
    [
        (WEEKDAYS, [(1, None, 1.5), (2, None, 0.25)]),
        (HOURS, [(None, 0, 0.25), (None, 22, 0.5), (None, 23, 1.0)]),
        (BOTH, [(1, 22, 0.5), (1, 23, 1.0), (2, 0, 0.25)]),
    ],
)
def test_cells_with_any_time_come_in_the_order_of_the_week(
    division: WeekDivision, cells: list[tuple[int | None, int | None, float]]
) -> None:
    """From Monday 22:30 to Tuesday 00:15; each names only what the week is divided by."""
    found = hours(span(division, 22 * HOUR + 2, DAY + 1)).cells()
    assert [
        (
            cell.weekday if cell.HasField("weekday") else None,
            cell.hour_of_day if cell.HasField("hour_of_day") else None,
            cell.hours,
        )
        for cell in found
    ] == cells


def test_a_cell_with_time_in_the_compared_period_alone_is_one_too() -> None:
    """It has 0 hours in the range."""
    found = hours(span(WEEKDAYS, 2 * DAY, 3 * DAY), span(WEEKDAYS, 0, 2 * DAY + HOUR)).cells()
    assert [(cell.weekday, cell.hours, cell.compared_hours) for cell in found] == [(1, 0, 24), (2, 0, 24), (3, 24, 1)]


def test_a_row_has_the_hours_of_its_cell_in_both_periods() -> None:
    week = hours(span(BOTH, 0, 2), span(BOTH, 0, HOUR))
    assert week.in_cell(GroupKey(operator="anna", weekday="1", hour_of_day="00")) == (0.5, 1.0)
    assert week.in_cell(GroupKey(weekday="7", hour_of_day="00")) == (0.0, 0.0)


def test_without_a_compared_period_its_hours_are_none() -> None:
    week = hours(span(HOURS, 0, HOUR))
    assert week.in_cell(GroupKey(hour_of_day="00")) == (1.0, 0.0)
    assert [cell.compared_hours for cell in week.cells()] == [0.0]


def test_hours_begin_when_the_kpi_is_known_and_end_when_the_answer_is_complete() -> None:
    """In both periods."""
    start = FIRST_QUARTER * 900_000_000
    week = hours(
        span(WEEKDAYS, 0, DAY),
        span(WEEKDAYS, HOUR, DAY),
        since=Micros(start + 1_800_000_000),
        until=Micros(start + 7_200_000_000),
    )
    assert week.in_cell(GroupKey(weekday="1")) == (1.5, 1.0)


def test_an_answer_that_is_not_by_time_of_the_week_has_no_hours() -> None:
    assert WeekHours.of((), EPOCH, FOREVER) is None
