"""Answers as what stands on the terminal: texts and tables of rich. Ids are texts in which nothing steers anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from telwerk.cli.dashboard.columns import cells_of, column_rows, count_levels, duration_levels, mean_levels, rate_levels
from telwerk.cli.dashboard.views import BoardName, Column, Period, View
from telwerk.cli.durations import duration_text, has_durations, short_duration_text, unit_of
from telwerk.cli.labels import Labels
from telwerk.cli.presentation import COMPARED_COUNT_MIN, RELATIVE_CHANGE_MAX, WHOLE_UNITS_MIN
from telwerk.cli.slicing import readable_id
from telwerk.cli.tables import ABSENT, percent
from telwerk.cli.times import zone_of
from telwerk.queries import GranularityName
from telwerk.v1.kpi_service_pb2 import (
    Availability,
    Key,
    Kpi,
    QueryTimeSeriesResponse,
    QueryTotalsResponse,
    Series,
    Total,
    TotalComparison,
)

BOARD_HEADINGS: Final[Mapping[BoardName, str]] = {
    "operator": "Operator",
    "operator_group": "Operator group",
    "widget": "Widget",
}
OTHERS: Final = "all others"
_NAME_WIDTH, _VALUE_WIDTH, _CHANGE_WIDTH = 42, 8, 8
_WIDTH_BEFORE_CHART: Final = _NAME_WIDTH + _VALUE_WIDTH + _CHANGE_WIDTH + 7
"""Of the columns before a chart, with the spaces beside them. The longest name is 41 long."""
_NUMBER_WIDTH: Final = 8 + 2
_WIDTH_WITH_BEFORE: Final = 92
_CHART_WIDTH_MIN: Final = 8
_BUCKET_NAMES: Final[Mapping[GranularityName, Sequence[str]]] = {
    "quarter_hour": ("%H:%M",),
    "hour": ("%H:%M", "%H"),
    "day": ("%a %d", "%d"),
    "week": ("W%V", "%V"),
    "month": ("%Y-%m", "%b", "%m"),
    "quarter": ("%Y-%m",),
    "year": ("%Y",),
}
"""What the buckets may be called, the longest form first."""
_CHART_ROWS_MAX: Final = 4
_ROWS_OF_HEADING: Final = 4


@dataclass(frozen=True)
class Picture:
    """What the server has answered about a view."""

    view: View
    period: Period
    totals: QueryTotalsResponse
    series: QueryTimeSeriesResponse
    board: QueryTotalsResponse

    @property
    def complete_until(self) -> datetime:
        """On the clock of the view's time zone."""
        return self.totals.complete_until.ToDatetime(UTC).astimezone(zone_of(self.totals.time_zone))


class BoardRow(NamedTuple):
    """A line of the board; None where it is not somebody, but all others together."""

    chosen: str | None
    cells: Sequence[Text]


def title(account: str, view: View, zone: ZoneInfo, labels: Labels) -> Text:
    """Whose numbers, over what range, of whom."""
    span = f"{view.span}, by {view.granularity.replace('_', ' ')} ({zone})"
    return Text.assemble((readable_id(account), "bold"), f" · {span} · ", (slice_text(view, labels), "bold"))


def slice_text(view: View, labels: Labels) -> str:
    """Of whom the numbers are."""
    if not view.slice:
        return "everyone"
    return ", ".join(f"{BOARD_HEADINGS[kind].lower()} {labels.person(kind, chosen)}" for kind, chosen in view.slice)


_SILENT = {
    Availability.AVAILABILITY_NOT_ENABLED: "not enabled",
    Availability.AVAILABILITY_NOT_YET_COUNTED: "not counted",
}
"""Why a KPI has no numbers."""


