"""Answering queries from the counters, on one consistent view of an account."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import numpy as np
import numpy.typing as npt

from telwerkd.application.account_settings import zone_name
from telwerkd.application.clock import Clock
from telwerkd.application.ports import CellRow, Cut, Snapshot, Store
from telwerkd.domain import calendar
from telwerkd.domain.calendar import QUARTER_HOUR_MICROS, Buckets, Granularity
from telwerkd.domain.counters import (
    BY_GROUP,
    BY_OPERATOR,
    BY_VALUE,
    BY_WIDGET,
    CHUNK_QUARTERS,
    HELD_BACK,
    Cells,
    LeafDelta,
    Measure,
    has_open_values,
    has_packed_values,
    joined,
    unpack,
    unpack_leaves,
)
from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError, Reason
from telwerkd.domain.facts import Kpi, value_topics
from telwerkd.domain.ids import AccountId, Micros, WidgetId
from telwerkd.domain.kpis import Dimension, KpiInfo, ValueKind
from telwerkd.domain.ranges import DateRange, QuarterRange
from telwerkd.domain.settings import Widgets

Counts: TypeAlias = npt.NDArray[np.int64]


class QueryLimits(msgspec.Struct, frozen=True):
    """What one query may ask for."""

    buckets_max: int = 40_000
    """Buckets of a series; a year of quarter-hours is 35,136."""
    points_max: int = 2_000_000
    """Numbers of an answer: series times buckets, and times values where each value has its own."""


class Ids(NamedTuple):
    """A condition on a dimension. Empty `any_of`: no condition."""

    any_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.any_of or self.none_of)

    def keeps(self, name: str) -> bool:
        """Whether the condition holds for `name`."""
        return (not self.any_of or name in self.any_of) and name not in self.none_of


class Topics(NamedTuple):
    """A condition on the topics of a set."""

    any_of: frozenset[str] = frozenset()
    all_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.any_of or self.all_of or self.none_of)

    def keeps(self, value: str) -> bool:
        """Whether the condition holds for a value of KPI 8."""
        topics = frozenset(value_topics(value))
        return (
            (not self.any_of or not self.any_of.isdisjoint(topics))
            and self.all_of <= topics
            and self.none_of.isdisjoint(topics)
        )


class Filter(NamedTuple):
    """What to count; conditions of different dimensions must all hold."""

    operators: Ids = Ids()
    groups: Ids = Ids()
    widgets: Ids = Ids()
    values: Ids = Ids()
    value_kinds: frozenset[ValueKind] = frozenset()
    """The kinds that `values` are of."""
    topics: Topics = Topics()


class Query(NamedTuple):
    """A question about an account. `granularity` is None for totals: one bucket."""

    account: AccountId
    kpis: tuple[KpiInfo, ...]
    range: QuarterRange | DateRange
    granularity: Granularity | None
    time_zone: str | None
    filter: Filter
    group_by: tuple[Dimension, ...]


class Key(NamedTuple):
    """What a row was grouped by; None where it was not."""

    operator: str | None = None
    group: str | None = None
    widget: str | None = None
    value: str | None = None
    topic: str | None = None


class Row(NamedTuple):
    """One series of a KPI: arrays with a number per bucket."""

    key: Key
    counts: Counts
    sums: Counts | None
    """KPI 1: the stars."""
    distribution: Counts | None
    """For values known beforehand: by value, in the catalogue's order, and bucket."""


class KpiRows(NamedTuple):
    """The answer for a KPI."""

    info: KpiInfo
    rows: list[Row]
    held_back: int
    enabled: bool
    """False for KPI 5 where each widget asked for is known to have no action enabled."""
    overlapping: bool


class Answer(NamedTuple):
    """The answer to a query."""

    buckets: Buckets
    kpis: list[KpiRows]
    time_zone: str
    complete_until: Micros


