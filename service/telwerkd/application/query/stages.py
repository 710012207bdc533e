"""The stages of a query in their order: plan, place in time and read on a view; group, rank and assemble after it.

And what they cost, estimated before they run: in units of 8 ns, the time to add one number of a rollup, measured on two
slow cores, with what encoding takes. By it the runner chooses event loop or thread.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

from telwerkd.application.memory_budget import AnswerMemory
from telwerkd.application.ports import AnswerView, Snapshot
from telwerkd.application.query.as_of import past
from telwerkd.application.query.assemble import assemble
from telwerkd.application.query.budgets import EventBudget, PointBudget, RowBudget
from telwerkd.application.query.group import group_rows
from telwerkd.application.query.named import named
from telwerkd.application.query.plan import CachedWhole, Outline, QueryPlan, outline, plan
from telwerkd.application.query.question import Query, QueryLimits, check
from telwerkd.application.query.rank import Selection, rank
from telwerkd.application.query.read import Reading, read
from telwerkd.application.query.result import Answer
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.slices import Slice
from telwerkd.application.query.week import into_cells, periods_of
from telwerkd.application.settings import zone_name
from telwerkd.domain.counting.measures import has_open_values
from telwerkd.domain.errors import TelwerkError, UnavailableError
from telwerkd.domain.ids import Micros
from telwerkd.domain.time import calendar
from telwerkd.domain.time.ranges import place_in_time
from telwerkd.process.tracing import note, stage

T = TypeVar("T")

LOOP_COST_MAX = 240_000
"""What an answer may cost in the event loop: 1.9 ms. A year by day by 50 operators is 210,000."""

_MS_PER_UNIT = 8e-6

_EVENT_MS = 0.03
"""About what it takes to read an event and to fold it."""

_READ = 20_000
"""The statements that read one measure in one period, and all that is done for a KPI that has nothing."""

_BUCKET, _COMPARED_BUCKET = 12, 16
"""A bucket: its edge is found and encoded."""

_COUNT, _COMPARED_COUNT = 2, 8
"""A count of a series: allocated, summed up over its values and encoded; with its differences where it is compared."""

_CHUNK, _ENTRY, _OPEN_ENTRY, _FILED = 60, 12, 60, 60
"""A chunk whose version is read, a delta entry, one whose value producers choose, a transaction's entries."""

_DURATION = 12
"""A bin of durations in a bucket of a series: put into its bucket and its order, and counted."""

_HISTOGRAM, _BIN = 80, 600
"""A bucket that has a histogram, be it empty, and a bin in it: messages of their own."""

_ROW = 800
"""A row of an answer."""


class ToThread(NamedTuple):
    """Says that a query is to be read in a thread, and what is known of it by then."""

    known: "Known"


class ReadInline(NamedTuple):
    """What was read in the event loop."""

    reading: Reading
    cost: int
    """Of its outline."""


Known: TypeAlias = Query | Outline | QueryPlan
"""How far a query has come: nothing is done again that still holds on the view that it is read on."""


def read_view(
    known: Known, limits: QueryLimits, rollups: RollupCache, view: Snapshot, *, memory: AnswerMemory | None = None
) -> Reading:
    """Returns what was read for a query, whatever that costs.

    Raises:
        InvalidArgumentError: the zone is unknown, or a range is empty.
        LimitExceededError: too many buckets or rows.
        UnavailableError: memory has no room for the rows.
    """
    rows = RowBudget(limits.rows_max)
    query = query_of(known)
    if query.as_of is not None:
        rows.count_in(memory)
        return _read_past(query, query.as_of, limits, rows, EventBudget(limits.as_of_events_max), view, memory)
    planned = _planned(known, limits, rollups, rows, view)
    planned.rows.count_in(memory)
    return _placed_and_read(planned, view, rollups)


def _read_past(
    query: Query,
    instant: Micros,
    limits: QueryLimits,
    rows: RowBudget,
    events: EventBudget,
    view: Snapshot,
    memory: AnswerMemory | None,
) -> Reading:
    """Returns what was read for a query as of an instant; no rollup of the present has to do with it."""
    outlined = outline(query, calendar.zone(_zone_of(query, view)), limits)
    before = events.taken
    with stage("read"):
        seen = past(outlined, instant, view, events, memory)
    none = RollupCache(0)
    return _placed_and_read(_plan(outlined, seen, none, rows), seen, none)._replace(folded=events.taken - before)


