"""The questions that a dashboard asks, as requests; and what an answer says, in a form that peers can be held to.

Each question can be asked of any day, so that no answer can be one that was given before: a cache must earn its keep on
the very same request.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import TypeAlias
from zoneinfo import ZoneInfo

from benchmarks.workload import ACCOUNT, START_SECONDS
from telwerk.v1 import kpi_service_pb2 as kpi

ZONES = ("Europe/Berlin", "Asia/Kathmandu")
YEAR_DAYS = 365
POINTS = 2_880
"""Quarter-hours in 30 days."""
RATINGS = "satisfaction_score"
RESPONSES = "response_time"
MESSAGES = "messages"

_FIRST_DAY = datetime.fromtimestamp(START_SECONDS, UTC).date()

Numbers: TypeAlias = dict[tuple[date, str], tuple[int, int]]
"""Count and sum of stars, by local day and operator (empty for the total); days without ratings left out."""


@dataclass(frozen=True, slots=True)
class YearByDay:
    """Count and sum of a KPI of a year by day, of ratings unless said: of all, of each operator, or of some."""

    zone: str
    first_day: int = 1
    """Days after the first day of the workload."""
    by_operator: bool = False
    operators: tuple[str, ...] = ()
    kpi_id: str = RATINGS
    percentiles: tuple[float, ...] = ()
    account: str = ACCOUNT

    @property
    def start(self) -> date:
        return _FIRST_DAY + timedelta(days=self.first_day)

    @property
    def end(self) -> date:
        return self.start + timedelta(days=YEAR_DAYS)

    @property
    def instants(self) -> tuple[datetime, datetime]:
        """The midnights of its zone that it lies between."""
        zone = ZoneInfo(self.zone)
        return tuple(datetime(d.year, d.month, d.day, tzinfo=zone) for d in (self.start, self.end))  # type: ignore[return-value]

    def request(self) -> bytes:
        """It as Telwerk is asked."""
        request = kpi.QueryTimeSeriesRequest(
            account_id=self.account,
            kpi_ids=[self.kpi_id],
            granularity=kpi.GRANULARITY_DAY,
            time_zone=self.zone,
            percentiles=self.percentiles,
            group_by=[kpi.DIMENSION_OPERATOR] if self.by_operator else [],
        )
        request.range.dates.start_date.MergeFrom(_calendar_date(self.start))
        request.range.dates.end_date.MergeFrom(_calendar_date(self.end))
        if self.operators:
            request.filter.operators.any_of.extend(self.operators)
        return request.SerializeToString()

    def numbers(self, answer: kpi.QueryTimeSeriesResponse) -> Numbers:
        """What Telwerk's answer to it says."""
        zone = ZoneInfo(self.zone)
        days = [datetime.fromtimestamp(seconds, zone).date() for seconds in answer.bucket_start_seconds]
        return {
            (day, series.key.operator_id): (n, total)
            for series in answer.series
            for day, n, total in zip(days, series.counts, series.sums, strict=True)
            if n
        }

    def fresh(self) -> Iterator["YearByDay"]:
        """The same of later and later years."""
        return (replace(self, first_day=self.first_day + days) for days in count())


def quarter_hours(first_quarter_hour: int) -> bytes:
    """The ratings of 30 days by quarter-hour, from a quarter-hour after the workload's beginning."""
    request = kpi.QueryTimeSeriesRequest(account_id=ACCOUNT, kpi_ids=[RATINGS], time_zone=ZONES[0])
    request.granularity = kpi.GRANULARITY_QUARTER_HOUR
    request.range.instants.start_time.seconds = START_SECONDS + first_quarter_hour * 900
    request.range.instants.end_time.seconds = START_SECONDS + (first_quarter_hour + POINTS) * 900
    return request.SerializeToString()


def totals(first_quarter_hour: int) -> bytes:
    """The ratings of the same 30 days in all, with how often each value was given."""
    series = kpi.QueryTimeSeriesRequest.FromString(quarter_hours(first_quarter_hour))
    request = kpi.QueryTotalsRequest(account_id=ACCOUNT, kpi_ids=[RATINGS], time_zone=ZONES[0], range=series.range)
    return request.SerializeToString()


def _calendar_date(day: date) -> kpi.CalendarDate:
    return kpi.CalendarDate(year=day.year, month=day.month, day=day.day)
