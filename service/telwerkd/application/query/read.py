"""Read: reads the slices of a plan on one view of the account. No later stage needs the database.

Whole chunks are read as rollups, which are cached; parts that no rollup fits (an end within a day, a few named ids) are
read from the chunks' cells, and facts that are not in chunks yet from the delta entries.
"""

from collections import Counter
from collections.abc import Sequence

from telwerkd.application.ports import Account, AnswerVersion, AnswerView, StoredChunk, as_damage
from telwerkd.application.query.budgets import RowBudget
from telwerkd.application.query.plan import (
    ByChunk,
    CachedWhole,
    ChunkSource,
    KpiPlan,
    LookUp,
    QueryPlan,
    SlicePlan,
)
from telwerkd.application.query.question import Filter
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.slices.outlines import Outline, SliceOutline
from telwerkd.application.query.slices.slices import KpiReading, Reading, Slice, SliceBuilder, unpacked
from telwerkd.domain.conversation.settings import ACCOUNT_DEFAULTS, Widgets
from telwerkd.domain.conversation.state import PART_ONE
from telwerkd.domain.counting.cells import Cells, unpack
from telwerkd.domain.counting.counters import SeriesParts, project_entries
from telwerkd.domain.counting.measures import Measure, has_durations
from telwerkd.domain.counting.rollups import (
    Rollup,
    SeriesKey,
    chunk_buckets,
    fits,
    is_worth_it,
    joined,
    roll_up,
    roll_up_durations,
)
from telwerkd.domain.ids import EPOCH, WidgetId
from telwerkd.domain.time.ranges import Period

_JOINED_MAX = 1 << 18
"""How many numbers rollups are joined to. Of more, adding the numbers takes longer than finding the chunks."""


def read(
    planned: QueryPlan, periods: tuple[Period, ...], view: AnswerView, rollups: RollupCache, budget: RowBudget
) -> Reading:
    """Returns the reading of a plan, on the view that it was made on. New rollups are put into the cache.

    Raises:
        LimitExceededError: there are too many rows.
    """
    before = budget.taken
    budget.take(planned.known_rows)
    reader = _Reader(planned.outline, periods, view, rollups, budget)
    account = view.account()
    kpis = [reader.kpi(kpi, account) for kpi in planned.kpis]
    if planned.outline.reads_settings:
        widgets, kept = Widgets(view.widget_versions()), planned.outline.query.filter
        kpis = [_enabled(kpi, kept, periods[0], widgets) for kpi in kpis]
    answer_version = AnswerVersion(account.version, view.earliest_due())
    return Reading(planned.outline, periods, kpis, answer_version, budget.taken - before)


def _enabled(kpi: KpiReading, kept: Filter, period: Period, widgets: Widgets) -> KpiReading:
    """Returns it with whether there can be data (KPI 5), and which widgets of the slice are known to have none."""
    if not kpi.info.needs_enabled_actions:
        return kpi
    asked = kept.widgets
    known = sorted(widgets.versions.keys() - {ACCOUNT_DEFAULTS})
    none = tuple(w for w in known if asked.keeps(w) and widgets.none_enabled([w], *period.instants))
    enabled = not widgets.none_enabled([WidgetId(w) for w in sorted(asked.any_of)], *period.instants)
    return kpi._replace(enabled=enabled, not_enabled=none)


