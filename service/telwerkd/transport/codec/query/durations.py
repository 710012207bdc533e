"""Percentiles and histograms of durations as messages, and as bytes where they are long columns (`codec.answers`)."""

import math
from collections.abc import Iterable, Iterator

import numpy as np

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.application.query.result import DurationNumbers
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.transport.codec.wire import encoding


def of_series(numbers: DurationNumbers, shown: IntArray | slice) -> Iterator[bytes]:
    """Yields the fields of a line, of the buckets that are shown."""
    yield from _percentile_series(pb.Series.PERCENTILES_FIELD_NUMBER, numbers, shown)
    if numbers.histogram is not None:
        buckets, no_histogram = [*numbers.histogram.buckets()], _histogram([])  # which most have in a long series
        for bucket in np.arange(len(buckets))[shown].tolist():
            yield _histogram(buckets[bucket]) if buckets[bucket] else no_histogram


def _histogram(rows: Iterable[tuple[int, int, int]]) -> bytes:
    return encoding.nested(pb.Series.HISTOGRAMS_FIELD_NUMBER, pb.Histogram(bins=bins(rows)).SerializeToString())


def of_compared(numbers: DurationNumbers) -> Iterator[bytes]:
    """Yields the fields of a line's comparison."""
    return _percentile_series(pb.SeriesComparison.PERCENTILES_FIELD_NUMBER, numbers, slice(None))


def _percentile_series(field: int, numbers: DurationNumbers, shown: IntArray | slice) -> Iterator[bytes]:
    for asked, values in zip(numbers.asked, numbers.percentiles, strict=True):
        head = pb.PercentileSeries(percentile=asked).SerializeToString()
        yield encoding.nested(
            field, head + encoding.packed_doubles(pb.PercentileSeries.VALUES_FIELD_NUMBER, values[shown])
        )


def percentiles(numbers: DurationNumbers | None) -> list[pb.Percentile]:
    """Returns the percentiles of a total; none without facts."""
    if numbers is None:
        return []
    values = numbers.percentiles[:, 0].tolist()
    known = (pair for pair in zip(numbers.asked, values, strict=True) if not math.isnan(pair[1]))
    return percentile_messages(known)


def percentile_messages(found: Iterable[tuple[float, float]]) -> list[pb.Percentile]:
    """Returns percentiles, each with its value."""
    return [pb.Percentile(percentile=asked, value=value) for asked, value in found]


def histogram(numbers: DurationNumbers | None) -> list[pb.HistogramBin]:
    """Returns the histogram of a total."""
    return bins(next(numbers.histogram.buckets())) if numbers is not None and numbers.histogram is not None else []


def bins(rows: Iterable[tuple[int, int, int]]) -> list[pb.HistogramBin]:
    """Returns bins, each of its bounds and how many there are."""
    return [pb.HistogramBin(lower=lower, upper=upper, count=n) for lower, upper, n in rows]
