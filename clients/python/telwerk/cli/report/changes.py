"""What changed most among the KPIs of a section, measured by how little chance alone explains it."""

from collections.abc import Sequence
from math import sqrt
from typing import Final

from telwerk.cli.durations import has_durations
from telwerk.cli.report.means import mean_change
from telwerk.cli.report.parts import not_enabled
from telwerk.cli.report.words import Words
from telwerk.v1.kpi_service_pb2 import Kpi, QueryTotalsResponse, Total

_NOTABLE: Final = 2.0
"""Standard errors from which a change is more than chance, which brings one as large once in twenty times."""

_VARIANCE_MIN: Final = 0.25
"""Of stars. A handful of equal ratings does not mean that the next one would be equal, too."""


def changed_most(kpis: Sequence[Kpi], totals: QueryTotalsResponse, words: Words) -> str:
    """A sentence about the KPI that changed most, and whether chance alone may explain it."""
    silent = not_enabled(totals)
    of_kpi = {total.kpi_id: total for total in totals.totals}
    shown = [kpi for kpi in kpis if kpi.kpi_id in of_kpi and kpi.kpi_id not in silent]
    first = max(shown, key=lambda kpi: _standard_errors(kpi, of_kpi[kpi.kpi_id]), default=None)
    if first is None or not _standard_errors(first, of_kpi[first.kpi_id]):
        return words.nothing_changed
    total = of_kpi[first.kpi_id]
    compared = total.comparison
    change = mean_change(first, compared, words) or words.count_change(total.count, compared.count, first.direction)
    told = f"{change.text} ({change.word})" if change.word else change.text
    sentence = words.changed_most.format(name=first.display_name, change=told)
    return sentence if _standard_errors(first, total) >= _NOTABLE else f"{sentence} {words.by_chance}"


def _standard_errors(kpi: Kpi, total: Total) -> float:
    """How far apart two periods are: counts as those of independent events, means by the spread of what was measured.

    Of durations only the means are here. They are taken to spread as waiting times do, as widely as their mean is long.
    """
    count, before = total.count, total.comparison.count
    if not kpi.has_mean:
        return abs(count - before) / sqrt(count + before) if count + before else 0.0
    if not count or not before:
        return 0.0
    moved = abs(total.comparison.mean_delta)
    if has_durations(kpi):
        error = sqrt(total.mean**2 / count + total.comparison.mean**2 / before)
        return moved / error if error else 0.0
    spread = sum(part.count * (part.value.stars - total.mean) ** 2 for part in total.distribution) / count
    variance = max(spread, _VARIANCE_MIN)
    return moved / sqrt(variance / count + variance / before)
