"""An error within a reply says the same as the status of a call that fails with it."""

import re

import pytest
from google.rpc import error_details_pb2  # type: ignore[import-untyped]  # it has stubs, but no py.typed

from telwerk.v1 import kpi_service_pb2 as kpi
from telwerkd.domain.errors import (
    InvalidArgumentError,
    LimitExceededError,
    QuotaExceededError,
    Reason,
    RequestPart,
    TelwerkError,
    UnavailableError,
)
from telwerkd.domain.ids import Micros
from telwerkd.transport.codec.errors import described, in_field, to_rpc_status
from telwerkd.transport.codec.query.answers import encode_batched
from telwerkd.transport.services.ingestion import _batch_error

ERRORS = [
    InvalidArgumentError.of("events", "at least one event is required"),
    LimitExceededError("events", "has 5001, at most 5000"),
    QuotaExceededError("names_max", "too many", 0.0301),
    UnavailableError(Reason.OVERLOADED, "too much waits", 1.0),
    UnavailableError(Reason.OVERLOADED, "a delay beyond all bounds", 1e9),
    TelwerkError(Reason.CONVERSATION_ERASED, "gone"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_reason_field_and_delay_are_those_of_the_status(error: TelwerkError) -> None:
    """The delay too: it is rounded up to a millisecond, so that a client never comes too early."""
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    for detail in to_rpc_status(error).details:
        detail.Unpack(info)
        detail.Unpack(retry)
    in_stream = _batch_error(error)
    assert (in_stream.reason, in_stream.message) == (info.reason, error.message)
    assert in_stream.field == info.metadata.get("field", "")
    assert in_stream.retry_delay == retry.retry_delay
    in_batch = kpi.BatchedAnswer.FromString(encode_batched(error, Micros(0))).error
    assert (in_batch.reason, in_batch.field, in_batch.message) == (info.reason, in_stream.field, error.message)


@pytest.mark.parametrize("part", RequestPart)
def test_every_part_of_a_question_has_its_field(part: RequestPart) -> None:
    """What is wrong inside is a part; a client reads the path of a field, in every form and in the text."""
    error = LimitExceededError(part, "is too large")
    reply = _batch_error(error)
    assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)*", reply.field)
    assert reply.message == f"{reply.field}: is too large"
    status = to_rpc_status(error)
    assert status.message == reply.message
    bad_request = error_details_pb2.BadRequest()
    assert any(detail.Unpack(bad_request) for detail in status.details)
    assert [violation.field for violation in bad_request.field_violations] == [reply.field]


def test_a_request_may_say_a_part_elsewhere() -> None:
    """Then its field is named, with the same text and reason."""
    with pytest.raises(InvalidArgumentError) as refused, in_field(RequestPart.TIME_ZONE, "settings.time_zone"):
        raise InvalidArgumentError.of(RequestPart.TIME_ZONE, "is none", Reason.UNKNOWN_TIME_ZONE)
    assert described(refused.value)[:3] == ("UNKNOWN_TIME_ZONE", "settings.time_zone: is none", "settings.time_zone")


def test_a_delay_is_rounded_up() -> None:
    assert _batch_error(ERRORS[2]).retry_delay.ToMilliseconds() == 31
