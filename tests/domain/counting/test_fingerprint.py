"""Fingerprints: the same counts have the same one, whatever form they are in, and others have another."""

from hypothesis import given

from telwerkd.domain.counting.counters import ChunkKey, chunk_changes
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.fingerprint import Fingerprints
from telwerkd.domain.counting.merging import merged
from telwerkd.domain.counting.reading import entries_of_chunk
from tests.domain.counting.of_durations import MEASURE, QUARTER_HOUR, entries_of, facts, law


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