class Queries:
    """Answers queries from a store."""

    def __init__(self, store: Store, clock: Clock, limits: QueryLimits) -> None:
        self._store = store
        self._clock = clock
        self._limits = limits

    async def ask(self, query: Query) -> Answer:
        """The answer to `query`.

        Raises:
            InvalidArgumentError: the KPIs do not have the dimensions or values asked for, the zone is unknown, or the
                range is empty.
            LimitExceededError: too many buckets or points.
            UnavailableError: the database does not answer.
        """
        check(query)
        return await self._store.read(query.account, partial(answer, query, self._limits, self._clock.now()))


def answer(query: Query, limits: QueryLimits, now: Micros, snapshot: Snapshot) -> Answer:
    """The answer to `query` on a view of its account."""
    zone, span = place_in_time(query, snapshot)
    if query.granularity is None:
        buckets = Buckets(np.array([span.start, span.end]), first_clipped=False, last_clipped=False)
    else:
        wanted = calendar.count_upper_bound(span.start, span.end, query.granularity)
        if wanted > limits.buckets_max:
            raise LimitExceededError(
                "granularity",
                f"the range holds up to {wanted} buckets of this width, at most {limits.buckets_max} (buckets_max) are "
                "answered: choose a coarser granularity or a shorter range",
            )
        buckets = calendar.buckets(span.start, span.end, query.granularity, zone)
    points = _Points(limits.points_max)
    kpis = [_kpi_rows(query, info, buckets, points, snapshot) for info in query.kpis]
    return Answer(buckets, kpis, zone.key, complete_until(snapshot, now))


def place_in_time(query: Query, snapshot: Snapshot) -> tuple[ZoneInfo, QuarterRange]:
    """The zone of a query, which is the account's unless it names one, and its range in quarter-hours.

    Raises:
        InvalidArgumentError: there is no such zone, or its clocks skipped the whole range.
    """
    zone = calendar.zone(query.time_zone or zone_name(snapshot))
    return zone, query.range if isinstance(query.range, QuarterRange) else query.range.quarters(zone)


def complete_until(snapshot: Snapshot, now: Micros) -> Micros:
    """The instant before which no limit is still open."""
    due = snapshot.earliest_due()
    return now if due is None else min(now, due)


def check(query: Query) -> None:
    """Holds that every KPI has the dimensions and the kind of values that the query uses.

    Raises:
        InvalidArgumentError: one has not.
    """
    for info in query.kpis:
        used = {*query.group_by, *_filtered(query.filter)}
        missing = sorted(dimension.name.lower() for dimension in used - set(info.dimensions))
        if missing:
            has = ", ".join(dimension.name.lower() for dimension in info.dimensions)
            raise InvalidArgumentError.of(
                "group_by" if set(query.group_by) - set(info.dimensions) else "filter",
                f"{info.id} has no dimension {', '.join(missing)}; it has {has}",
                Reason.UNKNOWN_DIMENSION,
            )
        foreign = query.filter.value_kinds - {info.value_kind}
        if foreign:
            raise InvalidArgumentError.of(
                "filter.values",
                f"{info.id} has values of the kind {info.value_kind.name.lower()}, "
                f"not {', '.join(sorted(kind.name.lower() for kind in foreign))}",
            )


def _filtered(conditions: Filter) -> Iterator[Dimension]:
    for condition, dimension in (
        (conditions.operators, Dimension.OPERATOR),
        (conditions.groups, Dimension.OPERATOR_GROUP),
        (conditions.widgets, Dimension.WIDGET),
        (conditions.values, Dimension.VALUE),
        (conditions.topics, Dimension.TOPIC),
    ):
        if condition:
            yield dimension


class _Source(NamedTuple):
    """The cells that an answer is made of, and the ids of the row that each is in."""

    rows: Sequence[CellRow | LeafDelta]
    cells: Cells


