"""Everything that a call can end in but its answer, in one tree.

    TelwerkError                    anything else: a defect of the server, or of the way to it
    ├── InvalidArgumentError        the request cannot be right; names the fields
    │   └── LimitExceededError      it is larger than this server takes; the text names the limit
    ├── UnauthenticatedError        no API key, or none that is known
    ├── PermissionDeniedError       a known key that does not grant this
    ├── NotFoundError               what was named is not there
    ├── DeadlineExceededError       no answer in time; whether the call took effect is not known
    └── UnavailableError            right, but not now: send it again after a while
        ├── QuotaExceededError      this account or caller uses its whole share just now; names the limit
        └── UnreachableError        no server answers at the address

It mirrors the server's own. Every call of Telwerk is safe to repeat, so that after one of the last four
sending the same again is always right. What a program may tell apart beyond the class is `reason`, a constant of the
server's catalogue.
"""

import re
from collections.abc import Mapping
from typing import Final

import grpc
import grpc.aio

from telwerk._status import FieldViolation, StatusDetails, decode_details
from telwerk.connection import Connection
from telwerk.unreachable import unreachable

__all__ = [
    "DeadlineExceededError",
    "FieldViolation",
    "InvalidArgumentError",
    "LimitExceededError",
    "NotFoundError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "TelwerkError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnreachableError",
    "error_of",
    "is_transient",
]

_DETAILS_KEY: Final = "grpc-status-details-bin"


class TelwerkError(Exception):
    """The root. `str()` of it is a sentence for people.

    `code` is the gRPC status; `reason` the constant of the server's catalogue (`UNKNOWN_KPI`), empty where the error is
    not the server's own; `metadata` what the server adds for programs.
    """

    def __init__(self, message: str, code: grpc.StatusCode, details: StatusDetails) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.reason = details.reason
        self.metadata: Mapping[str, str] = details.metadata


class InvalidArgumentError(TelwerkError):
    """The request cannot be right, whatever the server's state. `violations` names the fields at fault."""

    def __init__(self, message: str, code: grpc.StatusCode, details: StatusDetails) -> None:
        super().__init__(message, code, details)
        self.violations: tuple[FieldViolation, ...] = details.violations


class LimitExceededError(InvalidArgumentError):
    """The request is larger than this server takes; the text names the limit."""


class UnauthenticatedError(TelwerkError):
    """No API key was sent, or none that is known."""


class PermissionDeniedError(TelwerkError):
    """The API key is known, but grants neither this account nor this role."""


class NotFoundError(TelwerkError):
    """What was named is not there."""


class DeadlineExceededError(TelwerkError):
    """No answer came within the client's timeout. Whether the call took effect is not known; repeating it is safe."""


class UnavailableError(TelwerkError):
    """Right, but not now, and the client's own retries are used up. Repeating it is safe.

    `retry_after_seconds` is when the server asks to be called again; None where it does not say.
    """

    def __init__(self, message: str, code: grpc.StatusCode, details: StatusDetails) -> None:
        super().__init__(message, code, details)
        self.retry_after_seconds = details.retry_after_seconds


class QuotaExceededError(UnavailableError):
    """Right, but this account or caller uses its whole share just now. Repeating it is safe, after a while.

    `limit` is the server's setting that bounds the share.
    """

    def __init__(self, message: str, code: grpc.StatusCode, details: StatusDetails) -> None:
        super().__init__(message, code, details)
        self.limit = details.metadata.get("limit", "")


class UnreachableError(UnavailableError):
    """No Telwerk server answers at the address: none runs there, the name is wrong, or TLS does not come about."""


_CLASSES: Final[Mapping[grpc.StatusCode, type[TelwerkError]]] = {
    grpc.StatusCode.INVALID_ARGUMENT: InvalidArgumentError,
    # Not the server's doing, but grpc's: a message beyond what one of the two sides takes.
    grpc.StatusCode.RESOURCE_EXHAUSTED: LimitExceededError,
    grpc.StatusCode.UNAUTHENTICATED: UnauthenticatedError,
    grpc.StatusCode.PERMISSION_DENIED: PermissionDeniedError,
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineExceededError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
}


