"""The known years are one rule: its dates, its instants and the calendar agree."""

from datetime import UTC, date, datetime, timedelta

from telwerkd.domain.time.calendar import EARLIEST, LATEST, QUARTER_HOUR_MICROS
from telwerkd.domain.time.years import (
    END_INSTANT,
    FIRST_DATE,
    FIRST_INSTANT,
    LAST_DATE,
    is_known_date,
    is_known_instant,
)


def test_dates_and_instants_agree() -> None:
    midnight = datetime.min.time()
    assert datetime.combine(FIRST_DATE, midnight, UTC).timestamp() * 1_000_000 == FIRST_INSTANT
    assert datetime.combine(LAST_DATE + timedelta(days=1), midnight, UTC).timestamp() * 1_000_000 == END_INSTANT
    assert EARLIEST * QUARTER_HOUR_MICROS < FIRST_INSTANT < END_INSTANT < LATEST * QUARTER_HOUR_MICROS


def test_the_bounds_are_half_open_for_instants_and_closed_for_dates() -> None:
    assert [is_known_instant(at) for at in (FIRST_INSTANT - 1, FIRST_INSTANT, END_INSTANT - 1, END_INSTANT)] == [
        False,
        True,
        True,
        False,
    ]
    days = (date(1999, 12, 31), date(2000, 1, 1), date(2199, 12, 31), date(2200, 1, 1))
    assert [is_known_date(day) for day in days] == [False, True, True, False]
