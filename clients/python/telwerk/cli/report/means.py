"""How the means of a report are written: those of stars as numbers, those of durations in the unit that fits."""

from collections.abc import Iterable

from telwerk.cli.durations import has_durations
from telwerk.cli.report.words import NOT_THERE, Change, Words
from telwerk.v1.kpi_service_pb2 import Kpi, Percentile, Total, TotalComparison


def mean_text(kpi: Kpi, mean: float | None, words: Words) -> str:
    """The mean, if there is one."""
    if mean is None:
        return NOT_THERE
    return words.duration(mean) if has_durations(kpi) else words.decimal(mean)


def mean_of(total: Total | TotalComparison) -> float | None:
    """The mean that was answered; None where nothing was measured."""
    return total.mean if total.HasField("mean") else None


def mean_change(kpi: Kpi, compared: TotalComparison, words: Words) -> Change | None:
    """By how much the mean is different; None where there is none on one of the two sides."""
    if not compared.HasField("mean_delta"):
        return None
    change = words.duration_change if has_durations(kpi) else words.mean_change
    return change(compared.mean_delta, kpi.direction)


def of_how_many(kpi: Kpi, count: int, words: Words) -> str:
    """What the mean is one of."""
    durations = has_durations(kpi)
    if not count:
        return words.no_durations if durations else words.no_ratings
    return (words.mean_of_durations if durations else words.mean_of).format(count=words.number(count))


def spread_text(percentiles: Iterable[Percentile], words: Words) -> str:
    """Within which time half, and nine of ten, are over; empty where nothing was measured."""
    if not (values := [one.value for one in percentiles]):
        return ""
    half, most = map(words.duration, values)
    return words.spread.format(half=half, most=most)
