"""Counters: how facts become numbers that a query reads in proportion to its answer.

A *series* is a KPI cut by some of operator, group, widget and value; a *grouping* says by which, as in SQL's GROUPING
SETS. Every fact counts in the series of all eight groupings of operator, group and widget; where producers choose the
values (goals, topic sets, survey answers) also in the same eight cut by value. So no query ever sums over what it did
not ask for.

A series is kept in *chunks* of 32 UTC days, each a packed array of the quarter-hours that have facts: `(slot, count)`
pairs of unsigned 16-bit numbers, little-endian, sorted by slot. The slot is the quarter-hour within the chunk; where
the values are few and known beforehand (stars, actions, outcomes) it also holds the value, so that one row answers
count, sum and distribution. A count above 65,535 takes several pairs of the same slot: full ones, then the rest.
Equal contents are equal bytes.

Chunks are written late and many facts at a time (`chunk_deltas`): a transaction only files its signed facts as
*leaves*, which queries add to what the chunks say, and compaction moves into them.

Every zone's offset has been a multiple of a quarter of an hour since long before 2000, where the calendar begins, so
that local days of any zone are sums of slots.
"""

import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from telwerkd.domain.calendar import QUARTER_HOUR_MICROS
from telwerkd.domain.facts import Change, Fact, Kpi, Outcome

CHUNK_QUARTERS = 32 * 96
"""Quarter-hours in a chunk."""

BY_OPERATOR, BY_GROUP, BY_WIDGET, BY_VALUE = 1, 2, 4, 8
"""The bits of a grouping."""

_FULL = 0xFFFF

_PACKED_VALUE_KPIS = frozenset({Kpi.SATISFACTION_SCORE, Kpi.INACTIVITY_ACTIONS, Kpi.OFFLINE_ASSIGNMENTS})
_OPEN_VALUE_KPIS = frozenset(
    {
        Kpi.GOALS_REACHED,
        Kpi.CONVERSATION_TOPICS,
        Kpi.PRE_CHAT_SURVEY_RESULTS,
        Kpi.POST_CHAT_SURVEY_RESULTS,
    }
)

HELD_BACK = 100
"""Added to a KPI's number: the measure of what is held back of it, counted in the same way."""

Measure: TypeAlias = int
"""A KPI's number, or that plus `HELD_BACK`."""


class ChunkKey(NamedTuple):
    """Which chunk of which series of an account. Dimensions that the grouping leaves out are empty."""

    measure: Measure
    grouping: int
    chunk: int
    operator: str
    group: str
    widget: str
    value: str


class LeafDelta(NamedTuple):
    """Signed facts of one measure that agree in everything: what counters are made of, before they are cut."""

    value: str
    operator: str
    group: str
    widget: str
    quarter: int
    """The quarter-hour, since 1970-01-01T00:00:00Z."""
    n: int


Slots: TypeAlias = dict[int, int]


class CounterError(AssertionError):
    """A counter would become negative: the counters do not belong to the log."""


class Deltas:
    """What a transaction adds to the counters of one account: signed facts, summed."""

    def __init__(self) -> None:
        self._leaves: dict[tuple[Measure, str, str, str, str, int], int] = {}

    def add(self, outcome: Outcome, times: int = 1) -> None:
        """Adds what `outcome` does, `times` times; -1 undoes it."""
        match outcome.change:
            case Change.COUNTED:
                self._add(outcome.fact, 0, times)
            case Change.TAKEN_BACK:
                self._add(outcome.fact, 0, -times)
            case Change.HELD:
                self._add(outcome.fact, HELD_BACK, times)
            case Change.RELEASED:
                self._add(outcome.fact, HELD_BACK, -times)

    def add_all(self, other: "Deltas") -> None:
        """Adds what `other` adds."""
        for leaf, n in other._leaves.items():  # noqa: SLF001  # of its own kind
            self._leaves[leaf] = self._leaves.get(leaf, 0) + n

    def _add(self, fact: Fact, offset: int, times: int) -> None:
        quarter = fact.instant // QUARTER_HOUR_MICROS
        leaf = (fact.kpi + offset, fact.value, fact.operator, fact.group, fact.widget, quarter)
        self._leaves[leaf] = self._leaves.get(leaf, 0) + times

    def by_measure(self) -> dict[Measure, list[LeafDelta]]:
        """What is left after everything that cancels out."""
        measures: dict[Measure, list[LeafDelta]] = {}
        for (measure, value, operator, group, widget, quarter), n in self._leaves.items():
            if n:
                leaf = LeafDelta(value, operator, group, widget, quarter, n)
                measures.setdefault(measure, []).append(leaf)
        return {measure: sorted(leaves) for measure, leaves in measures.items()}


def chunk_deltas(measure: Measure, leaves: Iterable[LeafDelta]) -> dict[ChunkKey, Slots]:
    """The signed change of every chunk that changes, in all groupings."""
    chunks: dict[ChunkKey, Slots] = {}
    for (value, operator, group, widget, quarter), n in _summed(leaves).items():
        chunk, slot = slot_of(measure, value, quarter)
        for key in chunk_keys(measure, chunk, operator, group, widget, value):
            slots = chunks.setdefault(key, {})
            slots[slot] = slots.get(slot, 0) + n
    return chunks


