"""Assemble: the answer's rows, bucket by bucket, of the keys that were selected."""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from telwerkd.application.query.budgets import PointBudget
from telwerkd.application.query.keys import Below, GroupedKpi, GroupedSlice, Ranked, Selection, key_maker
from telwerkd.application.query.question import Query, RawKey
from telwerkd.application.query.result import (
    Answer,
    AnswerRow,
    DurationNumbers,
    GrandTotal,
    GroupKey,
    KpiRows,
    Numbers,
)
from telwerkd.application.query.slices.digests import digest, digest_of_all
from telwerkd.application.query.slices.slices import series
from telwerkd.domain.catalogue.specs import Dimension
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.measures import has_durations, has_packed_values


def assemble(ranked: Ranked, points: PointBudget) -> Answer:
    """Returns the answer: the numbers of the selected keys, in every bucket of every period.

    Raises:
        LimitExceededError: there are too many numbers. None of them is allocated.
    """
    reading, grouped, selection, names = ranked
    query, periods = reading.outline.query, reading.periods
    numbers = ranked.take_numbers(points)
    kpis = [
        KpiRows(
            kpi.info,
            _rows(query, kpi, grouped.keys, selection) if of.is_counted else [],
            kpi.held_back,
            of.enabled,
            list(of.not_enabled),
            Dimension.TOPIC in query.group_by,
            _summed(query, kpi, 0),
            _summed(query, kpi, 1) if query.compare_to is not None else GrandTotal(),
            _row_count(query, kpi) if of.is_counted else 0,
            of.is_counted,
            of.known_from,
            of.unscheduled,
        )
        for kpi, of in zip(grouped.kpis, reading.kpis, strict=True)
    ]
    compared = periods[1].buckets if query.compare_to is not None else None
    return Answer(
        periods[0].buckets,
        compared,
        kpis,
        reading.outline.zone.key,
        reading.answer_version,
        selection.next,
        reading.rows,
        numbers,
        reading.outline.granularity,
        names,
        reading.outline.week,
    )


def _row_count(query: Query, kpi: GroupedKpi) -> int:
    """Returns the number of rows on all pages."""
    return int(np.count_nonzero(kpi.has_row)) if query.group_by else 1


def _summed(query: Query, kpi: GroupedKpi, period: int) -> GrandTotal:
    """Returns all facts of a period, each once."""
    by_value = kpi.periods[period].totals.sum(axis=0)
    if not has_durations(kpi.info.kpi):
        below = None if kpi.below is None else kpi.below.total(period)
        return GrandTotal(int(by_value.sum()), int(by_value @ kpi.stars), below)
    whole = digest_of_all(kpi.periods[period].slice)
    facts = int(by_value.sum())
    values = whole.percentiles(query.percentiles)[:, 0, 0].tolist()
    percentiles = zip(query.percentiles, values, strict=True) if facts else ()
    bins = [row for of in whole.histograms() for row in next(of.buckets())] if query.include_histogram else ()
    return GrandTotal(facts, int(whole.sums[0, 0]), None, tuple(percentiles), tuple(bins))


# --- Rows ------------------------------------------------------------------------------------------------------------


def _rows(query: Query, kpi: GroupedKpi, keys: Sequence[RawKey], selection: Selection) -> list[AnswerRow]:
    """Returns the rows of the selected keys, and last the rest if it is requested."""
    answer_rows = selection.rows_of(len(keys))
    numbers = [_numbers(query, kpi, of, selection, answer_rows) for of in kpi.periods]
    if kpi.below is not None:
        numbers = [_with_below(of, period, kpi.below, selection, kpi.has_row) for period, of in enumerate(numbers)]
    asked = [keys[index] for index in selection.indexes.tolist()]
    return list(_made(query, kpi, asked, selection, numbers, kpi.has_row[selection.indexes]))


def _numbers(
    query: Query, kpi: GroupedKpi, of: GroupedSlice, selection: Selection, answer_rows: IntArray
) -> list[Numbers]:
    """Returns the numbers of each selected key in a period, and last of the rest."""
    numbers = series(of.slice, of.selected(answer_rows), len(selection.indexes))
    if selection.rest:
        numbers = np.concatenate((numbers, series(of.slice, of.left_over(answer_rows), 1)))
    counts = np.einsum("kbv->kb", numbers)  # `sum` takes four times as long over a handful of values
    if has_durations(kpi.info.kpi):
        return list(_of_durations(query, of, selection, answer_rows, counts))
    sums = numbers @ kpi.stars if kpi.info.has_mean else None
    packs = has_packed_values(kpi.info.kpi) and kpi.below is None
    return [
        Numbers(counts[i], None if sums is None else sums[i], numbers[i].T if packs else None)
        for i in range(selection.size)
    ]


def _with_below(
    numbers: Sequence[Numbers], period: int, below: Below, selection: Selection, has_row: npt.NDArray[np.bool_]
) -> list[Numbers]:
    """Returns the numbers of each selected key with their denominators, and last of the rest."""
    lines = [*below.numbers(period, selection.indexes)]
    if selection.rest:
        has_row = has_row.copy()
        has_row[selection.indexes] = False
        lines.append(below.left_over(period, np.flatnonzero(has_row)))
    return [of._replace(below=line) for of, line in zip(numbers, lines, strict=True)]


def _of_durations(
    query: Query, of: GroupedSlice, selection: Selection, answer_rows: IntArray, counts: IntArray
) -> Iterator[Numbers]:
    """Yields the numbers of each selected key, and last of the rest; `counts` are theirs."""
    digests = [digest(of.slice, layer.key, len(selection.indexes)) for layer in of.selected(answer_rows)]
    if selection.rest:
        digests += [digest(of.slice, layer.key, 1) for layer in of.left_over(answer_rows)]
    rows = [(found, key) for found in digests for key in range(found.keys)]
    percentiles = [of_key for found in digests for of_key in found.percentiles(query.percentiles).transpose(1, 0, 2)]
    histograms = [of_key for found in digests for of_key in found.histograms()] if query.include_histogram else None
    for row, ((found, key), of_key, of_counts) in enumerate(zip(rows, percentiles, counts, strict=True)):
        durations = None
        if query.percentiles or query.include_histogram:
            durations = DurationNumbers(query.percentiles, of_key, None if histograms is None else histograms[row])
        yield Numbers(of_counts, found.sums[key], None, durations=durations)


def _made(
    query: Query,
    kpi: GroupedKpi,
    keys: Sequence[RawKey],
    selection: Selection,
    numbers: Sequence[Sequence[Numbers]],
    has_row: npt.NDArray[np.bool_],
) -> Iterator[AnswerRow]:
    has_share = query.granularity is None
    key_of = key_maker(query.group_by)
    for i, raw in enumerate(keys):
        if not query.group_by or has_row[i]:
            share = kpi.wholes.share(raw, int(numbers[0][i].counts[0])) if has_share else None
            yield _row(key_of(raw), [period[i] for period in numbers], share)
    if selection.rest and any(period[-1].is_any() for period in numbers):
        share = kpi.wholes.share_of_rest(int(numbers[0][-1].counts[0])) if has_share else None
        yield _row(GroupKey(), [period[-1] for period in numbers], share)._replace(rest=True)


def _row(key: GroupKey, periods: Sequence[Numbers], share: float | None) -> AnswerRow:
    main = periods[0]
    compared = periods[1] if len(periods) > 1 else None
    columns = main.counts, main.sums, main.distribution
    return AnswerRow(key, *columns, compared, share=share, below=main.below, durations=main.durations)
