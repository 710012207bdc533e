"""The cells of a chunk of durations as bytes: a word of unsigned 32 bits for each, little-endian, in ascending order.

The upper 22 bits are a slot: the quarter-hour within the chunk, plus `CHUNK_QUARTER_HOURS` times a column. The lower 10
bits are a number, 1 to 1,023. The first `_DIGITS` columns are the exact sum of milliseconds, in digits to the base of
1,024, the least first; a digit of 0 is left out. The columns after them are the bins (`durations`), and the number is
how many facts. More than 1,023 take several words: the rest, then full ones. Equal contents are equal bytes.

Outside this module a slot is the quarter-hour plus `CHUNK_QUARTER_HOURS` times the code: the bin, or 0 for the sum. So
sums and counts are added and taken back alike. Measured against other layouts in docs/decisions/0016.
"""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS, Cells
from telwerkd.domain.counting.durations import CODES

SLOTS: Final = CHUNK_QUARTER_HOURS * CODES
"""Of a chunk."""

_WORD_BYTES = 4
_NUMBER_BITS = 10
_NUMBER_MAX = (1 << _NUMBER_BITS) - 1
_DIGITS = 7
"""Of a sum: as many as 63 bits take."""

Words: TypeAlias = npt.NDArray[np.uint32]


def words_of(blobs: Sequence[bytes]) -> tuple[Words, IntArray]:
    """Returns the words of all chunks, one chunk after the other, and how many each chunk has."""
    return np.frombuffer(b"".join(blobs), "<u4"), np.array([*map(len, blobs)], np.int64) // _WORD_BYTES


def decoded(words: Words | IntArray) -> tuple[IntArray, IntArray]:
    """Returns the slot and the number of each word; those of one slot are to be added."""
    slot, n = (words >> _NUMBER_BITS).astype(np.int64), (words & _NUMBER_MAX).astype(np.int64)
    column, quarter_hour = np.divmod(slot, CHUNK_QUARTER_HOURS)
    is_digit = column < _DIGITS
    n[is_digit] <<= _NUMBER_BITS * column[is_digit]
    return np.where(is_digit, quarter_hour, slot - (_DIGITS - 1) * CHUNK_QUARTER_HOURS), n


def unpack(chunks: Sequence[int], blobs: Sequence[bytes]) -> Cells:
    """Unpacks chunks; `chunks[i]` is the number of the chunk whose cells are `blobs[i]`. The code is bin or sum."""
    words, lengths = words_of(blobs)
    slot, n = decoded(words)
    code, quarter_hour = np.divmod(slot, CHUNK_QUARTER_HOURS)
    quarter_hour += np.repeat(np.asarray(chunks, np.int64) * CHUNK_QUARTER_HOURS, lengths)
    return Cells(np.repeat(np.arange(len(blobs)), lengths), quarter_hour, code, n)


def placed_words(row: IntArray, slot: IntArray, n: IntArray) -> IntArray:
    """Returns the words of slots, each with its chunk above its 32 bits: each slot once, with what it holds, 1 or more.

    In any order, as they are put in.
    """
    is_sum = slot < CHUNK_QUARTER_HOURS
    sums = _digits(row[is_sum], slot[is_sum], n[is_sum])
    return np.concatenate([*sums, _counts(row[~is_sum], slot[~is_sum], n[~is_sum])])


def placed_words_of(blobs: Sequence[bytes]) -> IntArray:
    """Returns the words of all chunks as `placed_words` does; in order."""
    words, lengths = words_of(blobs)
    row: IntArray = np.repeat(np.arange(len(blobs)), lengths)
    placed: IntArray = row << 32 | words.astype(np.int64)
    return placed


def places_of(placed: IntArray, row: IntArray, slot: IntArray) -> IntArray:
    """Returns where among words, placed and in order, those of slots are. Each slot is given once."""
    if not len(placed):
        return np.zeros(0, np.int64)
    is_sum = slot < CHUNK_QUARTER_HOURS
    digits = (_digits_in_use(placed) * CHUNK_QUARTER_HOURS)[:, np.newaxis]
    firsts = np.concatenate(
        (
            _word(row[is_sum], slot[is_sum] + digits, 0).ravel(),
            _word(row[~is_sum], slot[~is_sum] + (_DIGITS - 1) * CHUNK_QUARTER_HOURS, 0),
        )
    )
    starts = np.searchsorted(placed, firsts)
    is_there = placed[np.minimum(starts, len(placed) - 1)] >> _NUMBER_BITS == firsts >> _NUMBER_BITS
    starts = starts[is_there]
    counts = np.searchsorted(placed, firsts[is_there] + (1 << _NUMBER_BITS)) - starts
    return np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(int(counts.sum()))


def _digits_in_use(placed: IntArray) -> IntArray:
    """Returns which digits any sum has: few, for sums are short."""
    columns = (placed & 0xFFFF_FFFF) // (CHUNK_QUARTER_HOURS << _NUMBER_BITS)
    return np.flatnonzero(np.bincount(columns, minlength=_DIGITS)[:_DIGITS])


def blobs_of(placed: IntArray, chunks: int) -> list[bytes]:
    """Returns the cells of so many chunks, whose words, placed, are in any order."""
    placed = np.sort(placed, kind="stable")  # which is fast where most are in order, as they are
    ends = np.searchsorted(placed, np.arange(chunks + 1) << 32) * _WORD_BYTES
    packed = (placed & 0xFFFF_FFFF).astype("<u4").tobytes()
    return [packed[start:end] for start, end in pairwise(ends.tolist())]


def _digits(row: IntArray, slot: IntArray, n: IntArray) -> Iterator[IntArray]:
    for column in range(_DIGITS):
        digit = n >> _NUMBER_BITS * column & _NUMBER_MAX
        some = digit > 0
        yield _word(row[some], slot[some] + column * CHUNK_QUARTER_HOURS, digit[some])


def _counts(row: IntArray, slot: IntArray, n: IntArray) -> IntArray:
    full, rest = np.divmod(n, _NUMBER_MAX)
    slot = slot + (_DIGITS - 1) * CHUNK_QUARTER_HOURS
    rests = _word(row, slot, rest)[rest > 0]
    if not full.any():
        return rests
    return np.concatenate((rests, np.repeat(_word(row, slot, np.full_like(n, _NUMBER_MAX)), full)))


def _word(row: IntArray, slot: IntArray, number: IntArray | int) -> IntArray:
    word: IntArray = row << 32 | slot << _NUMBER_BITS | number
    return word


def check_words(blob: bytes) -> None:
    """Checks that the cells of a chunk are as this module writes them.

    Raises:
        ValueError: they are not; the text says what is wrong.
    """
    if not blob or len(blob) % _WORD_BYTES:
        raise ValueError(f"cells of {len(blob)} bytes")
    words, _ = words_of([blob])
    slot, number = words >> _NUMBER_BITS, words & _NUMBER_MAX
    if not number.all() or (np.diff(words.astype(np.int64)) < 0).any():
        raise ValueError("cells that are not in order, or empty")
    if int(slot.max()) >= SLOTS + (_DIGITS - 1) * CHUNK_QUARTER_HOURS:
        raise ValueError("cells of a duration that there is not")
    is_again = np.diff(slot) == 0
    if (is_again & ((number[1:] < _NUMBER_MAX) | (slot[1:] < _DIGITS * CHUNK_QUARTER_HOURS))).any():
        raise ValueError("cells of one slot that are several, and not full")
