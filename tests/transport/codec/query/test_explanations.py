"""What is asked to be explained, and how each fact of it is told."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import kpi_service_pb2 as pb
from telwerk.v1.display_name_pb2 import NAME_KIND_WIDGET, DisplayName
from telwerkd.application.explain import Cursor, Explained, Explanation, LeftOutEvent
from telwerkd.application.query.question import Filter, Ids, Query
from telwerkd.domain.catalogue.rates import RATES, asked_by_id
from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.facts import Fact, Rule
from telwerkd.domain.display_names import NameKey, NameKind
from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time.ranges import QuarterHourRange
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.errors import described
from telwerkd.transport.codec.fields import FieldReader, encode_instant
from telwerkd.transport.codec.query.explanations import decode_explain, encode_explanation
from telwerkd.transport.codec.query.queries import PAGE_SIZE_MAX

FIELDS = FieldReader(id_bytes_max=20, url_bytes_max=20)
START = 1_767_600_000
AT = Micros(START * 1_000_000 + 7)
RANGE = pb.TimeRange(
    instants=pb.InstantRange(start_time=Timestamp(seconds=START), end_time=Timestamp(seconds=START + 900))
)


def request(kpi_id: str = "feedback_count", **fields: Any) -> pb.ExplainCountRequest:
    good: dict[str, Any] = {"account_id": "acme", "kpi_id": kpi_id, "range": RANGE}
    return pb.ExplainCountRequest(**good | fields)


def test_a_count_is_explained_in_its_slice() -> None:
    """Fifty conversations of it, unless asked otherwise; a service time has facts too."""
    filter_ = pb.Filter(operators=pb.IdFilter(any_of=["anna"]))
    asked = request("response_service_time", time_zone="UTC", filter=filter_, include_names=True)
    assert decode_explain(asked, FIELDS) == (
        Query(
            AccountId("acme"),
            (asked_by_id("response_service_time"),),
            QuarterHourRange(START // 900, START // 900 + 1),
            None,
            "UTC",
            Filter(operators=Ids(frozenset({"anna"}))),
            (),
            include_names=True,
        ),
        None,
        50,
    )
    query, _, size = decode_explain(request(page_size=PAGE_SIZE_MAX), FIELDS)
    assert (query.time_zone, query.include_names, size) == (None, False, PAGE_SIZE_MAX)


@pytest.mark.parametrize(
    ("of", "field", "reason", "words"),
    [
        (request(""), "kpi_id", "INVALID_REQUEST", "is required"),
        (request("feedback_coun"), "kpi_id", "UNKNOWN_KPI", "did you mean 'feedback_count'"),
        (request(account_id=""), "account_id", "INVALID_REQUEST", "is required"),
        (request(range=None), "range", "INVALID_REQUEST", "are required"),
        (request(filter={"widgets": {"any_of": [""]}}), "filter.widgets.any_of[0]", "INVALID_REQUEST", "is required"),
        (request(page_size=-1), "page_size", "INVALID_REQUEST", f"from 1 to {PAGE_SIZE_MAX}"),
        (request(page_size=PAGE_SIZE_MAX + 1), "page_size", "INVALID_REQUEST", f"is {PAGE_SIZE_MAX + 1}"),
        (request(page_token="next"), "page_token", "PAGE_TOKEN_INVALID", "not a token"),  # noqa: S106  # no secret
    ],
)
def test_a_wrong_question_is_refused_by_its_field(
    of: pb.ExplainCountRequest, field: str, reason: str, words: str
) -> None:
    """`kpi_id`, not the `kpi_ids` of a query."""
    with pytest.raises(InvalidArgumentError) as caught:
        decode_explain(of, FIELDS)
    told = described(caught.value)
    assert (told.field, told.reason) == (field, reason)
    assert words in told.message


@pytest.mark.parametrize("rate", RATES.values(), ids=lambda rate: rate.id)
def test_a_rate_is_refused_with_the_kpis_to_explain_instead(rate: Any) -> None:
    """It has no facts of its own: each KPI above and below the line, once."""
    with pytest.raises(InvalidArgumentError) as caught:
        decode_explain(request(rate.id), FIELDS)
    told = described(caught.value)
    assert (told.field, told.message.count("`")) == ("kpi_id", 2 * len(rate.kpis))
    assert all(f"`{asked_by_id(kpi.name.lower()).id}`" in told.message for kpi in rate.kpis)


def page(*explained: Explained, after: Cursor | None = None, **more: Any) -> Explanation:
    about: dict[str, Any] = {"unexplainable": 0, "complete_until": AT, "event_count": 1, "names": {}}
    return Explanation(conversations=list(explained), next=after, **about | more)


def told(of: pb.ExplainCountRequest, found: Explanation) -> pb.ExplainCountResponse:
    return pb.ExplainCountResponse.FromString(encode_explanation(of, found))


def test_a_page_goes_on_after_the_conversation_of_its_token() -> None:
    """As it was found: when something last happened in it, and its id. The last page has no token."""
    after = AT, ConversationId("c7")
    asked = request()
    asked.page_token = told(asked, page(after=after)).next_page_token
    assert decode_explain(asked, FIELDS)[1] == after
    assert told(asked, page()).next_page_token == ""


@pytest.mark.parametrize("cursor", [(-1, "c"), (2**63, "c"), (1, "a\0b"), (1,)])
def test_a_token_of_what_no_conversation_can_be_is_none(cursor: tuple[object, ...]) -> None:
    """A token can be made by hand."""
    asked = request()
    asked.page_token = page_tokens.encode(asked, cursor)
    with pytest.raises(InvalidArgumentError, match="not a token"):
        decode_explain(asked, FIELDS)


def fact(kpi: Kpi, value: str) -> Fact:
    return Fact(kpi, value, OperatorId("anna"), OperatorGroupId(""), WidgetId("web"), AT, EventId("e1"))


@pytest.mark.parametrize(
    ("kpi", "value", "carried"),
    [
        (Kpi.FEEDBACK_COUNT, "", {}),
        (Kpi.SATISFACTION_SCORE, "5", {"value": pb.Value(stars=5)}),
        (Kpi.RESPONSE_TIME, "0", {"duration_ms": 0}),
        (Kpi.RESPONSE_TIME, "61000", {"duration_ms": 61_000}),
    ],
)
def test_a_fact_has_the_value_or_the_duration_of_its_kpi_or_neither(
    kpi: Kpi, value: str, carried: dict[str, Any]
) -> None:
    """A duration of 0 is told; to the microsecond when it counts, and for whom."""
    explained = Explained(ConversationId("c1"), [fact(kpi, value)], [], [])
    [conversation] = told(request(kpi.name.lower()), page(explained)).conversations
    [found] = conversation.counted
    wanted = pb.ExplainedFact(event_id="e1", instant=encode_instant(AT), operator_id="anna", widget_id="web", **carried)
    assert (found, found.HasField("duration_ms")) == (wanted, "duration_ms" in carried)


def test_a_conversation_tells_apart_what_counts_what_waits_and_what_was_left_out() -> None:
    """Each in its order, and what was left out with its rule as a constant and in words."""
    held, counted = fact(Kpi.CONVERSATION_TOPICS, "price"), fact(Kpi.CONVERSATION_TOPICS, "size")
    left_out = [LeftOutEvent(EventId(of), AT, rule) for of, rule in (("e7", Rule.EQUAL_SET), ("e3", Rule.RETRACTED))]
    first = Explained(ConversationId("c2"), [counted, held], [held], left_out)
    reply = told(request("conversation_topics"), page(first, first._replace(conversation=ConversationId("c1"))))
    assert [each.conversation_id for each in reply.conversations] == ["c2", "c1"]
    of = reply.conversations[0]
    assert [[*each.value.topics.topic_ids] for each in of.counted] == [["size"], ["price"]]
    assert [[*each.value.topics.topic_ids] for each in of.held_back] == [["price"]]
    assert [(each.event_id, each.rule, each.description) for each in of.left_out] == [
        ("e7", "EQUAL_SET", "an equal set of topics was set before"),
        ("e3", "RETRACTED", "the event was taken back"),
    ]
    assert of.left_out[0].occur_time == encode_instant(AT)


def test_a_page_tells_what_no_event_explains_and_the_names_in_it() -> None:
    names = {NameKey(NameKind.WIDGET, "web"): "Shop"}
    reply = told(request(), page(unexplainable=3, names=names))
    assert (reply.unexplainable_count, reply.complete_until) == (3, encode_instant(AT))
    assert list(reply.names) == [DisplayName(kind=NAME_KIND_WIDGET, id="web", name="Shop")]
