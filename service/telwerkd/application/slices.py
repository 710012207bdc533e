"""Reading the cells of a slice: the chunks of the coarsest grouping that serves, and what is not in chunks yet."""

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from telwerkd.application.ports import CellRow, Cut, Snapshot
from telwerkd.application.query import Counts, Filter, Key, RawKey
from telwerkd.domain.counters import (
    BY_GROUP,
    BY_OPERATOR,
    BY_VALUE,
    BY_WIDGET,
    CHUNK_QUARTERS,
    Cells,
    LeafDelta,
    Measure,
    has_open_values,
    has_packed_values,
    joined,
    unpack,
    unpack_leaves,
)
from telwerkd.domain.facts import value_answer, value_topics
from telwerkd.domain.kpis import Dimension, KpiInfo
from telwerkd.domain.ranges import QuarterRange

SourceRow: TypeAlias = CellRow | LeafDelta


class Source(NamedTuple):
    """Cells, and the ids of the row that each is in."""

    rows: Sequence[SourceRow]
    cells: Cells


_VALUE_DIMENSIONS = frozenset({Dimension.VALUE, Dimension.TOPIC, Dimension.QUESTION})
_BITS = {Dimension.OPERATOR: BY_OPERATOR, Dimension.OPERATOR_GROUP: BY_GROUP, Dimension.WIDGET: BY_WIDGET}


def read_slice(
    conditions: Filter,
    group_by: Sequence[Dimension],
    info: KpiInfo,
    measure: Measure,
    span: QuarterRange,
    snapshot: Snapshot,
) -> Source:
    """The cells of a measure of a KPI in a range and slice, cut by what they are grouped and filtered by."""
    by_value = has_open_values(info.kpi) and (
        bool(conditions.values or conditions.topics or conditions.questions)
        or not _VALUE_DIMENSIONS.isdisjoint(group_by)
    )
    cut = Cut(
        measure,
        _grouping(conditions, group_by) | (BY_VALUE if by_value else 0),
        span.start // CHUNK_QUARTERS,
        (span.end - 1) // CHUNK_QUARTERS,
        conditions.operators.any_of,
        conditions.groups.any_of,
        conditions.widgets.any_of,
        conditions.values.any_of if by_value else (),
    )
    chunks, leaves = snapshot.cells(cut), snapshot.deltas(measure)
    if any(conditions):
        chunks = [row for row in chunks if keeps(conditions, row, by_value=by_value)]
        leaves = [leaf for leaf in leaves if keeps(conditions, leaf, by_value=by_value)]
    packed = unpack([row.chunk for row in chunks], [row.cells for row in chunks])
    cells = joined(packed, unpack_leaves(measure, leaves), len(chunks)) if leaves else packed
    keep = (cells.quarter >= span.start) & (cells.quarter < span.end)
    codes = _codes(conditions, info)
    if codes is not None:
        keep &= np.isin(cells.code, codes)
    return Source([*chunks, *leaves], cells if keep.all() else Cells(*(column[keep] for column in cells)))


def _grouping(conditions: Filter, group_by: Sequence[Dimension]) -> int:
    filtered = (
        (Dimension.OPERATOR, conditions.operators),
        (Dimension.OPERATOR_GROUP, conditions.groups),
        (Dimension.WIDGET, conditions.widgets),
    )
    return sum(_BITS[dimension] for dimension, condition in filtered if condition or dimension in group_by)


def keeps(conditions: Filter, row: SourceRow, *, by_value: bool) -> bool:
    """Whether a row meets the conditions; those on values only where the row has one."""
    return (
        conditions.operators.keeps(row.operator)
        and conditions.groups.keeps(row.group)
        and conditions.widgets.keeps(row.widget)
        and (not by_value or conditions.keeps_value(row.value))
    )


def _codes(conditions: Filter, info: KpiInfo) -> list[int] | None:
    """The packed values that are kept; None for all."""
    if not conditions.values or not has_packed_values(info.kpi):
        return None
    return [int(known.value) for known in info.values if conditions.values.keeps(known.value)]


# --- Keys ------------------------------------------------------------------------------------------------------------


class Keyed(NamedTuple):
    """Cells, each with the key under which it counts; by topic, a cell is there once for each of its topics."""

    keys: list[RawKey]
    """Distinct."""
    key: Counts
    """Of each cell: a place among the keys."""
    cell: Counts
    """Of each cell: which one it is of the source. The same for its copies under several topics."""
    quarter: Counts
    code: Counts
    """The packed value, from 0."""
    n: Counts


