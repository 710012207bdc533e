"""What the dashboard looks at, which keys change it, and what it asks the server for that. Nothing here draws or waits.

A range goes from the beginning of a local day up to now, and is compared with the same stretch before: today until noon
with yesterday until noon, and not with all of yesterday. Counters have a resolution of quarter-hours: the range ends
with the one that now lies in, and the stretch before with the last one that is over by this time of day.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar
from zoneinfo import ZoneInfo

from telwerk.queries import GranularityName, OrderName, Query, SliceOptions, series, totals
from telwerk.v1.kpi_service_pb2 import Filter, IdFilter

ROWS_MAX: Final = 100
"""Rows of the board; all others are summed up in one more."""

_QUARTER_HOUR: Final = timedelta(minutes=15)
_MONTHS_OF_QUARTER: Final = 3

BoardName: TypeAlias = Literal["operator", "operator_group", "widget"]
"""Who are side by side on the board."""

BOARDS: Final[Sequence[BoardName]] = ("operator", "operator_group", "widget")

SpanName: TypeAlias = Literal["today", "7 days", "28 days", "this quarter", "this year"]
"""How long a range is."""

SPANS: Final[dict[SpanName, Sequence[GranularityName]]] = {
    "today": ("hour", "quarter_hour"),
    "7 days": ("day", "hour"),
    "28 days": ("day", "week"),
    "this quarter": ("week", "day", "month"),
    "this year": ("month", "week", "day"),
}
"""The ranges, with the widths of a bucket that make a chart of them; the first one is the usual one."""


class Column(NamedTuple):
    """A number on the board, by which it can be sorted."""

    heading: str
    kpi_id: str
    measure: Literal["count", "mean", "rate"]


COLUMNS: Final[Sequence[Sequence[Column]]] = (
    (
        Column("Mean\nrating", "satisfaction_score", "mean"),
        Column("\nRatings", "satisfaction_score", "count"),
        Column("Feed-\nback", "feedback_count", "count"),
        Column("\nGoals", "goals_reached", "count"),
        Column("\nTopics", "conversation_topics", "count"),
        Column("Unans.\nlive", "unanswered_live_conversations", "count"),
        Column("Unans.\nended", "unanswered_ended_conversations", "count"),
    ),
    (
        Column("Re-\nceived", "conversations_received", "count"),
        Column("Live\nansw.", "live_answer_rate", "rate"),
        Column("First\nresp.", "first_response_time", "mean"),
        Column("\nResp.", "response_time", "mean"),
        Column("Conv.\nlasts", "conversation_duration", "mean"),
        Column("Mes-\nsages", "messages", "count"),
        Column("Re-\nassign.", "reassignments", "count"),
    ),
    (
        Column("Live\nansw.", "live_answer_rate", "rate"),
        Column("Unans.\nended", "unanswered_ended_rate", "rate"),
        Column("Re-\nreached", "offline_reassignment_rate", "rate"),
        Column("\nRated", "rating_rate", "rate"),
        Column("Feed-\nback", "feedback_rate", "rate"),
        Column("\nGoals", "goal_rate", "rate"),
        Column("\nTopics", "topic_rate", "rate"),
    ),
)
"""Beside the KPIs of part one of the rules, of part two, and beside the rates."""

_Name = TypeVar("_Name")

_ORDERS: Final[dict[tuple[str, bool], OrderName]] = {
    ("count", False): "count",
    ("count", True): "-count",
    ("mean", False): "mean",
    ("mean", True): "-mean",
    ("rate", False): "rate",
    ("rate", True): "-rate",
}


class Period(NamedTuple):
    """A range and the one that it is compared with."""

    start: datetime
    end: datetime
    before_start: datetime
    before_end: datetime


@dataclass(frozen=True)
class View:
    """What is looked at."""

    span: SpanName = "7 days"
    granularity: GranularityName = "day"
    board: BoardName = "operator"
    page: int = 0
    """Which KPIs, from 0; the board has the columns that belong to them."""
    sorted_by: int = 0
    """Which column, from 0."""
    descending: bool = True
    slice: tuple[tuple[BoardName, str], ...] = ()
    """Only of these, each kind once, in the order in which they were chosen; the empty id is nobody."""

    @property
    def columns(self) -> Sequence[Column]:
        """Of the board."""
        return COLUMNS[self.page]

    def paged(self, pages: int) -> "View":
        """With the next KPIs; after the last of so many pages, the first ones."""
        return replace(self, page=(self.page + 1) % min(pages, len(COLUMNS)), sorted_by=0, descending=True)

    def ranged(self, span: SpanName) -> "View":
        """Over another range, with its usual buckets."""
        return replace(self, span=span, granularity=SPANS[span][0])

    def regrained(self) -> "View":
        """With the next width of a bucket."""
        return replace(self, granularity=_next(SPANS[self.span], self.granularity))

    def reboarded(self) -> "View":
        """With the next kind on the board."""
        return replace(self, board=_next(BOARDS, self.board))

    def resorted(self) -> "View":
        """By the next column, the largest first."""
        return replace(self, sorted_by=(self.sorted_by + 1) % len(self.columns), descending=True)

    def reversed(self) -> "View":
        """The other way round."""
        return replace(self, descending=not self.descending)

    def narrowed(self, chosen: str) -> "View":
        """Only of a row of the board; the board shows the next kind then, as this one has a single row left."""
        kept = tuple(part for part in self.slice if part[0] != self.board)
        sliced = replace(self, slice=(*kept, (self.board, chosen)))
        free = [board for board in BOARDS if board not in {kind for kind, _ in sliced.slice}]
        return replace(sliced, board=free[0]) if free else sliced

    def widened(self) -> "View":
        """Without what was chosen last; the board shows its kind again."""
        return replace(self, slice=self.slice[:-1], board=self.slice[-1][0]) if self.slice else self


def period_of(span: SpanName, now: datetime, zone: ZoneInfo) -> Period:
    """The range as it is now, and the one before."""
    since = now - datetime.min.replace(tzinfo=UTC)
    end = (now - since % _QUARTER_HOUR + _QUARTER_HOUR).astimezone(zone)
    today = now.astimezone(zone).date()
    first, first_before = _firsts(span, today)
    start, before_start = _midnight(first, zone), _midnight(first_before, zone)
    over = end - _QUARTER_HOUR
    # In the first quarter of an hour none is over yet, and a comparison with nothing would be none.
    reached = over if over > start else end
    before_end = datetime.combine(first_before + (reached.date() - first), reached.time(), zone)
    # A quarter, or a year, may be longer than the one before.
    return Period(*(moment.astimezone(UTC) for moment in (start, end, before_start, min(before_end, start))))


def _firsts(span: SpanName, today: date) -> tuple[date, date]:
    """The first day of the range, and of the one before."""
    match span:
        case "today":
            return today, today - timedelta(days=1)
        case "7 days" | "28 days":
            days = 7 if span == "7 days" else 28
            first = today - timedelta(days=days - 1)
            return first, first - timedelta(days=days)
        case "this quarter":
            first = today.replace(month=today.month - (today.month - 1) % _MONTHS_OF_QUARTER, day=1)
            last = first - timedelta(days=1)
            return first, last.replace(month=last.month - _MONTHS_OF_QUARTER + 1, day=1)
        case "this year":
            return date(today.year, 1, 1), date(today.year - 1, 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def slice_of(view: View, period: Period, zone: ZoneInfo) -> SliceOptions:
    """What is counted in the view."""
    return SliceOptions(start=period.start, end=period.end, time_zone=str(zone), where=_filter(view))


def questions(view: View, period: Period, zone: ZoneInfo, kpi_ids: Sequence[str]) -> list[Query]:
    """A whole picture in one batch: the totals beside those before, the series, the board."""
    options = slice_of(view, period, zone)
    column = view.columns[view.sorted_by]
    return [
        totals(kpi_ids, **options, compare_to=(period.before_start, period.before_end)),
        series(kpi_ids, **options, granularity=view.granularity),
        totals(
            dict.fromkeys(column.kpi_id for column in view.columns),
            **options,
            group_by=[view.board],
            order_by=_ORDERS[column.measure, view.descending],
            order_kpi=column.kpi_id,
            top=ROWS_MAX,
            include_rest=True,
            include_names=True,
        ),
    ]


def _filter(view: View) -> Filter:
    where = Filter()
    fields = {"operator": where.operators, "operator_group": where.operator_groups, "widget": where.widgets}
    for kind, chosen in view.slice:
        fields[kind].CopyFrom(IdFilter(any_of=[chosen]))
    return where


def _next(names: Sequence[_Name], name: _Name) -> _Name:
    return names[(names.index(name) + 1) % len(names)]
