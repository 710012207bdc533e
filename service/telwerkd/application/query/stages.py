"""The stages of a query in order: plan, index in time, and read, on a view; then group, rank and assemble.

Where display names are requested, group and rank also run before the view is closed (`named`).
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

from telwerkd.application.ports import AccountView, AnswerView, DisplayNamesView
from telwerkd.application.query import cost
from telwerkd.application.query.as_of import HistoryView, past
from telwerkd.application.query.assemble import assemble
from telwerkd.application.query.budgets import EventBudget, PointBudget, RowBudget
from telwerkd.application.query.group import group_rows
from telwerkd.application.query.keys import Ranked
from telwerkd.application.query.named import names_of
from telwerkd.application.query.plan import QueryPlan, outline, plan
from telwerkd.application.query.question import Query, QueryLimits, check
from telwerkd.application.query.rank import rank
from telwerkd.application.query.read import read
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.slices.outlines import Outline
from telwerkd.application.query.slices.slices import Reading
from telwerkd.application.query.slices.week import into_cells, periods_of
from telwerkd.application.settings import zone_name
from telwerkd.application.sharing.memory_budget import AnswerMemory
from telwerkd.domain.errors import TelwerkError, UnavailableError
from telwerkd.domain.ids import Micros
from telwerkd.domain.time import calendar
from telwerkd.domain.time.ranges import place_in_time
from telwerkd.process.tracing import note, stage

T = TypeVar("T")


class QueryView(AnswerView, HistoryView, Protocol):
    """The reads of a query, as of now or of an instant."""


class NamedQueryView(QueryView, DisplayNamesView, Protocol):
    """`QueryView`, with display names."""


class ToThread(NamedTuple):
    """The result of a stage that requires a thread to read the query, with what is known so far."""

    known: "Known"


Known: TypeAlias = Query | Outline | QueryPlan
"""How far a query has come: nothing is done again that still holds on the view that it is read on."""


def read_view(
    known: Known, limits: QueryLimits, rollups: RollupCache, view: QueryView, *, memory: AnswerMemory | None = None
) -> Reading:
    """Returns what was read for a query, whatever that costs.

    Raises:
        InvalidArgumentError: the zone is unknown, or a range is empty.
        LimitExceededError: too many buckets or rows.
        UnavailableError: memory has no room for the rows.
    """
    rows = RowBudget(limits.rows_max, memory)
    query = query_of(known)
    if query.as_of is not None:
        return _read_past(query, query.as_of, limits, rows, EventBudget(limits.as_of_events_max), view, memory)
    return _placed_and_read(_planned(known, limits, rollups, view), view, rollups, rows)


def _read_past(
    query: Query,
    instant: Micros,
    limits: QueryLimits,
    rows: RowBudget,
    events: EventBudget,
    view: HistoryView,
    memory: AnswerMemory | None,
) -> Reading:
    """Returns what was read for a query as of an instant; no rollup of the present has to do with it."""
    outlined = outline(query, calendar.zone(_zone_of(query, view)), limits)
    before = events.taken
    with stage("read"):
        seen = past(outlined, instant, view, events, memory)
    none = RollupCache(0)
    return _placed_and_read(_plan(outlined, seen, none), seen, none, rows)._replace(folded=events.taken - before)


def _planned(known: Known, limits: QueryLimits, rollups: RollupCache, view: AnswerView) -> QueryPlan:
    """Returns the plan of a query on a view, made of what is known of it as far as that holds here."""
    if isinstance(known, QueryPlan):
        if _is_of_zone(known.outline, view) and known.holds_on(view):
            return known
        known = known.outline
    if isinstance(known, Outline):
        if _is_of_zone(known, view):
            return _plan(known, view, rollups)
        known = known.query
    return _plan(outline(known, calendar.zone(_zone_of(known, view)), limits), view, rollups)


def _plan(outlined: Outline, view: AnswerView, rollups: RollupCache) -> QueryPlan:
    with stage("plan"):
        return plan(outlined, view, rollups)


def _zone_of(query: Query, view: AccountView) -> str:
    return query.time_zone or zone_name(view)


def _is_of_zone(outlined: Outline, view: AccountView) -> bool:
    """Whether the account's zone, if the query names none, is still that of the outline."""
    return outlined.zone.key == _zone_of(outlined.query, view)


def query_of(known: Known) -> Query:
    """Returns the query of which something is known."""
    if isinstance(known, QueryPlan):
        return known.outline.query
    return known.query if isinstance(known, Outline) else known


def _placed_and_read(planned: QueryPlan, view: AnswerView, rollups: RollupCache, rows: RowBudget) -> Reading:
    outlined = planned.outline
    note(planned)
    note(rows)
    with stage("read"):
        if outlined.week:
            return into_cells(read(planned, periods_of(outlined.week), view, rollups, rows), rows)
        periods = place_in_time(outlined.spans, outlined.granularity, outlined.zone)
        return read(planned, periods, view, rollups, rows)


