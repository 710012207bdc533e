"""Answering queries from the counters, on one consistent view of an account.

First every cell of the range and slice is put under its key; then the keys are ordered, and cut to a page or to the
largest; only for those that remain are the buckets of the series made.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar
from zoneinfo import ZoneInfo

import numpy as np

from telwerkd.application.ports import Snapshot, Standing, Store
from telwerkd.application.query import cost
from telwerkd.application.query.allowance import Points
from telwerkd.application.query.checks import check, place_in_time
from telwerkd.application.query.cost import LOOP_COST_MAX, Budget, NotInLoopError
from telwerkd.application.query.keying import Keyed, Keys, key_maker, keyed
from telwerkd.application.query.ordering import KeyTotals, Selection, select
from telwerkd.application.query.question import PreviousPeriod, Query, QueryLimits, RawKey
from telwerkd.application.query.result import Answer, Counts, Key, KpiRows, Numbers, Row, Summed
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.slices import Period, Slice, SliceReader
from telwerkd.application.readers import Readers
from telwerkd.application.settings import zone_name
from telwerkd.domain.catalogue.kpis import Dimension, KpiInfo, ValueKind
from telwerkd.domain.conversation.facts import Kpi, value_answer
from telwerkd.domain.conversation.settings import Widgets
from telwerkd.domain.counting.counters import has_packed_values
from telwerkd.domain.counting.measures import COUNTED, HELD_BACK, Measure
from telwerkd.domain.errors import LimitExceededError, TelwerkError
from telwerkd.domain.ids import AccountId, Micros, WidgetId
from telwerkd.domain.time import calendar
from telwerkd.domain.time.calendar import QUARTER_HOUR_MICROS, Buckets, Granularity
from telwerkd.domain.time.ranges import QuarterRange, Range

T = TypeVar("T")
U = TypeVar("U")


class Queries:
    """Answers queries from a store."""

    def __init__(self, store: Store, readers: Readers, limits: QueryLimits, rollups: RollupCache) -> None:
        self._store = store
        self._readers = readers
        self._limits = limits
        self._rollups = rollups
        self._is_loop_free = True
        """One answer in a turn of the event loop: many questions at once must not keep everything else waiting."""

    async def ask(self, query: Query, then: Callable[[Answer], T], *, short: bool = True) -> T:
        """What `then` makes of the answer to `query`.

        It runs where the answer is made: in the event loop if `then` is `short` and the answer costs little, else in a
        thread (docs/decisions/0011).

        Raises:
            InvalidArgumentError: the KPIs do not have the dimensions or values asked for, the zone is unknown, or the
                range is empty.
            LimitExceededError: too many buckets, points, groups or rows.
            QuotaExceededError: too many questions of the account wait.
            UnavailableError: the database does not answer.
        """
        check(query)

        def work(snapshot: Snapshot, budget: Budget | None = None) -> T:
            return then(answer(query, Points(self._limits), self._rollups, snapshot, budget))

        found = await self._in_loop(query.account, work) if short else None
        return await self._readers.read(query.account, work) if found is None else found

    async def _in_loop(self, account: AccountId, work: Callable[[Snapshot, Budget], T]) -> T | None:
        """What `work` gives if it costs little, once in a turn; else None."""
        if not self._is_loop_free:
            return None
        self._is_loop_free = False
        asyncio.get_running_loop().call_soon(self._next_turn)
        try:
            return await self._store.glance(account, lambda snapshot: work(snapshot, Budget(LOOP_COST_MAX)))
        except NotInLoopError:
            return None

    def _next_turn(self) -> None:
        self._is_loop_free = True

    async def ask_in_turn(self, query: Query, then: Callable[[Answer], T]) -> T:
        """What `then` makes of the answer to `query`, in a thread, however many questions of the account wait.

        For those who ask one after the other. Raises what `ask` does, but no QuotaExceededError.
        """
        check(query)

        def work(snapshot: Snapshot) -> T:
            return then(answer(query, Points(self._limits), self._rollups, snapshot))

        return await self._readers.read(query.account, work, waiting_is_bounded=False)

    async def compute(self, account: AccountId, work: Callable[[], T]) -> T:
        """Runs what takes too long for the event loop, see `Readers.compute`."""
        return await self._readers.compute(account, work)

    async def ask_all(
        self,
        account: AccountId,
        queries: Sequence[Query | TelwerkError],
        then: Callable[[int, Answer], T],
        together: Callable[[list[T | TelwerkError]], U],
    ) -> U:
        """What `together` makes of what `then` makes of each query's place and answer, or of what is wrong with it.

        All see the same state of the account, and share the limit on points. What is wrong already passes through.

        Raises:
            QuotaExceededError: too many questions of the account wait.
            UnavailableError: the database does not answer.
        """

        def work(snapshot: Snapshot) -> U:
            return together(_answer_all(queries, self._limits, self._rollups, then, snapshot))

        return await self._readers.read(account, work)

    async def standing(self, account: AccountId) -> Standing:
        """Where the account stands: as long as it stands there, answers stay what they are.

        Raises:
            UnavailableError: the database does not answer.
        """
        return await self._store.standing(account)


def _answer_all(
    queries: Sequence[Query | TelwerkError],
    limits: QueryLimits,
    rollups: RollupCache,
    then: Callable[[int, Answer], T],
    snapshot: Snapshot,
) -> list[T | TelwerkError]:
    points = Points(limits)

    def one(place: int, query: Query | TelwerkError) -> T | TelwerkError:
        if isinstance(query, TelwerkError):
            return query
        try:
            check(query)
            return then(place, answer(query, points, rollups, snapshot))
        except TelwerkError as error:
            return error

    return [one(place, query) for place, query in enumerate(queries)]


def answer(
    query: Query, points: Points, rollups: RollupCache, snapshot: Snapshot, budget: Budget | None = None
) -> Answer:
    """The answer to `query` on a view of its account.

    Raises:
        LimitExceededError: too many buckets, points, groups or rows.
        NotInLoopError: it costs more than the budget.
    """
    budget = budget or Budget()
    if budget.is_limited:
        _check_is_cheap(query, snapshot, budget)
    zone, span = place_in_time(query, snapshot)
    spans = [span]
    if query.compare_to is not None:
        spans.append(_compared(query.range, query.compare_to, zone))
    budget.spend(
        cost.of_buckets([_bucket_count(one, query.granularity, points.limits) for one in spans], len(query.kpis))
    )
    periods = [Period(_buckets(one, query.granularity, zone), query.granularity, zone) for one in spans]
    keys = Keys()
    reader = SliceReader(query.account, snapshot, rollups, points.rows, budget)
    read = [_Kpi(query, info, periods, keys, reader) for info in query.kpis]
    totals = [kpi.totals() for kpi in read]
    selection = select(query, keys.raw, totals, points.limits.groups_max)
    widths = [period.width for period in periods]
    points.take(selection.size, sum(widths), [kpi.values for kpi in read])
    budget.spend(cost.of_counts(selection.size, widths, len(read)))
    kpis = [
        KpiRows(
            info,
            kpi.rows(selection, of_kpi),
            kpi.held_back(),
            *_enabled(query, info, periods[0], snapshot),
            Dimension.TOPIC in query.group_by,
            kpi.summed(0),
            kpi.summed(1) if query.compare_to is not None else Summed(),
            _row_count(query, of_kpi),
        )
        for info, kpi, of_kpi in zip(query.kpis, read, totals, strict=True)
    ]
    compared = periods[1].buckets if query.compare_to is not None else None
    standing = Standing(snapshot.account().version, snapshot.earliest_due())
    return Answer(periods[0].buckets, compared, kpis, zone.key, standing, selection.next)


def _check_is_cheap(query: Query, snapshot: Snapshot, budget: Budget) -> None:
    """Raises NotInLoopError for what takes long whatever the account holds.

    A zone's boundaries take long to find, the name nearest to one that is unknown too; KPI 5 reads the settings of all
    widgets.
    """
    reads_settings = any(info.kpi == Kpi.INACTIVITY_ACTIONS for info in query.kpis)
    if reads_settings or not calendar.is_used(query.time_zone or zone_name(snapshot)):
        budget.refuse()


def _compared(period: Range, compare_to: Range | PreviousPeriod, zone: ZoneInfo) -> QuarterRange:
    if isinstance(compare_to, PreviousPeriod):
        return period.previous().quarters(zone, "compare_to.previous_period")
    return compare_to.quarters(zone, "compare_to.range.dates.end_date")


def _bucket_count(span: QuarterRange, granularity: Granularity | None, limits: QueryLimits) -> int:
    """About how many buckets a range has: at least as many as there are.

    Raises:
        LimitExceededError: they are too many.
    """
    if granularity is None:
        return 1
    wanted = calendar.count_upper_bound(span.start, span.end, granularity)
    if wanted > limits.buckets_max:
        raise LimitExceededError(
            "granularity",
            f"the range holds up to {wanted} buckets of this width, at most {limits.buckets_max} (buckets_max) are "
            "answered: choose a coarser granularity or a shorter range",
        )
    return wanted


def _buckets(span: QuarterRange, granularity: Granularity | None, zone: ZoneInfo) -> Buckets:
    if granularity is None:
        return Buckets(np.array([span.start, span.end]), first_clipped=False, last_clipped=False)
    return calendar.buckets(span.start, span.end, granularity, zone)


def _row_count(query: Query, totals: Sequence[KeyTotals]) -> int:
    """Rows on all pages."""
    return int(np.count_nonzero(sum(total.counts for total in totals))) if query.group_by else 1


def _enabled(query: Query, info: KpiInfo, period: Period, snapshot: Snapshot) -> tuple[bool, list[str]]:
    """Whether there can be data (KPI 5), and which widgets of the slice are known to have none."""
    if info.kpi != Kpi.INACTIVITY_ACTIONS:
        return True, []
    instants = Micros(period.start * QUARTER_HOUR_MICROS), Micros(period.end * QUARTER_HOUR_MICROS)
    widgets = Widgets(snapshot.widget_versions())
    asked = query.filter.widgets
    none = [w for w in sorted(widgets.versions) if asked.keeps(w) and widgets.none_enabled([w], *instants)]
    return not widgets.none_enabled([WidgetId(w) for w in sorted(asked.any_of)], *instants), list(none)


class _OfPeriod(NamedTuple):
    """A KPI in one period."""

    slice: Slice
    totals: Counts
    """By row and value."""
    keyed: Keyed


class _Kpi:
    """One KPI of a query: read at once, summed up when it is known which keys are asked for."""

    def __init__(self, query: Query, info: KpiInfo, periods: Sequence[Period], keys: Keys, reader: SliceReader) -> None:
        self._query = query
        self._info = info
        self._periods = periods
        self._keys = keys
        self._reader = reader
        self._read = [self._of_period(period) for period in periods]

    def _of_period(self, period: Period) -> _OfPeriod:
        read = self._slice(COUNTED[self._info.kpi], period)
        return _OfPeriod(read, read.totals(), keyed(read.rows, self._query.group_by, self._info, self._keys))

    def _slice(self, measure: Measure, period: Period) -> Slice:
        return self._reader.read(self._query.filter, self._query.group_by, self._info, measure, period)

    def held_back(self) -> int:
        """How many facts of the range and slice are held back."""
        if not self._info.is_held_back:
            return 0
        return int(self._slice(HELD_BACK[self._info.kpi], self._periods[0]).totals().sum())

    def totals(self) -> list[KeyTotals]:
        """What is counted under each key in each period."""
        return [self._by_key(of_period) for of_period in self._read]

    def _by_key(self, of_period: _OfPeriod) -> KeyTotals:
        counts = np.zeros(len(self._keys.raw), np.int64)
        stars = np.zeros_like(counts)
        for layer in of_period.keyed.layers:
            has_key = layer.key >= 0
            values = of_period.totals if layer.code is None else of_period.totals[:, [layer.code]]
            of_value = self._stars if layer.code is None else self._stars[[layer.code]]
            np.add.at(counts, layer.key[has_key], values.sum(axis=1)[has_key])
            np.add.at(stars, layer.key[has_key], (values @ of_value)[has_key])
        return KeyTotals(counts, stars)

    @property
    def _stars(self) -> Counts:
        """How many stars each packed value is; none for KPIs without a mean."""
        return np.arange(1, self.values + 1) * self._info.has_mean

    def summed(self, place: int) -> Summed:
        """All facts of a period, each once."""
        by_value = self._read[place].totals.sum(axis=0)
        return Summed(int(by_value.sum()), int(by_value @ self._stars))

    @property
    def values(self) -> int:
        """Numbers in each bucket of a series."""
        return self._read[0].slice.values

    def rows(self, selection: Selection, totals: Sequence[KeyTotals]) -> list[Row]:
        """The rows of the keys that are selected."""
        numbers = [self._numbers(of_period, selection) for of_period in self._read]
        facts = np.sum([total.counts for total in totals], axis=0)
        return list(self._made(selection, numbers, facts[selection.places]))

    def _numbers(self, of_period: _OfPeriod, selection: Selection) -> list[Numbers]:
        """The numbers of each selected key, and last of the rest."""
        slots = selection.slots(len(self._keys.raw))
        series = of_period.slice.series(of_period.keyed.selected(slots), len(selection.places))
        if selection.rest:
            rest = of_period.slice.series(of_period.keyed.left_over(slots), 1)
            series = np.concatenate((series, rest))
        counts = np.einsum("kbv->kb", series)  # `sum` takes four times as long over a handful of values
        sums = series @ self._stars if self._info.has_mean else None
        packs = has_packed_values(self._info.kpi)
        return [
            Numbers(counts[i], None if sums is None else sums[i], series[i].T if packs else None)
            for i in range(selection.size)
        ]

    def _made(self, selection: Selection, numbers: Sequence[Sequence[Numbers]], facts: Counts) -> Iterator[Row]:
        wholes = _Wholes(self._query, self._info, self._read[0]) if self._query.granularity is None else None
        key_of = key_maker(self._query.group_by)
        for i, place in enumerate(selection.places.tolist()):
            if not self._query.group_by or facts[i]:
                raw = self._keys.raw[place]
                share = wholes.share(raw, int(numbers[0][i].counts[0])) if wholes else None
                yield _row(key_of(raw), [period[i] for period in numbers], share)
        if selection.rest and any(period[-1].counts.any() for period in numbers):
            share = wholes.share_of_rest(int(numbers[0][-1].counts[0])) if wholes else None
            yield _row(Key(), [period[-1] for period in numbers], share)._replace(rest=True)


def _row(key: Key, periods: Sequence[Numbers], share: float | None) -> Row:
    return Row(key, *periods[0], periods[1] if len(periods) > 1 else None, share=share)


_PARTS = frozenset({Dimension.VALUE, Dimension.TOPIC, Dimension.QUESTION})


class _Wholes:
    """What the rows of totals are parts of: grouped by value, what agrees in all else; else everything."""

    def __init__(self, query: Query, info: KpiInfo, of_period: _OfPeriod) -> None:
        dimensions = sorted(query.group_by)
        parts = _PARTS.intersection(dimensions)
        self._kept = [i for i, d in enumerate(dimensions) if parts and d not in parts]
        # An answer is a part of its question's answers.
        self._by_question = info.value_kind is ValueKind.SURVEY_ANSWER and Dimension.VALUE in dimensions
        whole_by = [dimensions[i] for i in self._kept] + ([Dimension.QUESTION] if self._by_question else [])
        keys = Keys()
        [layer] = keyed(of_period.slice.rows, whole_by, info, keys).layers
        counts = np.zeros(len(keys.raw), np.int64)
        np.add.at(counts, layer.key, of_period.totals.sum(axis=1))
        self._counts = dict(zip(keys.raw, counts.tolist(), strict=True))

    def share(self, raw: RawKey, count: int) -> float | None:
        """The part that a row is of its whole."""
        whole = tuple(raw[i] for i in self._kept)
        if self._by_question:
            whole = (*whole, value_answer(raw[-1])[0])
        of = self._counts.get(whole, 0)
        return count / of if of else None

    def share_of_rest(self, count: int) -> float | None:
        """The part that the rest is; None where it is of several wholes."""
        # What is only counted at other times, or was taken back, is none.
        wholes = [whole for whole in self._counts.values() if whole]
        return count / wholes[0] if len(wholes) == 1 else None
