"""Answers over time as tables with small charts, for people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from math import isnan
from typing import Final, NamedTuple

from rich.table import Table
from rich.text import Text

from telwerk.cli.answers import bucket_starts, percentile_name
from telwerk.cli.charts import bar, sparkline
from telwerk.cli.durations import duration_text, has_durations
from telwerk.cli.labels import Labels
from telwerk.cli.options import out
from telwerk.cli.tables import (
    ABSENT,
    CHART_WIDTH,
    dimensions_of,
    footer,
    heading,
    key_cells,
    mean_text,
    notes,
    percent,
    percentile_cells,
    table_of,
)
from telwerk.cli.values import key_texts
from telwerk.queries import GranularityName
from telwerk.v1.kpi_service_pb2 import (
    Kpi,
    KpiAnswer,
    Percentile,
    QueryTimeSeriesResponse,
    Series,
    SeriesComparison,
    Total,
)

_CHART_WIDTH_MIN: Final = 8
_BETWEEN_COLUMNS: Final = 3
_FORMATS: Mapping[GranularityName, str] = {
    "quarter_hour": "%a %Y-%m-%d %H:%M",
    "hour": "%a %Y-%m-%d %H:%M",
    "day": "%a %Y-%m-%d",
    "week": "%G-W%V",
    "month": "%Y-%m",
    "year": "%Y",
}


class _Numbers(NamedTuple):
    """Of a bucket, or of several together."""

    facts: int
    sum: int | None = None
    below: int | None = None

    def level(self, kpi: Kpi) -> float | None:
        """What is drawn: a rate, the mean of durations, or how many."""
        if self.below is not None:
            return self.facts / self.below if self.below else None
        return self.mean if has_durations(kpi) else self.facts

    @property
    def mean(self) -> float | None:
        """None without facts."""
        return self.sum / self.facts if self.facts and self.sum is not None else None

    def text(self, kpi: Kpi) -> str:
        """The same for people."""
        level = self.level(kpi)
        if level is None:
            return ABSENT
        if self.below is not None:
            return percent(level)
        return duration_text(level) if has_durations(kpi) else f"{self.facts:,}"

    def cells(self, kpi: Kpi) -> list[str]:
        """The count; what is below the line and the rate; the mean: as far as the KPI has them."""
        mean = ABSENT if self.mean is None else mean_text(kpi, self.mean)
        rate = [] if self.below is None else [f"{self.below:,}", self.text(kpi)]
        return [f"{self.facts:,}", *rate, *([mean] if kpi.has_mean else [])]


def print_series(
    response: QueryTimeSeriesResponse,
    kpis: Mapping[str, Kpi],
    granularity: GranularityName,
    rows: Sequence[Total],
    *,
    grouped: bool,
) -> None:
    """Per KPI: its buckets with bars; or, grouped, a line with a chart for each key, with the percentiles of `rows`."""
    for answer in response.answers:
        heading(answer, kpis)
        series = [one for one in response.series if one.kpi_id == answer.kpi_id]
        if grouped and series:
            out.print(_keys_table(response, series, kpis[answer.kpi_id], _percentiles_of(answer, rows)))
        elif series and series[0].counts:
            out.print(_buckets_table(response, answer, kpis[answer.kpi_id], granularity))
        else:
            out.print("nothing was counted", style="dim")
        if grouped and any(one.percentiles for one in series):
            of_rows = "" if rows else "percentiles of rows: `telwerk totals`; "
            out.print(f"{of_rows}percentiles bucket by bucket: --output csv or json", style="dim")
        notes(answer)
    footer(response)


def _headings(kpi: Kpi, *, is_rate: bool) -> list[str]:
    return ["Count", *(["Of", "Rate"] if is_rate else []), *(["Mean"] if kpi.has_mean else [])]


def _numbers(line: Series | SeriesComparison) -> list[_Numbers]:
    """Those of each bucket."""
    nothing = [None] * len(line.counts)
    columns = zip(line.counts, line.sums or nothing, line.below_counts or nothing, strict=True)
    return [_Numbers(*numbers) for numbers in columns]


def _buckets_table(
    response: QueryTimeSeriesResponse, answer: KpiAnswer, kpi: Kpi, granularity: GranularityName
) -> Table:
    """A row for each bucket, with a bar as long as there is room for."""
    series = next(one for one in response.series if one.kpi_id == kpi.kpi_id)
    numbers, before = _numbers(series), _numbers(series.comparison)
    compared = series.HasField("comparison")
    headings = _headings(kpi, is_rate=bool(series.below_counts))
    headings += [*(percentile_name(one.percentile) for one in series.percentiles), *(["Before"] if compared else [])]
    rows: list[list[str]] = []
    for place, (label, one) in enumerate(zip(_bucket_names(response, series, granularity), numbers, strict=True)):
        values = [found.values[place] for found in series.percentiles]
        cells = [label, *one.cells(kpi), *(ABSENT if isnan(value) else duration_text(value) for value in values)]
        if compared:
            cells.append(before[place].text(kpi) if place < len(before) else ABSENT)
        rows.append(cells)
    foot = ["Total", *_added(numbers).cells(kpi)]
    foot += percentile_cells(answer.percentiles, [one.percentile for one in series.percentiles])
    foot += [_added(before).text(kpi)] if compared else []
    width = _room_for_chart([[granularity, *headings], *rows, foot])
    levels = [one.level(kpi) or 0 for one in numbers]
    top = max([*levels, *(one.level(kpi) or 0 for one in before)])
    table = table_of([granularity.replace("_", " ").capitalize()], headings, [""])
    table.columns[0].no_wrap = True
    for cells, level in zip(rows, levels, strict=True):
        table.add_row(*cells, Text(bar(level, top, width), "cyan"))
    table.show_footer = True
    for column, cell in zip(table.columns, foot, strict=False):
        column.footer = cell
    return table


def _room_for_chart(rows: Sequence[Sequence[str]]) -> int:
    """Cells beside the columns of these rows."""
    taken = sum(max(map(len, column)) + _BETWEEN_COLUMNS for column in zip(*rows, strict=True))
    return min(CHART_WIDTH, max(_CHART_WIDTH_MIN, out.width - taken - _BETWEEN_COLUMNS + 1))


def _bucket_names(response: QueryTimeSeriesResponse, series: Series, granularity: GranularityName) -> Iterator[str]:
    """Those of the buckets that the series has; what the range cuts off is marked."""
    starts = bucket_starts(response)
    named: Iterable[int] = series.bucket_indexes or range(len(series.counts))
    own = [starts[index] for index in named]
    for start, label in zip(own, _labels(own, granularity), strict=True):
        first, last = start == starts[0], start == starts[-1]
        clipped = (response.first_bucket_clipped and first) or (response.last_bucket_clipped and last)
        yield f"{label} (part)" if clipped else label


class _Percentiles(NamedTuple):
    """Those of rows, by key and whether it is the rest."""

    asked: Sequence[float]
    of_rows: Mapping[tuple[bytes, bool], Sequence[Percentile]]

    def cells(self, row: Series) -> list[str]:
        """Those of a row, a cell each."""
        return percentile_cells(self.of_rows.get(_row_key(row), ()), self.asked)


def _percentiles_of(answer: KpiAnswer, rows: Iterable[Total]) -> _Percentiles:
    of_rows = {_row_key(row): list(row.percentiles) for row in rows if row.kpi_id == answer.kpi_id}
    return _Percentiles([one.percentile for one in answer.percentiles] if of_rows else [], of_rows)


def _row_key(row: Series | Total) -> tuple[bytes, bool]:
    return row.key.SerializeToString(deterministic=True), row.rest


def _keys_table(
    response: QueryTimeSeriesResponse, series: Sequence[Series], kpi: Kpi, percentiles: _Percentiles
) -> Table:
    """A row for each key, with a chart of its buckets."""
    dimensions, labels = dimensions_of(key_texts(one.key) for one in series), Labels(response.names)
    compared = response.HasField("compared_period")
    headings = _headings(kpi, is_rate=any(one.below_counts for one in series))
    headings += [*map(percentile_name, percentiles.asked), *["Before"] * compared]
    table = table_of([*dimensions.values()], headings, [_span(response)])
    for one in series:
        numbers = [*_added(_numbers(one)).cells(kpi), *percentiles.cells(one)]
        before = [_added(_numbers(one.comparison)).text(kpi)] * compared
        chart = Text(sparkline(_levels(one, len(response.bucket_start_seconds), kpi), CHART_WIDTH), "cyan")
        table.add_row(*key_cells(one, dimensions, labels), *numbers, *before, chart)
    return table


def _levels(series: Series, buckets: int, kpi: Kpi) -> list[int]:
    """What is drawn of a row, in a thousand steps: at most as many as there is room for, several buckets together."""
    step = -(-buckets // CHART_WIDTH)
    cells: list[list[_Numbers]] = [[] for _ in range(0, buckets, step)]
    for index, numbers in zip(series.bucket_indexes or range(len(series.counts)), _numbers(series), strict=True):
        cells[index // step].append(numbers)
    levels = [_added(cell).level(kpi) or 0 for cell in cells]
    top = max(levels) or 1
    return [round(1_000 * level / top) or int(level > 0) for level in levels]


def _added(several: Sequence[_Numbers]) -> _Numbers:
    """The numbers of several buckets; None where they have none."""
    sums = [one.sum for one in several if one.sum is not None]
    belows = [one.below for one in several if one.below is not None]
    return _Numbers(sum(one.facts for one in several), sum(sums) if sums else None, sum(belows) if belows else None)


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
