"""The types of a query, and its validation against the catalogue."""

import enum
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import msgspec

from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.rates import RateInfo
from telwerkd.domain.catalogue.specs import TIMES_OF_WEEK, Dimension, ValueKind
from telwerkd.domain.catalogue.values import value_answer, value_topics
from telwerkd.domain.counting.measures import has_durations
from telwerkd.domain.errors import InvalidArgumentError, Reason, RequestPart
from telwerkd.domain.ids import AccountId, Micros
from telwerkd.domain.time.calendar import Granularity
from telwerkd.domain.time.ranges import Range


class QueryLimits(msgspec.Struct, frozen=True):
    """Limits of one query, or one batch of queries."""

    buckets_max: int = 40_000
    """Buckets of a series; a year of quarter-hours is 35,136."""
    points_max: int = 2_000_000
    """Numbers of an answer: series times buckets, and times values where each value has its own."""
    groups_max: int = 10_000
    """Keys of an answer without pages."""
    as_of_events_max: int = 200_000
    """Events that are folded for a question as of an instant; each takes about 30 us."""
    rows_max: int = 150_000
    """Rows of chunks that an answer is made of, see `RowBudget`. All KPIs of a year by 1,000 operators are 130,000;
    each takes 5 us and 1.3 kB."""


class Ids(NamedTuple):
    """A condition on a dimension. Empty `any_of`: no condition."""

    any_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.any_of or self.none_of)

    def keeps(self, name: str) -> bool:
        """Whether the condition holds for `name`."""
        return (not self.any_of or name in self.any_of) and name not in self.none_of


class Topics(NamedTuple):
    """A condition on the topics of a set."""

    any_of: frozenset[str] = frozenset()
    all_of: frozenset[str] = frozenset()
    none_of: frozenset[str] = frozenset()
    exactly: frozenset[str] = frozenset()
    """Empty: no condition, for no set that is counted is empty."""

    def __bool__(self) -> bool:
        return any(self)

    def keeps(self, value: str) -> bool:
        """Whether the condition holds for a value of KPI 8."""
        topics = frozenset(value_topics(value))
        return (
            (not self.any_of or not self.any_of.isdisjoint(topics))
            and self.all_of <= topics
            and self.none_of.isdisjoint(topics)
            and (not self.exactly or self.exactly == topics)
        )


class Filter(NamedTuple):
    """Conditions on facts; those of different dimensions must all hold."""

    operators: Ids = Ids()
    groups: Ids = Ids()
    widgets: Ids = Ids()
    values: Ids = Ids()
    value_kinds: frozenset[ValueKind] = frozenset()
    """The kinds of the `values`."""
    topics: Topics = Topics()
    questions: Ids = Ids()

    def keeps(self, operator: str, group: str, widget: str) -> bool:
        """Whether the conditions on operator, group and widget hold."""
        return self.operators.keeps(operator) and self.groups.keeps(group) and self.widgets.keeps(widget)

    def keeps_value(self, value: str) -> bool:
        """Whether the conditions on values, topics and questions hold for a fact's value."""
        return (
            self.values.keeps(value)
            and (not self.topics or self.topics.keeps(value))
            and (not self.questions or self.questions.keeps(value_answer(value)[0]))
        )


class PreviousPeriod(enum.Enum):
    """Marks a comparison with the period just before."""

    PREVIOUS = "previous"


class Automatic(enum.Enum):
    """Marks a granularity that follows from the length of the range."""

    AUTOMATIC = "automatic"


class OrderMeasure(enum.IntEnum):
    """The total of the range by which rows are ordered. The numbers are the contract's."""

    KEY = 1
    COUNT = 2
    SUM = 3
    MEAN = 4
    COUNT_DELTA = 5
    COUNT_CHANGE = 6
    MEAN_DELTA = 7
    PERCENTILE = 8
    RATE = 9
    RATE_DELTA = 10


NEEDS_COMPARISON = frozenset(
    {OrderMeasure.COUNT_DELTA, OrderMeasure.COUNT_CHANGE, OrderMeasure.MEAN_DELTA, OrderMeasure.RATE_DELTA}
)
NEEDS_RATE = frozenset({OrderMeasure.RATE, OrderMeasure.RATE_DELTA})
NEEDS_MEAN = frozenset({OrderMeasure.SUM, OrderMeasure.MEAN, OrderMeasure.MEAN_DELTA})


class Order(NamedTuple):
    """The order of rows. Ties are ordered by key; rows without the number come last."""

    measure: OrderMeasure = OrderMeasure.KEY
    descending: bool = False
    kpi: int = 0
    """The KPI whose numbers decide: an index into the query's KPIs."""
    percentile: float | None = None
    """The percentile, 0 to 1, where `measure` is one."""


RawKey: TypeAlias = tuple[str, ...]
"""The ids of a row's key, in the order of `GroupKey`, without those that were not grouped by."""


