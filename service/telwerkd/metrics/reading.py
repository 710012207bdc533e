"""Readings: the values of all metrics at an instant, and the merging of several processes' readings."""

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from telwerkd.metrics.catalogue import CATALOGUE, Kind, Merge
from telwerkd.process.figures import Distribution, Labels

Value: TypeAlias = float | Distribution
Reading: TypeAlias = dict[str, Mapping[Labels, Value]]
"""Values by metric and labels. A metric that is left out has no series."""


def merged(readings: Iterable[Reading]) -> Reading:
    """Returns the readings of several processes as one, merged by each metric's rule of the catalogue."""
    together: dict[str, dict[Labels, Value]] = {}
    for reading in readings:
        for name, series in reading.items():
            merge, into = CATALOGUE[name].merge, together.setdefault(name, {})
            for labels, value in series.items():
                into[labels] = _merged(merge, into[labels], value) if labels in into else value
    return {**together}


def accumulated(reading: Reading) -> Reading:
    """Returns the part of an ended process's reading that still counts: its counters and histograms, without gauges."""
    return {name: series for name, series in reading.items() if CATALOGUE[name].kind is not Kind.GAUGE}


def _merged(merge: Merge, one: Value, other: Value) -> Value:
    if isinstance(one, Distribution) and isinstance(other, Distribution):
        counts = tuple(map(sum, zip(one.counts, other.counts, strict=True)))
        return Distribution(one.bounds, counts, one.total + other.total)
    if isinstance(one, Distribution) or isinstance(other, Distribution):
        raise TypeError("a histogram and a number are no series of one metric")
    match merge:
        case Merge.SUM:
            return one + other
        case Merge.MAX:
            return max(one, other)
        case Merge.MIN:
            return min(one, other)
