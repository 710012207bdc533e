"""Plan: which slices a query reads, from which sources, and their size. It reads no counter.

First the outline, from the query and its time zone alone; then the source of each slice, from the versions of chunks
and the cached rollups.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

from telwerkd.application.ports import AnswerView, ChunkSelector
from telwerkd.application.query import cost
from telwerkd.application.query.budgets import too_many_buckets
from telwerkd.application.query.question import Automatic, PreviousPeriod, Query, QueryLimits
from telwerkd.application.query.rollup_cache import RollupCache, RollupKey, Versions
from telwerkd.application.query.slices.outlines import KpiOutline, Outline, SliceOutline, kpi_outline
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.specs import Dimension
from telwerkd.domain.counting.rollups import Rollup, fits, resolution
from telwerkd.domain.errors import RequestPart
from telwerkd.domain.time import calendar
from telwerkd.domain.time.automatic import automatic
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.domain.time.week import WeekDivision, in_the_week

# --- Outline ---------------------------------------------------------------------------------------------------------


def outline(query: Query, zone: ZoneInfo, limits: QueryLimits) -> Outline:
    """Returns the outline of a query.

    Raises:
        InvalidArgumentError: see `_spans`.
        LimitExceededError: too many buckets.
    """
    spans = _spans(query, zone)
    granularity = automatic(spans[0], zone) if isinstance(query.granularity, Automatic) else query.granularity
    division = WeekDivision(Dimension.WEEKDAY in query.group_by, Dimension.HOUR_OF_DAY in query.group_by)
    read_by, part = (
        (Granularity.HOUR, RequestPart.GROUPING) if any(division) else (granularity, RequestPart.GRANULARITY)
    )
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
        cost=cost.of_outline(bucket_counts, kpis),
    )


def _spans(query: Query, zone: ZoneInfo) -> list[QuarterHourRange]:
    """Returns the range of a query in quarter-hours, and after it the one that it is compared with, if any.

    Raises:
        InvalidArgumentError: the zone's clocks skipped a whole range, or the previous period is before the calendar.
    """
    spans = [query.range.quarter_hours(zone)]
    if isinstance(query.compare_to, PreviousPeriod):
        spans.append(query.range.previous().quarter_hours(zone, RequestPart.PREVIOUS_PERIOD))
    elif query.compare_to is not None:
        spans.append(query.compare_to.quarter_hours(zone, RequestPart.COMPARED_RANGE))
    return spans


def _bucket_count(
    span: QuarterHourRange, granularity: Granularity | None, limits: QueryLimits, part: RequestPart
) -> int:
    if granularity is None:
        return 1
    wanted = calendar.count_upper_bound(span.start, span.end, granularity)
    if wanted > limits.buckets_max:
        raise too_many_buckets(wanted, limits.buckets_max, part)
    return wanted


# --- Sources ---------------------------------------------------------------------------------------------------------


class LookUp(NamedTuple):
    """A source: chunks of named ids, looked up by their keys."""

    known_rows: int = 0


class CachedWhole(NamedTuple):
    """A source: one cached rollup of all chunks of the range."""

    rollup: Rollup
    versions: Versions

    @property
    def known_rows(self) -> int:
        """How many rows it has."""
        return self.rollup.sources


class ChunkSource(NamedTuple):
    """The source of one chunk."""

    key: RollupKey
    versions: Versions
    rollups: tuple[Rollup, ...]
    """The cached rollup, if one fits; if none, the chunk's cells are read."""


class ByChunk(NamedTuple):
    """A source: each chunk of the range by itself."""

    key: RollupKey
    versions: Versions
    """Key and versions of a rollup of all chunks together."""
    chunks: tuple[ChunkSource, ...]
    known_rows: int
    """The number of rows of the cached rollups."""
    join: bool
    """Whether to join the chunks' rollups into one for the cache."""


Source: TypeAlias = LookUp | CachedWhole | ByChunk