_REASONS: Final[Mapping[str, type[TelwerkError]]] = {
    "LIMIT_EXCEEDED": LimitExceededError,
    "QUOTA_EXCEEDED": QuotaExceededError,
}
"""Reasons that tell apart what has one code."""


def error_of(error: grpc.RpcError, connection: Connection, *, has_answered: bool) -> TelwerkError:
    """What `error`, raised by a call over `connection`, means. The original is to be kept as its cause.

    `has_answered`: whether the server answered anything before.
    """
    if not isinstance(error, grpc.Call | grpc.aio.AioRpcError):
        return TelwerkError(str(error), grpc.StatusCode.UNKNOWN, StatusDetails())
    code, text = error.code(), error.details() or ""
    details = _details_of(error)
    address = connection.address
    if known := _REASONS.get(details.reason):
        return known(text, code, details)
    if not details.reason and code is grpc.StatusCode.UNAVAILABLE:
        return UnreachableError(unreachable(text, connection, has_answered=has_answered), code, details)
    if not details.reason and code is grpc.StatusCode.DEADLINE_EXCEEDED:
        text = f"the server at {address} gave no answer in time"
    elif not details.reason and code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        text = _too_large(text)
    elif code is grpc.StatusCode.UNIMPLEMENTED:
        text = f"the server at {address} is no Telwerk server, or too old for this call ({text})"
    return _CLASSES.get(code, TelwerkError)(text or f"the call failed with {code.name}", code, details)


def in_other_process(what: str) -> TelwerkError:
    """`what` was made in the process that this one was forked from, and can be used there alone."""
    text = f"{what} belongs to the process that made it, from which this one was forked: make one here"
    return TelwerkError(text, grpc.StatusCode.FAILED_PRECONDITION, StatusDetails())


def asyncio_lost() -> TelwerkError:
    """No asynchronous client can be made in this process any more."""
    text = (
        "this process was forked from one that had an AsyncTelwerk, and gRPC for asyncio does not survive that: use "
        "Telwerk here, or start the process anew (multiprocessing: spawn or forkserver)"
    )
    return TelwerkError(text, grpc.StatusCode.FAILED_PRECONDITION, StatusDetails())


def refused_query(reason: str, field: str, message: str) -> InvalidArgumentError:
    """Why one question of a batch has no answer."""
    details = StatusDetails(reason=reason, violations=(FieldViolation(field, message),) if field else ())
    kind = LimitExceededError if reason == "LIMIT_EXCEEDED" else InvalidArgumentError
    return kind(message, grpc.StatusCode.INVALID_ARGUMENT, details)


_BROKEN: Final = frozenset(
    {grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN, grpc.StatusCode.CANCELLED, grpc.StatusCode.DATA_LOSS}
)


def is_transient(error: TelwerkError) -> bool:
    """Whether the same again may be answered later: the server is away or busy, or the way to it broke.

    Of a server that is killed grpc may say INTERNAL (a stream that was reset) rather than UNAVAILABLE. That the server
    itself failed (INTERNAL too, with a reason) may pass as well.
    """
    return isinstance(error, UnavailableError | DeadlineExceededError) or error.code in _BROKEN


def _details_of(error: grpc.Call | grpc.aio.AioRpcError) -> StatusDetails:
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            return decode_details(value)
    return StatusDetails()


def _too_large(text: str) -> str:
    """grpc's text of a message that one of the two sides does not take, with the bound's name."""
    sizes = re.search(r"larger than max \((\d+) vs\. (\d+)\)", text)
    if sizes is None:
        return f"the call is larger than the server takes ({text}); `message_bytes_max` bounds a request there"
    size, limit = (f"{int(number):,}" for number in sizes.groups())
    if "CLIENT: Received" in text:
        return f"the answer has {size} bytes, and this client takes {limit} (MESSAGE_BYTES_MAX): ask for less at once"
    return f"the request has {size} bytes, and the server takes {limit} (its `message_bytes_max`): send less at once"
