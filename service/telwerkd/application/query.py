"""Answering queries from the counters, on one consistent view of an account."""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

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
    has_open_values,
    has_packed_values,
    unpack,
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
    points_max: int = 1_000_000
    """Series times buckets."""


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
        _check(query)
        return await self._store.read(query.account, partial(answer, query, self._limits, self._clock.now()))


def answer(query: Query, limits: QueryLimits, now: Micros, snapshot: Snapshot) -> Answer:
    """The answer to `query` on a view of its account."""
    zone_name = query.time_zone or snapshot.account().time_zone or "UTC"
    zone = calendar.zone(zone_name)
    span = query.range if isinstance(query.range, QuarterRange) else query.range.quarters(zone)
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
    due = snapshot.earliest_due()
    complete_until = now if due is None else min(now, due)
    kpis = [_kpi_rows(query, info, buckets, limits, snapshot) for info in query.kpis]
    return Answer(buckets, kpis, zone_name, complete_until)


def _check(query: Query) -> None:
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


def _kpi_rows(query: Query, info: KpiInfo, buckets: Buckets, limits: QueryLimits, snapshot: Snapshot) -> KpiRows:
    start, end = int(buckets.edges[0]), int(buckets.edges[-1])
    rows = _series(query, info, buckets, limits, _read(query, info, info.kpi, start, end, snapshot))
    held_back = 0
    if info.kpi in {Kpi.CONVERSATION_TOPICS, Kpi.PRE_CHAT_SURVEY_RESULTS}:
        held = _read(query, info, info.kpi + HELD_BACK, start, end, snapshot)
        cells = unpack([row.chunk for row in held], [row.cells for row in held])
        held_back = int(cells.n[(cells.quarter >= start) & (cells.quarter < end)].sum())
    enabled = True
    if info.kpi == Kpi.INACTIVITY_ACTIONS:
        widgets = [WidgetId(widget) for widget in sorted(query.filter.widgets.any_of)]
        instants = Micros(start * QUARTER_HOUR_MICROS), Micros(end * QUARTER_HOUR_MICROS)
        enabled = not Widgets(snapshot.widget_versions()).none_enabled(widgets, *instants)
    return KpiRows(info, rows, held_back, enabled, Dimension.TOPIC in query.group_by)


def _read(query: Query, info: KpiInfo, measure: int, start: int, end: int, snapshot: Snapshot) -> list[CellRow]:
    """The chunks that the answer is made of: of the coarsest grouping that tells apart what is asked for."""
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
        conditions.values or conditions.topics or not {Dimension.VALUE, Dimension.TOPIC}.isdisjoint(query.group_by)
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
    return [row for row in snapshot.cells(cut) if _keeps(conditions, row, by_value=bool(by_value))]


def _keeps(conditions: Filter, row: CellRow, *, by_value: bool) -> bool:
    return (
        row.operator not in conditions.operators.none_of
        and row.group not in conditions.groups.none_of
        and row.widget not in conditions.widgets.none_of
        and (not by_value or (row.value not in conditions.values.none_of and conditions.topics.keeps(row.value)))
    )


def _series(query: Query, info: KpiInfo, buckets: Buckets, limits: QueryLimits, rows: Sequence[CellRow]) -> list[Row]:
    """Sums the chunks' cells by key and bucket."""
    if Dimension.TOPIC in query.group_by:
        rows = [row._replace(value=topic) for row in rows for topic in value_topics(row.value)]
    key_of = _key_maker(query.group_by)
    places: dict[Key, int] = {} if query.group_by else {Key(): 0}
    row_places = np.fromiter((places.setdefault(key_of(row), len(places)) for row in rows), np.int64, len(rows))
    cells = unpack([row.chunk for row in rows], [row.cells for row in rows])
    cells, keep = _in_range(cells, buckets, _codes(query.filter, info))
    place = row_places[cells.row[keep]]
    bucket = np.searchsorted(buckets.edges, cells.quarter[keep], side="right") - 1
    code, count = cells.code[keep], cells.n[keep]
    keys = list(places)
    if Dimension.VALUE in query.group_by and has_packed_values(info.kpi):
        keys = [key._replace(value=value.value) for key in keys for value in info.values]
        place = place * len(info.values) + code - 1
    width = len(buckets.edges) - 1
    if len(keys) * width > limits.points_max:
        raise LimitExceededError(
            "group_by",
            f"the answer would hold {len(keys)} series of {width} buckets, at most {limits.points_max} (points_max) "
            "points are answered: filter, group by less, choose a coarser granularity or a shorter range",
        )
    at = place * width + bucket
    counts = _sums(at, count, (len(keys), width))
    sums = _sums(at, count * code, (len(keys), width)) if info.has_mean else None
    distribution = None
    if has_packed_values(info.kpi):
        size = (len(keys), len(info.values), width)
        distribution = _sums((place * len(info.values) + code - 1) * width + bucket, count, size)
    present = counts.any(axis=1) if query.group_by else np.ones(len(keys), bool)
    return [
        Row(
            keys[i],
            counts[i],
            None if sums is None else sums[i],
            None if distribution is None else distribution[i],
        )
        for i in sorted(np.flatnonzero(present).tolist(), key=lambda i: _sortable(keys[i]))
    ]


def _codes(conditions: Filter, info: KpiInfo) -> frozenset[int] | None:
    """The packed values that are kept; None for all."""
    if not conditions.values or not has_packed_values(info.kpi):
        return None
    return frozenset(int(v.value) for v in info.values if conditions.values.keeps(v.value))


def _in_range(cells: Cells, buckets: Buckets, codes: frozenset[int] | None) -> tuple[Cells, npt.NDArray[np.bool_]]:
    keep = (cells.quarter >= buckets.edges[0]) & (cells.quarter < buckets.edges[-1])
    if codes is not None:
        keep &= np.isin(cells.code, list(codes))
    return cells, keep


def _sums(at: Counts, weights: Counts, shape: tuple[int, ...]) -> Counts:
    # bincount sums in doubles, which hold whole numbers exactly up to 2 ** 53.
    size = int(np.prod(shape))
    return np.bincount(at, weights=weights, minlength=size).astype(np.int64).reshape(shape)


def _key_maker(group_by: Sequence[Dimension]) -> Callable[[CellRow], Key]:
    operator, group = Dimension.OPERATOR in group_by, Dimension.OPERATOR_GROUP in group_by
    widget, value = Dimension.WIDGET in group_by, Dimension.VALUE in group_by
    topic = Dimension.TOPIC in group_by

    def key_of(row: CellRow) -> Key:
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
