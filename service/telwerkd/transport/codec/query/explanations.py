"""Between `telwerk.v1` explanations and the application's."""

from typing import NamedTuple

from telwerk.v1 import kpi_service_pb2 as pb
from telwerkd.application.explain import Cursor, Explained, Explanation
from telwerkd.application.query.question import Query
from telwerkd.domain.catalogue.kpis import KpiInfo
from telwerkd.domain.catalogue.rates import RATES, asked_by_id
from telwerkd.domain.catalogue.specs import ValueKind
from telwerkd.domain.conversation.facts import Fact
from telwerkd.domain.errors import RequestPart
from telwerkd.domain.ids import AccountId, ConversationId, Micros
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.account.display_names import encode_names
from telwerkd.transport.codec.errors import in_field
from telwerkd.transport.codec.fields import FieldError, FieldReader, encode_instant
from telwerkd.transport.codec.query.queries import decode_filter, decode_page_size, decode_range
from telwerkd.transport.codec.values import encode_value
from telwerkd.transport.codec.wire import encoding

_PAGE_SIZE = 50


class _TokenCursor(NamedTuple):
    last_time: page_tokens.Number
    conversation: page_tokens.Text


def decode_explain(request: pb.ExplainCountRequest, fields: FieldReader) -> tuple[Query, Cursor | None, int]:
    """Returns the query of an explanation, the cursor after which its page begins, and the page's size.

    Raises:
        InvalidArgumentError: a field is wrong, or the token is not of this query.
    """
    size = decode_page_size(request.page_size) or _PAGE_SIZE
    query = Query(
        AccountId(fields.id("account_id", request.account_id)),
        (_kpi(request.kpi_id),),
        decode_range(request.range),
        None,
        request.time_zone or None,
        decode_filter(request.filter, fields),
        (),
        include_names=request.include_names,
    )
    cursor = None
    if request.page_token:
        last_time, conversation = page_tokens.decode(request, request.page_token, _TokenCursor)
        cursor = Micros(last_time), ConversationId(conversation)
    return query, cursor, size


def _kpi(kpi_id: str) -> KpiInfo:
    if not kpi_id:
        raise FieldError("kpi_id", "is required")
    if rate := RATES.get(kpi_id):
        parts = " and ".join(f"`{kpi.name.lower()}`" for kpi in rate.kpis)
        raise FieldError("kpi_id", f"{rate.id} is a rate, which has no facts of its own: explain {parts}")
    with in_field(RequestPart.KPI, "kpi_id"):
        return asked_by_id(kpi_id)


def encode_explanation(request: pb.ExplainCountRequest, page: Explanation) -> bytes:
    """Returns a page of an explanation as bytes of `ExplainCountResponse`, encoded fact by fact (`codec.answers`)."""
    kind = asked_by_id(request.kpi_id).value_kind
    number = pb.ExplainCountResponse.CONVERSATIONS_FIELD_NUMBER
    message = pb.ExplainCountResponse(
        next_page_token=page_tokens.encode(request, page.next) if page.next else "",
        unexplainable_count=page.unexplainable,
        complete_until=encode_instant(page.complete_until),
    )
    conversations = [encoding.nested(number, _conversation(kind, explained)) for explained in page.conversations]
    names = encode_names(pb.ExplainCountResponse.NAMES_FIELD_NUMBER, page.names)
    return b"".join([*conversations, message.SerializeToString(), names])


def _conversation(kind: ValueKind, explained: Explained) -> bytes:
    message = pb.ConversationExplanation
    parts = [message(conversation_id=explained.conversation).SerializeToString()]
    for number, facts in (
        (message.COUNTED_FIELD_NUMBER, explained.counted),
        (message.HELD_BACK_FIELD_NUMBER, explained.held_back),
    ):
        parts += [encoding.nested(number, _explained_fact(kind, fact).SerializeToString()) for fact in facts]
    for event in explained.left_out:
        left_out = pb.LeftOutEvent(
            event_id=event.event_id,
            occur_time=encode_instant(event.occur_time),
            rule=event.rule.name,
            description=event.rule.value,
        )
        parts.append(encoding.nested(message.LEFT_OUT_FIELD_NUMBER, left_out.SerializeToString()))
    return b"".join(parts)


def _explained_fact(kind: ValueKind, fact: Fact) -> pb.ExplainedFact:
    return pb.ExplainedFact(
        event_id=fact.event_id,
        instant=encode_instant(fact.instant),
        operator_id=fact.operator,
        operator_group_id=fact.group,
        widget_id=fact.widget,
        value=None if kind in {ValueKind.NONE, ValueKind.DURATION} else encode_value(kind, fact.value),
        duration_ms=int(fact.value) if kind is ValueKind.DURATION else None,
    )
