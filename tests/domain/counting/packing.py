"""What chunks of counts may hold, and the one form of it in bytes, written past the code that writes it."""

import struct
from collections.abc import Mapping

from hypothesis import settings, strategies as st

FULL = 65_535

law = settings(deadline=None)

# Few slots, so that they meet; the last one of a chunk of KPI 5 is 8 * 3072 + 3071.
slots = st.sampled_from([0, 1, 2, 3_071, 3_072, 27_647, FULL])
counts = st.one_of(
    st.integers(0, 3),
    st.sampled_from([FULL - 1, FULL, FULL + 1, 2 * FULL, 2 * FULL + 1]),
    st.integers(0, 200_000),
)
contents = st.dictionaries(slots, counts)


def packed(content: Mapping[int, int]) -> bytes:
    """The one form of a content, written pair by pair."""
    cells = b""
    for slot, count in sorted(content.items()):
        cells += struct.pack("<HH", slot, FULL) * (count // FULL)
        cells += struct.pack("<HH", slot, count % FULL) if count % FULL else b""
    return cells