def keyed(source: Source, dimensions: Sequence[Dimension], info: KpiInfo) -> Keyed:
    """The cells of a source by some dimensions. The source must be cut by these at least."""
    cell = np.arange(len(source.cells.n))
    if Dimension.TOPIC in dimensions:
        source, cell = _by_topic(source)
    cells = source.cells
    code = np.maximum(cells.code - 1, 0)
    # A packed value is in the cell. A leaf has it in the row too; a chunk, which must get the same key, has not.
    by_code = Dimension.VALUE in dimensions and has_packed_values(info.kpi)
    keys, key = _row_keys(source, [d for d in dimensions if not (by_code and d is Dimension.VALUE)])
    if by_code:
        keys, key = _with_code(keys, key, code, info)
    return Keyed(keys, key, cell, cells.quarter, code, cells.n)


def _row_keys(source: Source, dimensions: Sequence[Dimension]) -> tuple[list[RawKey], Counts]:
    """The distinct keys of the rows that have cells, and the place of each cell's."""
    if not dimensions:
        return [()], np.zeros(len(source.cells.row), np.int64)
    of_chunk, of_leaf = _key_getter(dimensions, CellRow._fields), _key_getter(dimensions, LeafDelta._fields)
    places: dict[RawKey, int] = {}
    row_places = np.zeros(len(source.rows), np.int64)
    # Only rows with something in the range: a chunk holds 32 days, the range may be one.
    for i in np.unique(source.cells.row).tolist():
        row = source.rows[i]
        raw = of_chunk(row) if isinstance(row, CellRow) else of_leaf(row)
        row_places[i] = places.setdefault(raw, len(places))
    return list(places), row_places[source.cells.row]


def _with_code(keys: list[RawKey], key: Counts, code: Counts, info: KpiInfo) -> tuple[list[RawKey], Counts]:
    """The keys with the packed value at their end."""
    values = len(info.values)
    distinct, place = np.unique(key * values + code, return_inverse=True)
    parts = (divmod(both, values) for both in distinct.tolist())
    return [(*keys[of_key], info.values[of_code].value) for of_key, of_code in parts], place


_FIELDS = {
    Dimension.OPERATOR: "operator",
    Dimension.OPERATOR_GROUP: "group",
    Dimension.WIDGET: "widget",
    Dimension.VALUE: "value",
    Dimension.TOPIC: "value",
    Dimension.QUESTION: "value",
}
"""Where a row has a dimension. By topic, each copy of a row has one topic as its value."""


def _key_getter(dimensions: Sequence[Dimension], fields: Sequence[str]) -> Callable[[Any], RawKey]:
    """Takes a row's key, in the order of `Key`."""
    places = [fields.index(_FIELDS[dimension]) for dimension in sorted(dimensions)]
    get = itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)
    if Dimension.QUESTION not in dimensions:
        return get

    def with_question(row: Any) -> RawKey:
        *others, value = get(row)
        return (*others, value_answer(value)[0])

    return with_question


def key_of(raw: RawKey, dimensions: Sequence[Dimension]) -> Key:
    """The key of a row's ids."""
    return Key(**{_KEY_FIELDS[dimension]: part for dimension, part in zip(sorted(dimensions), raw, strict=True)})


_KEY_FIELDS = dict(zip(sorted(Dimension), Key._fields, strict=True))


def _by_topic(source: Source) -> tuple[Source, Counts]:
    """Every row, with its cells, once for each of its topics; and which cell each copy is of."""
    topics = [value_topics(row.value) for row in source.rows]
    rows = [row._replace(value=topic) for row, of_row in zip(source.rows, topics, strict=True) for topic in of_row]
    copies = np.fromiter(map(len, topics), np.int64, len(topics))
    first = np.cumsum(copies) - copies
    # Each cell as often as its row; the copies of a cell go to the row's copies, one after the other.
    copies_of_cell = copies[source.cells.row]
    cell = np.repeat(np.arange(len(source.cells.row)), copies_of_cell)
    copy = np.arange(len(cell)) - np.repeat(np.cumsum(copies_of_cell) - copies_of_cell, copies_of_cell)
    cells = Cells(*(column[cell] for column in source.cells))
    return Source(rows, cells._replace(row=first[cells.row] + copy)), cell
