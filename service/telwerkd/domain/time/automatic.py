"""The width of buckets that suits a range: about as many buckets as a chart has room for."""

from datetime import date, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import PER_DAY, Granularity
from telwerkd.domain.time.ranges import QuarterHourRange

_EPOCH: Final = date(1970, 1, 1)
_HOURS_DAYS_MAX: Final = 7
_DAYS_DAYS_MAX: Final = 62
_MONTHS_YEARS_MAX: Final = 5


def automatic(span: QuarterHourRange, zone: ZoneInfo) -> Granularity:
    """Returns the granularity that suits a range: hours up to 7 days, days up to 62, months up to 5 years, else years.

    Lengths are those of the zone's calendar: from any reading of the clock to the same one 7 days later is 7 days, with
    or without a change of the clock in between. Five years from a 29 February end on a 1 March.
    """
    [reading] = calendar.readings(np.array([span.start]), zone).tolist()
    if span.end <= calendar.reached(reading + _HOURS_DAYS_MAX * PER_DAY, zone):
        return Granularity.HOUR
    if span.end <= calendar.reached(reading + _DAYS_DAYS_MAX * PER_DAY, zone):
        return Granularity.DAY
    if span.end <= calendar.reached(_years_later(reading, _MONTHS_YEARS_MAX), zone):
        return Granularity.MONTH
    return Granularity.YEAR


def _years_later(reading: int, years: int) -> int:
    days, of_day = divmod(reading, PER_DAY)
    day = _EPOCH + timedelta(days)
    try:
        later = day.replace(year=day.year + years)
    except ValueError:
        later = date(day.year + years, 3, 1)
    return (later - _EPOCH).days * PER_DAY + of_day
