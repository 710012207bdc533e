"""A report as its template draws it: texts, and where the parts of the charts lie. Nothing here is HTML."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from telwerk.cli.durations import has_durations
from telwerk.cli.labels import Labels
from telwerk.cli.report import charts, parts
from telwerk.cli.report.asking import Answers
from telwerk.cli.report.changes import changed_most
from telwerk.cli.report.means import mean_change, mean_of, mean_text, of_how_many, spread_text
from telwerk.cli.report.moments import axis_of, bucket_labels, period
from telwerk.cli.report.rates import WORDS as RATE_WORDS, RateRow, RateWords, WeekMap, rates_of, week_of
from telwerk.cli.report.words import NOT_THERE, Change, Words
from telwerk.cli.slicing import readable_id
from telwerk.cli.times import zone_of
from telwerk.names import KindName
from telwerk.queries import GranularityName
from telwerk.v1.kpi_service_pb2 import (
    Availability,
    Filter,
    HelpHeadings,
    IdFilter,
    Kpi,
    KpiAnswer,
    ListKpisResponse,
    QueryTimeSeriesResponse,
    Revisability,
    Series,
    Total,
)


@dataclass(frozen=True)
class Figure:
    """A KPI's number over the whole range, beside the one before."""

    value: str
    detail: str
    """Of a mean: of how many ratings."""
    before: str
    change: Change


@dataclass(frozen=True)
class KpiView:
    """All about one KPI."""

    kpi: Kpi
    figure: Figure
    enabled: bool
    charts: Sequence[charts.Chart]
    """The same for a wide screen and for a narrow one; none where there is nothing to draw."""
    heard: str
    """What the chart tells to those who do not see it."""
    notes: Sequence[str]
    tables: Sequence[parts.Breakdown]
    lasting: str
    """Whether a count may be taken back."""


@dataclass(frozen=True)
class BucketTable:
    """A section's KPIs, bucket by bucket."""

    heading: str
    columns: Sequence[str]
    rows: Sequence[tuple[str, Sequence[str]]]
    totals: Sequence[str]


@dataclass(frozen=True)
class Section:
    """A part of the catalogue."""

    name: str
    introduction: str
    summary: str
    """What changed most."""
    kpis: Sequence[KpiView]
    table: BucketTable


@dataclass(frozen=True)
class Page:
    """A whole report."""

    words: Words
    headings: HelpHeadings
    account: str
    granularity: GranularityName
    simulated: bool
    """Whether some of it was invented by `telwerk simulate`."""
    facts: Sequence[tuple[str, str]]
    """What the numbers are of: a heading and a text each."""
    notes: Sequence[str]
    sections: Sequence[Section]
    boards: Sequence[parts.Board]
    rate_words: RateWords
    rates: Sequence[RateRow]
    week: WeekMap | None


@dataclass(frozen=True)
class Asked:
    """What was asked for."""

    account: str
    granularity: GranularityName
    where: Filter
    now: datetime


def page_of(asked: Asked, answers: Answers, catalogue: ListKpisResponse, words: Words) -> Page:
    """The report of these answers, in the language of the catalogue and of `words`."""
    kpis = catalogue.kpis
    namer = parts.Namer.of(kpis, words, answers.names)
    told = {answer.kpi_id: answer for answer in answers.totals.answers}
    views = [_kpi_view(kpi, told[kpi.kpi_id], asked.granularity, answers, namer) for kpi in kpis]
    by_id = {kpi.kpi_id: kpi for kpi in kpis}
    simulated = any(parts.is_simulated(part) for part in (answers.operators, answers.groups, answers.widgets))
    return Page(
        words=words,
        headings=catalogue.headings,
        account=readable_id(asked.account),
        granularity=asked.granularity,
        simulated=simulated,
        facts=_facts(asked, answers, words),
        notes=([words.simulated_why] if simulated else []) + _notes(answers, kpis, words),
        sections=[
            Section(
                name=section.display_name,
                introduction=section.introduction,
                summary=changed_most([by_id[kpi_id] for kpi_id in section.kpi_ids], answers.totals, words),
                kpis=[view for view in views if view.kpi.kpi_id in section.kpi_ids],
                table=_bucket_table(asked.granularity, answers, [by_id[kpi_id] for kpi_id in section.kpi_ids], words),
            )
            for section in catalogue.sections
        ],
        boards=[
            parts.board(words.operator, answers.operators, kpis, namer),
            parts.board(words.group, answers.groups, kpis, namer),
            parts.board(words.widget, answers.widgets, kpis, namer),
        ],
        rate_words=RATE_WORDS[words.language],
        rates=rates_of(catalogue, answers.rates.answer, words),
        week=week_of(kpis, answers.week, words),
    )


def _facts(asked: Asked, answers: Answers, words: Words) -> list[tuple[str, str]]:
    totals = answers.totals
    zone = zone_of(totals.time_zone)
    before = totals.compared_period
    complete = datetime.fromtimestamp(totals.complete_until.seconds, zone)
    return [
        (words.range, f"{period(totals.start_seconds, totals.end_seconds, zone)} ({totals.time_zone})"),
        (words.compared_with, period(before.bucket_start_seconds[0], before.end_seconds, zone)),
        (words.slice, _slice(asked.where, words, Labels(answers.names)) or words.everyone),
        (words.complete_until, f"{complete:%Y-%m-%d %H:%M:%S}"),
        (words.generated, f"{asked.now.astimezone(zone):%Y-%m-%d %H:%M:%S}"),
    ]


def _slice(where: Filter, words: Words, labels: Labels) -> str:
    kinds: list[tuple[str, KindName, IdFilter]] = [
        (words.operator, "operator", where.operators),
        (words.group, "operator_group", where.operator_groups),
        (words.widget, "widget", where.widgets),
    ]
    return "; ".join(
        f"{name} {', '.join(labels.of(kind, one) or words.nobody for one in chosen.any_of)}"
        for name, kind, chosen in kinds
        if chosen.any_of
    )


