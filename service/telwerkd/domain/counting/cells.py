"""The cells of a chunk as bytes: `(slot, count)` pairs of unsigned 16-bit numbers, little-endian, sorted by slot.

The slot is the quarter-hour within the chunk, plus `CHUNK_QUARTER_HOURS` times the value where the measure packs
values. A count above 65,535 takes several pairs of the same slot: full ones, then the rest. Equal contents are equal
bytes.

Measures of durations, which have some 1,300 values, are kept otherwise: `telwerkd.domain.counting.duration_cells`.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting.arrays import IntArray

CHUNK_QUARTER_HOURS: Final = 32 * 96
"""Quarter-hours in a chunk."""

SLOTS: Final = 1 << 16
"""All that a pair can name; a damaged chunk may well name one that no fact has."""

COUNT_MAX: Final = 0xFFFF
"""The largest count of one pair."""

_PAIR_BYTES = 4

Pairs: TypeAlias = npt.NDArray[np.uint16]
"""Slots and counts."""


class Cells(NamedTuple):
    """The cells of many chunks, unpacked: aligned arrays."""

    row: IntArray
    """Which of the chunks a cell is of: an index."""
    quarter_hour: IntArray
    """Quarter-hours since 1970-01-01T00:00:00Z."""
    code: IntArray
    """The packed value; 0 where the measure packs none."""
    n: IntArray
    """How many facts."""


_Numbers = TypeVar("_Numbers", int, IntArray)


def chunk_and_slot(quarter_hour: _Numbers, code: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Returns in which chunk a cell is, and in which slot of it; `code` is its packed value, or 0."""
    chunk, slot = divmod(quarter_hour, CHUNK_QUARTER_HOURS)
    return chunk, slot + code * CHUNK_QUARTER_HOURS


def chunk_of(quarter_hour: _Numbers) -> _Numbers:
    """Returns in which chunk the cells of a quarter-hour are."""
    return quarter_hour // CHUNK_QUARTER_HOURS


def parts_of(slot: _Numbers) -> tuple[_Numbers, _Numbers]:
    """Returns the packed value that a slot stands for, and the quarter-hour within the chunk."""
    code, quarter_hour = divmod(slot, CHUNK_QUARTER_HOURS)
    return code, quarter_hour


def chunks_within(start: int, end: int) -> range:
    """Returns the chunks in which the quarter-hours from one up to, not including, another are counted."""
    return range(chunk_of(start), chunk_of(end - 1) + 1)


def pairs_of(blobs: Sequence[bytes]) -> tuple[Pairs, IntArray]:
    """Returns the pairs of all chunks, one chunk after the other, and how many each chunk has."""
    pairs = np.frombuffer(b"".join(blobs), "<u2").reshape(-1, 2)
    return pairs, np.array([*map(len, blobs)], np.int64) // _PAIR_BYTES


def blobs_of(pairs: Pairs, ends: IntArray) -> list[bytes]:
    """Returns the chunks of the pairs as bytes; `ends` are the indexes at which chunks end, 0 included."""
    packed = pairs.tobytes()
    return [packed[start:end] for start, end in pairwise((_PAIR_BYTES * ends).tolist())]


def unpack(chunks: Sequence[int], blobs: Sequence[bytes]) -> Cells:
    """Unpacks chunks; `chunks[i]` is the number of the chunk whose cells are `blobs[i]`."""
    packed, lengths = pairs_of(blobs)
    pairs = packed.astype(np.int64)
    row = np.repeat(np.arange(len(blobs)), lengths)
    code, of_chunk = parts_of(pairs[:, 0])
    quarter_hour = np.repeat(np.asarray(chunks, np.int64) * CHUNK_QUARTER_HOURS, lengths) + of_chunk
    return Cells(row, quarter_hour, code, pairs[:, 1])


def are_cells(blobs: Sequence[object]) -> bool:
    """Whether each of the stored values can be the cells of a chunk: bytes that divide into pairs."""
    # Type by type and length by length, for there may be thousands.
    return not ({*map(type, blobs)} - {bytes} or any(size % _PAIR_BYTES for size in {*map(len, blobs)}))  # type: ignore[arg-type]  # they are bytes


def check_cells(blob: bytes) -> None:
    """Checks that cells are as this module writes them.

    Raises:
        ValueError: they are not; the text says what is wrong.
    """
    if not blob or not are_cells([blob]):
        raise ValueError(f"cells of {len(blob)} bytes")
    pairs, _ = pairs_of([blob])
    if not pairs[:, 1].all() or (np.diff(pairs[:, 0].astype(np.int64)) < 0).any():
        raise ValueError("cells that are not in order, or empty")