class _Reader:
    """Reads the slices of one query."""

    def __init__(
        self, outline: Outline, periods: Sequence[Period], view: AnswerView, rollups: RollupCache, budget: RowBudget
    ) -> None:
        self._outline = outline
        self._periods = periods
        self._view = view
        self._rollups = rollups
        self._rows = budget
        self._deltas: dict[tuple[Measure, int], tuple[list[SeriesParts], Cells]] = {}
        """The delta entries as rows and cells, by measure and grouping."""
        self._slices: dict[tuple[Measure, int, int, Filter], Slice] = {}

    def kpi(self, planned: KpiPlan, account: Account) -> KpiReading:
        """Returns what is counted of a KPI, and of a rate below the line; nothing where the account lacks any of it."""
        rules = planned.rules
        return self._kpi(planned, account, rules, is_counted=rules <= account.rules_version)

    def _kpi(self, planned: KpiPlan, account: Account, rules: int, *, is_counted: bool) -> KpiReading:
        return KpiReading(
            planned.info,
            [self.slice(of) if is_counted else self._builder(of).slice for of in planned.slices],
            sum(int(self.slice(of).totals().sum()) for of in planned.held_back) if is_counted else 0,
            [self._kpi(below, account, rules, is_counted=is_counted) for below in planned.below],
            is_counted,
            account.known_from if rules > PART_ONE else EPOCH,
            self._unscheduled(planned) if is_counted else (),
        )

    def _unscheduled(self, planned: KpiPlan) -> tuple[str, ...]:
        """Returns the widgets with durations that were not measured in service time (R-SERVICE-7)."""
        lacking: Counter[str] = Counter()
        for of, sign in zip(planned.by_widget, (-1, 1), strict=False):
            found = self.slice(of)
            for row, n in zip(found.rows, found.totals()[:, 0].tolist(), strict=True):
                lacking[row.widget] += sign * n
        return tuple(sorted(widget for widget, n in lacking.items() if n > 0))

    def _builder(self, planned: SlicePlan) -> SliceBuilder:
        of = planned.outline
        return SliceBuilder(of, of.conditions, self._periods[of.period])

    def slice(self, planned: SlicePlan) -> Slice:
        """Returns what is counted of a measure in a period; what was read already is not read again."""
        of = planned.outline
        key = (of.selector.measure, of.selector.grouping, of.period, of.conditions)
        if key not in self._slices:
            self._slices[key] = self._read(planned)
        return self._slices[key]

    def _read(self, planned: SlicePlan) -> Slice:
        builder = self._builder(planned)
        match planned.source:
            case LookUp():
                rows = self._view.cells(planned.outline.selector._replace(rows_max=self._rows.left + 1))
                self._rows.take(len(rows))
                builder.add_chunks(rows)
            case CachedWhole(rollup=rollup):
                builder.add_rollup(rollup)
            case ByChunk() as source:
                self._add_by_chunk(builder, planned.outline, source)
        delta_rows, cells = self._deltas_of(planned.outline)
        self._rows.take(len(delta_rows))
        if delta_rows:
            builder.add_cells(delta_rows, cells)
        return builder.slice

    def _deltas_of(self, of: SliceOutline) -> tuple[list[SeriesParts], Cells]:
        measure, grouping = key = of.selector.measure, of.selector.grouping
        if key not in self._deltas:
            entries = self._view.deltas(measure)
            with as_damage("deltas", int(measure)):
                self._deltas[key] = project_entries(measure, entries, grouping) if len(entries) else _NO_DELTAS
        return self._deltas[key]

    def _add_by_chunk(self, builder: SliceBuilder, of: SliceOutline, source: ByChunk) -> None:
        """Adds each chunk: by its rollup, or from its cells."""
        parts = [rollup for chunk in source.chunks for rollup in chunk.rollups]
        for rollup in parts:
            builder.add_rollup(rollup)
        missing = [chunk for chunk in source.chunks if not chunk.rollups]
        if missing:
            by_chunk = self._cells_of(of, source, missing)
            for chunk in missing:
                # Of a chunk that was emptied nothing is left, which is worth to be cached too.
                parts += self._add_missing(builder, chunk, by_chunk.get(chunk.key.first_chunk, []))
        if source.join and len(parts) == len(source.chunks):
            self._join(parts, source, builder.slice.values)

    def _cells_of(
        self, of: SliceOutline, source: ByChunk, missing: Sequence[ChunkSource]
    ) -> dict[int, list[StoredChunk]]:
        """Returns the rows of the missing chunks, by chunk.

        Cached chunks between them are read with them. Their rows are counted already, and not again.
        """
        wanted = {chunk.key.first_chunk for chunk in missing}
        rows_max = self._rows.left + source.known_rows + 1
        first, last = min(wanted), max(wanted)
        rows = self._view.cells(of.selector._replace(first_chunk=first, last_chunk=last, rows_max=rows_max))
        self._rows.take(sum(row.chunk in wanted for row in rows) if len(rows) < rows_max else rows_max)
        by_chunk: dict[int, list[StoredChunk]] = {}
        for row in rows:
            by_chunk.setdefault(row.chunk, []).append(row)
        return by_chunk

    def _add_missing(self, builder: SliceBuilder, chunk: ChunkSource, rows: list[StoredChunk]) -> list[Rollup]:
        """Adds a chunk's rows: by a rollup, returned and cached from now on, where it fits and is worth it."""
        key, values = chunk.key, builder.slice.values
        edges = chunk_buckets(key.first_chunk, key.last_chunk, key.width, self._outline.zone).edges
        if fits(edges, builder.span) and is_worth_it(
            len(rows), len(edges) - 1, values, sum(len(row.cells) for row in rows)
        ):
            ids = [SeriesKey(row.operator, row.group, row.widget, row.value) for row in rows]
            cells = unpacked(key.measure, key.grouping, rows)
            rollup = (
                roll_up_durations(ids, cells, edges)
                if has_durations(key.measure)
                else roll_up(ids, cells, edges, values)
            )
            self._rollups.put(key, chunk.versions, rollup)
            builder.add_rollup(rollup)
            return [rollup]
        builder.add_chunks(rows)
        return []

    def _join(self, parts: Sequence[Rollup], source: ByChunk, values: int) -> None:
        key = source.key
        edges = chunk_buckets(key.first_chunk, key.last_chunk, key.width, self._outline.zone).edges
        if len({ids for part in parts for ids in part.rows}) * len(edges) * values <= _JOINED_MAX:
            self._rollups.put(key, source.versions, joined(parts, edges))


_NO_DELTAS: tuple[list[SeriesParts], Cells] = ([], unpack([], []))
