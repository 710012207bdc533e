"""The width of buckets that suits a range, against a calendar counted by Python's own."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from telwerkd.domain.time.automatic import automatic
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import DateRange, QuarterHourRange

STARTS = [
    date(2026, 1, 1),
    date(2026, 3, 26),
    date(2026, 10, 22),
    date(2024, 2, 28),
    date(2011, 12, 28),
    date(2018, 11, 1),
]
ZONES = ["UTC", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "America/Sao_Paulo", "Pacific/Apia"]


def quarter(moment: datetime) -> int:
    return int(moment.timestamp()) // 900


@pytest.mark.parametrize("name", ZONES)
@pytest.mark.parametrize("start", STARTS)
def test_the_limits_are_exact_across_changes_of_the_clock(name: str, start: date) -> None:
    """Of days and of instants alike: 7 days, 62 days and 5 years are within; a quarter-hour more is over."""
    zone = ZoneInfo(name)
    for end, within, over in (
        (start + timedelta(7), Granularity.HOUR, Granularity.DAY),
        (start + timedelta(62), Granularity.DAY, Granularity.MONTH),
        (start.replace(year=start.year + 5), Granularity.MONTH, Granularity.YEAR),
    ):
        exact = DateRange(start, end).quarter_hours(zone)
        assert automatic(exact, zone) is within
        assert automatic(DateRange(start, end + timedelta(1)).quarter_hours(zone), zone) is over
        assert automatic(exact._replace(end=exact.end + 1), zone) is over
        noon, later = (datetime(d.year, d.month, d.day, 12, 30, tzinfo=zone) for d in (start, end))
        instants = QuarterHourRange(quarter(noon), quarter(later))
        assert automatic(instants, zone) is within
        assert automatic(instants._replace(end=instants.end + 1), zone) is over


def test_five_years_from_a_leap_day_end_on_the_first_of_march() -> None:
    """There is no 29 February five years later."""
    zone = ZoneInfo("UTC")
    start, end = (quarter(datetime(*day, tzinfo=UTC)) for day in ((2024, 2, 29), (2029, 3, 1)))
    assert automatic(QuarterHourRange(start, end), zone) is Granularity.MONTH
    assert automatic(QuarterHourRange(start, end + 1), zone) is Granularity.YEAR
