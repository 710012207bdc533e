"""How ranges and buckets are written.

In texts and tables as ISO 8601 has it, so that no language reads them otherwise; below a chart, where there is little
room, in the reader's own short form.
"""

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from babel.dates import format_skeleton

from telwerk.cli.report.charts import Axis
from telwerk.cli.times import zone_of
from telwerk.queries import GranularityName
from telwerk.v1.kpi_service_pb2 import QueryTimeSeriesResponse

_FORMATS: Mapping[GranularityName, str] = {
    "quarter_hour": "%Y-%m-%d %H:%M",
    "hour": "%Y-%m-%d %H:%M",
    "day": "%Y-%m-%d",
    "week": "%G-W%V",
    "month": "%Y-%m",
    "year": "%Y",
}

_SKELETONS: Mapping[GranularityName, str] = {
    "quarter_hour": "Hm",
    "hour": "Hm",
    "day": "MMMd",
    "week": "MMMd",
    "month": "yMMM",
    "quarter": "yQQQ",
    "year": "y",
}
"""What the Unicode CLDR calls these forms; how a language writes each is in its data."""

_STEPS: Mapping[GranularityName, tuple[int, ...]] = {
    "quarter_hour": (1, 2, 4, 8, 12, 24, 48, 96),
    "hour": (1, 2, 3, 6, 12, 24),
    "day": (1, 2, 7, 14, 28),
    "week": (1, 2, 4, 13, 26, 52),
    "month": (1, 2, 3, 6, 12),
    "quarter": (1, 2, 4),
    "year": (1, 2, 5, 10),
}
"""Buckets from one name below a chart to the next: what divides hours, days, weeks and years evenly."""


def period(start_seconds: int, end_seconds: int, zone: ZoneInfo) -> str:
    """Whole days by their dates, the last one included; else by its instants."""
    start, end = datetime.fromtimestamp(start_seconds, zone), datetime.fromtimestamp(end_seconds, zone)
    last = datetime.fromtimestamp(end_seconds - 1, zone)
    if start.date() != datetime.fromtimestamp(start_seconds - 1, zone).date() and last.date() != end.date():
        return f"{start:%Y-%m-%d}" if start.date() == last.date() else f"{start:%Y-%m-%d} … {last:%Y-%m-%d}"
    return f"{start:%Y-%m-%d %H:%M} … {end:%Y-%m-%d %H:%M}"


def bucket_labels(response: QueryTimeSeriesResponse, granularity: GranularityName, part: str = "") -> list[str]:
    """What the buckets are called; `part` marks those that the range cuts."""
    zone = zone_of(response.time_zone)
    starts = [datetime.fromtimestamp(seconds, zone) for seconds in response.bucket_start_seconds]
    changed = len({start.utcoffset() for start in starts}) > 1 and granularity in {"hour", "quarter_hour"}
    labels = [_label(start, granularity) + (f"{start: %z}" if changed else "") for start in starts]
    if part and response.first_bucket_clipped:
        labels[0] += f" ({part})"
    if part and response.last_bucket_clipped and not (len(labels) == 1 and response.first_bucket_clipped):
        labels[-1] += f" ({part})"
    return labels


def _label(start: datetime, granularity: GranularityName) -> str:
    return f"{start:%Y}-Q{(start.month + 2) // 3}" if granularity == "quarter" else f"{start:{_FORMATS[granularity]}}"


def axis_of(response: QueryTimeSeriesResponse, granularity: GranularityName, language: str) -> Axis:
    """The beginnings of the buckets, short, as the language writes them; the date where a day of hours begins."""
    zone = zone_of(response.time_zone)
    starts = [datetime.fromtimestamp(seconds, zone) for seconds in response.bucket_start_seconds]
    texts = [format_skeleton(_skeleton(start, granularity), start, locale=language) for start in starts]
    return Axis(texts, _STEPS[granularity])


def _skeleton(start: datetime, granularity: GranularityName) -> str:
    within_a_day = granularity in {"hour", "quarter_hour"}
    return "MMMd" if within_a_day and not (start.hour or start.minute) else _SKELETONS[granularity]
