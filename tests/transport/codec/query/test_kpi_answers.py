"""About each KPI of a reply: what is absent is not told as 0, and nobody not as absent."""

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import event_pb2, kpi_service_pb2 as pb
from telwerkd.application.query.result import GrandTotal, GroupKey
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.rates import RATES
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.texts import Language
from telwerkd.domain.catalogue.values import answer_value
from telwerkd.domain.ids import Micros
from telwerkd.transport.codec.query.kpi_answers import encode_key, encode_kpi_answer
from tests.transport.codec.query.answers_made import FEEDBACK, SCORE, of_kpi, row

SURVEY = CATALOGUE[Kpi.POST_CHAT_SURVEY_RESULTS]


@pytest.mark.parametrize(
    ("is_counted", "enabled", "told"),
    [
        (True, True, pb.AVAILABILITY_AVAILABLE),
        (True, False, pb.AVAILABILITY_NOT_ENABLED),
        (False, True, pb.AVAILABILITY_NOT_YET_COUNTED),
        (False, False, pb.AVAILABILITY_NOT_YET_COUNTED),
    ],
)
def test_a_kpi_that_is_not_counted_yet_is_that_before_all(
    is_counted: bool,  # noqa: FBT001  # pytest's
    enabled: bool,  # noqa: FBT001  # pytest's
    told: pb.Availability.ValueType,
) -> None:
    """Where there are no numbers, nothing else can be said of them."""
    assert encode_kpi_answer(of_kpi(FEEDBACK, is_counted=is_counted, enabled=enabled)).availability == told


def test_the_totals_of_both_periods_are_told() -> None:
    """Also of a rate, whose line has something below it; and what belongs to all of it."""
    rows = of_kpi(
        RATES["goal_rate"],
        row(3),
        summed=GrandTotal(3, 13, 4, ((0.5, 7.0),), ((1, 2, 3),)),
        compared=GrandTotal(5, 15, 6),
        row_count=9,
        held_back=2,
        overlapping=True,
        not_enabled=["w"],
        unscheduled=("x", "y"),
    )
    assert encode_kpi_answer(rows) == pb.KpiAnswer(
        kpi_id="goal_rate",
        unit=RATES["goal_rate"].texts[Language.EN].unit,
        held_back_count=2,
        availability=pb.AVAILABILITY_AVAILABLE,
        overlapping=True,
        count=3,
        sum=13,
        below_count=4,
        compared_count=5,
        compared_sum=15,
        compared_below_count=6,
        row_count=9,
        not_enabled_widget_ids=["w"],
        unscheduled_widget_ids=["x", "y"],
        percentiles=[pb.Percentile(percentile=0.5, value=7)],
        histogram=[pb.HistogramBin(lower=1, upper=2, count=3)],
    )


def test_from_when_a_kpi_is_known_is_told_only_where_it_is_not_known_of_all() -> None:
    """R-ANEW-7."""
    assert not encode_kpi_answer(of_kpi(FEEDBACK)).HasField("known_from")
    partly = encode_kpi_answer(of_kpi(FEEDBACK, known_from=Micros(5_000_007)))
    assert partly.known_from == Timestamp(seconds=5, nanos=7_000)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        (GroupKey(), pb.Key()),
        (GroupKey(operator=""), pb.Key(operator_id="")),
        (GroupKey(operator="anna", group=""), pb.Key(operator_id="anna", operator_group_id="")),
        (
            GroupKey(widget="web", topic="price", question="nps"),
            pb.Key(widget_id="web", topic_id="price", question_id="nps"),
        ),
        (GroupKey(weekday="7", hour_of_day="00"), pb.Key(weekday=7, hour_of_day=0)),
    ],
)
def test_nobody_and_midnight_are_told_and_what_was_not_grouped_by_is_not(key: GroupKey, told: pb.Key) -> None:
    """The empty id is nobody, and hour 0 an hour."""
    found = encode_key(FEEDBACK, key)
    assert found == told
    assert [field.name for field, _ in found.ListFields()] == [field.name for field, _ in told.ListFields()]


def test_the_value_of_a_key_is_of_its_kpis_kind() -> None:
    assert encode_key(SCORE, GroupKey(value="5")).value == pb.Value(stars=5)
    answer = event_pb2.SurveyAnswer(question_id="nps", option_id="9")
    assert encode_key(SURVEY, GroupKey(value=answer_value("nps", "9"))).value == pb.Value(answer=answer)
