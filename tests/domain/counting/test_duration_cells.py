"""The cells of durations: what they hold adds up, the sum exactly, and is taken back like any count."""

import struct
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.counters import changes_of
from telwerkd.domain.counting.durations import CODES, SUM
from telwerkd.domain.counting.merging import CounterError, merged
from telwerkd.domain.counting.reading import check_chunk
from tests.domain.counting.of_durations import MEASURE, SOME_CHUNK, law, merge, total

numbers = st.one_of(st.integers(0, 3), st.sampled_from([1_023, 1_024, 2_046, 2_047, 1 << 20, 2**32, 2**40 + 5]))
"""Of a slot; those of bins are made smaller."""
quarter_hours = st.sampled_from([0, 1, CHUNK_QUARTER_HOURS - 1])
codes = st.sampled_from([SUM, SUM, 1, 2, 700, CODES - 1])


@st.composite
def contents(draw: st.DrawFn) -> dict[int, int]:
    """What a chunk may hold, by slot."""
    held = {}
    for _ in range(draw(st.integers(0, 6))):
        code = draw(codes)
        held[draw(quarter_hours) + code * CHUNK_QUARTER_HOURS] = draw(numbers) % (5_000 if code != SUM else 2**62)
    return held


def held_by(blob: bytes) -> dict[int, int]:
    """What cells hold, read word by word as their documentation says."""
    held: Counter[int] = Counter()
    for (word,) in struct.iter_unpack("<I", blob):
        (column, quarter_hour), number = divmod(word >> 10, CHUNK_QUARTER_HOURS), word & 1_023
        if column < 7:
            held[quarter_hour] += number << 10 * column
        else:
            held[quarter_hour + (column - 6) * CHUNK_QUARTER_HOURS] += number
    return dict(held)


@law
@given(st.lists(contents(), max_size=5), st.data())
def test_cells_of_durations_add_up(parts: list[dict[int, int]], data: st.DataObject) -> None:
    """Merged cells hold the sum of all changes, in the same bytes whatever their order, and are as they are to be."""
    blob, other = b"", b""
    for part in parts:
        blob = merge(blob, part)
    for part in data.draw(st.permutations(parts)):
        other = merge(other, part)
    assert held_by(blob) == total(*parts)
    assert other == blob == merge(b"", total(*parts))
    if blob:
        check_chunk(MEASURE, blob)


@law
@given(contents(), contents())
def test_cells_of_durations_are_taken_back(first: dict[int, int], then: dict[int, int]) -> None:
    """What was added is taken back exactly; and more than there is, is refused (R-DUR-3)."""
    both = merge(merge(b"", first), then)
    assert merge(both, {slot: -n for slot, n in then.items()}) == merge(b"", first)
    with pytest.raises(CounterError):
        merge(both, {1: -both_at(both, 1) - 1})


def both_at(blob: bytes, slot: int) -> int:
    """What a slot holds."""
    return held_by(blob).get(slot, 0)


@law
@given(st.lists(st.tuples(contents(), contents()), max_size=4))
def test_chunks_of_durations_are_merged_together_as_each_by_itself(
    chunks: list[tuple[dict[int, int], dict[int, int]]],
) -> None:
    """What one chunk holds, and what changes in it, touches no other."""
    before = [merge(b"", held) for held, _ in chunks]
    changes = {SOME_CHUNK._replace(chunk=place): change for place, (_, change) in enumerate(chunks)}
    expected = [merge(blob, change) for blob, (_, change) in zip(before, chunks, strict=True)]
    assert merged(before, changes_of(changes)) == expected


@pytest.mark.parametrize(
    ("blob", "why"),
    [
        (b"\0\0\0", "bytes"),
        (struct.pack("<I", 5 << 10), "empty"),
        (struct.pack("<2I", 9 << 10 | 1, 5 << 10 | 1), "order"),
        (struct.pack("<2I", 5 << 10 | 1, 5 << 10 | 2), "several"),
        (struct.pack("<I", 0xFFFF_FFFF), "not"),
    ],
)
def test_damaged_cells_are_found(blob: bytes, why: str) -> None:
    """Cells that were never written so are told by themselves."""
    with pytest.raises(ValueError, match=why):
        check_chunk(MEASURE, blob)
