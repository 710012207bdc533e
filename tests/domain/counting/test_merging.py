"""Merging is adding: a chunk is a dictionary in bytes, and its bytes follow from what it holds."""

import struct
from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given, strategies as st

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.counters import ChunkKey, Slots, changes_of
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.counting.merging import CounterError, merged
from tests.domain.counting.packing import FULL, contents, law, packed, slots


def unpacked(cells: bytes) -> dict[int, int]:
    """What a chunk holds, read pair by pair as its documentation says."""
    held: Counter[int] = Counter()
    for slot, count in struct.iter_unpack("<HH", cells):
        held[slot] += count
    return dict(held)


def total(content: Mapping[int, int], *deltas: Mapping[int, int]) -> dict[int, int]:
    """The sum of dictionaries, without zeros."""
    sums = Counter(content)
    for delta in deltas:
        sums.update(delta)
    return {slot: count for slot, count in sums.items() if count}


def merge(cells: bytes, delta: Slots) -> bytes:
    """One chunk's cells with a change."""
    [after] = merged([cells], changes_of({SOME_CHUNK: delta}))
    return after


SOME_CHUNK = ChunkKey(COUNTED[Kpi.FEEDBACK_COUNT], 0, 7, "", "", "", "")


@st.composite
def changes(draw: st.DrawFn) -> tuple[dict[int, int], dict[int, int]]:
    """A content, and a signed change that it can bear."""
    content = draw(contents)
    taken = {
        slot: -draw(st.one_of(st.just(n), st.integers(0, n))) for slot, n in content.items() if draw(st.booleans())
    }
    return content, {**draw(contents), **taken}


@law
@given(changes())
def test_merging_is_adding(change: tuple[dict[int, int], dict[int, int]]) -> None:
    """A merged chunk holds, slot by slot, what it held and the change; nothing else, and no zeros."""
    content, delta = change
    cells = merge(packed(content), delta)
    assert unpacked(cells) == total(content, delta)


@law
@given(st.lists(changes(), min_size=1, max_size=5))
def test_chunks_merged_together_are_merged_each_for_itself(
    many: list[tuple[dict[int, int], dict[int, int]]],
) -> None:
    keys = [SOME_CHUNK._replace(chunk=place) for place in range(len(many))]
    changed = {key: delta for key, (_, delta) in zip(keys, many, strict=True) if delta}
    stored = [packed(content) for key, (content, _) in zip(keys, many, strict=True) if key in changed]
    together = merged(stored, changes_of(changed))
    assert together == [merge(cells, delta) for cells, delta in zip(stored, changed.values(), strict=True)]


@law
@given(changes())
def test_equal_contents_are_equal_bytes(change: tuple[dict[int, int], dict[int, int]]) -> None:
    """A chunk's bytes follow from what it holds: ascending slots, full pairs before the rest, nothing when empty."""
    content, delta = change
    assert merge(packed(content), delta) == packed(total(content, delta))


@law
@given(st.lists(contents, max_size=6), st.data())
def test_neither_order_nor_splitting_matters(parts: list[dict[int, int]], data: st.DataObject) -> None:
    """The same additions in another order, or all at once, give the same bytes."""
    one_by_one, shuffled = b"", b""
    for part in parts:
        one_by_one = merge(one_by_one, part)
    for part in data.draw(st.permutations(parts)):
        shuffled = merge(shuffled, part)
    assert one_by_one == shuffled == merge(b"", total({}, *parts))


@law
@given(contents)
def test_taking_everything_back_leaves_nothing(content: dict[int, int]) -> None:
    """A chunk whose facts are all taken back is empty: no zero remains."""
    cells = merge(b"", content)
    assert merge(cells, {slot: -count for slot, count in content.items()}) == b""


@law
@given(contents, slots, st.integers(1, 100_000))
def test_no_count_goes_below_zero(content: dict[int, int], slot: int, more: int) -> None:
    """Taking back more than a slot holds is refused, whatever else the change does."""
    with pytest.raises(CounterError):
        merge(merge(b"", content), {**dict.fromkeys(content, 1), slot: -content.get(slot, 0) - more})


def test_a_chunk_holds_more_than_65535_facts_of_a_quarter_hour() -> None:
    """A count of 65,536 takes two pairs; of 65,535 one, and then none."""
    cells: Slots = {7: FULL + 1, 8: 1}
    assert merge(b"", cells) == struct.pack("<HHHHHH", 7, FULL, 7, 1, 8, 1)
    assert merge(merge(b"", cells), {7: -1}) == struct.pack("<HHHH", 7, FULL, 8, 1)
    assert merge(merge(b"", cells), {7: -FULL - 1}) == struct.pack("<HH", 8, 1)
