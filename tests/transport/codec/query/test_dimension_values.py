"""Which values are asked for, of which KPIs; and what each value is told as."""

from typing import Any

import pytest

from telwerk.v1 import event_pb2, kpi_service_pb2 as pb
from telwerkd.application.dimension_values import LISTED, Asked, Found, ValuePage
from telwerkd.domain.catalogue.kpis import CATALOGUE
from telwerkd.domain.catalogue.specs import Dimension, Kpi
from telwerkd.domain.catalogue.values import answer_value, topics_value
from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.transport.codec.account.display_names import NameLimits, NameReader
from telwerkd.transport.codec.errors import described
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.codec.query.dimension_values import decode_asked, encode_values

FIELDS = FieldReader(id_bytes_max=20, url_bytes_max=20)
NAMES = NameReader(NameLimits(display_name_bytes_max=10), FIELDS)
SURVEYS = {Kpi.PRE_CHAT_SURVEY_RESULTS, Kpi.POST_CHAT_SURVEY_RESULTS}


def request(dimension: int, *kpi_ids: str, **fields: Any) -> pb.ListDimensionValuesRequest:
    return pb.ListDimensionValuesRequest(
        account_id="acme", dimension=pb.Dimension.ValueType(dimension), kpi_ids=kpi_ids, **fields
    )


def asked(of: pb.ListDimensionValuesRequest) -> Asked:
    return decode_asked(of, FIELDS, NAMES)


@pytest.mark.parametrize("dimension", [each for each in LISTED if each is not Dimension.VALUE])
def test_without_a_kpi_every_one_that_has_the_dimension_is_asked_about(dimension: Dimension) -> None:
    """All of them have a widget, and surveys alone a question."""
    found = asked(request(dimension))
    assert found.kpis == tuple(info for info in CATALOGUE.values() if dimension in info.dimensions)
    assert found.kpis
    assert (found.prefix, found.question, found.after, found.size) == ("", "", None, 100)
    if dimension is Dimension.QUESTION:
        assert {info.kpi for info in found.kpis} == SURVEYS


def test_what_is_asked_is_read() -> None:
    """A service time may be what counts."""
    found = asked(request(pb.DIMENSION_OPERATOR, "response_service_time", "feedback_count", prefix="an", page_size=7))
    assert [info.id for info in found.kpis] == ["response_service_time", "feedback_count"]
    assert (found.dimension, found.prefix, found.size) == (Dimension.OPERATOR, "an", 7)
    survey = asked(request(pb.DIMENSION_VALUE, "post_chat_survey_results", question_id="nps"))
    assert survey.question == "nps"


@pytest.mark.parametrize(
    ("of", "field", "reason", "words"),
    [
        (request(0), "dimension", "INVALID_REQUEST", "0 is not one of DIMENSION_OPERATOR"),
        (request(pb.DIMENSION_WEEKDAY), "dimension", "INVALID_REQUEST", "DIMENSION_VALUE"),
        (request(3, "feedback_count", "feedback_count"), "kpi_ids", "INVALID_REQUEST", "named once"),
        (request(3, "goal_rate"), "kpi_ids", "UNKNOWN_KPI", "no KPI has the id"),
        (request(5, "goals_reached"), "kpi_ids", "UNKNOWN_DIMENSION", "goals_reached has no dimension topic; it has"),
        (request(4), "kpi_ids", "INVALID_REQUEST", "of one KPI whose values producers choose: goals_reached"),
        (request(4, "satisfaction_score"), "kpi_ids", "INVALID_REQUEST", "producers choose"),
        (request(4, "goals_reached", "conversation_topics"), "kpi_ids", "INVALID_REQUEST", "of one KPI"),
        (request(4, "response_time"), "kpi_ids", "UNKNOWN_DIMENSION", "no dimension value"),
        (request(3, question_id="nps"), "question_id", "INVALID_REQUEST", "survey results only"),
        (request(4, "goals_reached", question_id="nps"), "question_id", "INVALID_REQUEST", "survey results only"),
        (
            request(4, "post_chat_survey_results", question_id="x" * 21),
            "question_id",
            "INVALID_REQUEST",
            "at most 20 (id_bytes_max)",
        ),
        (request(3, page_size=-1), "page_size", "INVALID_REQUEST", "from 1 to 1000"),
        (request(3, page_size=1_001), "page_size", "INVALID_REQUEST", "is 1001"),
        (request(3, page_token="x"), "page_token", "PAGE_TOKEN_INVALID", "not a token"),  # noqa: S106  # no secret
        (request(3, prefix="x" * 21), "prefix", "LIMIT_EXCEEDED", "has 21 bytes, at most 20"),
    ],
)
def test_a_wrong_question_for_ids_is_refused_by_its_field(
    of: pb.ListDimensionValuesRequest, field: str, reason: str, words: str
) -> None:
    """With what would be right. A rate has no facts, so none of its own ids."""
    with pytest.raises(InvalidArgumentError) as caught:
        asked(of)
    told = described(caught.value)
    assert (told.field, told.reason) == (field, reason)
    assert words in told.message


def test_a_page_goes_on_after_the_id_of_its_token() -> None:
    """The reply has the token; the last page has none."""
    first = request(pb.DIMENSION_OPERATOR)
    reply = encode_values(first, asked(first), ValuePage([Found("a", "")], "a", 1))
    first.page_token = pb.ListDimensionValuesResponse.FromString(reply).next_page_token
    assert asked(first).after == "a"
    last = encode_values(first, asked(first), ValuePage([], None, 1))
    assert pb.ListDimensionValuesResponse.FromString(last).next_page_token == ""


def told(of: pb.ListDimensionValuesRequest, *found: Found) -> list[pb.DimensionValue]:
    reply = encode_values(of, asked(of), ValuePage([*found], None, 1))
    return list(pb.ListDimensionValuesResponse.FromString(reply).values)


def test_an_id_is_told_with_its_name_and_nobody_as_the_empty_one() -> None:
    """In the order in which they were found."""
    assert told(request(pb.DIMENSION_OPERATOR), Found("", ""), Found("anna", "Anna")) == [
        pb.DimensionValue(),
        pb.DimensionValue(id="anna", name="Anna"),
    ]


def test_a_value_is_told_as_a_filter_takes_it_and_with_the_id_that_has_the_name() -> None:
    """Of an answer that is the option's; a set of topics has no id and no name of its own."""
    goals = request(pb.DIMENSION_VALUE, "goals_reached")
    assert told(goals, Found("order", "Order")) == [
        pb.DimensionValue(id="order", name="Order", value=pb.Value(goal_id="order"))
    ]
    answers = request(pb.DIMENSION_VALUE, "pre_chat_survey_results")
    answer = event_pb2.SurveyAnswer(question_id="nps", option_id="9")
    assert told(answers, Found(answer_value("nps", "9"), "Nine")) == [
        pb.DimensionValue(id="9", name="Nine", value=pb.Value(answer=answer))
    ]
    topics = request(pb.DIMENSION_VALUE, "conversation_topics")
    assert told(topics, Found(topics_value(["b", "a"]), "")) == [
        pb.DimensionValue(value=pb.Value(topics=pb.TopicSet(topic_ids=["a", "b"])))
    ]
