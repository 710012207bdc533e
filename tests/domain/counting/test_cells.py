"""Where the cells of a chunk are, and what they hold."""

from collections import Counter

from hypothesis import given, strategies as st

from telwerkd.domain.counting.cells import (
    CHUNK_QUARTER_HOURS,
    chunk_and_slot,
    chunk_of,
    chunks_within,
    parts_of,
    unpack,
)
from tests.domain.counting.packing import contents, law, packed

QUARTER_HOURS = st.integers(-10 * CHUNK_QUARTER_HOURS, 10 * CHUNK_QUARTER_HOURS)


@given(QUARTER_HOURS, st.integers(0, 1_300))
def test_a_slot_says_again_what_it_was_made_of(quarter_hour: int, code: int) -> None:
    chunk, slot = chunk_and_slot(quarter_hour, code)
    of_slot, of_chunk = parts_of(slot)
    assert (of_slot, chunk * CHUNK_QUARTER_HOURS + of_chunk) == (code, quarter_hour)
    assert chunk == chunk_of(quarter_hour)


@given(QUARTER_HOURS, st.integers(1, 3 * CHUNK_QUARTER_HOURS))
def test_the_chunks_of_a_range_are_those_of_its_first_and_last_quarter_hour_and_all_between(
    start: int, length: int
) -> None:
    chunks = chunks_within(start, start + length)
    assert (chunks[0], chunks[-1]) == (chunk_of(start), chunk_of(start + length - 1))


@law
@given(st.lists(st.tuples(st.integers(0, 700), contents), max_size=5))
def test_unpacking_is_the_inverse_of_packing(chunks: list[tuple[int, dict[int, int]]]) -> None:
    """Many chunks unpack to what each holds: the quarter-hour and packed value of every cell, and whose it is."""
    cells = unpack([chunk for chunk, _ in chunks], [packed(content) for _, content in chunks])
    found = Counter[tuple[int, int, int]]()
    for row, quarter_hour, code, n in zip(*(column.tolist() for column in cells), strict=True):
        found[row, quarter_hour, code] += n
    wanted = {
        (row, chunk * CHUNK_QUARTER_HOURS + slot % CHUNK_QUARTER_HOURS, slot // CHUNK_QUARTER_HOURS): n
        for row, (chunk, content) in enumerate(chunks)
        for slot, n in content.items()
        if n
    }
    assert found == wanted
