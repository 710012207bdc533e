"""What the page must show, out of the answers of gRPC: the texts of the report in English, which has the same rules."""

from collections.abc import Iterator, Sequence
from math import isnan
from typing import Final

from telwerk.cli.presentation import PERCENTILES
from telwerk.cli.report.texts.en import ENGLISH
from telwerk.cli.report.words import NOT_THERE
from telwerk.v1.kpi_service_pb2 import Kpi, ListKpisResponse, Percentile, Rate, Series, Total, ValueKind

Metric = Kpi | Rate
NO_BREAK: Final = "\N{NO-BREAK SPACE}"
UNCHANGED: Final = "\N{PLUS-MINUS SIGN}0"


def metrics_of(catalogue: ListKpisResponse) -> dict[str, Metric]:
    """All that can be asked for, by id."""
    kpis = {kpi.kpi_id: kpi for kpi in (*catalogue.kpis, *catalogue.service_times)}
    return {**kpis, **{rate.rate_id: rate for rate in catalogue.rates}}


def is_duration(metric: Metric) -> bool:
    """Whether percentiles stand for it, and can be asked of it."""
    return metric.value_kind == ValueKind.VALUE_KIND_DURATION


def percentiles_of(metric: Metric) -> Sequence[float]:
    """What is asked of it beside the counts."""
    return PERCENTILES if is_duration(metric) else ()


def _median(percentiles: Sequence[Percentile]) -> float | None:
    return next((found.value for found in percentiles if found.percentile == PERCENTILES[0]), None)


def figure(metric: Metric, total: Total) -> str:
    """The number of a row: a count, a mean, a median, or a rate."""
    if isinstance(metric, Rate):
        return ENGLISH.share_text(total.rate) if total.HasField("rate") else NOT_THERE
    if is_duration(metric):
        median = _median(total.percentiles)
        return NOT_THERE if median is None else ENGLISH.duration(median)
    if metric.has_mean:
        return ENGLISH.decimal(total.mean) if total.HasField("mean") else NOT_THERE
    return ENGLISH.number(total.count)


def figures(metric: Metric, series: Series) -> Iterator[str]:
    """The same bucket by bucket."""
    for place, count in enumerate(series.counts):
        if isinstance(metric, Rate):
            yield _or_nothing(series.rates[place], ENGLISH.share_text(series.rates[place]))
        elif is_duration(metric):
            median = series.percentiles[0].values[place]
            yield _or_nothing(median, "" if isnan(median) else ENGLISH.duration(median))
        elif metric.has_mean:
            yield ENGLISH.decimal(series.sums[place] / count) if count else NOT_THERE
        else:
            yield ENGLISH.number(count)


def _or_nothing(number: float, text: str) -> str:
    return NOT_THERE if isnan(number) else text


def change(metric: Metric, total: Total) -> str:
    """How it differs from the compared period; empty where there is nothing to compare with."""
    delta = _delta(metric, total)
    if delta is None:
        return ""
    text = _size(metric, abs(delta), total)
    if not any(digit in text for digit in "123456789"):
        return UNCHANGED
    return ("+" if delta > 0 else "\N{MINUS SIGN}") + text


def _delta(metric: Metric, total: Total) -> float | None:
    before = total.comparison
    if isinstance(metric, Rate):
        return before.rate_delta if before.HasField("rate_delta") else None
    if is_duration(metric):
        medians = _median(total.percentiles), _median(before.percentiles)
        return None if None in medians else medians[0] - medians[1]  # type: ignore[operator]  # neither is None
    if metric.has_mean:
        return before.mean_delta if before.HasField("mean_delta") else None
    return before.count_delta


def _size(metric: Metric, size: float, total: Total) -> str:
    if isinstance(metric, Rate):
        return f"{size * 100:.1f} pp"
    if is_duration(metric):
        return ENGLISH.duration(size)
    if metric.has_mean:
        return ENGLISH.decimal(size)
    before = total.comparison.count
    return ENGLISH.share_text(size / before) if before >= 10 and size / before <= 10 else ENGLISH.number(int(size))


def plain(text: str) -> str:
    """The text with ordinary spaces, in one line."""
    return " ".join(text.replace(NO_BREAK, " ").split())


def without_verdict(text: str) -> str:
    """A change as it is written; behind it stands what to think of it, for those who do not see its colour."""
    return plain(text).removesuffix(" better").removesuffix(" worse")