def read_inline(
    query: Query, limits: QueryLimits, rollups: RollupCache, view: AnswerView, cost_max: int = cost.LOOP_COST_MAX
) -> Reading | ToThread:
    """Returns the reading of a query if its cost is at most `cost_max`, else `ToThread`.

    Raises what `read_view` does.
    """
    name = _zone_of(query, view)
    if query.as_of is not None:
        return ToThread(query)
    if not calendar.is_used(name):
        return ToThread(query)  # the boundaries of a zone take long to find, the name nearest to an unknown one too
    outlined = outline(query, calendar.zone(name), limits)
    if outlined.names_ids or outlined.by_value or outlined.reads_settings or outlined.cost > cost_max:
        return ToThread(outlined)
    planned = _plan(outlined, view, rollups)
    if not planned.is_cached_whole or outlined.cost + planned.cost_on(view) > cost_max:
        return ToThread(planned)
    return _placed_and_read(planned, view, rollups, RowBudget(limits.rows_max))


def ranked(reading: Reading, limits: QueryLimits) -> Ranked:
    """Returns what was read under its keys, and which of them are answered.

    Raises:
        LimitExceededError: too many groups.
    """
    grouped = group_rows(reading)
    return Ranked(reading, grouped, rank(reading.outline.query, grouped, limits.groups_max))


def answer_from(found: Reading | Ranked, limits: QueryLimits, points: PointBudget) -> Answer:
    """Returns the answer that is made of what was read.

    Raises:
        LimitExceededError: too many points or groups.
    """
    with stage("assemble"):
        return assemble(found if isinstance(found, Ranked) else ranked(found, limits), points)


def read_named(
    known: Known, limits: QueryLimits, rollups: RollupCache, view: NamedQueryView, *, memory: AnswerMemory
) -> Ranked:
    """Returns what was read for a query, and the display names of its answer, which are of the same view.

    Raises what `read_view` does, and LimitExceededError: too many points or groups.
    """
    reading = read_view(known, limits, rollups, view, memory=memory)
    return _named(reading, limits, view, memory, PointBudget(limits.points_max))


def _named(
    reading: Reading, limits: QueryLimits, view: DisplayNamesView, memory: AnswerMemory | None, points: PointBudget
) -> Ranked:
    with stage("assemble"):
        found = ranked(reading, limits)
        found.take_numbers(points)  # no name is read for an answer that is too large
    with stage("read"):
        return names_of(found, view, memory)


def answer(query: Query, limits: QueryLimits, rollups: RollupCache, view: QueryView) -> Answer:
    """Returns the answer to a query on a view of its account, by all stages one after the other.

    Raises what `read_view` and `answer_from` do.
    """
    return answer_from(read_view(query, limits, rollups, view), limits, PointBudget(limits.points_max))


# --- Batches ---------------------------------------------------------------------------------------------------------


def read_all(
    queries: Sequence[Query | TelwerkError],
    limits: QueryLimits,
    rollups: RollupCache,
    view: QueryView,
    *,
    memory: AnswerMemory | None = None,
) -> list[Reading | TelwerkError]:
    """Returns what was read for each query of a batch on one view, or what is wrong with it.

    Raises:
        UnavailableError: memory has no room for the rows of all.
    """
    rows = RowBudget(limits.rows_max, memory)
    events = EventBudget(limits.as_of_events_max)

    def one(query: Query) -> Reading:
        check(query)
        if query.as_of is not None:
            return _read_past(query, query.as_of, limits, rows, events, view, memory)
        return _placed_and_read(_planned(query, limits, rollups, view), view, rollups, rows)

    return [query if isinstance(query, TelwerkError) else _or_error(partial(one, query)) for query in queries]


def with_names(
    readings: Sequence[Reading | TelwerkError], limits: QueryLimits, view: DisplayNamesView, memory: AnswerMemory | None
) -> list[Reading | Ranked | TelwerkError]:
    """Returns what was read for each query of a batch, with display names where it asks for them.

    Raises:
        UnavailableError: memory has no room for the names of all.
    """
    points = PointBudget(limits.points_max)

    def one(of: Reading) -> Reading | Ranked:
        return _named(of, limits, view, memory, points) if of.outline.query.include_names else of

    return [of if isinstance(of, TelwerkError) else _or_error(partial(one, of)) for of in readings]


def answer_all(
    found: Sequence[Reading | Ranked | TelwerkError],
    limits: QueryLimits,
    then: Callable[[int, Answer], T],
    memory: AnswerMemory | None = None,
) -> list[T | TelwerkError]:
    """Returns for each query of a batch what `then` makes of its index and answer, or its error.

    Raises:
        UnavailableError: there is not enough memory for the numbers of all.
    """
    points = PointBudget(limits.points_max, memory)

    def one(index: int, of: Reading | Ranked) -> T:
        return then(index, answer_from(of, limits, points))

    return [
        of if isinstance(of, TelwerkError) else _or_error(partial(one, index, of)) for index, of in enumerate(found)
    ]


def _or_error(then: Callable[[], T]) -> T | TelwerkError:
    """Returns what `then` does for one query of a batch, or what is wrong with it.

    Raises:
        UnavailableError: `then` does; that is of all of them.
    """
    try:
        return then()
    except UnavailableError:
        raise
    except TelwerkError as error:
        return error
