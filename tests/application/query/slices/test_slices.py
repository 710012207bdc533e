"""What a slice counts under keys is what its rows count, one by one, in whatever parts they came."""

import numpy as np
from hypothesis import given, settings, strategies as st

from telwerkd.application.query.slices.slices import NONE, DensePart, Layer, Slice, SparsePart, series
from telwerkd.domain.counting.rollups import SeriesKey
from tests.effort import examples

WIDTH, VALUES, KEYS = 4, 2, 3


@st.composite
def slices(draw: st.DrawFn) -> Slice:
    """A few rows, each in any of some dense parts, and single counts."""
    rows = draw(st.integers(1, 5))
    counts = st.integers(0, 9)
    dense = []
    for _ in range(draw(st.integers(0, 2))):
        of = draw(st.lists(st.integers(0, rows - 1), unique=True, min_size=1))
        first = draw(st.integers(0, WIDTH - 1))
        shape = len(of), draw(st.integers(1, WIDTH - first)), VALUES
        numbers = draw(st.lists(counts, min_size=int(np.prod(shape)), max_size=int(np.prod(shape))))
        dense.append(DensePart(np.array(of), first, np.array(numbers, np.int32).reshape(shape)))
    cell = st.tuples(st.integers(0, rows - 1), st.integers(0, WIDTH - 1), st.integers(0, VALUES - 1), counts)
    sparse = [
        SparsePart(*np.array(draw(st.lists(cell, max_size=6)), np.int64).reshape(-1, 4).T)
        for _ in range(draw(st.integers(0, 2)))
    ]
    return Slice([SeriesKey(f"o{n}", "", "", "") for n in range(rows)], VALUES, WIDTH, dense, sparse, [])


def one_by_one(of: Slice) -> np.ndarray:
    """How much each row counts, by bucket and value."""
    counts = np.zeros((len(of.rows), WIDTH, VALUES), np.int64)
    for part in of.dense:
        for place, row in enumerate(part.row.tolist()):
            for bucket in range(part.counts.shape[1]):
                counts[row, part.first + bucket] += part.counts[place, bucket]
    for cells in of.sparse:
        for row, bucket, code, n in zip(*(column.tolist() for column in cells), strict=True):
            counts[row, bucket, code] += n
    return counts


@settings(max_examples=examples(150), deadline=None)
@given(slices(), st.data())
def test_each_row_counts_under_its_key_once_for_each_layer(of: Slice, data: st.DataObject) -> None:
    """Rows may share a key, and one that is not wanted counts nowhere; a layer of one value leaves the others out."""
    keys = st.lists(st.integers(NONE, KEYS - 1), min_size=len(of.rows), max_size=len(of.rows))
    layers = [
        Layer(np.array(data.draw(keys), np.int64), data.draw(st.sampled_from([None, 0, 1])))
        for _ in range(data.draw(st.integers(0, 3)))
    ]
    expected, by_row = np.zeros((KEYS, WIDTH, VALUES), np.int64), one_by_one(of)
    for layer in layers:
        codes = range(VALUES) if layer.code is None else [layer.code]
        for row, key in enumerate(layer.key.tolist()):
            for code in codes if key != NONE else ():
                expected[key, :, code] += by_row[row, :, code]
    assert series(of, layers, KEYS).tolist() == expected.tolist()


@settings(max_examples=examples(150), deadline=None)
@given(slices())
def test_totals_are_the_sums_over_all_buckets(of: Slice) -> None:
    assert of.totals().tolist() == one_by_one(of).sum(axis=1).tolist()