class RowPosition(NamedTuple):
    """The position of a row in an order: the cursor of pages."""

    absent: bool
    """Whether the row lacks the number of the order."""
    number: float
    """The number to sort by, ascending whatever the order's direction."""
    key: RawKey


class Top(NamedTuple):
    """Only the first `size` keys; with `rest`, all others summed up in one more row."""

    size: int
    rest: bool
    min_below: int = 0
    """For a rate: only keys with at least this denominator; the others are part of the rest."""


class Page(NamedTuple):
    """Only the keys after a cursor."""

    size: int
    after: RowPosition | None = None


class Query(NamedTuple):
    """A question about an account. `granularity` is None for totals: one bucket."""

    account: AccountId
    kpis: tuple[KpiInfo, ...]
    range: Range
    granularity: Granularity | Automatic | None
    time_zone: str | None
    filter: Filter
    group_by: tuple[Dimension, ...]
    compare_to: Range | PreviousPeriod | None = None
    order: Order = Order()
    top: Top | None = None
    page: Page | None = None
    include_names: bool = False
    """The answer has the display names of its ids."""
    percentiles: tuple[float, ...] = ()
    """The requested percentiles of durations, 0 to 1 each."""
    include_histogram: bool = False
    """Whether the answer has a histogram of durations."""
    as_of: Micros | None = None
    """What was known at this instant; None: what is known now (R-ASOF-2)."""


# --- Checks ----------------------------------------------------------------------------------------------------------


def check(query: Query) -> None:
    """Checks that every KPI has the dimensions and the kind of values that the query uses, and the order its numbers.

    Raises:
        InvalidArgumentError: one has not.
    """
    for info in query.kpis:
        _check_kpi(query, info)
    chosen = query.top or query.page or query.order.measure is not OrderMeasure.KEY
    if chosen and Dimension.VALUE in query.group_by and len({info.value_kind for info in query.kpis}) > 1:
        raise InvalidArgumentError.of(
            RequestPart.GROUPING,
            "the KPIs have values of different kinds, which have no order in common: ask for each by itself, or in the "
            "order of keys",
        )
    measure, decisive = query.order.measure, query.kpis[query.order.kpi]
    if measure in NEEDS_COMPARISON and query.compare_to is None:
        raise InvalidArgumentError.of(RequestPart.ORDER_MEASURE, f"{measure.name.lower()} needs `compare_to`")
    if measure in NEEDS_MEAN and not decisive.has_mean:
        raise InvalidArgumentError.of(
            RequestPart.ORDER_MEASURE, f"{decisive.id} has no mean: order by key, count, count_delta or count_change"
        )
    if measure in NEEDS_RATE and not isinstance(decisive, RateInfo):
        raise InvalidArgumentError.of(
            RequestPart.ORDER_MEASURE, f"{decisive.id} is no rate: order by key, count, count_delta or count_change"
        )
    if measure is OrderMeasure.PERCENTILE:
        _check_durations(decisive, RequestPart.ORDER_MEASURE)


def _check_durations(info: KpiInfo, part: RequestPart) -> None:
    if not has_durations(info.kpi):
        raise InvalidArgumentError.of(
            part,
            f"{info.id} counts no durations, so it has no percentiles and no histogram: ask for it without",
            Reason.NO_DURATIONS,
        )


def _check_kpi(query: Query, info: KpiInfo) -> None:
    if query.percentiles:
        _check_durations(info, RequestPart.PERCENTILES)
    if query.include_histogram:
        _check_durations(info, RequestPart.HISTOGRAM)
    used = {*query.group_by, *_filtered(query.filter)}
    missing = sorted(dimension.name.lower() for dimension in used - set(info.dimensions) - TIMES_OF_WEEK)
    if missing:
        has = ", ".join(dimension.name.lower() for dimension in info.dimensions)
        raise InvalidArgumentError.of(
            RequestPart.GROUPING if set(query.group_by) - set(info.dimensions) - TIMES_OF_WEEK else RequestPart.FILTER,
            f"{info.id} has no dimension {', '.join(missing)}; it has {has}",
            Reason.UNKNOWN_DIMENSION,
        )
    foreign = query.filter.value_kinds - {info.value_kind}
    if foreign:
        raise InvalidArgumentError.of(
            RequestPart.FILTERED_VALUES,
            f"{info.id} has values of the kind {info.value_kind.name.lower()}, "
            f"not {', '.join(sorted(kind.name.lower() for kind in foreign))}",
        )


def _filtered(conditions: Filter) -> Iterator[Dimension]:
    for condition, dimension in (
        (conditions.operators, Dimension.OPERATOR),
        (conditions.groups, Dimension.OPERATOR_GROUP),
        (conditions.widgets, Dimension.WIDGET),
        (conditions.values, Dimension.VALUE),
        (conditions.topics, Dimension.TOPIC),
        (conditions.questions, Dimension.QUESTION),
    ):
        if condition:
            yield dimension
