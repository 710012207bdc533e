"""Answers as tables with small charts, for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from rich import box
from rich.table import Table
from rich.text import Text

from telwerk.cli.answers import Bucket, bucket_starts, buckets, complete_until
from telwerk.cli.charts import bar, sparkline
from telwerk.cli.durations import duration_text, has_durations
from telwerk.cli.heat_map import WEEKDAYS, caption, cells_of, heat_map
from telwerk.cli.labels import Labels
from telwerk.cli.options import out
from telwerk.cli.values import key_texts
from telwerk.queries import GranularityName
from telwerk.v1.kpi_service_pb2 import (
    Availability,
    Kpi,
    KpiAnswer,
    QueryTimeSeriesResponse,
    QueryTotalsResponse,
    Series,
    Total,
    TotalComparison,
)

ABSENT = "–"  # noqa: RUF001 - a dash that is seen beside digits
_CHART_WIDTH = 32
_DIMENSIONS = {
    "operator": "Operator",
    "operator_group": "Group",
    "widget": "Widget",
    "value": "Value",
    "topic": "Topic",
    "question": "Question",
    "weekday": "Weekday",
    "hour_of_day": "Hour",
}
REST = "all others"
_FORMATS: Mapping[GranularityName, str] = {
    "quarter_hour": "%a %Y-%m-%d %H:%M",
    "hour": "%a %Y-%m-%d %H:%M",
    "day": "%a %Y-%m-%d",
    "week": "%G-W%V",
    "month": "%Y-%m",
    "year": "%Y",
}


def print_series(
    response: QueryTimeSeriesResponse, kpis: Mapping[str, Kpi], granularity: GranularityName, *, grouped: bool
) -> None:
    """Per KPI: its buckets with bars; or, grouped, a line with a chart for each key."""
    for answer in response.answers:
        _heading(answer, kpis)
        series = [one for one in response.series if one.kpi_id == answer.kpi_id]
        if grouped and series:
            out.print(_keys_table(response, series, kpis[answer.kpi_id]))
        elif series and series[0].counts:
            out.print(_buckets_table(response, series[0], kpis[answer.kpi_id], granularity))
        else:
            out.print("nothing was counted", style="dim")
        _notes(answer)
    _footer(response)


def print_totals(response: QueryTotalsResponse, kpis: Mapping[str, Kpi]) -> None:
    """One table, a row for each KPI and key."""
    dimensions = _dimensions(key_texts(total.key) for total in response.totals)
    labels = Labels(response.names)
    if list(dimensions) == ["weekday", "hour_of_day"] and not any(total.rest for total in response.totals):
        _print_weeks(response, kpis)
        return
    has_mean = any(kpis[total.kpi_id].has_mean for total in response.totals)
    compared = response.HasField("compared_period")
    has_rate = any(total.HasField("below_count") for total in response.totals)
    has_hours = any(total.HasField("hours") for total in response.totals)
    numbers = ["Count", *(["Of", "Rate"] if has_rate else []), *(["Per hour"] if has_hours else [])]
    numbers += [*(["Mean"] if has_mean else []), *(["Before", "Change"] if compared else [])]
    table = _table(["KPI", *dimensions.values()], numbers, ["1–5"] * has_mean)  # noqa: RUF001
    for total in response.totals:
        kpi = kpis[total.kpi_id]
        means, stars = _mean_cells(kpi, total) if kpi.has_mean else ([""] * has_mean, [""] * has_mean)
        before = _before_cells(total.comparison) if compared else []
        table.add_row(
            kpi.display_name,
            *_key_cells(total, dimensions, labels),
            f"{total.count:,}",
            *(_rate_cells(total) if has_rate else []),
            *([_per_hour(total)] if has_hours else []),
            *means,
            *before,
            *stars,
        )
    if response.totals:
        out.print(table)
    else:
        out.print("nothing was counted", style="dim")
    for answer in response.answers:
        _notes(answer, f"{kpis[answer.kpi_id].display_name}: ")
    _footer(response)


def _key_cells(row: Total | Series, dimensions: Iterable[str], labels: Labels) -> list[str]:
    key = labels.key(row.key)
    if row.key.HasField("weekday"):
        key["weekday"] = WEEKDAYS[row.key.weekday - 1]
    if row.key.HasField("hour_of_day"):
        key["hour_of_day"] = f"{row.key.hour_of_day:02}:00"
    return [REST if row.rest else key[dimension] for dimension in dimensions]


def _print_weeks(response: QueryTotalsResponse, kpis: Mapping[str, Kpi]) -> None:
    """A heat map for each KPI."""
    for answer in response.answers:
        _heading(answer, kpis)
        cells = cells_of(answer, response.totals)
        out.print(heat_map(cells))
        out.print(caption(cells))
        _notes(answer)
    _footer(response)


def _rate_cells(total: Total) -> list[str]:
    """What is below the line, and the rate; empty for what is no rate."""
    if not total.HasField("below_count"):
        return ["", ""]
    return [f"{total.below_count:,}", percent(total.rate) if total.HasField("rate") else ABSENT]


def _per_hour(total: Total) -> str:
    return f"{total.count / total.hours:.2f}" if total.hours else ABSENT


def percent(rate: float) -> str:
    """A rate in percent, with a digit behind the point."""
    return f"{rate:.1%}"


def _mean_cells(kpi: Kpi, total: Total) -> tuple[list[str], list[str]]:
    """The mean, and how often each number of stars."""
    mean = _mean_text(kpi, total.mean) if total.HasField("mean") else ABSENT
    counts = [part.count for part in total.distribution if part.value.HasField("stars")]
    return [mean], [sparkline(counts, _CHART_WIDTH)]


def _before_cells(comparison: TotalComparison) -> list[str]:
    """The other period's count, and the change from it in percent."""
    if comparison.HasField("below_count"):
        before = percent(comparison.rate) if comparison.HasField("rate") else ABSENT
        return [before, f"{comparison.rate_delta * 100:+.1f} pp" if comparison.HasField("rate_delta") else ABSENT]
    change = f"{comparison.count_change:+.0%}" if comparison.HasField("count_change") else ABSENT
    return [f"{comparison.count:,}", change]


