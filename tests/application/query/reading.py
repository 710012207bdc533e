"""What is read for a query, made of facts without a database: as where nothing is in chunks yet."""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from telwerkd.application.ports import AnswerVersion
from telwerkd.application.query.assemble import assemble
from telwerkd.application.query.budgets import PointBudget
from telwerkd.application.query.group import group_rows
from telwerkd.application.query.keys import Grouped, Ranked
from telwerkd.application.query.plan import outline
from telwerkd.application.query.question import Filter, Query, QueryLimits
from telwerkd.application.query.rank import rank
from telwerkd.application.query.result import Answer
from telwerkd.application.query.slices.outlines import KpiOutline, SliceOutline
from telwerkd.application.query.slices.slices import KpiReading, Reading, Slice, SliceBuilder
from telwerkd.application.query.slices.week import periods_of
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.counting.counters import project_entries
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.ids import AccountId
from telwerkd.domain.time.ranges import DateRange, place_in_time

MONDAY = date(2026, 1, 5)
WEEK = DateRange(MONDAY, MONDAY + timedelta(7))
LIMITS = QueryLimits()
_EPOCH = date(1970, 1, 1)


class Some(NamedTuple):
    """So many facts of an operator, in one quarter-hour of a day after `MONDAY`."""

    operator: str
    n: int
    day: int = 0
    value: str = ""
    kpi: Kpi = Kpi.FEEDBACK_COUNT
    hour: int = 12
    widget: str = "web"

    @property
    def quarter_hour(self) -> int:
        """When they are."""
        return ((MONDAY - _EPOCH).days + self.day) * 96 + self.hour * 4


def asking(kpi: Any = Kpi.FEEDBACK_COUNT, **fields: Any) -> Query:
    """A query about the week of `MONDAY`, in totals unless `fields` say otherwise."""
    kpis = (CATALOGUE[kpi] if isinstance(kpi, Kpi) else kpi,)
    wanted = {"kpis": kpis, "range": WEEK, "granularity": None, "filter": Filter(), "group_by": ()}
    return Query(AccountId("acme"), time_zone="UTC", **{**wanted, **fields})


def reading(query: Query, *facts: Some) -> Reading:
    """What is read of the facts for a query."""
    outlined = outline(query, ZoneInfo("UTC"), LIMITS)
    in_time = place_in_time(outlined.spans, outlined.granularity, outlined.zone)
    periods = periods_of(outlined.week) or in_time

    def of_slice(of: SliceOutline) -> Slice:
        builder = SliceBuilder(of, of.conditions, periods[of.period])
        entries = [(f.value, f.operator, "", f.widget, f.quarter_hour, f.n) for f in facts if f.kpi == of.info.kpi]
        builder.add_cells(*project_entries(of.selector.measure, DeltaEntries.of(entries), of.selector.grouping))
        return builder.slice

    def of_kpi(of: KpiOutline) -> KpiReading:
        return KpiReading(of.info, [*map(of_slice, of.slices)], 0, [*map(of_kpi, of.below)])

    return Reading(outlined, periods, [*map(of_kpi, outlined.kpis)], AnswerVersion(1, None), rows=0)


def grouped(query: Query, *facts: Some) -> Grouped:
    """The same under its keys."""
    return group_rows(reading(query, *facts))


def ranked(query: Query, *facts: Some, groups_max: int = LIMITS.groups_max) -> Ranked:
    """The same in its order."""
    read = reading(query, *facts)
    under_keys = group_rows(read)
    return Ranked(read, under_keys, rank(query, under_keys, groups_max))


def answered(query: Query, *facts: Some, points_max: int = LIMITS.points_max) -> Answer:
    """The answer."""
    return assemble(ranked(query, *facts), PointBudget(points_max))


def order_of(found: Ranked) -> list[str]:
    """The keys that were selected, in their order."""
    return ["/".join(found.grouped.keys[place]) for place in found.selection.indexes.tolist()]


def spread(*operators: Iterable[Any]) -> list[Some]:
    """Facts, each of an operator, a number and maybe a day."""
    return [Some(*each) for each in operators]
