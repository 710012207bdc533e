"""Plan: what a query reads and how much of it there is. No counter is read for it.

First the outline, which follows from the query and its time zone alone; then, from the versions of chunks and from the
rollups that are cached, where each slice comes from.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from telwerkd.application.ports import AnswerView, ChunkSelector
from telwerkd.application.query.budgets import RowBudget, too_many_buckets
from telwerkd.application.query.question import Automatic, PreviousPeriod, Query, QueryLimits
from telwerkd.application.query.rollup_cache import RollupCache, RollupKey, Versions
from telwerkd.application.query.slice_outlines import KpiOutline, SliceOutline, kpi_outline
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.specs import Dimension
from telwerkd.domain.counting.rollups import Rollup, resolution
from telwerkd.domain.errors import Part
from telwerkd.domain.time import calendar
from telwerkd.domain.time.automatic import automatic
from telwerkd.domain.time.calendar import Granularity, QuarterHours
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.domain.time.week import WeekDivision, WeekSpan, in_the_week

# --- Outline ---------------------------------------------------------------------------------------------------------


class Outline(NamedTuple):
    """What a query reads, whatever its account holds."""

    query: Query
    zone: ZoneInfo
    spans: list[QuarterHourRange]
    granularity: Granularity | None
    """The width of the buckets of all spans; None for totals."""
    bucket_counts: list[int]
    """Of each span; at least as many as there are."""
    week: tuple[WeekSpan, ...]
    """By time of the week: where its cells lie in each span; else empty."""
    kpis: list[KpiOutline]
    names_ids: bool
    """Whether any chunks are looked up by the ids that the filter names."""
    by_value: bool
    """Whether anything is read by values that producers choose, of which there may be thousands."""
    reads_settings: bool
    """Whether the settings of all widgets are read."""


def outline(query: Query, zone: ZoneInfo, limits: QueryLimits) -> Outline:
    """Returns the outline of a query.

    Raises:
        InvalidArgumentError: see `_spans`.
        LimitExceededError: too many buckets.
    """
    spans = _spans(query, zone)
    granularity = automatic(spans[0], zone) if isinstance(query.granularity, Automatic) else query.granularity
    division = WeekDivision(Dimension.WEEKDAY in query.group_by, Dimension.HOUR_OF_DAY in query.group_by)
    read_by, part = (Granularity.HOUR, Part.GROUPING) if any(division) else (granularity, Part.GRANULARITY)
    bucket_counts = [_bucket_count(span, read_by, limits, part) for span in spans]
    week = tuple(in_the_week(span, division, zone) for span in spans) if any(division) else ()
    kpis = [kpi_outline(query, info, spans) for info in query.kpis]
    return Outline(
        query,
        zone,
        spans,
        granularity,
        bucket_counts,
        week,
        kpis,
        names_ids=any(kpi.slices[0].names_ids for kpi in kpis),
        by_value=any(kpi.slices[0].by_value for kpi in kpis),
        reads_settings=any(kpi.info.needs_enabled_actions for kpi in kpis),
    )


def _spans(query: Query, zone: ZoneInfo) -> list[QuarterHourRange]:
    """Returns the range of a query in quarter-hours, and after it the one that it is compared with, if any.

    Raises:
        InvalidArgumentError: the zone's clocks skipped a whole range, or the previous period is before the calendar.
    """
    spans = [query.range.quarter_hours(zone)]
    if isinstance(query.compare_to, PreviousPeriod):
        spans.append(query.range.previous().quarter_hours(zone, Part.PREVIOUS_PERIOD))
    elif query.compare_to is not None:
        spans.append(query.compare_to.quarter_hours(zone, Part.COMPARED_RANGE))
    return spans


def _bucket_count(span: QuarterHourRange, granularity: Granularity | None, limits: QueryLimits, part: Part) -> int:
    if granularity is None:
        return 1
    wanted = calendar.count_upper_bound(span.start, span.end, granularity)
    if wanted > limits.buckets_max:
        raise too_many_buckets(wanted, limits.buckets_max, part)
    return wanted


# --- Sources ---------------------------------------------------------------------------------------------------------


class LookUp(NamedTuple):
    """Chunks of named ids, looked up by their keys, on whichever view they are read."""

    known_rows: int = 0


class CachedWhole(NamedTuple):
    """One cached rollup of all chunks of the range."""

    rollup: Rollup
    versions: Versions

    @property
    def known_rows(self) -> int:
        """How many rows it has."""
        return self.rollup.sources


class ChunkSource(NamedTuple):
    """Where one chunk comes from."""

    key: RollupKey
    versions: Versions
    rollups: tuple[Rollup, ...]
    """The cached rollup, if there is one that fits; else the chunk's cells are read."""