def _buckets_table(response: QueryTimeSeriesResponse, series: Series, kpi: Kpi, granularity: GranularityName) -> Table:
    starts, rows = bucket_starts(response), buckets(response, series)
    compared = list(series.comparison.counts) if series.HasField("comparison") else None
    top = max([*(row.count for row in rows), *(compared or ())])
    is_rate = bool(series.below_counts)
    numbers = ["Count", *(["Of", "Rate"] if is_rate else []), *(["Mean"] if kpi.has_mean else [])]
    numbers += [] if compared is None else ["Before"]
    table = _table([granularity.replace("_", " ").capitalize()], numbers, [""])
    for place, (row, label) in enumerate(zip(rows, _labels([row.start for row in rows], granularity), strict=True)):
        clipped = (response.first_bucket_clipped and row.start == starts[0]) or (
            response.last_bucket_clipped and row.start == starts[-1]
        )
        cells = [f"{row.count:,}", *_of(row.count, row.below), *([_mean(kpi, row)] if kpi.has_mean else [])]
        if compared is not None:
            cells.append(f"{compared[place]:,}" if place < len(compared) else ABSENT)
        table.add_row(f"{label} (part)" if clipped else label, *cells, Text(bar(row.count, top, _CHART_WIDTH), "cyan"))
    total = Bucket(rows[0].start, sum(row.count for row in rows), sum(row.stars or 0 for row in rows))
    below = sum(series.below_counts) if is_rate else None
    sums = [f"{total.count:,}", *_of(total.count, below), *([_mean(kpi, total)] if kpi.has_mean else [])]
    _foot(table, ["Total", *sums, *([] if compared is None else [f"{sum(compared):,}"])])
    return table


def _of(count: int, below: int | None) -> list[str]:
    """What is below the line, and the rate; nothing for what is no rate."""
    return [] if below is None else [f"{below:,}", percent(count / below) if below else ABSENT]


def _foot(table: Table, cells: Sequence[str]) -> None:
    table.show_footer = True
    for column, cell in zip(table.columns, cells, strict=False):
        column.footer = cell