class SlicePlan(NamedTuple):
    """A slice, with the source of its chunks. Delta entries are read in addition in any case."""

    outline: SliceOutline
    source: Source

    @property
    def is_cached_whole(self) -> bool:
        """Whether one cached rollup has all of its chunks, or there are none.

        Cached rollups of single chunks do not count: a thread reads them, and joins them for the next time unless they
        have more numbers (`_JOINED_MAX` in `read`) than the event loop would add up (`LOOP_COST_MAX`).
        """
        return isinstance(self.source, CachedWhole) or (isinstance(self.source, ByChunk) and not self.source.chunks)

    def cost_on(self, view: AnswerView) -> int:
        """Returns the estimated cost of reading the slice on a view."""
        spent = cost.of_entries(self.outline.info.kpi, *view.filed(self.outline.selector.measure))
        if isinstance(self.source, CachedWhole):
            spent += cost.of_rollup(self.source.rollup, len(self.source.versions))
        return spent


class KpiPlan(NamedTuple):
    """The slices of one KPI, with their sources."""

    info: KpiInfo
    slices: list[SlicePlan]
    held_back: list[SlicePlan]
    below: list["KpiPlan"]
    by_widget: list[SlicePlan]
    rules: int
    """The version of the rules from which on the KPI and its denominators are counted."""

    def all_slices(self) -> Iterator[SlicePlan]:
        """Yields all slices, those of denominators included."""
        yield from self.slices
        yield from self.held_back
        yield from self.by_widget
        for kpi in self.below:
            yield from kpi.all_slices()


class QueryPlan(NamedTuple):
    """The slices of a query, with their sources, on one view of its account."""

    outline: Outline
    kpis: list[KpiPlan]
    known_rows: int
    """The number of rows of the cached rollups in use; other rows are counted when they are read."""

    def slices(self) -> Iterator[SlicePlan]:
        """Yields all slices, KPI by KPI."""
        for kpi in self.kpis:
            yield from kpi.all_slices()

    @property
    def is_cached_whole(self) -> bool:
        """Whether each slice comes from one cached rollup, or has no chunks."""
        return all(of.is_cached_whole for of in self.slices())

    def cost_on(self, view: AnswerView) -> int:
        """Returns what reading it costs if it `is_cached_whole`, beside what its outline costs, before it is read.

        The delta entries are counted for it, and not read.
        """
        return sum(of.cost_on(view) for of in self.slices())

    def holds_on(self, view: AnswerView) -> bool:
        """Whether it is the plan on another view of the account as well: no chunk has changed in between."""
        return all(
            isinstance(of.source, LookUp) or of.source.versions == _versions(of.outline.selector, view)
            for of in self.slices()
        )


def plan(outlined: Outline, view: AnswerView, rollups: RollupCache) -> QueryPlan:
    """Returns the plan of a query on a view of its account."""

    def planned(slices: Sequence[SliceOutline]) -> list[SlicePlan]:
        return [SlicePlan(of, _source(of, outlined, view, rollups)) for of in slices]

    def of_kpi(of: KpiOutline) -> KpiPlan:
        below = [of_kpi(below) for below in of.below]
        rules = max([of.info.since_rules, *(each.rules for each in below)])
        return KpiPlan(of.info, planned(of.slices), planned(of.held_back), below, planned(of.by_widget), rules)

    kpis = [of_kpi(of) for of in outlined.kpis]
    return QueryPlan(outlined, kpis, sum(of.source.known_rows for kpi in kpis for of in kpi.all_slices()))


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
        return ByChunk(key, (), (), 0, join=False)
    span = outlined.spans[of.period]
    [whole] = rollups.get([(key, versions)])
    if whole is not None and fits(whole.edges, span):
        return CachedWhole(whole, versions)
    parts = [(key._replace(first_chunk=version[0], last_chunk=version[0]), (version,)) for version in versions]
    chunks = tuple(
        ChunkSource(*part, (rollup,) if rollup is not None and fits(rollup.edges, span) else ())
        for part, rollup in zip(parts, rollups.get(parts), strict=True)
    )
    known_rows = sum(rollup.sources for chunk in chunks for rollup in chunk.rollups)
    return ByChunk(key, versions, chunks, known_rows, join=whole is None and first < last)


def _versions(selector: ChunkSelector, view: AnswerView) -> Versions:
    found = view.chunk_versions(selector.measure, selector.first_chunk, selector.last_chunk)
    return tuple(sorted(found.items()))
