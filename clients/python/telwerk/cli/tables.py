"""Answers as tables with small charts, for people."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from typing import NamedTuple

from rich import box
from rich.table import Table
from rich.text import Text

from telwerk.cli.answers import complete_until, percentile_name
from telwerk.cli.charts import sparkline
from telwerk.cli.durations import duration_text, has_durations
from telwerk.cli.heat_map import WEEKDAYS, caption, cells_of, heat_map
from telwerk.cli.labels import Labels
from telwerk.cli.options import out
from telwerk.cli.slicing import readable_id
from telwerk.cli.values import key_texts
from telwerk.v1.kpi_service_pb2 import (
    Availability,
    Kpi,
    KpiAnswer,
    Percentile,
    QueryTimeSeriesResponse,
    QueryTotalsResponse,
    Series,
    Total,
    TotalComparison,
)

ABSENT = "–"  # noqa: RUF001 - a dash that is seen beside digits
CHART_WIDTH = 32
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


def print_totals(response: QueryTotalsResponse, kpis: Mapping[str, Kpi]) -> None:
    """One table, a row for each KPI and key."""
    dimensions = dimensions_of(key_texts(total.key) for total in response.totals)
    labels = Labels(response.names)
    if list(dimensions) == ["weekday", "hour_of_day"] and not any(total.rest for total in response.totals):
        _print_weeks(response, kpis)
        return
    if response.totals:
        columns = _columns_of(response, kpis)
        stars = any(map(_stars, response.totals))
        headings = [heading for column in columns for heading in column.headings]
        table = table_of(["KPI", *dimensions.values()], headings, ["1–5"] * stars)  # noqa: RUF001
        for total in response.totals:
            cells = [cell for column in columns for cell in column.cells(total)]
            charts = [sparkline(_stars(total), CHART_WIDTH)] * stars
            name = kpis[total.kpi_id].display_name
            table.add_row(name, *key_cells(total, dimensions, labels), *cells, *charts)
        out.print(table)
    else:
        out.print("nothing was counted", style="dim")
    for answer in response.answers:
        notes(answer, f"{kpis[answer.kpi_id].display_name}: ")
    footer(response)


class _Columns(NamedTuple):
    """Numbers of a row of totals that stand side by side."""

    headings: Sequence[str]
    cells: Callable[[Total], Sequence[str]]


def _columns_of(response: QueryTotalsResponse, kpis: Mapping[str, Kpi]) -> list[_Columns]:
    """Those of which any row has something."""
    rows = response.totals
    columns = [_Columns(["Count"], lambda row: [f"{row.count:,}"])]
    if any(row.HasField("below_count") for row in rows):
        columns.append(_Columns(["Of", "Rate"], _rate_cells))
    if any(row.HasField("hours") for row in rows):
        columns.append(_Columns(["Per hour"], lambda row: [_per_hour(row)]))
    if any(kpis[row.kpi_id].has_mean for row in rows):
        columns.append(_Columns(["Mean"], lambda row: [_mean_cell(kpis[row.kpi_id], row)]))
    if asked := dict.fromkeys(one.percentile for answer in response.answers for one in answer.percentiles):
        names = list(map(percentile_name, asked))
        columns.append(_Columns(names, lambda row: percentile_cells(row.percentiles, asked)))
    if response.HasField("compared_period"):
        columns.append(_Columns(["Before", "Change"], lambda row: _before_cells(kpis[row.kpi_id], row.comparison)))
    return columns


def percentile_cells(found: Iterable[Percentile], asked: Iterable[float]) -> list[str]:
    """A duration for each that was asked for; a dash where there is none."""
    values = {one.percentile: one.value for one in found}
    return [duration_text(values[one]) if one in values else ABSENT for one in asked]


def _stars(total: Total) -> list[int]:
    """How often each number of stars; empty for what has none."""
    return [part.count for part in total.distribution if part.value.HasField("stars")]


def key_cells(row: Total | Series, dimensions: Iterable[str], labels: Labels) -> list[str]:
    """What a row was grouped by, cell by cell."""
    key = labels.key(row.key)
    if row.key.HasField("weekday"):
        key["weekday"] = WEEKDAYS[row.key.weekday - 1]
    if row.key.HasField("hour_of_day"):
        key["hour_of_day"] = f"{row.key.hour_of_day:02}:00"
    return [REST if row.rest else key[dimension] for dimension in dimensions]


def _print_weeks(response: QueryTotalsResponse, kpis: Mapping[str, Kpi]) -> None:
    """A heat map for each KPI."""
    for answer in response.answers:
        heading(answer, kpis)
        cells = cells_of(answer, response.totals, durations=has_durations(kpis[answer.kpi_id]))
        out.print(heat_map(cells))
        out.print(caption(cells))
        notes(answer)
    footer(response)


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


def _mean_cell(kpi: Kpi, total: Total) -> str:
    """Empty for what has no mean."""
    if not kpi.has_mean:
        return ""
    return mean_text(kpi, total.mean) if total.HasField("mean") else ABSENT


def _before_cells(kpi: Kpi, comparison: TotalComparison) -> list[str]:
    """The other period's rate, mean duration or count, and the change from it: of a rate in percentage points."""
    if comparison.HasField("below_count"):
        before = percent(comparison.rate) if comparison.HasField("rate") else ABSENT
        return [before, f"{comparison.rate_delta * 100:+.1f} pp" if comparison.HasField("rate_delta") else ABSENT]
    if has_durations(kpi):
        before = duration_text(comparison.mean) if comparison.HasField("mean") else ABSENT
        is_told = comparison.HasField("mean_delta") and comparison.mean
        return [before, f"{comparison.mean_delta / comparison.mean:+.0%}" if is_told else ABSENT]
    change = f"{comparison.count_change:+.0%}" if comparison.HasField("count_change") else ABSENT
    return [f"{comparison.count:,}", change]