def _keys_table(response: QueryTimeSeriesResponse, series: Sequence[Series], kpi: Kpi) -> Table:
    dimensions, labels = _dimensions(key_texts(one.key) for one in series), Labels(response.names)
    compared = response.HasField("compared_period")
    is_rate = any(one.below_counts for one in series)
    numbers = ["Count", *(["Of", "Rate"] if is_rate else []), *(["Mean"] if kpi.has_mean else [])]
    numbers += ["Before"] if compared else []
    table = _table([*dimensions.values()], numbers, [_span(response)])
    for one in series:
        counts = [0] * len(response.bucket_start_seconds)
        for index, count in zip(one.bucket_indexes or range(len(one.counts)), one.counts, strict=True):
            counts[index] = count
        total = sum(one.counts)
        means = [_mean_text(kpi, sum(one.sums) / total) if total else ABSENT] if kpi.has_mean else []
        before = [f"{sum(one.comparison.counts):,}"] if compared else []
        chart = Text(sparkline(counts, _CHART_WIDTH), "cyan")
        rate = _of(total, sum(one.below_counts) if is_rate else None)
        table.add_row(*_key_cells(one, dimensions, labels), f"{total:,}", *rate, *means, *before, chart)
    return table


def _mean(kpi: Kpi, bucket: Bucket) -> str:
    return ABSENT if bucket.mean is None else _mean_text(kpi, bucket.mean)


def _mean_text(kpi: Kpi, mean: float) -> str:
    """A mean of stars, or of durations."""
    return duration_text(mean) if has_durations(kpi) else f"{mean:.2f}"


def _span(response: QueryTimeSeriesResponse) -> str:
    """From the first bucket to the last: what stands above a chart."""
    starts = bucket_starts(response)
    return f"{starts[0]:%Y-%m-%d} … {starts[-1]:%Y-%m-%d}"


def _labels(starts: Sequence[datetime], granularity: GranularityName) -> Iterator[str]:
    """How the beginnings of buckets are written; with the offset where the clocks are changed between them."""
    changed = len({start.utcoffset() for start in starts}) > 1 and granularity in {"hour", "quarter_hour"}
    for start in starts:
        if granularity == "quarter":
            yield f"{start:%Y}-Q{(start.month + 2) // 3}"
        else:
            yield start.strftime(_FORMATS[granularity] + (" %z" if changed else ""))


def _dimensions(keys: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The dimensions of the keys, with their headings."""
    first = next(iter(keys), {})
    return {dimension: heading for dimension, heading in _DIMENSIONS.items() if dimension in first}


def _table(texts: Sequence[str], numbers: Sequence[str], charts: Sequence[str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in texts:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in charts:
        table.add_column(heading, no_wrap=True)
    return table


def _heading(answer: KpiAnswer, kpis: Mapping[str, Kpi]) -> None:
    out.print(Text.assemble((kpis[answer.kpi_id].display_name, "bold"), f" · {answer.unit}"))


def _notes(answer: KpiAnswer, prefix: str = "") -> None:
    if answer.availability == Availability.AVAILABILITY_NOT_ENABLED:
        out.print(f"{prefix}not enabled: no inactivity action is switched on for this widget", style="yellow")
    if answer.availability == Availability.AVAILABILITY_NOT_YET_COUNTED:
        out.print(f"{prefix}not counted of this account: `telwerkd rebuild` counts what is stored", style="yellow")
    if answer.HasField("known_from"):
        known = f"{answer.known_from.ToDatetime(UTC):%Y-%m-%d %H:%M:%S} UTC"
        out.print(f"{prefix}wholly known of conversations that began from {known} on", style="yellow")
    if answer.overlapping:
        out.print(f"{prefix}rows overlap, and do not add up to the total", style="yellow")
    if answer.held_back_count:
        held = f"{answer.held_back_count:,} held back until their conversation's first message"
        out.print(f"{prefix}{held}", style="yellow")


def _footer(response: QueryTimeSeriesResponse | QueryTotalsResponse) -> None:
    out.print(f"complete until {complete_until(response):%Y-%m-%d %H:%M:%S} {response.time_zone}", style="dim")
