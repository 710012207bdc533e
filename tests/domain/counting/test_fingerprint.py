"""Fingerprints: the same counts have the same one, whatever form they are in, and others have another."""

from hypothesis import given, strategies as st

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.cells import chunk_of
from telwerkd.domain.counting.counters import ChunkKey, chunk_changes
from telwerkd.domain.counting.deltas import DeltaEntries, DeltaEntry
from telwerkd.domain.counting.fingerprint import FingerprintKey, Fingerprints
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.counting.merging import merged
from telwerkd.domain.counting.reading import entries_of_chunk
from tests.domain.counting.of_durations import MEASURE, QUARTER_HOUR, entries_of, facts, law

STARS = COUNTED[Kpi.SATISFACTION_SCORE]


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


@st.composite
def entries(draw: st.DrawFn) -> DeltaEntry:
    """Stars of few series, so that they meet."""
    stars, operator, widget = (draw(st.sampled_from(of)) for of in (["1", "5"], ["", "ann"], ["w", "v"]))
    return stars, operator, "g", widget, QUARTER_HOUR + draw(st.sampled_from([0, 1, 5_000])), draw(st.integers(-3, 3))


@law
@given(st.lists(entries(), max_size=10), st.data())
def test_neither_order_nor_portions_matter(of: list[DeltaEntry], data: st.DataObject) -> None:
    """A fingerprint is a sum: added one by one, in another order, it is that of all at once."""
    at_once, one_by_one = Fingerprints(), Fingerprints()
    at_once.add_entries(STARS, of)
    for entry in data.draw(st.permutations(of)):
        one_by_one.add_entries(STARS, [entry])
    assert at_once.sums == one_by_one.sums


def test_what_differs_is_told_by_measure_grouping_and_chunk() -> None:
    """A fact that one has and the other has not differs in each grouping, and only in its own chunk."""
    here, there = ("5", "ann", "g", "w", QUARTER_HOUR, 1), ("5", "ann", "g", "w", QUARTER_HOUR + 10_000, 1)
    one, other = Fingerprints(), Fingerprints()
    one.add_entries(STARS, [here, there])
    other.add_entries(STARS, [there])
    assert one.differing(other) == {FingerprintKey(STARS, grouping, chunk_of(QUARTER_HOUR)) for grouping in range(8)}
    assert one.differing(one) == set()


def test_the_same_count_elsewhere_is_another_fingerprint() -> None:
    """Of another operator, star or quarter-hour: a sum that only counted would not see it."""
    fact = ("5", "ann", "g", "w", QUARTER_HOUR, 1)
    for moved in (("4", *fact[1:]), ("5", "bob", *fact[2:]), (*fact[:4], QUARTER_HOUR + 1, 1)):
        one, other = Fingerprints(), Fingerprints()
        one.add_entries(STARS, [fact])
        other.add_entries(STARS, [moved])
        assert FingerprintKey(STARS, 7, chunk_of(QUARTER_HOUR)) in one.differing(other)
