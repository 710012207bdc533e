"""Answers of the server as flat rows, and those as JSON and CSV. `telwerk.cli.tables` draws the same rows.

JSON numbers are numbers, times are ISO 8601 with an offset, a number that there is not (a mean without ratings, a
change from nothing) is null, in CSV empty. CSV has a row per bucket or total, and a column for each dimension that was
grouped by; with --rest, `rest` marks the row of all others. Where an answer has display names, JSON lists them, and CSV
has one more column behind each that has any, such as `operator_name` behind `operator`: the ids stay what they were.
Where the account does not count a KPI, CSV has a column `counted`, and of that KPI one row without numbers, in which it
is False; where a KPI is known only from an instant on, a column `known_from`.
"""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias, assert_never

from telwerk.cli.labels import Labels
from telwerk.cli.noticing import not_counted
from telwerk.cli.options import Output, out
from telwerk.cli.spreadsheets import csv_text
from telwerk.cli.times import zone_of
from telwerk.cli.values import key_texts, member_text, text_of
from telwerk.v1.display_name_pb2 import DisplayName, NameKind
from telwerk.v1.kpi_service_pb2 import (
    Availability,
    KpiAnswer,
    QueryTimeSeriesResponse,
    QueryTotalsResponse,
    Series,
    SeriesComparison,
    Total,
    TotalComparison,
)

Row: TypeAlias = dict[str, object]
"""Of a CSV, by column."""

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"


@dataclass(frozen=True)
class Bucket:
    """One count of a series."""

    start: datetime
    count: int
    stars: int | None
    """Their sum, where the KPI has a mean."""
    below: int | None = None
    """Of a rate: what is below the line."""

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
    below: Iterable[int | None] = series.below_counts or [None] * len(series.counts)
    columns = zip(indexes, series.counts, stars, below, strict=True)
    return [Bucket(starts[index], count, star, under) for index, count, star, under in columns]


def complete_until(response: QueryTimeSeriesResponse | QueryTotalsResponse) -> datetime:
    """Up to when the answer is complete, on the clock of its time zone."""
    return response.complete_until.ToDatetime(UTC).astimezone(zone_of(response.time_zone))


def series_text(response: QueryTimeSeriesResponse, output: Output) -> str:
    """The series as JSON or CSV."""
    if output.is_csv:
        return csv_text(_marked(_series_rows(response), response.answers), output)
    series: list[Json] = [
        {
            "kpi": one.kpi_id,
            "key": key_texts(one.key),
            "buckets": [
                _bucket_json(bucket) | _percentiles_at(one, place)
                for place, bucket in enumerate(buckets(response, one))
            ],
            **({"rest": True} if one.rest else {}),
            **({"compared": _compared_columns(one.comparison)} if one.HasField("comparison") else {}),
        }
        for one in response.series
    ]
    return json_text({"series": series, **_common(response)})


def _marked(rows: Iterable[Row], answers: Sequence[KpiAnswer]) -> Iterator[Row]:
    """The rows, and what makes a missing number no zero: which KPIs are not counted, or known only from when on."""
    lacking = not_counted(answers)
    known_from: dict[object, str] = {one.kpi_id: _known_from(one) for one in answers if one.HasField("known_from")}
    for row in rows:
        known = {"known_from": known_from.get(row["kpi"])} if known_from else {}
        yield row | ({"counted": True} if lacking else {}) | known
    yield from ({"kpi": kpi_id, "counted": False} for kpi_id in lacking)


def _known_from(answer: KpiAnswer) -> str:
    return answer.known_from.ToDatetime(UTC).isoformat()


def _percentiles_at(series: Series, place: int) -> dict[str, float | None]:
    """The percentiles of a bucket, in ms, such as `p50`; nothing where none was asked for."""
    return {percentile_name(one.percentile): _number(one.values[place]) for one in series.percentiles}


def percentile_name(percentile: float) -> str:
    """As columns are named: p50, p99.9."""
    return f"p{percentile * 100:.10g}"


def _bucket_json(bucket: Bucket) -> dict[str, Json]:
    counted: dict[str, Json] = {"start": bucket.start.isoformat(), "count": bucket.count, **_rate_of(bucket)}
    return counted if bucket.stars is None else {**counted, "sum": bucket.stars, "mean": bucket.mean}


