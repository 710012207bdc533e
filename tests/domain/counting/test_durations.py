"""The bins of durations, and their cells: any percentile within 1 %, the sum exact, taken back like any count."""

import struct
from collections import Counter
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.counters import ChunkKey, bounded_changes, changes_of, chunk_changes, chunk_deltas
from telwerkd.domain.counting.deltas import DeltaEntries, DeltaEntry
from telwerkd.domain.counting.durations import CODES, LONGEST_MS, SUM, bounds_ms, code_of, representatives_ms
from telwerkd.domain.counting.fingerprint import Fingerprints
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.counting.merging import CounterError, merged
from telwerkd.domain.counting.reading import check_chunk, entries_of_chunk, unpacked

MEASURE = COUNTED[Kpi.RESPONSE_TIME]
QUARTER_HOUR = 20_400 * 96
YEAR_MS = 365 * 86_400_000

durations = st.one_of(st.integers(0, 200), st.integers(0, YEAR_MS), st.integers(LONGEST_MS - 5, LONGEST_MS))
law = settings(deadline=None)


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


# --- Cells ------------------------------------------------------------------------------------------------------------

SOME_CHUNK = ChunkKey(MEASURE, 0, 7, "", "", "", "")
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


def merge(blob: bytes, change: Mapping[int, int]) -> bytes:
    """One chunk's cells with a change."""
    [after] = merged([blob], changes_of({SOME_CHUNK: dict(change)}))
    return after


def total(*parts: Mapping[int, int]) -> dict[int, int]:
    """The sum of dictionaries, without zeros."""
    sums: Counter[int] = Counter()
    for part in parts:
        sums.update(part)
    return {slot: n for slot, n in sums.items() if n}


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
def test_chunks_of_durations_are_merged_together_as_each_by_itself(chunks: list[tuple[dict[int, int], dict[int, int]]]):
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


# --- Entries ----------------------------------------------------------------------------------------------------------


def entries_of(facts: Mapping[tuple[str, int, int], int]) -> list[DeltaEntry]:
    """Facts by operator, duration and quarter-hour."""
    return [(str(ms), operator, "g", "w", QUARTER_HOUR + q, n) for (operator, ms, q), n in facts.items() if n]


facts = st.dictionaries(
    st.tuples(st.sampled_from(["ann", "bob"]), durations, st.sampled_from([0, 1, 5_000])),
    st.integers(-2, 3),
    max_size=12,
)


@law
@given(facts)
def test_an_entry_is_a_fact_of_its_bin_and_its_milliseconds(of: dict[tuple[str, int, int], int]) -> None:
    """In every grouping, each fact counts once in the bin of its duration, and in the sum by its milliseconds."""
    expected: Counter[tuple[int, str, int, int]] = Counter()
    for (operator, ms, q), n in of.items():
        for grouping in range(8):
            name = operator if grouping & 1 else ""
            expected[grouping, name, QUARTER_HOUR + q, code_of(ms)] += n
            expected[grouping, name, QUARTER_HOUR + q, SUM] += n * ms
    found: Counter[tuple[int, str, int, int]] = Counter()
    for key, slots in chunk_deltas(MEASURE, DeltaEntries.of(entries_of(of))).items():
        for slot, n in slots.items():
            code, quarter_hour = divmod(slot, CHUNK_QUARTER_HOURS)
            found[key.grouping, key.operator, key.chunk * CHUNK_QUARTER_HOURS + quarter_hour, code] += n
    assert total(found) == total(expected)


@law
@given(facts)
def test_fingerprints_of_entries_and_of_their_chunks_agree(of: dict[tuple[str, int, int], int]) -> None:
    """Facts, the chunks that they are packed into, and the entries that a chunk is read as, have one fingerprint."""
    entries = entries_of({fact: abs(n) for fact, n in of.items()})
    changes = chunk_changes(MEASURE, DeltaEntries.of(entries))
    chunks = dict(zip(map(ChunkKey._make, changes.keys), merged([b""] * len(changes.keys), changes), strict=True))
    counted, packed, again = Fingerprints(), Fingerprints(), Fingerprints()
    counted.add_entries(MEASURE, entries)
    packed.add_chunks(chunks.items())
    for key, blob in chunks.items():
        if key.grouping == 7 and blob:
            again.add_entries(MEASURE, entries_of_chunk(MEASURE, key.chunk, key[3:], blob))
    assert not counted.differing(packed)
    assert not again.differing(packed)
    if entries:
        counted.add_entries(MEASURE, [("7", "ann", "g", "w", QUARTER_HOUR, 1)])
        assert counted.differing(packed)


@law
@given(facts, st.integers(1, 40))
def test_durations_are_packed_a_part_at_a_time(of: dict[tuple[str, int, int], int], chunks_max: int) -> None:
    """Packed in bounded steps, entries come to the same as all at once."""
    left = DeltaEntries.of(entries_of(of))
    parts: list[dict[int, int]] = []
    while len(left):
        before = len(left)
        changes, left = bounded_changes(MEASURE, left, chunks_max)
        assert len(left) < before
        whole = [row for row, key in enumerate(changes.keys) if key[1] == 0]
        parts += [
            {int(slot) + CHUNK_QUARTER_HOURS * CODES * changes.keys[row][2]: int(n)}
            for row, slot, n in zip(changes.row.tolist(), changes.slot.tolist(), changes.n.tolist(), strict=True)
            if row in whole
        ]
    expected = [
        {slot + CHUNK_QUARTER_HOURS * CODES * key.chunk: n for slot, n in slots.items()}
        for key, slots in chunk_deltas(MEASURE, DeltaEntries.of(entries_of(of))).items()
        if key.grouping == 0
    ]
    assert total(*parts) == total(*expected)


def test_durations_that_cancel_each_other_out_change_nothing() -> None:
    """Nothing is left of them, and nothing to divide by."""
    entries = DeltaEntries.of([("7", "ann", "g", "w", QUARTER_HOUR, n) for n in (1, -1)])
    changes, left = bounded_changes(MEASURE, entries, 1)
    assert (changes.keys, len(left)) == ([], 0)


def test_a_chunk_unpacks_to_its_cells() -> None:
    """The quarter-hours and bins of many chunks, and whose they are; a sum may come in several cells."""
    blobs = [merge(b"", {3: 5_000_000_000, 3 + 9 * CHUNK_QUARTER_HOURS: 2_000}), merge(b"", {0: 1})]
    cells = unpacked(MEASURE, [1, 2], blobs)
    found: Counter[tuple[int, int, int]] = Counter()
    for row, quarter_hour, code, n in zip(*(column.tolist() for column in cells), strict=True):
        found[row, quarter_hour, code] += n
    q = CHUNK_QUARTER_HOURS
    assert found == {(0, q + 3, SUM): 5_000_000_000, (0, q + 3, 9): 2_000, (1, 2 * q, SUM): 1}