def mean_text(kpi: Kpi, mean: float) -> str:
    """A mean of stars, or of durations."""
    return duration_text(mean) if has_durations(kpi) else f"{mean:.2f}"


def dimensions_of(keys: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The dimensions of the keys, with their headings."""
    first = next(iter(keys), {})
    return {dimension: heading for dimension, heading in _DIMENSIONS.items() if dimension in first}


def table_of(texts: Sequence[str], numbers: Sequence[str], charts: Sequence[str]) -> Table:
    """An empty table with headings of texts, of numbers, which stand at the right, and of charts."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in texts:
        table.add_column(heading, overflow="fold")
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in charts:
        table.add_column(heading, no_wrap=True)
    return table


def heading(answer: KpiAnswer, kpis: Mapping[str, Kpi]) -> None:
    """The name of the KPI and its unit; of durations each number has its own."""
    kpi = kpis[answer.kpi_id]
    out.print(Text.assemble((kpi.display_name, "bold"), "" if has_durations(kpi) else f" · {answer.unit}"))


def notes(answer: KpiAnswer, prefix: str = "") -> None:
    """What must be known of the numbers."""
    if answer.availability == Availability.AVAILABILITY_NOT_ENABLED:
        out.print(f"{prefix}not enabled: no inactivity action is switched on for this widget", style="yellow")
    if answer.availability == Availability.AVAILABILITY_NOT_YET_COUNTED:
        out.print(f"{prefix}not counted of this account: `telwerkd rebuild` counts what is stored", style="yellow")
    if answer.HasField("known_from"):
        known = f"{answer.known_from.ToDatetime(UTC):%Y-%m-%d %H:%M:%S} UTC"
        out.print(f"{prefix}wholly known of conversations that began from {known} on", style="yellow")
    if answer.unscheduled_widget_ids:
        widgets = ", ".join(map(readable_id, answer.unscheduled_widget_ids))
        out.print(Text(f"{prefix}without opening hours, so without service time: {widgets}", style="yellow"))
    if answer.overlapping:
        out.print(f"{prefix}rows overlap, and do not add up to the total", style="yellow")
    if answer.held_back_count:
        held = f"{answer.held_back_count:,} held back until their conversation's first message"
        out.print(f"{prefix}{held}", style="yellow")


def footer(response: QueryTimeSeriesResponse | QueryTotalsResponse) -> None:
    """Up to when the answer is complete."""
    out.print(f"complete until {complete_until(response):%Y-%m-%d %H:%M:%S} {response.time_zone}", style="dim")