def kpi_table(picture: Picture, kpis: Sequence[Kpi], width: int, height: int) -> Table:
    """The KPIs, so many columns of the terminal wide; as high as there is room, but at least a line each."""
    rows = max(1, min((height - _ROWS_OF_HEADING) // len(kpis) - 1, _CHART_ROWS_MAX))
    before = width >= _WIDTH_WITH_BEFORE
    chart_width = max(width - _WIDTH_BEFORE_CHART - (_NUMBER_WIDTH if before else 0), _CHART_WIDTH_MIN)
    told = {answer.kpi_id: answer for answer in picture.totals.answers}
    totals = {total.kpi_id: total for total in picture.totals.totals}
    # Charts of several rows have an empty one between them.
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, min(rows - 1, 1), 0), expand=True, show_edge=False)
    # Rates have long names, and are few: there is room for a second line.
    numbered = kpis[0].number > 0
    names = f"KPI {kpis[0].number} to {kpis[-1].number}" if numbered else "Rates"
    table.add_column(names, no_wrap=numbered, width=_NAME_WIDTH)
    table.add_column("Value", justify="right", no_wrap=True, width=_VALUE_WIDTH)
    table.add_column("Change", justify="right", no_wrap=True, width=_CHANGE_WIDTH)
    if before:
        table.add_column("Before", justify="right", no_wrap=True, width=8)
    table.add_column(chart_heading(picture, chart_width), no_wrap=True, ratio=1)
    for kpi in kpis:
        total = totals.get(kpi.kpi_id, Total())
        if why := _SILENT.get(told[kpi.kpi_id].availability):
            # In place of the chart: beside the longest name there is no room.
            table.add_row(kpi.display_name, *[ABSENT] * (2 + before), Text(why, "yellow"))
            continue
        name = _name(kpi, total)
        numbers = [_change(kpi, total), *([_value(kpi, total.comparison)] if before else [])]
        chart = Text("\n".join(_chart(kpi, picture, chart_width, rows)), "cyan")
        table.add_row(name, Text(_value(kpi, total), "bold"), *numbers, chart)
    return table


def chart_heading(picture: Picture, width: int) -> str:
    """The buckets by name where each has room for one; else from when, and if there is room up to when, they go."""
    zone = zone_of(picture.series.time_zone)
    starts = [datetime.fromtimestamp(seconds, zone) for seconds in picture.series.bucket_start_seconds]
    cells = cells_of(len(starts), width)
    for form in _BUCKET_NAMES[picture.view.granularity]:
        names = [f"{start:{form}}" for start in starts]
        if len(starts) * cells <= width + 1 and max(map(len, names)) < cells:
            return "".join(name.ljust(cells) for name in names).rstrip()
    first, last = (f"{start:%Y-%m-%d}" for start in (starts[0], starts[-1]))
    if first == last:
        return first
    ranges = (f"{first} … {last}", f"{first[5:]} … {last[5:]}", first)
    return next(text for text in ranges if len(text) <= width or text == first)


def _name(kpi: Kpi, total: Total) -> str:
    """Of a mean of ratings, with how many there are. Beside the longest name of a duration there is no room."""
    rated = kpi.has_mean and not has_durations(kpi)
    return f"{kpi.display_name} ({total.count:,} ratings)" if rated else kpi.display_name


def _value(kpi: Kpi, total: Total | TotalComparison) -> str:
    if total.HasField("below_count"):
        return percent(total.rate) if total.HasField("rate") else ABSENT
    if not kpi.has_mean:
        return f"{total.count:,}"
    if not total.HasField("mean"):
        return ABSENT
    return duration_text(total.mean) if has_durations(kpi) else f"{total.mean:.2f}"


def _change(kpi: Kpi, total: Total) -> str:
    """From the compared period: a mean by stars, a count in percent, or by itself where there were few before.

    A rate by percentage points.
    """
    compared = total.comparison
    if compared.HasField("below_count"):
        points = 100 * compared.rate_delta
        form = ".1f" if abs(points) < WHOLE_UNITS_MIN else ".0f"
        return _arrow(points, form, " pp") if compared.HasField("rate_delta") else ABSENT
    if has_durations(kpi):
        return _duration_change(compared)
    if kpi.has_mean:
        return _arrow(compared.mean_delta, ".2f") if compared.HasField("mean_delta") else ABSENT
    # From a handful, or to many times as much, percent say less than the count.
    if compared.count >= COMPARED_COUNT_MIN and compared.count_change <= RELATIVE_CHANGE_MAX:
        return _arrow(100 * compared.count_change, ",.0f", "%")
    return _arrow(compared.count_delta, ",d")


