"""Delta entries of durations: each is a fact of its bin, and its milliseconds."""

from collections import Counter

from hypothesis import given, strategies as st

from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.counters import bounded_changes, chunk_deltas
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.durations import CODES, SUM, code_of
from tests.domain.counting.of_durations import MEASURE, QUARTER_HOUR, entries_of, facts, law, total


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
