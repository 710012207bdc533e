"""Runs the stages of a query: plan, place in time, read, group, rank, assemble.

What reads runs in the event loop where it costs little, else in a reader's thread. What follows needs no database: it
runs in the event loop where it costs little, else in a thread that computes. Nothing but this module chooses, and
nothing that was read is read again (docs/decisions/0011).
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeVar

from telwerkd.application.ports import AnswerVersion, Snapshot, Store
from telwerkd.application.query import cost
from telwerkd.application.query.assemble import assemble
from telwerkd.application.query.budgets import PointBudget, RowBudget
from telwerkd.application.query.checks import check
from telwerkd.application.query.group import group_rows
from telwerkd.application.query.periods import place_in_time
from telwerkd.application.query.plan import QueryPlan, outline, plan
from telwerkd.application.query.question import Query, QueryLimits
from telwerkd.application.query.rank import rank
from telwerkd.application.query.read import Reading, read
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.readers import Readers
from telwerkd.application.settings import zone_name
from telwerkd.domain.errors import TelwerkError
from telwerkd.domain.ids import AccountId
from telwerkd.domain.time import calendar

T = TypeVar("T")
U = TypeVar("U")

Hop = Callable[[Callable[[], T]], Awaitable[T]]
"""Runs a function in a thread."""


class TooCostly:
    """Says that a query is to be read in a thread."""


class ReadInline(NamedTuple):
    """What was read in the event loop."""

    reading: Reading
    cost: int
    """Of its outline."""


class Queries:
    """Answers queries from a store."""

    def __init__(self, store: Store, readers: Readers, limits: QueryLimits, rollups: RollupCache) -> None:
        self._store = store
        self._readers = readers
        self._limits = limits
        self._rollups = rollups
        self._is_loop_free = True
        """One answer in a turn of the event loop: many questions at once must not keep everything else waiting."""

    def use(self, limits: QueryLimits) -> None:
        """Goes by other limits from the next question on."""
        self._limits = limits

    async def ask(self, query: Query, then: Callable[[Answer], T], *, short: bool = True) -> T:
        """Returns what `then` makes of the answer to `query`, in the event loop only if `then` is `short`.

        Raises:
            InvalidArgumentError: the KPIs do not have the dimensions or values asked for, the zone is unknown, or the
                range is empty.
            LimitExceededError: too many buckets, points, groups or rows.
            QuotaExceededError: too many questions of the account wait.
            UnavailableError: the database does not answer.
        """
        check(query)
        if short and self._store.reads_inline and self._take_turn():
            with self._store.inline_view(query.account) as view:
                found = read_inline(query, self._limits, self._rollups, view)
            if isinstance(found, ReadInline):
                return await self._finish(
                    found.reading, found.cost, then, partial(self._readers.compute, query.account)
                )
        return await self._readers.run(query.account, lambda: self._ask_in_thread(query, then, short=short))

    async def ask_in_turn(self, query: Query, then: Callable[[Answer], T]) -> T:
        """Returns what `then` makes of the answer to `query`, in threads, however many questions of the account wait.

        For those who ask one after the other. Raises what `ask` does, but no QuotaExceededError.
        """
        check(query)
        return await self._readers.run(
            query.account, lambda: self._ask_in_thread(query, then, short=False), waiting_is_bounded=False
        )

    async def _ask_in_thread(self, query: Query, then: Callable[[Answer], T], *, short: bool) -> T:
        work = partial(read_view, query, self._limits, self._rollups)
        reading = await self._store.read(query.account, work)
        if short and self._take_turn():
            return await self._finish(reading, cost.of_outline(reading.outline), then, self._readers.in_thread)
        return await self._readers.in_thread(
            lambda: then(answer_from(reading, self._limits, PointBudget(self._limits.points_max)))
        )

    async def _finish(self, reading: Reading, spent: int, then: Callable[[Answer], T], hop: Hop[T]) -> T:
        """Runs the stages that need no database: here as long as they cost little, the others in a thread."""
        query, points = reading.outline.query, PointBudget(self._limits.points_max)
        spent += cost.of_grouping(reading)
        if reading.outline.by_value or reading.outline.reads_settings or spent > cost.LOOP_COST_MAX:
            return await hop(lambda: then(answer_from(reading, self._limits, points)))
        grouped = group_rows(reading)
        selection = rank(query, grouped, self._limits.groups_max)
        if spent + cost.of_assembling(reading, selection) > cost.LOOP_COST_MAX:
            return await hop(lambda: then(assemble(reading, grouped, selection, points)))
        return then(assemble(reading, grouped, selection, points))

    def _take_turn(self) -> bool:
        """Whether nothing was computed in this turn of the event loop yet; then this is."""
        if not self._is_loop_free:
            return False
        self._is_loop_free = False
        asyncio.get_running_loop().call_soon(self._next_turn)
        return True

    def _next_turn(self) -> None:
        self._is_loop_free = True

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
        """Returns what `together` makes of what `then` makes of each query's place and answer, or of what is wrong.

        All see the same state of the account, and share the limits on rows and points. What is wrong already passes
        through.

        Raises:
            QuotaExceededError: too many questions of the account wait.
            UnavailableError: the database does not answer.
        """

        async def job() -> U:
            readings = await self._store.read(account, partial(_read_all, queries, self._limits, self._rollups))
            return await self._readers.in_thread(lambda: together(_answer_all(readings, self._limits, then)))

        return await self._readers.run(account, job)

    async def answer_version(self, account: AccountId) -> AnswerVersion:
        """Returns where the account stands: as long as it stands there, answers stay what they are.

        Raises:
            UnavailableError: the database does not answer.
        """
        return await self._store.answer_version(account)


# --- The stages on one view ------------------------------------------------------------------------------------------


def read_view(query: Query, limits: QueryLimits, rollups: RollupCache, view: Snapshot) -> Reading:
    """Returns what was read for a query, whatever that costs.

    Raises:
        InvalidArgumentError: the zone is unknown, or a range is empty.
        LimitExceededError: too many buckets or rows.
    """
    return _read(query, limits, rollups, RowBudget(limits.rows_max), view)


def _read(query: Query, limits: QueryLimits, rollups: RollupCache, rows: RowBudget, view: Snapshot) -> Reading:
    zone = calendar.zone(query.time_zone or zone_name(view))
    return _placed_and_read(plan(outline(query, zone, limits), view, rollups, rows), view, rollups)


def _placed_and_read(planned: QueryPlan, view: Snapshot, rollups: RollupCache) -> Reading:
    outlined = planned.outline
    periods = place_in_time(outlined.spans, outlined.query.granularity, outlined.zone)
    return read(planned, periods, view, rollups)


def read_inline(query: Query, limits: QueryLimits, rollups: RollupCache, view: Snapshot) -> ReadInline | TooCostly:
    """Returns what was read for a query if that costs little; else that a thread is to read it.

    Raises what `read_view` does.
    """
    name = query.time_zone or zone_name(view)
    if not calendar.is_used(name):
        return TooCostly()  # the boundaries of a zone take long to find, the name nearest to an unknown one too
    outlined = outline(query, calendar.zone(name), limits)
    spent = cost.of_outline(outlined)
    if outlined.names_ids or outlined.by_value or outlined.reads_settings or spent > cost.LOOP_COST_MAX:
        return TooCostly()
    planned = plan(outlined, view, rollups, RowBudget(limits.rows_max))
    if not planned.is_cached or spent + cost.of_reading(planned, view) > cost.LOOP_COST_MAX:
        return TooCostly()
    return ReadInline(_placed_and_read(planned, view, rollups), spent)


def answer_from(reading: Reading, limits: QueryLimits, points: PointBudget) -> Answer:
    """Returns the answer that is made of what was read.

    Raises:
        LimitExceededError: too many points or groups.
    """
    grouped = group_rows(reading)
    return assemble(reading, grouped, rank(reading.outline.query, grouped, limits.groups_max), points)


def answer(query: Query, limits: QueryLimits, rollups: RollupCache, view: Snapshot) -> Answer:
    """Returns the answer to a query on a view of its account, by all stages one after the other.

    Raises what `read_view` and `answer_from` do.
    """
    return answer_from(read_view(query, limits, rollups, view), limits, PointBudget(limits.points_max))


# --- Batches ---------------------------------------------------------------------------------------------------------


def _read_all(
    queries: Sequence[Query | TelwerkError], limits: QueryLimits, rollups: RollupCache, view: Snapshot
) -> list[Reading | TelwerkError]:
    rows = RowBudget(limits.rows_max)

    def one(query: Query | TelwerkError) -> Reading | TelwerkError:
        if isinstance(query, TelwerkError):
            return query
        try:
            check(query)
            return _read(query, limits, rollups, rows, view)
        except TelwerkError as error:
            return error

    return [one(query) for query in queries]


def _answer_all(
    readings: Sequence[Reading | TelwerkError], limits: QueryLimits, then: Callable[[int, Answer], T]
) -> list[T | TelwerkError]:
    points = PointBudget(limits.points_max)

    def one(place: int, reading: Reading | TelwerkError) -> T | TelwerkError:
        if isinstance(reading, TelwerkError):
            return reading
        try:
            return then(place, answer_from(reading, limits, points))
        except TelwerkError as error:
            return error

    return [one(place, reading) for place, reading in enumerate(readings)]
