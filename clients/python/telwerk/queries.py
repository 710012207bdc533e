"""The parts of a query, from plain Python values."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Final, Literal, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1.kpi_service_pb2 import CalendarDate, DateRange, Dimension, Granularity, InstantRange, TimeRange

GranularityName: TypeAlias = Literal["quarter_hour", "hour", "day", "week", "month", "quarter", "year"]
"""The width of a bucket."""

DimensionName: TypeAlias = Literal["operator", "operator_group", "widget", "value", "topic"]
"""What KPIs can be grouped by."""

GRANULARITIES: Final[Mapping[GranularityName, "Granularity.ValueType"]] = {
    "quarter_hour": Granularity.GRANULARITY_QUARTER_HOUR,
    "hour": Granularity.GRANULARITY_HOUR,
    "day": Granularity.GRANULARITY_DAY,
    "week": Granularity.GRANULARITY_WEEK,
    "month": Granularity.GRANULARITY_MONTH,
    "quarter": Granularity.GRANULARITY_QUARTER,
    "year": Granularity.GRANULARITY_YEAR,
}
"""The contract's constants."""

DIMENSIONS: Final[Mapping[DimensionName, "Dimension.ValueType"]] = {
    "operator": Dimension.DIMENSION_OPERATOR,
    "operator_group": Dimension.DIMENSION_OPERATOR_GROUP,
    "widget": Dimension.DIMENSION_WIDGET,
    "value": Dimension.DIMENSION_VALUE,
    "topic": Dimension.DIMENSION_TOPIC,
}
"""The contract's constants."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def time_range(start: date | datetime, end: date | datetime) -> TimeRange:
    """From `start` up to, not including, `end`: two dates (local days of the query's time zone) or two instants.

    Raises:
        TypeError: one is a date and the other an instant.
        ValueError: an instant has no time zone.
    """
    if isinstance(start, datetime) and isinstance(end, datetime):
        return TimeRange(instants=InstantRange(start_time=timestamp(start), end_time=timestamp(end)))
    if isinstance(start, datetime) or isinstance(end, datetime):
        raise TypeError("a range is from a date to a date, or from an instant to an instant")
    return TimeRange(dates=DateRange(start_date=_calendar_date(start), end_date=_calendar_date(end)))


def timestamp(instant: datetime) -> Timestamp:
    """The instant, exact to the microsecond.

    Raises:
        ValueError: it has no time zone, so that nobody can know which instant it is.
    """
    if instant.tzinfo is None:
        raise ValueError(f"{instant.isoformat()} has no time zone: is it datetime.now(UTC) that was meant?")
    since = instant - _EPOCH
    return Timestamp(seconds=since.days * 86_400 + since.seconds, nanos=since.microseconds * 1_000)


def _calendar_date(day: date) -> CalendarDate:
    return CalendarDate(year=day.year, month=day.month, day=day.day)
