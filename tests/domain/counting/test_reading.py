"""Chunks are read in whichever form their measure has."""

from collections import Counter

from hypothesis import given, strategies as st

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.counters import ChunkKey, chunk_changes, finest_grouping
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.durations import SUM
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.counting.merging import merged
from telwerkd.domain.counting.reading import entries_of_chunk, sum_and_counts, unpacked
from tests.domain.counting.of_durations import MEASURE, QUARTER_HOUR, law, merge


def test_a_chunk_unpacks_to_its_cells() -> None:
    """The quarter-hours and bins of many chunks, and whose they are; a sum may come in several cells."""
    blobs = [merge(b"", {3: 5_000_000_000, 3 + 9 * CHUNK_QUARTER_HOURS: 2_000}), merge(b"", {0: 1})]
    cells = unpacked(MEASURE, [1, 2], blobs)
    found: Counter[tuple[int, int, int]] = Counter()
    for row, quarter_hour, code, n in zip(*(column.tolist() for column in cells), strict=True):
        found[row, quarter_hour, code] += n
    q = CHUNK_QUARTER_HOURS
    assert found == {(0, q + 3, SUM): 5_000_000_000, (0, q + 3, 9): 2_000, (1, 2 * q, SUM): 1}


@law
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["1", "5"]), st.sampled_from(["ann", "bob"]), st.sampled_from([0, 1, 5_000])),
        st.integers(1, 100_000),
    )
)
def test_a_chunk_is_read_as_the_entries_that_it_was_made_of(of: dict[tuple[str, str, int], int]) -> None:
    """Each uncut series gives its own back: with the value that it packs, or that it has in its key."""
    for measure in (COUNTED[Kpi.SATISFACTION_SCORE], COUNTED[Kpi.GOALS_REACHED]):
        entries = [(value, operator, "g", "w", QUARTER_HOUR + q, n) for (value, operator, q), n in of.items()]
        changes = chunk_changes(measure, DeltaEntries.of(entries), [finest_grouping(measure)])
        blobs = merged([b""] * len(changes.keys), changes)
        read = Counter[tuple[object, ...]]()
        for key, blob in zip(map(ChunkKey._make, changes.keys), blobs, strict=True):
            for *ids, n in entries_of_chunk(measure, key.chunk, key[3:], blob):
                read[tuple(ids)] += n
        assert read == Counter({tuple(ids): n for *ids, n in entries})


def test_a_sum_of_milliseconds_is_no_number_of_facts() -> None:
    """Of durations the sum stands apart from the counts; of anything else there is none."""
    slots = {3: 5_000, 3 + 9 * CHUNK_QUARTER_HOURS: 2, 7: 100}
    assert sum_and_counts(MEASURE, slots) == (5_100, [2])
    assert sum_and_counts(COUNTED[Kpi.SATISFACTION_SCORE], slots) == (0, [5_000, 2, 100])
