"""The bins of durations: any duration is within 1 % of its bin's number, on every machine alike."""

import numpy as np
import pytest
from hypothesis import given

from telwerkd.domain.counting.durations import CODES, LONGEST_MS, bounds_ms, code_of, representatives_ms
from tests.domain.counting.of_durations import durations


def test_the_bins_are_these_on_every_machine() -> None:
    """The bounds are the storage format: they follow from whole numbers, and never change (R-DUR-3)."""
    assert CODES == 1_322
    low, high = bounds_ms(np.array([1, 2, 51, 52, 200, 500, 1_000, CODES - 1]))
    assert low.tolist() == [0, 1, 50, 51, 1_421, 549_371, 10_953_214_013, 6_308_420_383_722]
    assert high.tolist() == [0, 1, 50, 52, 1_449, 560_357, 11_172_256_167, 6_434_576_048_400]


@given(durations)
def test_each_duration_is_within_one_percent_of_its_bin(duration_ms: int) -> None:
    """A duration lies within the bounds of its bin, and the bin's number is within 1 % of it; 0 is exact (R-DUR-2)."""
    code = np.array([code_of(duration_ms)])
    low, high = bounds_ms(code)
    [number] = representatives_ms(code).tolist()
    assert low[0] <= duration_ms <= high[0]
    assert abs(number - duration_ms) <= 0.01 * duration_ms


def test_bins_follow_one_another() -> None:
    """Every whole number of milliseconds up to 200 years has one bin."""
    low, high = bounds_ms(np.arange(1, CODES))
    assert low[0] == 0
    assert (low[1:] == high[:-1] + 1).all()
    assert high[-1] >= LONGEST_MS


@pytest.mark.parametrize("duration_ms", [-1, LONGEST_MS + 1])
def test_what_is_no_duration_has_no_bin(duration_ms: int) -> None:
    """Less than nothing, and more than 200 years, are refused rather than put somewhere."""
    with pytest.raises(ValueError, match="no duration"):
        code_of(duration_ms)
