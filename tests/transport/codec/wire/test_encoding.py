"""Columns made by hand are what the library would have made."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.transport.codec.wire import encoding

NUMBERS = st.integers(0, 2**63 - 1) | st.integers(0, 300) | st.sampled_from([0, 127, 128, 2**14 - 1, 2**14, 2**63 - 1])
COUNTS = pb.Series.COUNTS_FIELD_NUMBER


@given(numbers=st.lists(NUMBERS, max_size=40))
def test_a_packed_column_is_the_librarys_to_the_byte(numbers: list[int]) -> None:
    """Of any length and any numbers that a count can have."""
    assert encoding.packed(COUNTS, np.array(numbers, np.int64)) == pb.Series(counts=numbers).SerializeToString()


@given(lines=st.integers(0, 5).flatmap(lambda width: st.lists(st.lists(NUMBERS, min_size=width, max_size=width))))
def test_a_table_is_its_lines(lines: list[list[int]]) -> None:
    """Each line as if it were alone."""
    table = np.array(lines, np.int64).reshape(len(lines), -1) if lines else np.zeros((0, 3), np.int64)
    assert encoding.packed_lines(COUNTS, table) == [encoding.packed(COUNTS, line) for line in table]


def test_a_table_of_more_than_is_encoded_at_once_is_its_lines() -> None:
    """A long table is encoded some lines at a time, and a line that is longer by itself."""
    for width in (20_000, 40_000):
        table = np.arange(3 * width).reshape(3, width)
        assert encoding.packed_lines(COUNTS, table) == [encoding.packed(COUNTS, line) for line in table]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 20_000])
def test_a_nested_message_is_found_again(size: int) -> None:
    """Whatever its length takes."""
    series = pb.Series(kpi_id="x" * size, counts=[1])
    encoded = encoding.nested(pb.QueryTimeSeriesResponse.SERIES_FIELD_NUMBER, series.SerializeToString())
    assert pb.QueryTimeSeriesResponse.FromString(encoded).series == [series]


@given(st.lists(st.integers(1 - 2**62, 2**62 - 1)))
def test_signed_numbers_are_encoded_as_the_library_does(numbers: list[int]) -> None:
    """Differences between two periods, negative ones included."""
    message = pb.SeriesComparison(count_deltas=numbers)
    number = pb.SeriesComparison.COUNT_DELTAS_FIELD_NUMBER
    assert encoding.packed_signed(number, np.array(numbers, np.int64)) == message.SerializeToString()


@given(st.lists(st.floats(allow_nan=False)))
def test_floating_point_numbers_are_encoded_as_the_library_does(numbers: list[float]) -> None:
    """Relative differences."""
    message = pb.SeriesComparison(count_changes=numbers)
    number = pb.SeriesComparison.COUNT_CHANGES_FIELD_NUMBER
    assert encoding.packed_doubles(number, np.array(numbers, float)) == message.SerializeToString()
