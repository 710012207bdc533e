"""Answering queries from the counters, on one consistent view of an account.

First every cell of the range and slice is put under its key; then the keys are ordered, and cut to a page or to the
largest; only for those that remain are the buckets of the series made.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from telwerkd.application.ordering import Keys, KeyTotals, Selection, select
from telwerkd.application.ports import Snapshot, Store
from telwerkd.application.query import (
    Answer,
    Counts,
    Key,
    KpiRows,
    Numbers,
    PreviousPeriod,
    Query,
    QueryLimits,
    RawKey,
    Row,
    Standing,
    Summed,
    check,
    place_in_time,
)
from telwerkd.application.slices import Keyed, Source, key_of, keyed, read_slice
from telwerkd.domain import calendar
from telwerkd.domain.calendar import QUARTER_HOUR_MICROS, Buckets, Granularity
from telwerkd.domain.counters import HELD_BACK, has_packed_values
from telwerkd.domain.errors import LimitExceededError, TelwerkError
from telwerkd.domain.facts import Kpi, value_answer
from telwerkd.domain.ids import AccountId, Micros, WidgetId
from telwerkd.domain.kpis import Dimension, KpiInfo, ValueKind
from telwerkd.domain.ranges import QuarterRange, Range
from telwerkd.domain.settings import Widgets

T = TypeVar("T")


class Queries:
    """Answers queries from a store."""

    def __init__(self, store: Store, limits: QueryLimits) -> None:
        self._store = store
        self._limits = limits

    async def ask(self, query: Query, then: Callable[[Answer], T]) -> T:
        """What `then` makes of the answer to `query`. It runs where the database is read, not in the event loop.

        Raises:
            InvalidArgumentError: the KPIs do not have the dimensions or values asked for, the zone is unknown, or the
                range is empty.
            LimitExceededError: too many buckets, points or groups.
            UnavailableError: the database does not answer.
        """
        check(query)

        def work(snapshot: Snapshot) -> T:
            return then(answer(query, Points(self._limits), snapshot))

        return await self._store.read(query.account, work)

    async def ask_all(
        self, account: AccountId, queries: Sequence[Query | TelwerkError], then: Callable[[int, Answer], T]
    ) -> list[T | TelwerkError]:
        """What `then` makes of the answer to each query and its place, or what is wrong with it.

        All see the same state of the account, and share the limit on points. What is wrong already passes through.

        Raises:
            UnavailableError: the database does not answer.
        """
        return await self._store.read(account, partial(_answer_all, queries, self._limits, then))

    async def standing(self, account: AccountId) -> Standing:
        """Where the account stands: as long as it stands there, answers stay what they are.

        Raises:
            UnavailableError: the database does not answer.
        """
        return await self._store.read(account, standing)


def standing(snapshot: Snapshot) -> Standing:
    """Where the account of a view stands."""
    return Standing(snapshot.account().version, snapshot.earliest_due())


def _answer_all(
    queries: Sequence[Query | TelwerkError],
    limits: QueryLimits,
    then: Callable[[int, Answer], T],
    snapshot: Snapshot,
) -> list[T | TelwerkError]:
    points = Points(limits)

    def one(place: int, query: Query | TelwerkError) -> T | TelwerkError:
        if isinstance(query, TelwerkError):
            return query
        try:
            check(query)
            return then(place, answer(query, points, snapshot))
        except TelwerkError as error:
            return error

    return [one(place, query) for place, query in enumerate(queries)]


class Points:
    """The numbers of an answer, or of a batch of them, counted before they are made."""

    def __init__(self, limits: QueryLimits) -> None:
        self.limits = limits
        self._taken = 0

    def take(self, series: int, buckets: int, values: int) -> None:
        """Adds a KPI's numbers.

        Raises:
            LimitExceededError: they are too many, together with those before.
        """
        self._taken += series * buckets * values
        if self._taken > self.limits.points_max:
            raise LimitExceededError(
                "group_by",
                f"the answer would take {self._taken} numbers (for the last KPI: {series} series, {buckets} buckets, "
                f"{values} values), at most {self.limits.points_max} (points_max) are answered: ask for pages "
                "(page_size) or the largest (top), filter, group by less, choose a coarser granularity, a shorter "
                "range or fewer KPIs",
            )


def answer(query: Query, points: Points, snapshot: Snapshot) -> Answer:
    """The answer to `query` on a view of its account."""
    zone, span = place_in_time(query, snapshot)
    cut = partial(_buckets, granularity=query.granularity, zone=zone, limits=points.limits)
    periods = [cut(span)]
    if query.compare_to is not None:
        periods.append(cut(_compared(query.range, query.compare_to).quarters(zone, "compare_to.range")))
    keys = Keys()
    read = [_Kpi(query, info, periods, keys, snapshot) for info in query.kpis]
    totals = [kpi.totals() for kpi in read]
    selection = select(query, keys.raw, totals, points.limits.groups_max)
    kpis = [kpi.rows(selection, of_kpi, points) for kpi, of_kpi in zip(read, totals, strict=True)]
    compared = periods[1] if query.compare_to is not None else None
    return Answer(periods[0], compared, kpis, zone.key, standing(snapshot), selection.next)


def _compared(period: Range, compare_to: Range | PreviousPeriod) -> Range:
    return period.previous() if isinstance(compare_to, PreviousPeriod) else compare_to


def _buckets(span: QuarterRange, granularity: Granularity | None, zone: ZoneInfo, limits: QueryLimits) -> Buckets:
    if granularity is None:
        return Buckets(np.array([span.start, span.end]), first_clipped=False, last_clipped=False)
    wanted = calendar.count_upper_bound(span.start, span.end, granularity)
    if wanted > limits.buckets_max:
        raise LimitExceededError(
            "granularity",
            f"the range holds up to {wanted} buckets of this width, at most {limits.buckets_max} (buckets_max) are "
            "answered: choose a coarser granularity or a shorter range",
        )
    return calendar.buckets(span.start, span.end, granularity, zone)


_HELD_KPIS = frozenset({Kpi.CONVERSATION_TOPICS, Kpi.PRE_CHAT_SURVEY_RESULTS})


class Period(NamedTuple):
    """A KPI's cells in one period, under the keys of the whole query."""

    buckets: Buckets
    source: Source
    keyed: Keyed
    """Its own keys."""
    key: Counts
    """Of each cell: the place of its key among the query's."""

    def summed(self) -> Summed:
        """Each fact once."""
        cells = self.source.cells
        return Summed(int(cells.n.sum()), int(cells.n @ cells.code))


