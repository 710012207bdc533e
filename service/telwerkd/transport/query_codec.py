"""Between `telwerk.v1` queries and the application's."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Literal, TypeVar

import numpy as np

from telwerk.v1 import event_pb2, kpi_service_pb2 as pb
from telwerkd.application.explain import Explanation, Place
from telwerkd.application.query import Answer, Filter, Ids, Key, KpiRows, Query, Row, Topics
from telwerkd.domain.calendar import QUARTER_HOUR_MICROS, Granularity
from telwerkd.domain.facts import Fact, Kpi, OfflineAssignment, answer_value, topics_value, value_answer, value_topics
from telwerkd.domain.ids import AccountId, ConversationId, Micros
from telwerkd.domain.kpis import Dimension, KpiInfo, ValueKind, by_id
from telwerkd.domain.ranges import DateRange, QuarterRange
from telwerkd.domain.texts import Language
from telwerkd.transport import page_tokens
from telwerkd.transport.event_codec import STARS_MAX, EventDecoder, FieldError, action, choices, instant
from telwerkd.transport.settings_codec import encode_instant

T = TypeVar("T")

_QUARTER_SECONDS = QUARTER_HOUR_MICROS // 1_000_000
_KPIS_MAX = len(Kpi)
_FILTER_IDS_MAX = 1_000
"""Ids, topics or values in one list of a filter."""

_PAGE_SIZE = 50
PAGE_SIZE_MAX = 1_000


def decode_series(request: pb.QueryTimeSeriesRequest, decoder: EventDecoder) -> Query:
    """The query of a time series.

    Raises:
        InvalidArgumentError: a field is wrong.
    """
    try:
        granularity = Granularity(request.granularity)
    except ValueError:
        raise FieldError(
            "granularity", f"{request.granularity} is not one of {choices(pb.Granularity.keys())}"
        ) from None
    return _decode(request, granularity, decoder)


def decode_totals(request: pb.QueryTotalsRequest, decoder: EventDecoder) -> Query:
    """The query of totals.

    Raises:
        InvalidArgumentError: a field is wrong.
    """
    return _decode(request, None, decoder)


def _decode(
    request: pb.QueryTimeSeriesRequest | pb.QueryTotalsRequest, granularity: Granularity | None, decoder: EventDecoder
) -> Query:
    return Query(
        AccountId(decoder.id("account_id", request.account_id)),
        _kpis(request.kpi_ids),
        _range(request.range),
        granularity,
        request.time_zone or None,
        _filter(request.filter, decoder),
        _group_by(request.group_by),
    )


def _kpis(ids: Sequence[str]) -> tuple[KpiInfo, ...]:
    if not ids:
        raise FieldError("kpi_ids", "at least one KPI is required")
    if len(ids) > _KPIS_MAX or len(set(ids)) < len(ids):
        raise FieldError("kpi_ids", "each KPI may be named once")
    return tuple(by_id(kpi_id) for kpi_id in ids)


def _range(message: pb.TimeRange) -> QuarterRange | DateRange:
    match message.WhichOneof("bounds"):
        case "instants":
            start = _quarter(message.instants, "start_time")
            end = _quarter(message.instants, "end_time")
            if end <= start:
                raise FieldError("range.instants.end_time", "must be later than the start")
            return QuarterRange(start, end)
        case "dates":
            first = _date("range.dates.start_date", message.dates.start_date)
            last = _date("range.dates.end_date", message.dates.end_date)
            if last <= first:
                raise FieldError("range.dates.end_date", "must be later than the start")
            return DateRange(first, last)
        case _:
            raise FieldError("range", "instants or dates are required")


def _quarter(message: pb.InstantRange, name: Literal["start_time", "end_time"]) -> int:
    field = f"range.instants.{name}"
    if not message.HasField(name):
        raise FieldError(field, "is required")
    quarter, rest = divmod(instant(field, getattr(message, name)), QUARTER_HOUR_MICROS)
    if rest:
        raise FieldError(field, "must lie on a quarter of an hour: that is the resolution of the counters")
    return quarter


def _date(field: str, message: pb.CalendarDate) -> date:
    try:
        day = date(message.year, message.month, message.day)
    except ValueError:
        raise FieldError(field, f"{message.year}-{message.month}-{message.day} is not a date") from None
    if not 2000 <= day.year <= 2199:  # noqa: PLR2004  # what the calendar knows
        raise FieldError(field, f"{day} is not from 2000-01-01 to 2199-12-31")
    return day


def _group_by(numbers: Sequence[int]) -> tuple[Dimension, ...]:
    dimensions: list[Dimension] = []
    for i, number in enumerate(numbers):
        try:
            dimension = Dimension(number)
        except ValueError:
            raise FieldError(f"group_by[{i}]", f"{number} is not one of {choices(pb.Dimension.keys())}") from None
        if dimension in dimensions:
            raise FieldError(f"group_by[{i}]", f"{dimension.name} is there twice")
        dimensions.append(dimension)
    if {Dimension.VALUE, Dimension.TOPIC} <= set(dimensions):
        raise FieldError("group_by", "value and topic exclude each other: exact sets add up, single topics overlap")
    return tuple(dimensions)


def _filter(message: pb.Filter, decoder: EventDecoder) -> Filter:
    values, kinds = _values("filter.values", message.values, decoder)
    return Filter(
        _ids("filter.operators", message.operators, decoder),
        _ids("filter.operator_groups", message.operator_groups, decoder),
        _ids("filter.widgets", message.widgets, decoder),
        values,
        kinds,
        _topics("filter.topics", message.topics, decoder),
    )


def _ids(field: str, message: pb.IdFilter, decoder: EventDecoder) -> Ids:
    """The condition. The empty id is "nobody"."""
    any_of = _checked(f"{field}.any_of", message.any_of, decoder.optional_id)
    none_of = _checked(f"{field}.none_of", message.none_of, decoder.optional_id)
    _check_disjoint(field, "any_of", any_of, none_of)
    return Ids(frozenset(any_of), frozenset(none_of))


def _topics(field: str, message: pb.TopicFilter, decoder: EventDecoder) -> Topics:
    any_of = _checked(f"{field}.any_of", message.any_of, decoder.id)
    all_of = _checked(f"{field}.all_of", message.all_of, decoder.id)
    none_of = _checked(f"{field}.none_of", message.none_of, decoder.id)
    _check_disjoint(field, "any_of", any_of, none_of)
    _check_disjoint(field, "all_of", all_of, none_of)
    return Topics(frozenset(any_of), frozenset(all_of), frozenset(none_of))


def _values(field: str, message: pb.ValueFilter, decoder: EventDecoder) -> tuple[Ids, frozenset[ValueKind]]:
    """The condition, and the kinds of value in it."""
    kinds: set[ValueKind] = set()

    def decode(path: str, value: pb.Value) -> str:
        kind, decoded = _value(path, value, decoder)
        kinds.add(kind)
        return decoded

    any_of = _checked(f"{field}.any_of", message.any_of, decode)
    none_of = _checked(f"{field}.none_of", message.none_of, decode)
    if len(kinds) == 1:  # else what looks equal may be of two kinds, which is refused later
        _check_disjoint(field, "any_of", any_of, none_of)
    return Ids(frozenset(any_of), frozenset(none_of)), frozenset(kinds)


def _checked(field: str, wanted: Sequence[T], check: Callable[[str, T], str]) -> list[str]:
    """The entries of a list of a filter, each checked."""
    if len(wanted) > _FILTER_IDS_MAX:
        raise FieldError(field, f"has {len(wanted)} entries, at most {_FILTER_IDS_MAX} are allowed")
    return [check(f"{field}[{i}]", entry) for i, entry in enumerate(wanted)]


def _check_disjoint(field: str, name: str, wanted: Sequence[str], unwanted: Sequence[str]) -> None:
    if both := set(wanted) & set(unwanted):
        raise FieldError(field, f"{min(both)!r} is both wanted ({name}) and unwanted (none_of)")


def _value(field: str, message: pb.Value, decoder: EventDecoder) -> tuple[ValueKind, str]:
    match message.WhichOneof("kind"):
        case "stars":
            if not 1 <= message.stars <= STARS_MAX:
                raise FieldError(f"{field}.stars", f"must be from 1 to {STARS_MAX}, is {message.stars}")
            return ValueKind.STARS, str(message.stars)
        case "action":
            return ValueKind.INACTIVITY_ACTION, str(int(action(f"{field}.action", message.action)))
        case "offline_assignment":
            outcome = _offline_assignment(f"{field}.offline_assignment", message.offline_assignment)
            return ValueKind.OFFLINE_ASSIGNMENT, str(outcome)
        case "goal_id":
            return ValueKind.GOAL, decoder.id(f"{field}.goal_id", message.goal_id)
        case "topics":
            topics = _checked(f"{field}.topics.topic_ids", message.topics.topic_ids, decoder.id)
            return ValueKind.TOPIC_SET, topics_value(topics)
        case "answer":
            question = decoder.id(f"{field}.answer.question_id", message.answer.question_id)
            option = decoder.id(f"{field}.answer.option_id", message.answer.option_id)
            return ValueKind.SURVEY_ANSWER, answer_value(question, option)
        case _:
            raise FieldError(field, "a kind of value is required")


def _offline_assignment(field: str, number: int) -> int:
    try:
        return int(OfflineAssignment(number))
    except ValueError:
        names = choices(pb.OfflineAssignment.keys())
        raise FieldError(field, f"{number} is not one of {names}") from None


def decode_explain(request: pb.ExplainCountRequest, decoder: EventDecoder) -> tuple[Query, Place | None, int]:
    """The query of an explanation, the place after which its page begins, and the page's size.

    Raises:
        InvalidArgumentError: a field is wrong, or the token is not of this query.
    """
    if not 0 <= request.page_size <= PAGE_SIZE_MAX:
        raise FieldError("page_size", f"must be from 1 to {PAGE_SIZE_MAX}, is {request.page_size}")
    query = Query(
        AccountId(decoder.id("account_id", request.account_id)),
        _kpis([request.kpi_id] if request.kpi_id else []),
        _range(request.range),
        None,
        request.time_zone or None,
        _filter(request.filter, decoder),
        (),
    )
    place = None
    if request.page_token:
        last_time, conversation = page_tokens.decode(request, request.page_token)
        place = Micros(last_time), ConversationId(conversation)
    return query, place, request.page_size or _PAGE_SIZE


def encode_explanation(request: pb.ExplainCountRequest, page: Explanation) -> pb.ExplainCountResponse:
    """A page of an explanation as a message."""
    kind = by_id(request.kpi_id).value_kind
    return pb.ExplainCountResponse(
        conversations=[
            pb.ConversationExplanation(
                conversation_id=explained.conversation,
                counted=[_explained_fact(kind, fact) for fact in explained.counted],
                held_back=[_explained_fact(kind, fact) for fact in explained.held_back],
                left_out=[
                    pb.LeftOutEvent(
                        event_id=event.event_id,
                        occur_time=encode_instant(event.occur_time),
                        rule=event.rule.name,
                        description=event.rule.value,
                    )
                    for event in explained.left_out
                ],
            )
            for explained in page.conversations
        ],
        next_page_token=page_tokens.encode(request, *page.next) if page.next else "",
        unexplainable_count=page.unexplainable,
        complete_until=encode_instant(page.complete_until),
    )


def _explained_fact(kind: ValueKind, fact: Fact) -> pb.ExplainedFact:
    return pb.ExplainedFact(
        event_id=fact.event_id,
        instant=encode_instant(fact.instant),
        operator_id=fact.operator,
        operator_group_id=fact.group,
        widget_id=fact.widget,
        value=None if kind is ValueKind.NONE else encode_value(kind, fact.value),
    )


def encode_series(answer: Answer, *, sparse: bool, distribution: bool) -> pb.QueryTimeSeriesResponse:
    """A time series as a message."""
    starts = answer.buckets.edges * _QUARTER_SECONDS
    response = pb.QueryTimeSeriesResponse(
        bucket_start_seconds=starts[:-1].tolist(),
        end_seconds=int(starts[-1]),
        first_bucket_clipped=answer.buckets.first_clipped,
        last_bucket_clipped=answer.buckets.last_clipped,
        answers=[_answer(rows) for rows in answer.kpis],
        time_zone=answer.time_zone,
        complete_until=encode_instant(answer.complete_until),
    )
    for rows in answer.kpis:
        for row in rows.rows:
            response.series.append(_series(rows.info, row, sparse=sparse, distribution=distribution))
    return response


def _series(info: KpiInfo, row: Row, *, sparse: bool, distribution: bool) -> pb.Series:
    shown = np.flatnonzero(row.counts) if sparse else slice(None)
    series = pb.Series(
        kpi_id=info.id,
        key=_key(info, row.key),
        bucket_indexes=shown.tolist() if isinstance(shown, np.ndarray) else None,
        counts=row.counts[shown].tolist(),
        sums=None if row.sums is None else row.sums[shown].tolist(),
    )
    if distribution and row.distribution is not None:
        for known, counts in zip(info.values, row.distribution, strict=True):
            value = encode_value(info.value_kind, known.value)
            series.distribution.append(pb.Distribution(value=value, counts=counts[shown].tolist()))
    return series


def encode_totals(answer: Answer) -> pb.QueryTotalsResponse:
    """Totals as a message."""
    return pb.QueryTotalsResponse(
        totals=[_total(rows.info, row) for rows in answer.kpis for row in rows.rows],
        answers=[_answer(rows) for rows in answer.kpis],
        time_zone=answer.time_zone,
        complete_until=encode_instant(answer.complete_until),
    )


def _total(info: KpiInfo, row: Row) -> pb.Total:
    count = int(row.counts[0])
    total = pb.Total(kpi_id=info.id, key=_key(info, row.key), count=count)
    if row.sums is not None:
        total.sum = int(row.sums[0])
        if count:
            total.mean = total.sum / count
    if row.distribution is not None:
        for known, counts in zip(info.values, row.distribution, strict=True):
            total.distribution.append(
                pb.ValueCount(value=encode_value(info.value_kind, known.value), count=int(counts[0]))
            )
    return total


def _answer(rows: KpiRows) -> pb.KpiAnswer:
    enabled = pb.AVAILABILITY_AVAILABLE if rows.enabled else pb.AVAILABILITY_NOT_ENABLED
    return pb.KpiAnswer(
        kpi_id=rows.info.id,
        unit=rows.info.texts[Language.EN].unit,
        held_back_count=rows.held_back,
        availability=enabled,
        overlapping=rows.overlapping,
    )


def _key(info: KpiInfo, key: Key) -> pb.Key:
    return pb.Key(
        operator_id=key.operator,
        operator_group_id=key.group,
        widget_id=key.widget,
        value=None if key.value is None else encode_value(info.value_kind, key.value),
        topic_id=key.topic,
    )


def encode_value(kind: ValueKind, value: str) -> pb.Value:  # noqa: PLR0911  # one case a kind
    """A fact's value as a message."""
    match kind:
        case ValueKind.STARS:
            return pb.Value(stars=int(value))
        case ValueKind.INACTIVITY_ACTION:
            return pb.Value(action=event_pb2.InactivityAction.ValueType(int(value)))
        case ValueKind.OFFLINE_ASSIGNMENT:
            return pb.Value(offline_assignment=pb.OfflineAssignment.ValueType(OfflineAssignment(int(value))))
        case ValueKind.GOAL:
            return pb.Value(goal_id=value)
        case ValueKind.TOPIC_SET:
            return pb.Value(topics=pb.TopicSet(topic_ids=value_topics(value)))
        case ValueKind.SURVEY_ANSWER:
            question, option = value_answer(value)
            return pb.Value(answer=event_pb2.SurveyAnswer(question_id=question, option_id=option))
        case ValueKind.NONE:
            return pb.Value()