def slot_of(measure: Measure, value: str, quarter: int) -> tuple[int, int]:
    """In which chunk, and there in which slot, a leaf counts."""
    chunk, slot = divmod(quarter, CHUNK_QUARTERS)
    if measure in _PACKED_VALUE_KPIS:
        slot += int(value) * CHUNK_QUARTERS
    return chunk, slot


def chunk_keys(measure: Measure, chunk: int, operator: str, group: str, widget: str, value: str) -> Iterator[ChunkKey]:
    """The chunks in which a leaf counts: one in each grouping."""
    values = ((0, ""), (BY_VALUE, value)) if measure % HELD_BACK in _OPEN_VALUE_KPIS else ((0, ""),)
    for grouping in range(8):
        for by_value, key_value in values:
            yield ChunkKey(
                measure,
                grouping | by_value,
                chunk,
                operator if grouping & BY_OPERATOR else "",
                group if grouping & BY_GROUP else "",
                widget if grouping & BY_WIDGET else "",
                key_value,
            )


def _summed(leaves: Iterable[LeafDelta]) -> dict[tuple[str, str, str, str, int], int]:
    sums: dict[tuple[str, str, str, str, int], int] = {}
    for leaf in leaves:
        key = leaf[:5]
        sums[key] = sums.get(key, 0) + leaf.n
    return {key: n for key, n in sums.items() if n}


def merge(cells: bytes, delta: Mapping[int, int]) -> bytes:
    """A chunk's cells with `delta` added; empty when nothing is left.

    Raises:
        CounterError: a count would become negative.
    """
    pairs = array("H", cells)
    if sys.byteorder == "big":
        pairs.byteswap()
    slots = pairs[0::2]
    # From the last slot to the first, so that what is inserted moves nothing that is still to be found.
    for slot in sorted(delta, reverse=True):
        first = bisect_left(slots, slot)
        end = bisect_right(slots, slot, first)
        count = sum(pairs[2 * first + 1 : 2 * end : 2]) + delta[slot]
        if count < 0:
            raise CounterError(f"slot {slot} would hold {count}")
        pairs[2 * first : 2 * end] = _pairs(slot, count)
    if sys.byteorder == "big":
        pairs.byteswap()
    return pairs.tobytes()


def _pairs(slot: int, count: int) -> "array[int]":
    full, rest = divmod(count, _FULL)
    pairs = array("H", (slot, _FULL)) * full
    if rest:
        pairs.extend((slot, rest))
    return pairs


class Cells(NamedTuple):
    """The cells of many chunks, unpacked: aligned arrays."""

    row: npt.NDArray[np.int64]
    """Which of the chunks a cell is of, by its place."""
    quarter: npt.NDArray[np.int64]
    """Quarter-hours since 1970-01-01T00:00:00Z."""
    code: npt.NDArray[np.int64]
    """The packed value; 0 where the measure packs none."""
    n: npt.NDArray[np.int64]
    """How many facts."""


def unpack(chunks: Sequence[int], blobs: Sequence[bytes]) -> Cells:
    """Unpacks chunks; `chunks[i]` is the number of the chunk whose cells are `blobs[i]`."""
    pairs = np.frombuffer(b"".join(blobs), dtype="<u2").astype(np.int64).reshape(-1, 2)
    lengths = np.fromiter((len(blob) // 4 for blob in blobs), np.int64, len(blobs))
    row = np.repeat(np.arange(len(blobs)), lengths)
    code, slot = np.divmod(pairs[:, 0], CHUNK_QUARTERS)
    quarter = np.repeat(np.asarray(chunks, np.int64) * CHUNK_QUARTERS, lengths) + slot
    return Cells(row, quarter, code, pairs[:, 1])


def has_open_values(kpi: Kpi) -> bool:
    """Whether producers choose the KPI's values, so that it is also kept by value."""
    return kpi in _OPEN_VALUE_KPIS


def uncut_grouping(measure: Measure) -> int:
    """The grouping by everything that a measure is cut by: no other says more."""
    open_values = measure % HELD_BACK in _OPEN_VALUE_KPIS
    return BY_OPERATOR | BY_GROUP | BY_WIDGET | (BY_VALUE if open_values else 0)


def has_packed_values(measure: Measure) -> bool:
    """Whether the measure's values are few and known beforehand, so that every cell holds its value."""
    return measure in _PACKED_VALUE_KPIS


def unpack_leaves(measure: Measure, leaves: Sequence[LeafDelta]) -> Cells:
    """Leaves as cells, each a row of its own."""
    packs = measure in _PACKED_VALUE_KPIS
    return Cells(
        np.arange(len(leaves)),
        np.fromiter((leaf.quarter for leaf in leaves), np.int64, len(leaves)),
        np.fromiter((int(leaf.value) if packs else 0 for leaf in leaves), np.int64, len(leaves)),
        np.fromiter((leaf.n for leaf in leaves), np.int64, len(leaves)),
    )


def joined(first: Cells, second: Cells, rows_of_first: int) -> Cells:
    """Both, the rows of the second numbered on after those of the first."""
    second = second._replace(row=second.row + rows_of_first)
    return Cells(*(np.concatenate(pair) for pair in zip(first, second, strict=True)))
