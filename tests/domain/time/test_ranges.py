"""Ranges of time: what lies just before one, and the buckets that it is divided into."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.domain.time.calendar import EARLIEST, Granularity
from telwerkd.domain.time.ranges import DateRange, QuarterHourRange, place_in_time

law = settings(deadline=None)
BERLIN, APIA = ZoneInfo("Europe/Berlin"), ZoneInfo("Pacific/Apia")


@pytest.mark.parametrize(
    ("start", "end", "before"),
    [
        ("2025-04-01", "2025-07-01", "2025-01-01"),  # a quarter
        ("2025-02-01", "2025-03-01", "2025-01-01"),  # a short month, and all of a long one
        ("2024-01-01", "2025-01-01", "2023-01-01"),  # a leap year
        ("2025-02-03", "2025-02-10", "2025-01-27"),  # a week
        ("2025-02-01", "2025-02-08", "2025-01-25"),  # days that begin with a month
        ("2025-03-01", "2025-03-02", "2025-02-28"),
    ],
)
def test_whole_months_are_preceded_by_months_and_other_days_by_days(start: str, end: str, before: str) -> None:
    """So a quarter is preceded by a quarter, and February by all of January."""
    period = DateRange(date.fromisoformat(start), date.fromisoformat(end))
    assert period.previous() == DateRange(date.fromisoformat(before), period.start)


@law
@given(st.integers(EARLIEST, EARLIEST + 10**6), st.integers(1, 10**4))
def test_quarter_hours_are_preceded_by_as_many(start: int, length: int) -> None:
    """Or by none, where the calendar had not begun: that is said, not cut."""
    period = QuarterHourRange(start, start + length)
    if start - length < EARLIEST:
        with pytest.raises(InvalidArgumentError, match="2000"):
            period.previous()
    else:
        assert period.previous() == QuarterHourRange(start - length, start)


@pytest.mark.parametrize("end", [date(2000, 2, 1), date(2000, 1, 8), date(2199, 12, 31)])
def test_nothing_precedes_the_calendar(end: date) -> None:
    """Neither months nor days, nor centuries, for which there are no dates at all."""
    with pytest.raises(InvalidArgumentError, match="begins before 2000"):
        DateRange(date(2000, 1, 1), end).previous()


def test_days_that_a_clock_skipped_are_no_range() -> None:
    """Apia had no 2011-12-30: a range of that day alone is refused, one with a day more is that day."""
    skipped = date(2011, 12, 30)
    with pytest.raises(InvalidArgumentError, match="skipped the whole range"):
        DateRange(skipped, skipped + timedelta(1)).quarter_hours(APIA)
    two = DateRange(skipped, skipped + timedelta(2)).quarter_hours(APIA)
    assert two.end - two.start == 96


@law
@given(st.dates(date(2020, 1, 1), date(2024, 1, 1)), st.integers(1, 40), st.sampled_from([None, *Granularity]))
def test_every_quarter_hour_of_a_period_lies_in_the_bucket_that_holds_it(
    start: date, days: int, granularity: Granularity | None
) -> None:
    """Whichever way it is found; without a granularity there is one bucket, which nothing clips."""
    span = DateRange(start, start + timedelta(days)).quarter_hours(BERLIN)
    [period] = place_in_time([span], granularity, BERLIN)
    quarter_hours = np.arange(span.start, span.end)
    bucket, edges = period.bucket_of(quarter_hours), period.buckets.edges
    assert (edges[bucket] <= quarter_hours).all()
    assert (quarter_hours < edges[bucket + 1]).all()
    assert (period.start, period.end, int(bucket[-1]) + 1) == (*span, period.width)
    if granularity is None:
        assert (period.width, period.buckets.first_clipped, period.buckets.last_clipped) == (1, False, False)
