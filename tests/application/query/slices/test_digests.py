"""Digests of durations: percentiles and histograms of several rows and buckets beside each other."""

import numpy as np

from telwerkd.application.query.slices.digests import digest
from telwerkd.application.query.slices.slices import CellRow, Slice, SparsePart
from telwerkd.domain.counting.durations import SUM, code_of
from telwerkd.domain.counting.rollups import SeriesKey

YEAR = 35_040
"""Buckets of a quarter-hour."""


def of_facts(*facts: tuple[int, int, int]) -> Slice:
    """A slice of a year by quarter-hour: facts of two rows, each in a bucket, with its milliseconds."""
    row, bucket, ms = np.array(facts).T
    codes = np.array([code_of(duration_ms) for duration_ms in ms.tolist()])
    cells = SparsePart(row, bucket, codes, np.ones_like(row)), SparsePart(row, bucket, np.full_like(row, SUM), ms)
    rows: list[SeriesKey | CellRow] = [SeriesKey(operator, "", "", "") for operator in ("anna", "bram")]
    return Slice(rows, 1, YEAR, [], [], [*cells])


def test_a_histogram_is_kept_as_its_bins_and_an_edge_for_each_bucket() -> None:
    """Not as an object for each bucket: there may be a million of them, and a fact in hardly any."""
    found = digest(of_facts((0, 7, 0), (0, 7, 10_000), (0, 7, 0), (0, 900, 5), (1, 0, 1)), np.array([0, 1]), 2)
    anna, bram = found.histograms()
    assert (len(anna.edges), len(anna.bins.n), len(bram.bins.n)) == (YEAR + 1, 3, 1)
    shown = {bucket: rows for bucket, rows in enumerate(anna.buckets()) if rows}
    [tens] = [rows[1][:2] for rows in shown.values() if len(rows) == 2]
    assert tens[0] <= 10_000 <= tens[1]
    assert shown == {7: [(0, 0, 2), (*tens, 1)], 900: [(5, 5, 1)]}
    assert [rows for rows in bram.buckets() if rows] == [[(1, 1, 1)]]
    assert sum(1 for _ in bram.buckets()) == YEAR


def test_the_smallest_is_that_of_the_bucket_itself() -> None:
    """At least the first, never the last of the bucket before (R-DUR-2)."""
    found = digest(of_facts((0, 7, 10), (0, 8, 0), (0, 8, 3), (1, 0, 1)), np.array([0, 1]), 2)
    [smallest, largest] = found.percentiles([0.0, 1.0])
    assert smallest[0, 7:9].tolist() == [10, 0]
    assert largest[0, 7:9].tolist() == [10, 3]
    assert (smallest[1, 0], largest[1, 0]) == (1, 1)
    assert np.isnan(smallest).sum() == 2 * YEAR - 3