def _kpi_rows(query: Query, info: KpiInfo, buckets: Buckets, points: "_Points", snapshot: Snapshot) -> KpiRows:
    start, end = int(buckets.edges[0]), int(buckets.edges[-1])
    source = _read(query, info, info.kpi, start, end, snapshot)
    rows = _series(query, info, buckets, points, source)
    held_back = 0
    if info.kpi in {Kpi.CONVERSATION_TOPICS, Kpi.PRE_CHAT_SURVEY_RESULTS}:
        held_back = int(_read(query, info, info.kpi + HELD_BACK, start, end, snapshot).cells.n.sum())
    enabled = True
    if info.kpi == Kpi.INACTIVITY_ACTIONS:
        widgets = [WidgetId(widget) for widget in sorted(query.filter.widgets.any_of)]
        instants = Micros(start * QUARTER_HOUR_MICROS), Micros(end * QUARTER_HOUR_MICROS)
        enabled = not Widgets(snapshot.widget_versions()).none_enabled(widgets, *instants)
    return KpiRows(info, rows, held_back, enabled, Dimension.TOPIC in query.group_by)


def _read(query: Query, info: KpiInfo, measure: Measure, start: int, end: int, snapshot: Snapshot) -> _Source:
    """The cells in the range and slice: chunks of the coarsest grouping that serves, and what is not compacted yet."""
    conditions = query.filter
    grouping = 0
    for bit, dimension, condition in (
        (BY_OPERATOR, Dimension.OPERATOR, conditions.operators),
        (BY_GROUP, Dimension.OPERATOR_GROUP, conditions.groups),
        (BY_WIDGET, Dimension.WIDGET, conditions.widgets),
    ):
        if dimension in query.group_by or condition:
            grouping |= bit
    by_value = has_open_values(info.kpi) and (
        bool(conditions.values or conditions.topics)
        or not {Dimension.VALUE, Dimension.TOPIC}.isdisjoint(query.group_by)
    )
    cut = Cut(
        measure,
        grouping | (BY_VALUE if by_value else 0),
        start // CHUNK_QUARTERS,
        (end - 1) // CHUNK_QUARTERS,
        conditions.operators.any_of,
        conditions.groups.any_of,
        conditions.widgets.any_of,
        conditions.values.any_of if by_value else (),
    )
    chunks = [row for row in snapshot.cells(cut) if keeps(conditions, row, by_value=by_value)]
    leaves = [leaf for leaf in snapshot.deltas(measure) if keeps(conditions, leaf, by_value=by_value)]
    packed = unpack([row.chunk for row in chunks], [row.cells for row in chunks])
    cells = joined(packed, unpack_leaves(measure, leaves), len(chunks))
    keep = (cells.quarter >= start) & (cells.quarter < end)
    codes = _codes(conditions, info)
    if codes is not None:
        keep &= np.isin(cells.code, codes)
    return _Source([*chunks, *leaves], Cells(*(column[keep] for column in cells)))


def keeps(conditions: Filter, row: CellRow | LeafDelta, *, by_value: bool) -> bool:
    """Whether a row meets the conditions; those on values only where the row has one."""
    return (
        conditions.operators.keeps(row.operator)
        and conditions.groups.keeps(row.group)
        and conditions.widgets.keeps(row.widget)
        and (not by_value or (conditions.values.keeps(row.value) and conditions.topics.keeps(row.value)))
    )


