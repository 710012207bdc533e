"""Adding changes to chunks: cells as bytes come in, and cells as bytes go out."""

from collections.abc import Sequence

import numpy as np

from telwerkd.domain.counting import cells, duration_cells
from telwerkd.domain.counting.arrays import IntArray
from telwerkd.domain.counting.cells import Pairs
from telwerkd.domain.counting.counters import ChunkChanges, ChunkKey
from telwerkd.domain.counting.measures import has_durations


class CounterError(AssertionError):
    """A counter would become negative: the counters do not belong to the log."""


def merged(blobs: Sequence[bytes], changes: ChunkChanges) -> list[bytes]:
    """Returns the cells of chunks with changes added, `blobs[i]` those of `changes.keys[i]`; empty where none is left.

    Raises:
        CounterError: a count would become negative.
    """
    measures = {key[0] for key in changes.keys}
    of_durations = {measure for measure in measures if has_durations(measure)}
    if not of_durations:
        return _merged_pairs(blobs, changes)
    if of_durations == measures:
        return _merged_durations(blobs, changes)
    after = [b""] * len(blobs)
    is_duration = np.array([key[0] in of_durations for key in changes.keys])
    for kind, merge in ((False, _merged_pairs), (True, _merged_durations)):
        positions = np.flatnonzero(is_duration == kind)
        part = _of_chunks(changes, positions)
        for position, of_chunk in zip(
            positions.tolist(), merge([blobs[position] for position in positions.tolist()], part), strict=True
        ):
            after[position] = of_chunk
    return after


def _of_chunks(changes: ChunkChanges, positions: IntArray) -> ChunkChanges:
    """Returns the changes of some of the chunks."""
    row = np.full(len(changes.keys), -1)
    row[positions] = np.arange(len(positions))
    row = row[changes.row]
    keys = [changes.keys[position] for position in positions.tolist()]
    return ChunkChanges(keys, row[row >= 0], changes.slot[row >= 0], changes.n[row >= 0])


# --- Durations --------------------------------------------------------------------------------------------------------


def _merged_durations(blobs: Sequence[bytes], changes: ChunkChanges) -> list[bytes]:
    slots = duration_cells.SLOTS
    changed, n = _sums(changes.row * slots + changes.slot, changes.n)
    words = duration_cells.changed(duration_cells.placed_words_of(blobs), *np.divmod(changed, slots), n)
    if words is None:
        words = _merged_words(blobs, changed, n, changes)
    return duration_cells.blobs_of(words, len(blobs))


def _merged_words(blobs: Sequence[bytes], changed: IntArray, n: IntArray, changes: ChunkChanges) -> IntArray:
    """Merges any words by decoding and encoding all of them."""
    slots = duration_cells.SLOTS
    words, lengths = duration_cells.words_of(blobs)
    slot, numbers = duration_cells.decoded(words)
    at = np.repeat(np.arange(len(blobs)) * slots, lengths) + slot
    filled, numbers = _sums(np.concatenate((at, changed)), np.concatenate((numbers, n)))
    _check(filled, numbers, changes, slots)
    filled, numbers = filled[numbers > 0], numbers[numbers > 0]
    return duration_cells.placed_words(*np.divmod(filled, slots), numbers)


# --- All others -------------------------------------------------------------------------------------------------------


def _merged_pairs(blobs: Sequence[bytes], changes: ChunkChanges) -> list[bytes]:
    pairs, lengths = cells.pairs_of(blobs)
    at = np.repeat(np.arange(len(blobs)) * cells.SLOTS, lengths) + pairs[:, 0]
    changed, n = _sums(changes.row * cells.SLOTS + changes.slot, changes.n)
    if int(pairs[:, 1].max(initial=0)) + int(n.max(initial=0)) < cells.COUNT_MAX:
        at, pairs = _merged_short(at, pairs, changed, n, changes)
    else:
        at, pairs = _merged_any(at, pairs, changed, n, changes)
    return cells.blobs_of(pairs, np.searchsorted(at, np.arange(len(blobs) + 1) * cells.SLOTS))


def _merged_short(
    at: IntArray, pairs: Pairs, changed: IntArray, n: IntArray, changes: ChunkChanges
) -> tuple[IntArray, Pairs]:
    """Merges where every count is one pair: the changed ones are found by binary search, the other pairs only copied.

    The chunks of a busy account have a thousand times the cells that change.
    """
    position = np.searchsorted(at, changed)
    there = position < len(at)
    there[there] = at[position[there]] == changed[there]
    counts = n.copy()
    counts[there] += pairs[position[there], 1]
    _check(changed, counts, changes)
    pairs = pairs.copy()
    pairs[position[there], 1] = counts[there]
    new = ~there & (counts > 0)
    if new.any():
        at, pairs = _inserted(at, pairs, position[new], changed[new], counts[new])
    filled = pairs[:, 1] > 0
    return (at, pairs) if filled.all() else (at[filled], pairs[filled])


def _inserted(
    at: IntArray, pairs: Pairs, position: IntArray, new: IntArray, counts: IntArray
) -> tuple[IntArray, Pairs]:
    """Inserts cells, each before the one at its position.

    As `np.insert` does, in a third to a tenth of the time: both arrays at once, and a pair as one number.
    """
    places = position + np.arange(len(new))
    is_kept = np.ones(len(at) + len(new), bool)
    is_kept[places] = False
    all_at = np.empty(len(is_kept), at.dtype)
    all_at[places], all_at[is_kept] = new, at
    all_pairs = np.empty((len(is_kept), 2), pairs.dtype)
    all_pairs[places] = np.stack((new % cells.SLOTS, counts), axis=1)
    all_pairs.view("<u4")[is_kept] = pairs.view("<u4")
    return all_at, all_pairs


def _merged_any(
    at: IntArray, pairs: Pairs, changed: IntArray, n: IntArray, changes: ChunkChanges
) -> tuple[IntArray, Pairs]:
    """Merges any counts: one above what a pair holds takes several of them, full ones and then the rest."""
    at, counts = _sums(np.concatenate((at, changed)), np.concatenate((pairs[:, 1], n)))
    _check(at, counts, changes)
    needed = -(-counts // cells.COUNT_MAX)
    last = np.cumsum(needed)
    held = np.full(int(needed.sum()), cells.COUNT_MAX)
    held[last[needed > 0] - 1] = (counts - (needed - 1) * cells.COUNT_MAX)[needed > 0]
    at = np.repeat(at, needed)
    return at, np.stack((at % cells.SLOTS, held), axis=1).astype("<u2")


def _sums(at: IntArray, n: IntArray) -> tuple[IntArray, IntArray]:
    """Returns the distinct positions in order, each with its sum."""
    order = np.argsort(at, kind="stable")
    at = at[order]
    firsts = np.flatnonzero(np.diff(at, prepend=-1))
    return at[firsts], np.add.reduceat(n[order], firsts) if len(firsts) else n[:0]


def _check(at: IntArray, counts: IntArray, changes: ChunkChanges, slots: int = cells.SLOTS) -> None:
    if counts.min(initial=0) < 0:
        row, slot = divmod(int(at[counts.argmin()]), slots)
        raise CounterError(f"slot {slot} of {ChunkKey(*changes.keys[row])} would hold {counts.min()}")
