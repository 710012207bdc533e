"""Adding to chunks, which are stored whole: read, merge, write."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

from telwerkd.application.ports import BaseFactWrites, CounterWrites, Pausing, ScanView, as_damage
from telwerkd.domain.counting.counters import (
    ChunkChanges,
    ChunkKey,
    Slots,
    bounded_changes,
    changes_of,
    chunk_changes,
    chunk_deltas,
    finest_grouping,
)
from telwerkd.domain.counting.deltas import DeltaEntries, DeltaEntry, Deltas
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.counting.merging import merged

CHUNKS_MAX = 4_000
"""About how many chunks one compaction reads and writes at most; `Compaction` asks for fewer where that takes long."""

_MERGED_BYTES_MAX = 2**18
"""Bytes of chunks that are merged at once, unless a single one has more.

Merging takes eight times as much memory, and a chunk grows through its 32 days with each quarter-hour that has facts.
"""

_LEFT_ENTRIES_MIN, _LEFT_ENTRIES_MAX = 64, 2_000
"""Delta entries of a row that a compaction leaves for later."""


class MergingTransaction(CounterWrites, Pausing, Protocol):
    """The reads and writes of adding deltas to chunks."""


class CorrectingTransaction(MergingTransaction, ScanView, Protocol):
    """The reads and writes of correcting chunks and deltas together."""


def compact(tx: MergingTransaction, measure: Measure, entries_max: int, chunks_max: int = CHUNKS_MAX) -> int:
    """Moves about `entries_max` delta entries of a measure, the oldest, into about `chunks_max` of its chunks at most.

    Returns by how many entries fewer there are.

    Raises:
        DamagedRowError: one of them has a value that no fact of the measure has.
    """
    # A row has one entry at least, so more rows are not needed; which are is known before any of them is read.
    last, wanted = 0, 0
    for version, size in tx.delta_sizes(measure, entries_max):
        last, wanted = version, wanted + size
        if wanted >= entries_max:
            break
    if not wanted:
        return 0
    entries = tx.deltas_until(measure, last)
    tx.pause()
    with as_damage("deltas", int(measure)):
        changes, left = bounded_changes(measure, entries, chunks_max)
    tx.pause()
    _add(tx, changes)
    # The next compaction begins with what is left: in rows of about as many as were moved, so that it reads little more
    # than it moves, and files little of it again.
    moved = wanted - len(left)
    row_entries = min(max(_LEFT_ENTRIES_MIN, moved), _LEFT_ENTRIES_MAX)
    # Each row needs a version of its own, from `last` down to 1: there must not be more rows than versions.
    row_entries_min = -(-len(left) // max(1, last))
    tx.replace_deltas(measure, last, left.pieces(max(row_entries, row_entries_min)))
    return moved


def correct_counters(tx: CorrectingTransaction, corrections: Mapping[ChunkKey, Slots]) -> None:
    """Adds signed corrections to the counters, and compacts all deltas with them.

    Together: what is wrong may be in either, and one without the other may be less than nothing.
    """
    total = {key: dict(slots) for key, slots in corrections.items()}
    by_measure: dict[Measure, list[DeltaEntry]] = {}
    for measure, entry in tx.every_delta():
        by_measure.setdefault(measure, []).append(entry)
    for measure, entries in by_measure.items():
        for key, slots in chunk_deltas(measure, DeltaEntries.of(entries)).items():
            sums = total.setdefault(key, {})
            for slot, n in slots.items():
                sums[slot] = sums.get(slot, 0) + n
    _add(tx, changes_of(total))
    tx.remove_deltas()


def add_base(tx: BaseFactWrites, facts: Deltas) -> None:
    """Adds facts that no event explains any more."""
    for measure, entries in facts.by_measure().items():
        changes = chunk_changes(measure, DeltaEntries.of(entries), [finest_grouping(measure)])
        for part in _parts(changes, tx.base_chunk_bytes(changes.keys)):
            tx.put_base_chunks(part.keys, merged(tx.base_chunks(part.keys), part))


def _add(tx: MergingTransaction, changes: ChunkChanges) -> None:
    for part in _parts(changes, tx.chunk_bytes(changes.keys)):
        tx.put_chunks(part.keys, merged(tx.chunks(part.keys), part))
        tx.pause()
    tx.bump_chunk_versions(changes.keys)


def _parts(changes: ChunkChanges, sizes: Sequence[int]) -> Iterator[ChunkChanges]:
    """Yields the changes in parts, bounded by the bytes of their chunks; `sizes` has those of each chunk."""
    start, together = 0, 0
    for index, size in enumerate(sizes):
        if index > start and together + size > _MERGED_BYTES_MAX:
            yield changes.of_chunks(start, index)
            start, together = index, 0
        together += size
    if start < len(sizes):
        yield changes.of_chunks(start, len(sizes))