def _planned(known: Known, limits: QueryLimits, rollups: RollupCache, rows: RowBudget, view: Snapshot) -> QueryPlan:
    """Returns the plan of a query on a view, made of what is known of it as far as that holds here."""
    if isinstance(known, QueryPlan):
        if _is_of_zone(known.outline, view) and known.holds_on(view):
            return known
        known = known.outline
    if isinstance(known, Outline):
        if _is_of_zone(known, view):
            return _plan(known, view, rollups, rows)
        known = known.query
    return _plan(outline(known, calendar.zone(_zone_of(known, view)), limits), view, rollups, rows)


def _plan(outlined: Outline, view: AnswerView, rollups: RollupCache, rows: RowBudget) -> QueryPlan:
    with stage("plan"):
        return plan(outlined, view, rollups, rows)


def _zone_of(query: Query, view: Snapshot) -> str:
    return query.time_zone or zone_name(view)


def _is_of_zone(outlined: Outline, view: Snapshot) -> bool:
    """Whether the account's zone, if the query names none, is still that of the outline."""
    return outlined.zone.key == _zone_of(outlined.query, view)


def query_of(known: Known) -> Query:
    """Returns the query of which something is known."""
    if isinstance(known, QueryPlan):
        return known.outline.query
    return known.query if isinstance(known, Outline) else known


def _placed_and_read(planned: QueryPlan, view: AnswerView, rollups: RollupCache) -> Reading:
    outlined = planned.outline
    note(planned)
    with stage("read"):
        if outlined.week:
            return into_cells(read(planned, periods_of(outlined.week), view, rollups), planned.rows)
        periods = place_in_time(outlined.spans, outlined.granularity, outlined.zone)
        return read(planned, periods, view, rollups)


def read_inline(
    query: Query, limits: QueryLimits, rollups: RollupCache, view: Snapshot, cost_max: int = LOOP_COST_MAX
) -> ReadInline | ToThread:
    """Returns what was read for a query if that costs no more than `cost_max`; else that a thread is to read it.

    Raises what `read_view` does.
    """
    name = _zone_of(query, view)
    if query.as_of is not None:
        return ToThread(query)
    if not calendar.is_used(name):
        return ToThread(query)  # the boundaries of a zone take long to find, the name nearest to an unknown one too
    outlined = outline(query, calendar.zone(name), limits)
    spent = cost_of_outline(outlined)
    if outlined.names_ids or outlined.by_value or outlined.reads_settings or spent > cost_max:
        return ToThread(outlined)
    planned = _plan(outlined, view, rollups, RowBudget(limits.rows_max))
    if not planned.is_cached or spent + cost_of_reading(planned, view) > cost_max:
        return ToThread(planned)
    return ReadInline(_placed_and_read(planned, view, rollups), spent)


def answer_from(reading: Reading, limits: QueryLimits, points: PointBudget) -> Answer:
    """Returns the answer that is made of what was read.

    Raises:
        LimitExceededError: too many points or groups.
    """
    with stage("assemble"):
        grouped = group_rows(reading)
        return assemble(reading, grouped, rank(reading.outline.query, grouped, limits.groups_max), points)


def read_named(
    known: Known, limits: QueryLimits, rollups: RollupCache, view: Snapshot, *, memory: AnswerMemory
) -> tuple[Reading, Answer]:
    """Returns what was read for a query, and the answer with display names: these are of the same view.

    Raises what `read_view` and `answer_from` do.
    """
    reading = read_view(known, limits, rollups, view, memory=memory)
    return reading, named(answer_from(reading, limits, PointBudget(limits.points_max, memory)), view, memory)


def answer(query: Query, limits: QueryLimits, rollups: RollupCache, view: Snapshot) -> Answer:
    """Returns the answer to a query on a view of its account, by all stages one after the other.

    Raises what `read_view` and `answer_from` do.
    """
    return answer_from(read_view(query, limits, rollups, view), limits, PointBudget(limits.points_max))


# --- Costs -----------------------------------------------------------------------------------------------------------


def cost_of_outline(outlined: Outline) -> int:
    """Returns what a query costs whatever its account holds: its buckets, and the statements that read it."""
    per_bucket = _BUCKET if len(outlined.spans) == 1 else _COMPARED_BUCKET
    reads = sum((1 + len(kpi.below)) * len(outlined.spans) + len(kpi.by_widget) for kpi in outlined.kpis)
    return sum(outlined.bucket_counts) * per_bucket + reads * _READ