def _rate_of(bucket: Bucket) -> dict[str, Json]:
    """Nothing for what is no rate."""
    if bucket.below is None:
        return {}
    return {"below_count": bucket.below, "rate": bucket.count / bucket.below if bucket.below else None}


def _compared_columns(comparison: SeriesComparison) -> Json:
    """The other period's numbers, by its buckets; and the differences, by the buckets that both have."""
    columns: dict[str, Json] = {
        "counts": list(comparison.counts),
        "count_deltas": list(comparison.count_deltas),
        "count_changes": [_number(change) for change in comparison.count_changes],
    }
    if comparison.sums:
        columns |= {
            "sums": list(comparison.sums),
            "mean_deltas": [_number(delta) for delta in comparison.mean_deltas],
        }
    if comparison.below_counts:
        columns |= {
            "below_counts": list(comparison.below_counts),
            "rate_deltas": [_number(delta) for delta in comparison.rate_deltas],
        }
    return columns


def _number(number: float) -> float | None:
    """NaN is how the contract says that there is none."""
    return None if math.isnan(number) else number


def _series_rows(response: QueryTimeSeriesResponse) -> Iterator[Row]:
    labels = Labels(response.names)
    for series in response.series:
        key = {"kpi": series.kpi_id, **labels.columns(series.key), **({"rest": True} if series.rest else {})}
        for place, bucket in enumerate(buckets(response, series)):
            mean = {"sum": bucket.stars, "mean": bucket.mean, **_percentiles_at(series, place)}
            compared = _compared_cells(series.comparison, place) if series.HasField("comparison") else {}
            counted = {"start": bucket.start.isoformat(), "count": bucket.count, **_rate_of(bucket)}
            yield {**key, **counted, **mean, **compared}


def _compared_cells(comparison: SeriesComparison, place: int) -> dict[str, object]:
    """A bucket's counterpart; empty where the other period has none."""
    columns: dict[str, Sequence[float]] = {
        "compared_count": comparison.counts,
        "compared_sum": comparison.sums,
        "count_delta": comparison.count_deltas,
        "count_change": comparison.count_changes,
        "mean_delta": comparison.mean_deltas,
    }
    if comparison.below_counts:
        columns |= {"compared_below_count": comparison.below_counts, "rate_delta": comparison.rate_deltas}
    return {name: _number(column[place]) if place < len(column) else None for name, column in columns.items()}


def totals_text(response: QueryTotalsResponse, output: Output) -> str:
    """The totals as JSON or CSV."""
    if output.is_csv:
        labels = Labels(response.names)
        rows = (_total_row(one, labels) for one in response.totals)
        return csv_text(_marked(rows, response.answers), output)
    totals: list[Json] = [
        {
            "kpi": one.kpi_id,
            "key": key_texts(one.key),
            **({"rest": True} if one.rest else {}),
            "count": one.count,
            "share": one.share if one.HasField("share") else None,
            **({} if _mean(one)["sum"] is None else _mean(one)),
            **_rate_and_hours(one),
            **{percentile_name(found.percentile): found.value for found in one.percentiles},
            "distribution": {text_of(part.value): part.count for part in one.distribution},
            **({"compared": _compared(one.comparison)} if one.HasField("comparison") else {}),
        }
        for one in response.totals
    ]
    return json_text({"totals": totals, **_common(response)})


def _total_row(total: Total, labels: Labels) -> Row:
    share = total.share if total.HasField("share") else None
    row: Row = {"kpi": total.kpi_id, **labels.columns(total.key), **({"rest": True} if total.rest else {})}
    row |= {"count": total.count, **_mean(total), "share": share, **_rate_and_hours(total)}
    row |= {percentile_name(found.percentile): found.value for found in total.percentiles}
    if total.HasField("comparison"):
        compared = _compared(total.comparison)
        row |= {name if name.endswith(("delta", "change")) else f"compared_{name}": compared[name] for name in compared}
    return row


