"""Durations: a total leaves out what it has not, a column has NaN and an empty histogram in its place."""

from collections.abc import Iterable
from math import nan

import numpy as np
from google.protobuf.unknown_fields import UnknownFieldSet

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.transport.codec.query.durations import histogram, of_compared, of_series, percentiles
from tests.transport.codec.query.answers_made import column, durations

TWO = durations({0.9: [900, nan, 30], 0.5: [500, nan, 10]}, [[(1, 2, 3), (4, 5, 6)], [], [(7, 8, 9)]])
"""Of three buckets, of which the second has no fact."""


def line(shown: IntArray | slice) -> pb.Series:
    return pb.Series.FromString(b"".join(of_series(TWO, shown)))


def told(histograms: Iterable[pb.Histogram]) -> list[list[tuple[float, float, int]]]:
    return [[(each.lower, each.upper, each.count) for each in one.bins] for one in histograms]


def test_a_line_has_each_percentile_in_the_order_asked_for_and_nan_where_there_is_no_fact() -> None:
    """Aligned with its counts (R-DUR-4)."""
    found = line(slice(None)).percentiles
    assert [one.percentile for one in found] == [0.9, 0.5]
    assert np.array_equal([list(one.values) for one in found], [[900, nan, 30], [500, nan, 10]], equal_nan=True)


def test_a_line_has_a_histogram_for_each_bucket_and_an_empty_one_where_there_is_no_fact() -> None:
    assert told(line(slice(None)).histograms) == [[(1, 2, 3), (4, 5, 6)], [], [(7, 8, 9)]]


def test_a_sparse_line_has_those_of_its_buckets_alone() -> None:
    found = line(column(0, 2))
    assert [list(one.values) for one in found.percentiles] == [[900, 30], [500, 10]]
    assert told(found.histograms) == [[(1, 2, 3), (4, 5, 6)], [(7, 8, 9)]]


def test_a_compared_line_has_percentiles_and_no_histogram() -> None:
    """The contract has no place for one."""
    found = pb.SeriesComparison.FromString(b"".join(of_compared(TWO)))
    assert [(one.percentile, len(one.values)) for one in found.percentiles] == [(0.9, 3), (0.5, 3)]
    assert len(UnknownFieldSet(found)) == 0


def test_a_total_leaves_out_the_percentiles_of_no_fact() -> None:
    """The others come in the order asked for."""
    one = durations({0.9: [900], 0.1: [nan], 0.5: [0]})
    assert [(of.percentile, of.value) for of in percentiles(one)] == [(0.9, 900), (0.5, 0)]


def test_a_total_has_its_only_histogram_and_nothing_where_none_was_asked_for() -> None:
    assert [(bin_.lower, bin_.count) for bin_ in histogram(durations({0.5: [2]}, [[(1, 2, 3), (4, 5, 6)]]))] == [
        (1, 3),
        (4, 6),
    ]
    assert histogram(durations({0.5: [1]})) == histogram(None) == percentiles(None) == []