class _Kpi:
    """One KPI of a query: read at once, summed up when it is known which keys are asked for."""

    def __init__(self, query: Query, info: KpiInfo, periods: Sequence[Buckets], keys: Keys, snapshot: Snapshot) -> None:
        self._query = query
        self._info = info
        self._snapshot = snapshot
        self._keys = keys
        self._values = len(info.values) or 1
        self.periods = [self._read(buckets) for buckets in periods]

    def _read(self, buckets: Buckets) -> Period:
        source = self._slice(self._info.kpi, buckets)
        of_kpi = keyed(source, self._query.group_by, self._info)
        return Period(buckets, source, of_kpi, self._keys.places(of_kpi.keys)[of_kpi.key])

    def _slice(self, measure: int, buckets: Buckets) -> Source:
        query = self._query
        span = QuarterRange(int(buckets.edges[0]), int(buckets.edges[-1]))
        return read_slice(query.filter, query.group_by, self._info, measure, span, self._snapshot)

    def totals(self) -> list[KeyTotals]:
        """What is counted under each key in each period."""

        def by_key(period: Period, weights: Counts) -> Counts:
            return _sums(period.key, weights, (len(self._keys.raw),))

        return [
            KeyTotals(by_key(p, p.keyed.n), by_key(p, p.keyed.n * (p.keyed.code + 1) * self._info.has_mean))
            for p in self.periods
        ]

    def rows(self, selection: Selection, totals: Sequence[KeyTotals], points: Points) -> KpiRows:
        """The rows of the keys that are selected, with what holds for all of them."""
        query, info = self._query, self._info
        width = sum(len(period.buckets.edges) - 1 for period in self.periods)
        points.take(selection.size, width, self._values)
        numbers = [self._numbers(period, selection) for period in self.periods]
        facts = np.sum([total.counts for total in totals], axis=0)
        main, compared = self.periods[0].summed(), Summed()
        if len(self.periods) > 1:
            compared = self.periods[1].summed()
        enabled, not_enabled = self._enabled()
        return KpiRows(
            info,
            list(self._made(selection, numbers, facts[selection.places])),
            self._held_back(),
            enabled,
            Dimension.TOPIC in query.group_by,
            main if info.has_mean else main._replace(stars=0),
            compared if info.has_mean else compared._replace(stars=0),
            int(np.count_nonzero(facts)) if query.group_by else 1,
            not_enabled,
        )

    def _numbers(self, period: Period, selection: Selection) -> list[Numbers]:
        """The numbers of each selected key, and last of the rest."""
        of_kpi, width = period.keyed, len(period.buckets.edges) - 1
        place = selection.slots(len(self._keys.raw))[period.key]
        if selection.rest and (place < 0).any():
            place = _with_rest(place, of_kpi.cell, len(selection.places))
        bucket = np.searchsorted(period.buckets.edges, of_kpi.quarter, side="right") - 1
        at = (place * self._values + of_kpi.code) * width + bucket
        shown = place >= 0
        by_code = _sums(at[shown], of_kpi.n[shown], (selection.size, self._values, width))
        counts = by_code.sum(axis=1)
        sums = np.tensordot(by_code, np.arange(1, self._values + 1), axes=(1, 0)) if self._info.has_mean else None
        packs = has_packed_values(self._info.kpi)
        return [
            Numbers(counts[i], None if sums is None else sums[i], by_code[i] if packs else None)
            for i in range(selection.size)
        ]

    def _made(self, selection: Selection, numbers: Sequence[Sequence[Numbers]], facts: Counts) -> Iterator[Row]:
        wholes = _Wholes(self._query, self._info, self.periods[0]) if self._query.granularity is None else None
        dimensions = self._query.group_by
        for i, place in enumerate(selection.places.tolist()):
            if not dimensions or facts[i]:
                raw = self._keys.raw[place]
                share = wholes.share(raw, int(numbers[0][i].counts[0])) if wholes else None
                yield _row(key_of(raw, dimensions), [period[i] for period in numbers], share)
        if selection.rest and any(period[-1].counts.any() for period in numbers):
            share = wholes.share_of_rest(int(numbers[0][-1].counts[0])) if wholes else None
            yield _row(key_of((), ()), [period[-1] for period in numbers], share)._replace(rest=True)

    def _held_back(self) -> int:
        if self._info.kpi not in _HELD_KPIS:
            return 0
        return int(self._slice(self._info.kpi + HELD_BACK, self.periods[0].buckets).cells.n.sum())

    def _enabled(self) -> tuple[bool, list[str]]:
        """Whether there can be data (KPI 5), and which widgets of the slice are known to have none."""
        if self._info.kpi != Kpi.INACTIVITY_ACTIONS:
            return True, []
        edges = self.periods[0].buckets.edges
        instants = Micros(int(edges[0]) * QUARTER_HOUR_MICROS), Micros(int(edges[-1]) * QUARTER_HOUR_MICROS)
        widgets = Widgets(self._snapshot.widget_versions())
        asked = self._query.filter.widgets
        none = [w for w in sorted(widgets.versions) if asked.keeps(w) and widgets.none_enabled([w], *instants)]
        return not widgets.none_enabled([WidgetId(w) for w in sorted(asked.any_of)], *instants), list(none)