def _duration_change(compared: TotalComparison) -> str:
    """In percent; from next to nothing, in whole units of time."""
    if not compared.HasField("mean_delta"):
        return ABSENT
    percent = 100 * compared.mean_delta / compared.mean if compared.mean else inf
    if percent <= 100 * RELATIVE_CHANGE_MAX:
        return _arrow(percent, ",.0f", "%")
    unit = unit_of(compared.mean_delta)
    return _arrow(compared.mean_delta / unit.milliseconds, ".0f", f" {unit.symbol}")


def _arrow(delta: float, form: str, unit: str = "") -> str:
    text = f"{abs(delta):{form}}{unit}"
    if delta == 0 or not any(digit in text for digit in "123456789"):
        return "="
    return f"{'▲' if delta > 0 else '▼'} {text}"


def _chart(kpi: Kpi, picture: Picture, width: int, height: int) -> list[str]:
    line = next((line for line in picture.series.series if line.kpi_id == kpi.kpi_id), Series())
    if line.below_counts:
        levels = rate_levels(line.counts, line.below_counts, width)
    elif has_durations(kpi):
        levels = duration_levels(line.counts, line.sums, width)
    else:
        levels = mean_levels(line.counts, line.sums, width) if kpi.has_mean else count_levels(line.counts, width)
    return column_rows(levels, width, height)


def board_headings(view: View) -> list[Text]:
    """The first one says who; the one that it is sorted by has a mark."""
    name = BOARD_HEADINGS[view.board]
    # Two lines high, and narrow: two words stand one above the other.
    headings = [Text(name.replace(" ", "\n") if " " in name else f"\n{name}")]
    for place, column in enumerate(view.columns):
        mark = ("▼" if view.descending else "▲") if place == view.sorted_by else ""
        headings.append(Text(column.heading + mark, justify="right"))
    return headings


def board_rows(picture: Picture) -> list[BoardRow]:
    """In the order of the answer."""
    lines: dict[tuple[bool, bytes], dict[str, Total]] = {}
    for total in picture.board.totals:
        lines.setdefault((total.rest, total.key.SerializeToString(deterministic=True)), {})[total.kpi_id] = total
    labels = Labels(picture.board.names)
    return [_board_row(line, picture.view, labels) for line in lines.values()]


def _board_row(line: Mapping[str, Total], view: View, labels: Labels) -> BoardRow:
    some = next(iter(line.values()))
    chosen = None if some.rest else _chosen(some.key)
    name = Text(OTHERS, "italic") if chosen is None else Text(labels.person(view.board, chosen))
    numbers = [_board_number(column, line.get(column.kpi_id, Total())) for column in view.columns]
    return BoardRow(chosen, [name, *(Text(number, justify="right") for number in numbers)])


def _board_number(column: Column, total: Total) -> str:
    """At most seven cells wide."""
    match column.measure:
        case "count":
            return f"{total.count:,}"
        case "rate":
            return percent(total.rate) if total.HasField("rate") else ABSENT
        case "mean" if not total.HasField("mean"):
            return ABSENT
        case "mean":
            return f"{total.mean:.2f}" if column.kpi_id == "satisfaction_score" else short_duration_text(total.mean)


def _chosen(key: Key) -> str:
    if key.HasField("operator_id"):
        return key.operator_id
    return key.operator_group_id if key.HasField("operator_group_id") else key.widget_id


def notes(picture: Picture, kpis: Sequence[Kpi]) -> Text:
    """What the numbers are compared with, what is held back, and where nothing can be counted."""
    zone = zone_of(picture.totals.time_zone)
    before = [moment.astimezone(zone) for moment in (picture.period.before_start, picture.period.before_end)]
    parts = [f"compared with {before[0]:%Y-%m-%d} … {before[1]:%Y-%m-%d %H:%M}"]
    # A rate holds back what its KPI does.
    names = {kpi.kpi_id: kpi.display_name for kpi in kpis if kpi.number}
    told = [one for one in picture.totals.answers if one.held_back_count and one.kpi_id in names]
    held = [f"{names[one.kpi_id]} {one.held_back_count:,}" for one in told]
    if held:
        parts.append(f"held back: {', '.join(held)}")
    silent = [readable_id(widget) for told in picture.totals.answers for widget in told.not_enabled_widget_ids]
    if silent:
        parts.append(f"inactivity actions not enabled: {', '.join(silent)}")
    return Text(" · ".join(parts), "dim")