def cost_of_reading(planned: QueryPlan, view: AnswerView) -> int:
    """Returns what reading a plan costs whose chunks are all cached, beside what its outline costs.

    The delta entries are counted for it, and not read.
    """
    cost = 0
    for of in planned.slices():
        filed, entries = view.filed(of.outline.selector.measure)
        cost += _FILED * filed + (_OPEN_ENTRY if has_open_values(of.outline.info.kpi) else _ENTRY) * entries
        if isinstance(of.source, CachedWhole):
            rollup = of.source.rollup
            cost += _CHUNK * len(of.source.versions) + rollup.counts.size + _ROW * len(rollup.rows)
            cost += 0 if rollup.durations is None else _DURATION * len(rollup.durations.n)
    return cost


def milliseconds(reading: Reading) -> float:
    """Returns what a query costs in all, but for its answer's numbers, in estimated milliseconds."""
    return (cost_of_outline(reading.outline) + cost_of_grouping(reading)) * _MS_PER_UNIT + reading.folded * _EVENT_MS


def cost_of_grouping(reading: Reading) -> int:
    """Returns what it costs to put what was read under its keys, and the keys in their order."""
    kpis = [part for kpi in reading.kpis for part in (kpi, *kpi.below)]
    return sum(_cost_of_slice(of) for kpi in kpis for of in kpi.slices)


def _cost_of_slice(of: Slice) -> int:
    cells = sum(len(part.row) for part in of.sparse)
    durations = sum(len(part.row) for part in of.durations)
    return _ROW * len(of.rows) + sum(part.counts.size for part in of.dense) + _ENTRY * cells + _DURATION * durations


def cost_of_assembling(reading: Reading, selection: Selection) -> int:
    """Returns what it costs to allocate and to encode the numbers of the selected keys."""
    per_count = _COUNT if len(reading.periods) == 1 else _COMPARED_COUNT
    widths = sum(period.width for period in reading.periods)
    query = reading.outline.query
    columns = sum((2 if kpi.below else 1) + len(query.percentiles) for kpi in reading.kpis)
    cost = selection.size * widths * columns * per_count
    if query.include_histogram:
        bins = sum(len(part.code) for kpi in reading.kpis for of in kpi.slices for part in of.durations)
        cost += selection.size * widths * len(reading.kpis) * _HISTOGRAM + bins * _BIN
    return cost


# --- Batches ---------------------------------------------------------------------------------------------------------


def read_all(
    queries: Sequence[Query | TelwerkError],
    limits: QueryLimits,
    rollups: RollupCache,
    view: Snapshot,
    *,
    memory: AnswerMemory | None = None,
) -> list[Reading | TelwerkError]:
    """Returns what was read for each query of a batch on one view, or what is wrong with it.

    Raises:
        UnavailableError: memory has no room for the rows of all.
    """
    rows = RowBudget(limits.rows_max)
    rows.count_in(memory)
    events = EventBudget(limits.as_of_events_max)

    def one(query: Query | TelwerkError) -> Reading | TelwerkError:
        if isinstance(query, TelwerkError):
            return query
        try:
            check(query)
            if query.as_of is not None:
                return _read_past(query, query.as_of, limits, rows, events, view, memory)
            return _placed_and_read(_planned(query, limits, rollups, rows, view), view, rollups)
        except UnavailableError:
            raise
        except TelwerkError as error:
            return error

    return [one(query) for query in queries]


def answer_all(
    readings: Sequence[Reading | TelwerkError],
    limits: QueryLimits,
    then: Callable[[int, Answer], T],
    memory: AnswerMemory | None = None,
    view: Snapshot | None = None,
) -> list[T | TelwerkError]:
    """Returns what `then` makes of the place and the answer of each query of a batch, or what is wrong with it.

    On a view, answers whose queries ask for them have display names.

    Raises:
        UnavailableError: memory has no room for the numbers of all.
    """
    points = PointBudget(limits.points_max, memory)

    def one(place: int, reading: Reading | TelwerkError) -> T | TelwerkError:
        if isinstance(reading, TelwerkError):
            return reading
        try:
            answered = answer_from(reading, limits, points)
            if view is not None and reading.outline.query.include_names:
                answered = named(answered, view, memory)
            return then(place, answered)
        except UnavailableError:
            raise
        except TelwerkError as error:
            return error

    return [one(place, reading) for place, reading in enumerate(readings)]