def _row(key: Key, periods: Sequence[Numbers], share: float | None) -> Row:
    return Row(key, *periods[0], periods[1] if len(periods) > 1 else None, share=share)


def _with_rest(place: Counts, cell: Counts, rest: int) -> Counts:
    """The places with what is not selected in the row `rest`, each fact once although it may have several topics."""
    left = np.flatnonzero(place < 0)
    _, first = np.unique(cell[left], return_index=True)
    place = place.copy()
    place[left[first]] = rest
    return place


def _sums(at: Counts, weights: Counts, shape: tuple[int, ...]) -> Counts:
    # bincount sums in doubles, which hold whole numbers exactly up to 2 ** 53.
    size = int(np.prod(shape))
    return np.bincount(at, weights=weights, minlength=size).astype(np.int64).reshape(shape)


_PARTS = frozenset({Dimension.VALUE, Dimension.TOPIC, Dimension.QUESTION})


class _Wholes:
    """What the rows of totals are parts of: grouped by value, what agrees in all else; else everything."""

    def __init__(self, query: Query, info: KpiInfo, period: Period) -> None:
        dimensions = sorted(query.group_by)
        parts = _PARTS.intersection(dimensions)
        self._kept = [i for i, d in enumerate(dimensions) if parts and d not in parts]
        # An answer is a part of its question's answers.
        self._by_question = info.value_kind is ValueKind.SURVEY_ANSWER and Dimension.VALUE in dimensions
        whole_by = [dimensions[i] for i in self._kept] + ([Dimension.QUESTION] if self._by_question else [])
        wholes = keyed(period.source, whole_by, info)
        counts = np.bincount(wholes.key, weights=wholes.n, minlength=len(wholes.keys))
        self._counts = dict(zip(wholes.keys, counts.astype(np.int64).tolist(), strict=True))

    def share(self, raw: RawKey, count: int) -> float | None:
        """The part that a row is of its whole."""
        whole = tuple(raw[i] for i in self._kept)
        if self._by_question:
            whole = (*whole, value_answer(raw[-1])[0])
        of = self._counts.get(whole, 0)
        return count / of if of else None

    def share_of_rest(self, count: int) -> float | None:
        """The part that the rest is; None where it is of several wholes."""
        [of, *more] = self._counts.values() or [0]
        return None if more or not of else count / of