class ByChunk(NamedTuple):
    """Each chunk of the range by itself."""

    key: RollupKey
    """Of all of them together."""
    chunks: tuple[ChunkSource, ...]
    join: bool
    """Whether one rollup of all chunks is worth making, if each of them comes as a rollup."""

    @property
    def known_rows(self) -> int:
        """How many rows the cached rollups have."""
        return sum(rollup.sources for chunk in self.chunks for rollup in chunk.rollups)

    @property
    def versions(self) -> Versions:
        """Of all chunks."""
        return tuple(version for chunk in self.chunks for version in chunk.versions)


Source: TypeAlias = LookUp | CachedWhole | ByChunk


class SlicePlan(NamedTuple):
    """A slice, and where its chunks come from. What is not in chunks yet is read beside them in any case."""

    outline: SliceOutline
    source: Source

    @property
    def is_cached(self) -> bool:
        """Whether no chunk has to be read."""
        return isinstance(self.source, CachedWhole) or (isinstance(self.source, ByChunk) and not self.source.chunks)


class KpiPlan(NamedTuple):
    """What is read of one KPI, and where it comes from."""

    info: KpiInfo
    slices: list[SlicePlan]
    held_back: list[SlicePlan]
    below: list["KpiPlan"]
    by_widget: list[SlicePlan]

    def infos(self) -> Iterator[KpiInfo]:
        """The KPIs whose counts it is made of."""
        yield self.info
        for kpi in self.below:
            yield from kpi.infos()

    def all_slices(self) -> Iterator[SlicePlan]:
        """Those below the line, too."""
        yield from self.slices
        yield from self.held_back
        yield from self.by_widget
        for kpi in self.below:
            yield from kpi.all_slices()


class QueryPlan(NamedTuple):
    """All that a query reads, and where it comes from, on one view of its account."""

    outline: Outline
    kpis: list[KpiPlan]
    rows: RowBudget
    """How many rows may be read from the database; those of cached rollups are counted already."""
    rows_before: int
    """How many of them the queries before it took."""

    def slices(self) -> Iterator[SlicePlan]:
        """All slices, each KPI's together."""
        for kpi in self.kpis:
            yield from kpi.all_slices()

    @property
    def is_cached(self) -> bool:
        """Whether no chunk has to be read."""
        return all(of.is_cached for of in self.slices())

    def holds_on(self, view: AnswerView) -> bool:
        """Whether it is the plan on another view of the account as well: no chunk has changed in between."""
        return all(
            isinstance(of.source, LookUp) or of.source.versions == _versions(of.outline.selector, view)
            for of in self.slices()
        )


def plan(outlined: Outline, view: AnswerView, rollups: RollupCache, rows: RowBudget) -> QueryPlan:
    """Returns the plan of a query on a view of its account. The rows that are cached are taken off the budget.

    Raises:
        LimitExceededError: the cached rows are too many.
    """

    def planned(slices: Sequence[SliceOutline]) -> list[SlicePlan]:
        return [SlicePlan(of, _source(of, outlined, view, rollups)) for of in slices]

    def of_kpi(of: KpiOutline) -> KpiPlan:
        below = [of_kpi(below) for below in of.below]
        return KpiPlan(of.info, planned(of.slices), planned(of.held_back), below, planned(of.by_widget))

    kpis = [of_kpi(of) for of in outlined.kpis]
    before = rows.taken
    rows.take(sum(of.source.known_rows for kpi in kpis for of in kpi.all_slices()))
    return QueryPlan(outlined, kpis, rows, before)


def _source(of: SliceOutline, outlined: Outline, view: AnswerView, rollups: RollupCache) -> Source:
    if of.names_ids:
        return LookUp()
    selector, query = of.selector, outlined.query
    versions = _versions(selector, view)
    width = outlined.week[of.period].resolution if outlined.week else resolution(outlined.granularity)
    zone = outlined.zone.key
    first, last = selector.first_chunk, selector.last_chunk
    key = RollupKey(query.account, selector.measure, selector.grouping, first, last, width, zone)
    if not versions:
        return ByChunk(key, (), join=False)
    span = outlined.spans[of.period]
    [whole] = rollups.get([(key, versions)])
    if whole is not None and fits(whole.edges, span):
        return CachedWhole(whole, versions)
    parts = [(key._replace(first_chunk=version[0], last_chunk=version[0]), (version,)) for version in versions]
    chunks = tuple(
        ChunkSource(*part, (rollup,) if rollup is not None and fits(rollup.edges, span) else ())
        for part, rollup in zip(parts, rollups.get(parts), strict=True)
    )
    return ByChunk(key, chunks, join=whole is None and first < last)


def _versions(selector: ChunkSelector, view: AnswerView) -> Versions:
    found = view.chunk_versions(selector.measure, selector.first_chunk, selector.last_chunk)
    return tuple(sorted(found.items()))


def fits(edges: QuarterHours, span: QuarterHourRange) -> bool:
    """Whether neither end of a span cuts a bucket of a rollup.

    The edges between the ends never do: those of a query's buckets are edges of the rollups that it is read in.
    """
    inside = [end for end in (span.start, span.end) if edges[0] < end < edges[-1]]
    return all(edges[edges.searchsorted(end)] == end for end in inside)
