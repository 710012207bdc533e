"""The laws of entries by columns: they are the plain ones, however they were divided, and as they are stored."""

from collections import Counter

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.domain.counting.deltas import DeltaEntries, DeltaEntry
from telwerkd.storage.sql import records

law = settings(deadline=None)

ids = st.sampled_from(["", "1", "anna", "bram", "sales", "ünïcödé", "\U0001f600"])
numbers = st.sampled_from([0, 1, -1, 65_536, 1_958_400, 2**31 - 1, -(2**31)])
entry = st.tuples(ids, ids, ids, ids, numbers, numbers)
entries = st.lists(entry, max_size=8)


@law
@given(entries)
def test_columns_hold_the_leaves(plain: list[DeltaEntry]) -> None:
    """Nothing is lost, in any field, nor its place; every id is there once, in order."""
    made = DeltaEntries.of(plain)
    assert list(made) == plain
    assert len(made) == len(plain)
    assert list(made.ids) == sorted({each for one in plain for each in one[:4]})


@law
@given(st.lists(entries, max_size=4))
def test_together_is_one_after_the_other(parts: list[list[DeltaEntry]]) -> None:
    """The leaves of several transactions are as if they had been made at once, whatever ids each names."""
    plain = [each for part in parts for each in part]
    together, at_once = DeltaEntries.together([DeltaEntries.of(part) for part in parts]), DeltaEntries.of(plain)
    assert list(together) == plain
    assert together.ids == at_once.ids
    assert np.array_equal(together.columns, at_once.columns)


def test_ids_of_a_part_may_come_in_any_order() -> None:
    """What was stored by others, or is damaged, need not be sorted: it is when it is read with the rest."""
    part = DeltaEntries(["b", "a"], np.array([[0], [1], [0], [1], [7], [8]]))
    assert list(DeltaEntries.together([part, part])) == [("b", "a", "b", "a", 7, 8)] * 2
    assert DeltaEntries.together([part]).ids == ["a", "b"]


@law
@given(st.lists(st.one_of(entries, st.lists(entry, min_size=14, max_size=18)), max_size=4))
def test_what_is_stored_is_read_again(rows: list[list[DeltaEntry]]) -> None:
    """Few leaves as they are, many by columns; and all as they are, as they were once."""
    plain = Counter(each for row in rows for each in row)
    assert Counter(records.entries_of(map(records.entries_blob, rows))) == plain
    assert Counter(records.entries_of(map(msgspec.msgpack.encode, rows))) == plain


@pytest.mark.parametrize("place", [-1, 2, 2**31 - 1])
@pytest.mark.parametrize("field", range(4))
def test_an_id_that_is_not_there_is_no_other(field: int, place: int) -> None:
    """A row that is damaged is refused, and counts nothing for somebody else."""
    columns = np.array([[0], [1], [0], [1], [7], [8]])
    columns[field] = place
    with pytest.raises(ValueError, match="not there"):
        DeltaEntries.together([DeltaEntries(["a", "b"], columns)])


@pytest.mark.parametrize("field", [4, 5])
def test_a_number_that_does_not_fit_is_not_cut(field: int) -> None:
    """More facts at once than 32 bits count, or an instant beyond them, is a defect, and not another number."""
    plain: list[DeltaEntry] = [("", "", "", "", 2**31, 1) if field == 4 else ("", "", "", "", 1, 2**31)]
    with pytest.raises(OverflowError):
        records.entries_blob(plain * 16)
