"""The description of errors for clients, in one table: as a status, and within a reply (in-band)."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple

import grpc
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.rpc import (  # type: ignore[import-untyped] # googleapis-common-protos has stubs, but no py.typed
    code_pb2,
    error_details_pb2,
    status_pb2,
)

from telwerkd.domain.errors import (
    DOMAIN,
    FieldViolation,
    InvalidArgumentError,
    LimitExceededError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    Reason,
    RequestPart,
    TelwerkError,
    UnauthenticatedError,
    UnavailableError,
)

STATUS_CODES: Final[Mapping[type[TelwerkError], grpc.StatusCode]] = {
    TelwerkError: grpc.StatusCode.INTERNAL,
    InvalidArgumentError: grpc.StatusCode.INVALID_ARGUMENT,
    # Not RESOURCE_EXHAUSTED, which clients take for "later": this request will never fit.
    LimitExceededError: grpc.StatusCode.INVALID_ARGUMENT,
    UnauthenticatedError: grpc.StatusCode.UNAUTHENTICATED,
    PermissionDeniedError: grpc.StatusCode.PERMISSION_DENIED,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    QuotaExceededError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
}
"""Every class of the tree; a test holds that none is left out. A class of somebody else's takes its parent's status."""

_PATHS: Final[Mapping[RequestPart, str]] = {
    RequestPart.KPI: "kpi_ids",
    RequestPart.TIME_ZONE: "time_zone",
    RequestPart.RANGE: "range.dates.end_date",
    RequestPart.PREVIOUS_PERIOD: "compare_to.previous_period",
    RequestPart.COMPARED_RANGE: "compare_to.range.dates.end_date",
    RequestPart.GRANULARITY: "granularity",
    RequestPart.GROUPING: "group_by",
    RequestPart.FILTER: "filter",
    RequestPart.FILTERED_VALUES: "filter.values",
    RequestPart.ORDER_MEASURE: "order_by.measure",
    RequestPart.PERCENTILES: "percentiles",
    RequestPart.HISTOGRAM: "include_histogram",
    RequestPart.CONVERSATION: "conversation_id",
    RequestPart.EVENT_ID: "event_id",
    RequestPart.OCCUR_TIME: "occur_time",
    RequestPart.HORIZON: "horizon",
    RequestPart.AS_OF: "as_of",
    RequestPart.WIDGET_SETTINGS: "settings",
    RequestPart.DISPLAY_NAMES: "names",
}
"""The field of each part in a query or an event. Requests with another field for a part use `in_field`."""

# A client refuses trailers of more than 8 KiB, and then sees RESOURCE_EXHAUSTED in place of the error. The text goes
# out twice (once percent-encoded: up to three times its size) and the details in base64, so the two stay well below.
_MESSAGE_BYTES_MAX = 768
_VIOLATIONS_BYTES_MAX = 2_560
_RETRY_SECONDS_MAX = 3_600.0


class ErrorDescription(NamedTuple):
    """The content of an error in every form. `field` is empty where no field is at fault."""

    reason: str
    message: str
    field: str
    retry_milliseconds: int | None
    """The delay before a retry, rounded up so that no client retries too early; None where a retry does not help."""

    @property
    def retry_delay(self) -> Duration | None:
        """Returns the retry delay as a message; None without one."""
        if self.retry_milliseconds is None:
            return None
        delay = Duration()
        delay.FromMilliseconds(self.retry_milliseconds)
        return delay


def path_of(what: RequestPart | str) -> str:
    """Returns the path of the field that holds a part of a request; a path unchanged."""
    return _PATHS[what] if isinstance(what, RequestPart) else what


@contextmanager
def in_field(part: RequestPart, field: str) -> Iterator[None]:
    """Reports errors of a request part, raised within the block, under another field than the part's usual one.

    Raises:
        InvalidArgumentError: the block raised one; the copy names the field.
    """
    try:
        yield
    except InvalidArgumentError as error:
        placed = [FieldViolation(field, of.description) if of.field is part else of for of in error.violations]
        raise InvalidArgumentError(placed, error.reason) from None


def described(error: TelwerkError) -> ErrorDescription:
    """Returns the description of an error for clients; an error within a reply has exactly these fields."""
    field, message = "", error.message
    if isinstance(error, InvalidArgumentError) and error.violations:
        placed = [FieldViolation(path_of(of.field), of.description) for of in error.violations]
        field, message = path_of(error.violations[0].field), "; ".join(map(str, placed))
    retry = None
    if isinstance(error, QuotaExceededError | UnavailableError):
        retry = math.ceil(min(max(0.0, error.retry_after_seconds), _RETRY_SECONDS_MAX) * 1_000)
    return ErrorDescription(error.reason.name, message, field, retry)


def to_rpc_status(error: TelwerkError) -> status_pb2.Status:
    """Returns the status of an error as a message. Texts and violations are cut to what fits into trailers."""
    about = described(error)
    details: list[Message] = [error_info(error.reason, _metadata(error, about))]
    if isinstance(error, InvalidArgumentError):
        details.append(_bad_request(error))
    if about.retry_delay is not None:
        details.append(error_details_pb2.RetryInfo(retry_delay=about.retry_delay))
    return rpc_status(_code_of(type(error)), about.message, details)


def _code_of(kind: type[TelwerkError]) -> grpc.StatusCode:
    return next(STATUS_CODES[base] for base in kind.__mro__ if base in STATUS_CODES)


def _metadata(error: TelwerkError, about: ErrorDescription) -> dict[str, str]:
    """Returns the `ErrorInfo` metadata, which spares programs parsing the text (AIP-193)."""
    if isinstance(error, InvalidArgumentError) and error.violations:
        return {"field": _cut(about.field, _MESSAGE_BYTES_MAX)}
    if isinstance(error, QuotaExceededError):
        return {"limit": error.limit}
    return {}


def _bad_request(error: InvalidArgumentError) -> error_details_pb2.BadRequest:
    """Returns a `BadRequest` with as many violations as fit into trailers; the first always."""
    bad_request = error_details_pb2.BadRequest()
    for violation in error.violations:
        bad_request.field_violations.append(_field_violation(violation, error.reason))
        if bad_request.ByteSize() > _VIOLATIONS_BYTES_MAX and len(bad_request.field_violations) > 1:
            del bad_request.field_violations[-1]
            break
    return bad_request


def _field_violation(violation: FieldViolation, reason: Reason) -> error_details_pb2.BadRequest.FieldViolation:
    return error_details_pb2.BadRequest.FieldViolation(
        field=_cut(path_of(violation.field), _MESSAGE_BYTES_MAX),
        description=_cut(violation.description, _MESSAGE_BYTES_MAX),
        reason=reason.name,
    )


def error_info(reason: Reason, metadata: Mapping[str, str]) -> error_details_pb2.ErrorInfo:
    """Returns the `ErrorInfo` by which programs distinguish errors (AIP-193)."""
    return error_details_pb2.ErrorInfo(reason=reason.name, domain=DOMAIN, metadata=dict(metadata))


def rpc_status(code: grpc.StatusCode, text: str, details: Sequence[Message]) -> status_pb2.Status:
    """Returns a status with its details packed."""
    status = status_pb2.Status(code=code_pb2.Code.Value(code.name), message=_cut(text, _MESSAGE_BYTES_MAX))
    for detail in details:
        status.details.add().Pack(detail)
    return status


def _cut(text: str, bytes_max: int) -> str:
    """Returns a text as valid UTF-8, truncated to so many bytes with an ellipsis."""
    encoded = text.encode(errors="replace")
    if len(encoded) <= bytes_max:
        return encoded.decode()
    mark = "…"
    return encoded[: bytes_max - len(mark.encode())].decode(errors="ignore") + mark