def _series(query: Query, info: KpiInfo, buckets: Buckets, points: "_Points", source: _Source) -> list[Row]:
    """Sums cells by key and bucket."""
    if Dimension.TOPIC in query.group_by:
        source = _by_topic(source)
    by_packed_value = Dimension.VALUE in query.group_by and has_packed_values(info.kpi)
    # A packed value is in the cell. A leaf has it in the row too; a chunk, which must get the same key, has not.
    key_of = _key_maker([d for d in query.group_by if not (by_packed_value and d is Dimension.VALUE)])
    places: dict[Key, int] = {} if query.group_by else {Key(): 0}
    # Only rows with something in the range: a chunk holds 32 days, the range may be one.
    row_places = np.zeros(len(source.rows), np.int64)
    for i in np.unique(source.cells.row).tolist():
        row_places[i] = places.setdefault(key_of(source.rows[i]), len(places))
    keys = list(places)
    place = row_places[source.cells.row]
    values = len(info.values) or 1
    code = np.maximum(source.cells.code - 1, 0)
    if by_packed_value:
        keys = [key._replace(value=value.value) for key in keys for value in info.values]
        place = place * values + code
    width = len(buckets.edges) - 1
    points.take(len(keys), width, values)
    bucket = np.searchsorted(buckets.edges, source.cells.quarter, side="right") - 1
    by_code = _sums((place * values + code) * width + bucket, source.cells.n, (len(keys), values, width))
    counts = by_code.sum(axis=1)
    sums = np.tensordot(by_code, np.arange(1, values + 1), axes=(1, 0)) if info.has_mean else None
    present = counts.any(axis=1) if query.group_by else np.ones(len(keys), bool)
    return [
        Row(
            keys[i],
            counts[i],
            None if sums is None else sums[i],
            by_code[i] if has_packed_values(info.kpi) else None,
        )
        for i in sorted(np.flatnonzero(present).tolist(), key=lambda i: _sortable(keys[i]))
    ]


def _by_topic(source: _Source) -> _Source:
    """Every row, with its cells, once for each of its topics."""
    topics = [value_topics(row.value) for row in source.rows]
    rows = [row._replace(value=topic) for row, of_row in zip(source.rows, topics, strict=True) for topic in of_row]
    copies = np.fromiter(map(len, topics), np.int64, len(topics))
    first = np.cumsum(copies) - copies
    # Each cell as often as its row; the copies of a cell go to the row's copies, one after the other.
    copies_of_cell = copies[source.cells.row]
    cell = np.repeat(np.arange(len(source.cells.row)), copies_of_cell)
    copy = np.arange(len(cell)) - np.repeat(np.cumsum(copies_of_cell) - copies_of_cell, copies_of_cell)
    cells = Cells(*(column[cell] for column in source.cells))
    return _Source(rows, cells._replace(row=first[cells.row] + copy))


class _Points:
    """The numbers of an answer, counted before they are made."""

    def __init__(self, points_max: int) -> None:
        self._max = points_max
        self._taken = 0

    def take(self, series: int, buckets: int, values: int) -> None:
        """Adds a KPI's numbers.

        Raises:
            LimitExceededError: they are too many, together with those before.
        """
        self._taken += series * buckets * values
        if self._taken > self._max:
            raise LimitExceededError(
                "group_by",
                f"the answer would take {self._taken} numbers (for the last KPI: {series} series, {buckets} buckets, "
                f"{values} values), at most {self._max} (points_max) are answered: filter, group by less, choose a "
                "coarser granularity, a shorter range or fewer KPIs",
            )


def _codes(conditions: Filter, info: KpiInfo) -> list[int] | None:
    """The packed values that are kept; None for all."""
    if not conditions.values or not has_packed_values(info.kpi):
        return None
    return [int(known.value) for known in info.values if conditions.values.keeps(known.value)]


def _sums(at: Counts, weights: Counts, shape: tuple[int, ...]) -> Counts:
    # bincount sums in doubles, which hold whole numbers exactly up to 2 ** 53.
    size = int(np.prod(shape))
    return np.bincount(at, weights=weights, minlength=size).astype(np.int64).reshape(shape)


def _key_maker(group_by: Sequence[Dimension]) -> Callable[[CellRow | LeafDelta], Key]:
    operator, group = Dimension.OPERATOR in group_by, Dimension.OPERATOR_GROUP in group_by
    widget, value = Dimension.WIDGET in group_by, Dimension.VALUE in group_by
    topic = Dimension.TOPIC in group_by

    def key_of(row: CellRow | LeafDelta) -> Key:
        return Key(
            row.operator if operator else None,
            row.group if group else None,
            row.widget if widget else None,
            row.value if value else None,
            row.value if topic else None,
        )

    return key_of


def _sortable(key: Key) -> tuple[str, ...]:
    return tuple(part or "" for part in key)
