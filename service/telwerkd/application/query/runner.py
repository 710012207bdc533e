"""Chooses where the stages of a query (`stages`) run, by their cost.

Reads run in the event loop if they are cheap, else in a reader's thread. The later stages need no database: they run in
the event loop if they are cheap, else in a worker thread. Only this module chooses, and nothing is read twice
(docs/decisions/0011).
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TypeVar

from telwerkd.application.ports import AnswerVersion, ReadsInline, ReadStore
from telwerkd.application.query import cost, stages
from telwerkd.application.query.assemble import assemble
from telwerkd.application.query.budgets import PointBudget
from telwerkd.application.query.keys import Ranked
from telwerkd.application.query.question import Query, QueryLimits, check
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.slices.slices import Reading
from telwerkd.application.query.stages import Known, NamedQueryView, ToThread, answer_from, read_view
from telwerkd.application.sharing.memory_budget import AnswerMemory, MemoryBudget
from telwerkd.application.sharing.readers import Readers
from telwerkd.domain.errors import TelwerkError
from telwerkd.domain.ids import AccountId
from telwerkd.process.figures import SIZES, LimitCounts, SharedHistogram
from telwerkd.process.tracing import stage

T = TypeVar("T")
U = TypeVar("U")

_NAME_MS = 0.004
"""About what it takes to read a display name of an answer, and to encode it."""

Hop = Callable[[Callable[[], T]], Awaitable[T]]
"""Runs a function in a thread."""


class QueryFigures:
    """Histograms of the rows read and the numbers of answers. Thread-safe."""

    def __init__(self, limits: LimitCounts | None = None) -> None:
        self.limits = limits or LimitCounts()
        self.rows = SharedHistogram(SIZES)
        self.points = SharedHistogram(SIZES)

    def note(self, answer: Answer) -> None:
        """Counts an answer."""
        self.rows.observe(answer.rows)
        self.points.observe(answer.points)


class Queries:
    """Answers queries from a store."""

    def __init__(
        self,
        store: ReadStore,
        readers: Readers,
        limits: QueryLimits,
        rollups: RollupCache,
        budget: MemoryBudget | None = None,
        figures: QueryFigures | None = None,
        spent: Callable[[AccountId, float], None] = lambda _account, _milliseconds: None,
        loop_cost_max: int = cost.LOOP_COST_MAX,
        is_crowded: Callable[[AccountId], bool] = lambda _account: False,
    ) -> None:
        """`spent` receives the cost of an account's queries, in estimated milliseconds.

        Queries that cost more than `loop_cost_max` do not run in the event loop, nor do any of an account that
        `is_crowded`: many short ones would block the loop for other accounts too.
        """
        self._is_crowded = is_crowded
        self._spent = spent
        self._loop_cost_max = loop_cost_max
        self._budget = budget or MemoryBudget(sys.maxsize)
        self.figures = figures or QueryFigures()
        self._store = store
        self._readers = readers
        self._limits = limits
        self._rollups = rollups
        self._read_here: Callable[[Query], Reading | ToThread] = (
            # The class itself if the store cannot, as PostgreSQL's: then every query goes to a thread.
            partial(self._read_on_inline_view, store) if isinstance(store, ReadsInline) else ToThread
        )
        self._is_loop_free = True
        """One answer in an iteration of the event loop: many queries at once must not keep everything else waiting."""

    def use(self, limits: QueryLimits) -> None:
        """Sets the limits from the next query on."""
        self._limits = limits

    async def ask(self, query: Query, then: Callable[[Answer], T], *, short: bool = True) -> T:
        """Returns what `then` makes of the answer to `query`, in the event loop only if `then` is `short`.

        Raises:
            InvalidArgumentError: the KPIs do not have the dimensions or values asked for, the zone is unknown, or the
                range is empty.
            LimitExceededError: too many buckets, points, groups or rows.
            QuotaExceededError: too many questions of the account wait.
            UnavailableError: the database does not answer, or memory has no room for the answer.
        """
        check(query)
        then = partial(self._noted, then)
        found = self._read_here(query) if short and not query.include_names else ToThread(query)
        if isinstance(found, Reading):
            spent = self._charge(found)
            with AnswerMemory(self._budget) as memory:
                hop = partial(self._readers.compute, query.account)
                return await self._finish(found, spent, then, hop, memory)
        return await self._readers.run(query.account, partial(self._ask_in_thread, found.known, then, short=short))

    async def ask_in_turn(self, query: Query, then: Callable[[Answer], T]) -> T:
        """Answers `query` in threads, however many of the account wait; returns what `then` makes of the answer.

        For callers with one query at a time. Raises as `ask` does, but no QuotaExceededError.
        """
        check(query)
        job = partial(self._ask_in_thread, query, partial(self._noted, then), short=False)
        return await self._readers.run(query.account, job, waiting_is_bounded=False)

    def _read_on_inline_view(self, store: ReadsInline, query: Query) -> Reading | ToThread:
        if self._is_crowded(query.account) or not self._claim_iteration():
            return ToThread(query)
        with store.inline_view(query.account) as view:
            return stages.read_inline(query, self._limits, self._rollups, view, self._loop_cost_max)

    async def _ask_in_thread(self, known: Known, then: Callable[[Answer], T], *, short: bool) -> T:
        query = stages.query_of(known)
        account = query.account
        with AnswerMemory(self._budget) as memory:
            if query.include_names:
                named = partial(stages.read_named, known, self._limits, self._rollups, memory=memory)
                found = await self._store.read(account, named)
                self._charge(found.reading, len(found.names))
                points = PointBudget(self._limits.points_max, memory)
                return await self._readers.in_thread(lambda: then(answer_from(found, self._limits, points)))
            work = partial(read_view, known, self._limits, self._rollups, memory=memory)
            reading = await self._store.read(account, work)
            spent = self._charge(reading)
            if short and not self._is_crowded(account) and self._claim_iteration():
                return await self._finish(reading, spent, then, self._readers.in_thread, memory)
            points = PointBudget(self._limits.points_max, memory)
            return await self._readers.in_thread(lambda: then(answer_from(reading, self._limits, points)))

    async def _finish(
        self, reading: Reading, spent: int, then: Callable[[Answer], T], hop: Hop[T], memory: AnswerMemory
    ) -> T:
        """Runs the stages that need no database: here as long as they cost little, the others in a thread.

        `spent` is what it costs to read the query and to group it (`_charge`), without the estimate before it was read.
        """
        points = PointBudget(self._limits.points_max, memory)
        if reading.outline.by_value or reading.outline.reads_settings or spent > self._loop_cost_max:
            return await hop(lambda: then(answer_from(reading, self._limits, points)))
        with stage("assemble"):
            ranked = stages.ranked(reading, self._limits)
        if spent + cost.of_assembling(reading, ranked.selection.size) > self._loop_cost_max:
            return await hop(lambda: then(assemble(ranked, points)))
        return then(assemble(ranked, points))

    def _charge(self, reading: Reading, names: int = 0) -> int:
        """Charges a query's cost, without its answer's numbers, to the account; returns it without display names."""
        spent = reading.outline.cost + cost.of_grouping(reading)
        milliseconds = cost.milliseconds(spent, reading.folded) + names * _NAME_MS
        self._spent(reading.outline.query.account, milliseconds)
        return spent

    def _noted(self, then: Callable[[Answer], T], answer: Answer) -> T:
        self.figures.note(answer)
        return then(answer)

    def _claim_iteration(self) -> bool:
        """Claims this iteration of the event loop for one computation; returns False if it has had one."""
        if not self._is_loop_free:
            return False
        self._is_loop_free = False
        asyncio.get_running_loop().call_soon(self._next_iteration)
        return True

    def _next_iteration(self) -> None:
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
        """Answers the queries of a batch; returns what `together` makes of each result of `then`, or error.

        All queries read the same view, and share the limits on rows and points. `then` gets index and answer. Errors
        among the queries are passed through.

        Raises:
            QuotaExceededError: too many questions of the account wait.
            UnavailableError: the database does not answer.
        """

        def noted(index: int, answer: Answer) -> T:
            self.figures.note(answer)
            return then(index, answer)

        def charge(readings: Sequence[Reading | TelwerkError]) -> None:
            for reading in readings:
                if not isinstance(reading, TelwerkError):
                    self._charge(reading)

        async def job() -> U:
            with AnswerMemory(self._budget) as memory:

                def work(
                    view: NamedQueryView,
                ) -> tuple[Sequence[Reading | TelwerkError], list[Reading | Ranked | TelwerkError]]:
                    readings = stages.read_all(queries, self._limits, self._rollups, view, memory=memory)
                    return readings, stages.with_names(readings, self._limits, view, memory)

                readings, found = await self._store.read(account, work)
                charge(readings)
                return await self._readers.in_thread(
                    lambda: together(stages.answer_all(found, self._limits, noted, memory))
                )

        return await self._readers.run(account, job)

    async def answer_version(self, account: AccountId) -> AnswerVersion:
        """Returns the version of the account's answers, which stay the same while it does.

        Raises:
            UnavailableError: the database does not answer.
        """
        return await self._store.answer_version(account)
