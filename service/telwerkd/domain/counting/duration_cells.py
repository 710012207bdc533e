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
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.cells import CHUNK_QUARTER_HOURS, Cells
from telwerkd.domain.counting.durations import CODES

SLOTS: Final = CHUNK_QUARTER_HOURS * CODES
"""The number of slots of a chunk."""

_WORD_BYTES = 4
_NUMBER_BITS = 10
_NUMBER_MAX = (1 << _NUMBER_BITS) - 1
_DIGITS = 7
"""The number of digits of a sum: enough for 63 bits."""

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

    The words are in any order.
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


def changed(placed: IntArray, row: IntArray, slot: IntArray, n: IntArray) -> IntArray | None:
    """Returns the given words, in any order, with `n` added to slots, each of which is given once.

    None where more than one word of a count would change, or a number become negative. `placed` must be sorted, and is
    overwritten: the words that change are found by binary search, and the others not looked at.
    """
    is_sum = slot < CHUNK_QUARTER_HOURS
    of_counts = _changed_counts(placed, row[~is_sum], slot[~is_sum], n[~is_sum])
    of_sums = _changed_sums(placed, row[is_sum], slot[is_sum], n[is_sum]) if of_counts is not None else None
    if of_counts is None or of_sums is None:
        return None
    edits = [of_counts, *of_sums]
    for edit in edits:
        placed[edit.position[edit.is_there]] = edit.word[edit.is_there]
    placed = np.concatenate([placed, *(edit.word[~edit.is_there] for edit in edits)])
    is_filled = placed & _NUMBER_MAX > 0
    return placed if is_filled.all() else placed[is_filled]


class _Edit(NamedTuple):
    """Words to write at given indexes of the sorted words, or to add."""

    position: IntArray
    is_there: npt.NDArray[np.bool_]
    """Whether the slot has a word at that index already, which is overwritten; else the word is new."""
    word: IntArray


def _found(placed: IntArray, empty: IntArray) -> tuple[IntArray, npt.NDArray[np.bool_], IntArray]:
    """Returns where words, given with a number of 0, are or would be; whether they are there; and their numbers."""
    position = np.searchsorted(placed, empty)
    if not len(placed):
        return position, np.zeros(len(empty), np.bool_), np.zeros_like(empty)
    number = placed[np.minimum(position, len(placed) - 1)] - empty
    is_there = (number >= 0) & (number <= _NUMBER_MAX)
    return position, is_there, np.where(is_there, number, 0)


def _changed_counts(placed: IntArray, row: IntArray, slot: IntArray, n: IntArray) -> _Edit | None:
    empty = _word(row, slot + (_DIGITS - 1) * CHUNK_QUARTER_HOURS, 0)
    position, is_there, number = _found(placed, empty)
    after = number + n
    # Of several words of a slot the first has the rest, if there is one, as they are sorted; the others are full.
    # Only the first changes.
    if after.min(initial=0) < 0 or after.max(initial=0) > _NUMBER_MAX:
        return None
    return _Edit(position, is_there, empty | after)


def _changed_sums(placed: IntArray, row: IntArray, slot: IntArray, n: IntArray) -> list[_Edit] | None:
    first = _word(row, slot, 0)
    found = [(digit, *_found(placed, first + digit * _DIGIT)) for digit in _digits_in_use(placed)]
    after = n.copy()
    for digit, _, _, number in found:
        after += number << _NUMBER_BITS * digit
    if after.min(initial=0) < 0:
        return None
    longest = -(-int(after.max(initial=0)).bit_length() // _NUMBER_BITS)
    found += [
        (digit, *_found(placed, first + digit * _DIGIT))
        for digit in range(longest)
        if digit not in {digit for digit, *_ in found}
    ]
    return [
        _Edit(position, is_there, first + digit * _DIGIT | after >> _NUMBER_BITS * digit & _NUMBER_MAX)
        for digit, position, is_there, _ in found
    ]


_DIGIT = CHUNK_QUARTER_HOURS << _NUMBER_BITS
"""What the words of one digit of a sum are before those of the next."""


def _digits_in_use(placed: IntArray) -> list[int]:
    """Returns which digits any sum has: few, for sums are short."""
    words = placed & 0xFFFF_FFFF
    below = [0, *(int(np.count_nonzero(words < (digit + 1) * _DIGIT)) for digit in range(_DIGITS))]
    return [digit for digit in range(_DIGITS) if below[digit] < below[digit + 1]]


def blobs_of(placed: IntArray, chunks: int) -> list[bytes]:
    """Returns the cells of so many chunks as bytes, from words with their chunk above their 32 bits, in any order."""
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
