"""Chunks are read in whichever form their measure has."""

from collections import Counter

from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS
from telwerkd.domain.counting.durations import SUM
from telwerkd.domain.counting.reading import unpacked
from tests.domain.counting.of_durations import MEASURE, merge


def test_a_chunk_unpacks_to_its_cells() -> None:
    """The quarter-hours and bins of many chunks, and whose they are; a sum may come in several cells."""
    blobs = [merge(b"", {3: 5_000_000_000, 3 + 9 * CHUNK_QUARTER_HOURS: 2_000}), merge(b"", {0: 1})]
    cells = unpacked(MEASURE, [1, 2], blobs)
    found: Counter[tuple[int, int, int]] = Counter()
    for row, quarter_hour, code, n in zip(*(column.tolist() for column in cells), strict=True):
        found[row, quarter_hour, code] += n
    q = CHUNK_QUARTER_HOURS
    assert found == {(0, q + 3, SUM): 5_000_000_000, (0, q + 3, 9): 2_000, (1, 2 * q, SUM): 1}
