"""Means, rates and changes follow from two counts; where nothing is divided by, there is none."""

import math

import numpy as np
from hypothesis import given, strategies as st

from telwerkd.domain.counting.ratios import OF_COLUMNS, OF_NUMBERS

COUNTS = st.integers(0, 2**40)
PAIRS = st.lists(st.tuples(COUNTS, COUNTS), min_size=1, max_size=8)


def test_nothing_is_divided_by_nothing() -> None:
    """None of single numbers, NaN in columns, and no warning of a division by zero."""
    assert (OF_NUMBERS.mean(0, 0), OF_NUMBERS.rate(3, 0), OF_NUMBERS.change(3, 0)) == (None, None, None)
    assert np.isnan(OF_COLUMNS.rate(np.array([3, 0]), np.array([0, 0]))).all()


def test_a_change_is_a_part_of_what_was_before() -> None:
    """Not of what is now: twice as many are 1 more, none are all that there were less."""
    assert OF_NUMBERS.change(20, 10) == 1.0
    assert OF_NUMBERS.change(0, 10) == -1.0
    assert OF_NUMBERS.change(10, 20) == -0.5


@given(PAIRS)
def test_a_column_has_what_its_numbers_have(pairs: list[tuple[int, int]]) -> None:
    """Line by line, so that an answer and a row of it say the same."""
    above, below = (
        (np.array(column, np.int64) for column in zip(*pairs, strict=True)) if pairs else np.zeros((2, 0), int)
    )
    for name in ("mean", "rate", "change"):
        alone = [getattr(OF_NUMBERS, name)(*pair) for pair in pairs]
        together = getattr(OF_COLUMNS, name)(above, below).tolist()
        assert [None if math.isnan(ratio) else ratio for ratio in together] == alone