def _rate_and_hours(numbers: Total | TotalComparison) -> dict[str, int | float | None]:
    """What only rates, and cells of the week, have."""
    found: dict[str, int | float | None] = {}
    if numbers.HasField("below_count"):
        found |= {"below_count": numbers.below_count, "rate": numbers.rate if numbers.HasField("rate") else None}
    return found | ({"hours": numbers.hours} if numbers.HasField("hours") else {})


def _compared(comparison: TotalComparison) -> dict[str, int | float | None]:
    """The other period's numbers, and how far from them."""
    found: dict[str, int | float | None] = {
        "count": comparison.count,
        "sum": comparison.sum,
        "mean": comparison.mean if comparison.HasField("mean") else None,
        "count_delta": comparison.count_delta,
        "count_change": comparison.count_change if comparison.HasField("count_change") else None,
        "mean_delta": comparison.mean_delta if comparison.HasField("mean_delta") else None,
        **_rate_and_hours(comparison),
    }
    if comparison.HasField("below_count"):
        found["rate_delta"] = comparison.rate_delta if comparison.HasField("rate_delta") else None
    return found


def _mean(total: Total) -> dict[str, int | float | None]:
    """Sum and mean; both None where the KPI has no mean, the mean alone where there are no ratings."""
    if not (total.HasField("mean") or any(part.value.HasField("stars") for part in total.distribution)):
        return {"sum": None, "mean": None}
    return {"sum": total.sum, "mean": total.mean if total.HasField("mean") else None}


def _common(response: QueryTimeSeriesResponse | QueryTotalsResponse) -> dict[str, Json]:
    return {
        "kpis": [_kpi_json(answer) for answer in response.answers],
        "time_zone": response.time_zone,
        "complete_until": complete_until(response).isoformat(),
        **({"names": names_json(response.names)} if response.names else {}),
        **({"next_page_token": response.next_page_token} if response.next_page_token else {}),
        **({"compared_period": _period(response)} if response.HasField("compared_period") else {}),
    }


def names_json(names: Iterable[DisplayName]) -> Json:
    """Display names as records."""
    return [
        {
            "kind": member_text(NameKind, one.kind, "NAME_KIND_"),
            "id": one.id,
            "name": one.name,
            **({"question": one.question_id} if one.question_id else {}),
        }
        for one in names
    ]


def _period(response: QueryTimeSeriesResponse | QueryTotalsResponse) -> Json:
    """The compared period, from its first bucket to its end."""
    zone = zone_of(response.time_zone)
    period = response.compared_period
    ends = (period.bucket_start_seconds[0], period.end_seconds)
    start, end = (datetime.fromtimestamp(seconds, zone).isoformat() for seconds in ends)
    return {"start": start, "end": end}


def note_of_pages(response: QueryTimeSeriesResponse | QueryTotalsResponse) -> str | None:
    """How to ask for the rows that are not shown."""
    if not response.next_page_token:
        return None
    return f"there are more rows: the same again with --page-token {response.next_page_token}"


def _kpi_json(answer: KpiAnswer) -> Json:
    return {
        "kpi": answer.kpi_id,
        "unit": answer.unit,
        "held_back": answer.held_back_count,
        "enabled": answer.availability != Availability.AVAILABILITY_NOT_ENABLED,
        "counted": answer.availability != Availability.AVAILABILITY_NOT_YET_COUNTED,
        **({"known_from": _known_from(answer)} if answer.HasField("known_from") else {}),
        **({"unscheduled_widgets": [*answer.unscheduled_widget_ids]} if answer.unscheduled_widget_ids else {}),
        "overlapping": answer.overlapping,
        **{percentile_name(found.percentile): found.value for found in answer.percentiles},
    }


def json_text(answer: Json) -> str:
    """The answer as indented JSON."""
    return json.dumps(answer, ensure_ascii=False, indent=2)


def print_record(record: Mapping[str, Json], output: Output, text: str) -> None:
    """One result: the text for people, or the record as JSON, or as the one row of a CSV."""
    match output:
        case Output.TABLE:
            out.print(text)
        case Output.JSON:
            out.print(json_text(record), soft_wrap=True)
        case Output.CSV | Output.CSV_RAW:
            out.print(csv_text([record], output), soft_wrap=True)
        case _:
            assert_never(output)
