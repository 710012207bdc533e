"""Durations, in facts and in chunks, for the tests of what counts them."""

from collections import Counter
from collections.abc import Hashable, Mapping
from typing import TypeVar

from hypothesis import settings, strategies as st

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.counters import ChunkKey, changes_of
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.durations import LONGEST_MS
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.counting.merging import merged

Slot = TypeVar("Slot", bound=Hashable)

MEASURE = COUNTED[Kpi.RESPONSE_TIME]
QUARTER_HOUR = 20_400 * 96
YEAR_MS = 365 * 86_400_000

durations = st.one_of(st.integers(0, 200), st.integers(0, YEAR_MS), st.integers(LONGEST_MS - 5, LONGEST_MS))
law = settings(deadline=None)


SOME_CHUNK = ChunkKey(MEASURE, 0, 7, "", "", "", "")


def merge(blob: bytes, change: Mapping[int, int]) -> bytes:
    """One chunk's cells with a change."""
    [after] = merged([blob], changes_of({SOME_CHUNK: dict(change)}))
    return after


def total(*parts: Mapping[Slot, int]) -> dict[Slot, int]:
    """The sum of dictionaries, without zeros."""
    sums: Counter[Slot] = Counter()
    for part in parts:
        sums.update(part)
    return {slot: n for slot, n in sums.items() if n}


def entries_of(facts: Mapping[tuple[str, int, int], int]) -> list[DeltaEntry]:
    """Facts by operator, duration and quarter-hour."""
    return [(str(ms), operator, "g", "w", QUARTER_HOUR + q, n) for (operator, ms, q), n in facts.items() if n]


facts = st.dictionaries(
    st.tuples(st.sampled_from(["ann", "bob"]), durations, st.sampled_from([0, 1, 5_000])),
    st.integers(-2, 3),
    max_size=12,
)