def _notes(answers: Answers, kpis: Sequence[Kpi], words: Words) -> list[str]:
    """What must be known about the numbers before they are read."""
    names = {kpi.kpi_id: kpi.display_name for kpi in kpis}
    notes = [words.not_over] if answers.totals.end_seconds > answers.totals.complete_until.seconds else []
    notes += [
        words.held_back.format(name=names[told.kpi_id], count=words.number(told.held_back_count))
        for told in answers.totals.answers
        if told.held_back_count
    ]
    if answers.series.first_bucket_clipped or answers.series.last_bucket_clipped:
        notes.append(words.part_why)
    return notes


def _kpi_view(kpi: Kpi, told: KpiAnswer, granularity: GranularityName, answers: Answers, namer: parts.Namer) -> KpiView:
    words = namer.words
    total = next((one for one in answers.totals.totals if one.kpi_id == kpi.kpi_id), Total())
    series = next((one for one in answers.series.series if one.kpi_id == kpi.kpi_id), Series())
    enabled = told.availability != Availability.AVAILABILITY_NOT_ENABLED
    notes = [] if enabled else [words.not_enabled_why]
    if enabled and told.not_enabled_widget_ids:
        widgets = ", ".join(namer.labels.of("widget", widget) for widget in told.not_enabled_widget_ids)
        notes.append(words.not_enabled_on.format(widgets=widgets))
    if spread := _spread(kpi, answers, words):
        notes.append(spread)
    if kpi.kpi_id == parts.PRE_CHAT and told.count:
        notes.append(words.pre_chat_why)
    frozen = kpi.revisability == Revisability.REVISABILITY_FROZEN
    drawn, heard = _charts(kpi, answers.series, series, granularity, words)
    return KpiView(
        kpi=kpi,
        figure=_figure(kpi, total, words, enabled=enabled),
        enabled=enabled,
        charts=drawn if enabled else [],
        heard=heard,
        notes=notes,
        tables=parts.tables_of(kpi, total, answers, namer) if told.count else [],
        lasting=words.frozen if frozen else words.revisable,
    )


def _spread(kpi: Kpi, answers: Answers, words: Words) -> str:
    rows = answers.durations.answer.totals if answers.durations.answer else ()
    return next((spread_text(row.percentiles, words) for row in rows if row.kpi_id == kpi.kpi_id), "")


def _figure(kpi: Kpi, total: Total, words: Words, *, enabled: bool) -> Figure:
    """What is not enabled has no number, not even zero."""
    if not enabled:
        return Figure(words.not_enabled, "", NOT_THERE, Change(NOT_THERE))
    compared = total.comparison
    if not kpi.has_mean:
        change = words.count_change(total.count, compared.count, kpi.direction)
        return Figure(words.number(total.count), "", words.number(compared.count), change)
    return Figure(
        mean_text(kpi, mean_of(total), words),
        of_how_many(kpi, total.count, words),
        mean_text(kpi, mean_of(compared), words),
        mean_change(kpi, compared, words) or Change(NOT_THERE),
    )


def _charts(
    kpi: Kpi, response: QueryTimeSeriesResponse, series: Series, granularity: GranularityName, words: Words
) -> tuple[Sequence[charts.Chart], str]:
    """The charts, if anything was counted now or before, and what they tell to those who hear them."""
    before = series.comparison
    if not any(series.counts) and not any(before.counts):
        return [], words.nothing
    axis = axis_of(response, granularity, words.language)
    canvases = (charts.WIDE, charts.NARROW)
    if kpi.has_mean:
        values, values_before = _means(series.counts, series.sums), _means(before.counts, before.sums)
        there = [value for value in values if value is not None]
        draw = charts.durations if has_durations(kpi) else charts.means
        drawn = [draw(values, values_before, axis, canvas) for canvas in canvases]
        extremes = [mean_text(kpi, extreme(there, default=None), words) for extreme in (min, max)]
    else:
        drawn = [charts.columns(series.counts, before.counts, axis, canvas) for canvas in canvases]
        extremes = [words.number(extreme) for extreme in (min(series.counts), max(series.counts))]
    bucket = words.buckets[granularity]
    return drawn, words.charted.format(name=kpi.display_name, bucket=bucket, lowest=extremes[0], highest=extremes[1])


def _means(counts: Sequence[int], sums: Sequence[int]) -> list[float | None]:
    return [total / count if count else None for count, total in zip(counts, sums, strict=True)]


def _bucket_table(granularity: GranularityName, answers: Answers, kpis: Sequence[Kpi], words: Words) -> BucketTable:
    of_kpi = {one.kpi_id: one for one in answers.series.series}
    silent = parts.not_enabled(answers.series)
    columns: list[Sequence[str]] = []
    totals: list[str] = []
    for kpi in kpis:
        series = of_kpi[kpi.kpi_id]
        if kpi.has_mean:
            means = [*_means(series.counts, series.sums), *_means([sum(series.counts)], [sum(series.sums)])]
            *cells, total = [mean_text(kpi, mean, words) for mean in means]
            columns.append(cells)
            totals.append(total)
        known = kpi.kpi_id not in silent
        columns.append([words.number(count) if known else NOT_THERE for count in series.counts])
        totals.append(words.number(sum(series.counts)) if known else NOT_THERE)
    labels = bucket_labels(answers.series, granularity, words.part)
    rows = list(zip(labels, zip(*columns, strict=True), strict=True))
    return BucketTable(words.buckets[granularity].capitalize(), parts.board_columns(kpis, words), rows, totals)
