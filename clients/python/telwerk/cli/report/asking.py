"""What a report asks: everything in one call, so that all its numbers are of the same moment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar, Unpack

from telwerk.cli.presentation import PERCENTILES
from telwerk.client import Telwerk
from telwerk.errors import InvalidArgumentError
from telwerk.names import Names
from telwerk.queries import GranularityName, Query, SliceOptions, series, totals
from telwerk.v1.kpi_service_pb2 import Kpi, QueryTimeSeriesResponse, QueryTotalsResponse, ValueKind

ROWS_MAX: Final = 40
"""Operators, groups, goals and topics that are listed; all others are summed up in one more row."""

ANSWERS_MAX: Final = 200
"""Answers of a survey, over all its questions."""

_Response = TypeVar("_Response", QueryTimeSeriesResponse, QueryTotalsResponse)


class _Keyed(SliceOptions, total=False):
    """A slice, of which the ids come with their display names."""

    include_names: bool


@dataclass(frozen=True)
class Part(Generic[_Response]):
    """One question's answer, or why there is none."""

    answer: _Response | None
    error: InvalidArgumentError | None


@dataclass(frozen=True)
class Survey:
    """The answers of a survey."""

    questions: Part[QueryTotalsResponse]
    options: Part[QueryTotalsResponse]


@dataclass(frozen=True)
class Answers:
    """All that a report shows, of one consistent state of the account."""

    totals: QueryTotalsResponse
    """All KPIs, beside the previous period."""
    series: QueryTimeSeriesResponse
    """All KPIs over time, beside the previous period."""
    goals: Part[QueryTotalsResponse]
    topics: Part[QueryTotalsResponse]
    """By single topic."""
    combinations: Part[QueryTotalsResponse]
    """By exact set of topics."""
    surveys: dict[str, Survey]
    """By the KPI's id."""
    operators: Part[QueryTotalsResponse]
    groups: Part[QueryTotalsResponse]
    widgets: Part[QueryTotalsResponse]
    rates: Part[QueryTotalsResponse]
    """All rates, beside the previous period."""
    week: Part[QueryTotalsResponse]
    """What the heat map shows, by weekday and hour of the day."""
    durations: Part[QueryTotalsResponse]
    """The KPIs that measure durations, with the `PERCENTILES` of each."""

    @property
    def names(self) -> Names:
        """The display names that all of them carry."""
        of_surveys = [part for survey in self.surveys.values() for part in (survey.questions, survey.options)]
        parts = [self.goals, self.topics, self.combinations, self.operators, self.groups, self.widgets, *of_surveys]
        return Names(name for part in parts if part.answer is not None for name in part.answer.names)


def ask(
    telwerk: Telwerk,
    account: str,
    kpis: Sequence[Kpi],
    rates: Sequence[str],
    busy: str,
    granularity: GranularityName,
    **slice_: Unpack[SliceOptions],
) -> Answers:
    """Asks all of it in one BatchQuery. A server that has no rates, or not the KPI of the week, has no such part.

    Raises:
        InvalidArgumentError: the totals or the series cannot be had; without them there is nothing to report.
        TelwerkError: the call failed.
    """
    surveys = _of(kpis, ValueKind.VALUE_KIND_SURVEY_ANSWER)
    keyed: _Keyed = {**slice_, "include_names": True}
    queries = [
        *_of_all_kpis([kpi.kpi_id for kpi in kpis], granularity, slice_),
        *_by_value(kpis, keyed),
        *_side_by_side([kpi.kpi_id for kpi in kpis], keyed),
        totals(rates, **slice_, compare_to="previous"),
        totals(busy, **slice_, group_by=["weekday", "hour_of_day"]),
        totals(_of(kpis, ValueKind.VALUE_KIND_DURATION), **slice_, percentiles=PERCENTILES),
        *(query for survey in surveys for query in _of_survey(survey, keyed)),
    ]
    answers = telwerk.batch(account, queries)
    all_totals, over_time, goals, topics, combinations, operators, groups, widgets, *others = answers
    of_rates, week, durations, *of_surveys = others
    return Answers(
        totals=_needed(all_totals, QueryTotalsResponse),
        series=_needed(over_time, QueryTimeSeriesResponse),
        goals=_part(goals),
        topics=_part(topics),
        combinations=_part(combinations),
        surveys={
            survey: Survey(_part(questions), _part(options))
            for survey, questions, options in zip(surveys, of_surveys[::2], of_surveys[1::2], strict=True)
        },
        operators=_part(operators),
        groups=_part(groups),
        widgets=_part(widgets),
        rates=_part(of_rates),
        week=_part(week),
        durations=_part(durations),
    )


def _of_all_kpis(ids: Sequence[str], granularity: GranularityName, slice_: SliceOptions) -> list[Query]:
    return [
        totals(ids, **slice_, compare_to="previous"),
        series(ids, **slice_, granularity=granularity, compare_to="previous"),
    ]


def _by_value(kpis: Sequence[Kpi], keyed: _Keyed) -> list[Query]:
    """Goals, topics, and combinations of topics."""
    goals, topics = _of(kpis, ValueKind.VALUE_KIND_GOAL), _of(kpis, ValueKind.VALUE_KIND_TOPIC_SET)
    return [
        totals(goals, **keyed, group_by=["value"], top=ROWS_MAX, include_rest=True),
        totals(topics, **keyed, group_by=["topic"], top=ROWS_MAX),
        totals(topics, **keyed, group_by=["value"], top=ROWS_MAX, include_rest=True),
    ]


def _side_by_side(ids: Sequence[str], keyed: _Keyed) -> list[Query]:
    """All KPIs by operator, by group and by widget."""
    return [
        totals(ids, **keyed, group_by=[by], compare_to="previous", top=ROWS_MAX, include_rest=True)
        for by in ("operator", "operator_group", "widget")
    ]


def _of_survey(survey: str, keyed: _Keyed) -> list[Query]:
    """Its questions, and the options of each."""
    return [
        totals(survey, **keyed, group_by=["question"], top=ROWS_MAX, include_rest=True),
        totals(survey, **keyed, group_by=["value"], top=ANSWERS_MAX, include_rest=True),
    ]


def _of(kpis: Sequence[Kpi], kind: "ValueKind.ValueType") -> list[str]:
    """The KPIs whose facts carry such a value; of these kinds there is one each."""
    return [kpi.kpi_id for kpi in kpis if kpi.value_kind == kind]


def _needed(
    answer: QueryTimeSeriesResponse | QueryTotalsResponse | InvalidArgumentError, kind: type[_Response]
) -> _Response:
    if isinstance(answer, InvalidArgumentError):
        raise answer
    assert isinstance(answer, kind)  # noqa: S101 - the server answers each question with its own kind
    return answer


def _part(answer: QueryTimeSeriesResponse | QueryTotalsResponse | InvalidArgumentError) -> Part[QueryTotalsResponse]:
    if isinstance(answer, InvalidArgumentError):
        return Part(None, answer)
    return Part(_needed(answer, QueryTotalsResponse), None)
