"""Answers of the server as flat rows, and those as JSON and CSV. `telwerk.cli.tables` draws the same rows.

JSON numbers are numbers, times are ISO 8601 with an offset, a mean without ratings is null. CSV has a row per bucket or
total, and a column for each dimension that was grouped by.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from telwerk.cli.options import Output
from telwerk.cli.times import zone_of
from telwerk.cli.values import key_texts, text_of
from telwerk.v1.kpi_service_pb2 import (
    Availability,
    KpiAnswer,
    QueryTimeSeriesResponse,
    QueryTotalsResponse,
    Series,
    Total,
)

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True)
class Bucket:
    """One count of a series."""

    start: datetime
    count: int
    stars: int | None
    """Their sum, where the KPI has a mean."""

    @property
    def mean(self) -> float | None:
        """Absent without ratings."""
        return self.stars / self.count if self.count and self.stars is not None else None


def bucket_starts(response: QueryTimeSeriesResponse) -> list[datetime]:
    """Where the answer's buckets begin, in its time zone."""
    zone = zone_of(response.time_zone)
    return [datetime.fromtimestamp(seconds, zone) for seconds in response.bucket_start_seconds]


def buckets(response: QueryTimeSeriesResponse, series: Series) -> list[Bucket]:
    """The series' counts, each with the beginning of its bucket; if the answer is sparse, only those with facts."""
    starts = bucket_starts(response)
    indexes: Iterable[int] = series.bucket_indexes or range(len(series.counts))
    stars: Iterable[int | None] = series.sums or [None] * len(series.counts)
    return [
        Bucket(starts[index], count, star) for index, count, star in zip(indexes, series.counts, stars, strict=True)
    ]


def complete_until(response: QueryTimeSeriesResponse | QueryTotalsResponse) -> datetime:
    """Up to when the answer is complete, on the clock of its time zone."""
    return response.complete_until.ToDatetime(UTC).astimezone(zone_of(response.time_zone))


def series_text(response: QueryTimeSeriesResponse, output: Output) -> str:
    """The series as JSON or CSV."""
    if output is Output.CSV:
        return csv_text(_series_rows(response))
    series: list[Json] = [
        {
            "kpi": one.kpi_id,
            "key": key_texts(one.key),
            "buckets": [_bucket_json(bucket) for bucket in buckets(response, one)],
        }
        for one in response.series
    ]
    return json_text({"series": series, **_common(response)})


def _bucket_json(bucket: Bucket) -> Json:
    counted: dict[str, Json] = {"start": bucket.start.isoformat(), "count": bucket.count}
    return counted if bucket.stars is None else {**counted, "sum": bucket.stars, "mean": bucket.mean}


def _series_rows(response: QueryTimeSeriesResponse) -> Iterator[Mapping[str, object]]:
    for series in response.series:
        key = key_texts(series.key)
        for bucket in buckets(response, series):
            mean = {"sum": bucket.stars, "mean": bucket.mean}
            yield {"kpi": series.kpi_id, **key, "start": bucket.start.isoformat(), "count": bucket.count, **mean}


def totals_text(response: QueryTotalsResponse, output: Output) -> str:
    """The totals as JSON or CSV."""
    if output is Output.CSV:
        return csv_text(
            {"kpi": one.kpi_id, **key_texts(one.key), "count": one.count, **_mean(one)} for one in response.totals
        )
    totals: list[Json] = [
        {
            "kpi": one.kpi_id,
            "key": key_texts(one.key),
            "count": one.count,
            **({} if _mean(one)["sum"] is None else _mean(one)),
            "distribution": {text_of(part.value): part.count for part in one.distribution},
        }
        for one in response.totals
    ]
    return json_text({"totals": totals, **_common(response)})


def _mean(total: Total) -> dict[str, int | float | None]:
    """Sum and mean; both None where the KPI has no mean, the mean alone where there are no ratings."""
    if not any(part.value.HasField("stars") for part in total.distribution):
        return {"sum": None, "mean": None}
    return {"sum": total.sum, "mean": total.mean if total.HasField("mean") else None}


def _common(response: QueryTimeSeriesResponse | QueryTotalsResponse) -> dict[str, Json]:
    return {
        "kpis": [_kpi_json(answer) for answer in response.answers],
        "time_zone": response.time_zone,
        "complete_until": complete_until(response).isoformat(),
    }


def _kpi_json(answer: KpiAnswer) -> Json:
    return {
        "kpi": answer.kpi_id,
        "unit": answer.unit,
        "held_back": answer.held_back_count,
        "enabled": answer.availability != Availability.AVAILABILITY_NOT_ENABLED,
        "overlapping": answer.overlapping,
    }


def json_text(answer: Json) -> str:
    """The answer as indented JSON."""
    return json.dumps(answer, ensure_ascii=False, indent=2)


def csv_text(rows: Iterable[Mapping[str, object]]) -> str:
    """The rows under the columns of the first; nothing at all where there are none."""
    text = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(text, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
    return text.getvalue().removesuffix("\n")
