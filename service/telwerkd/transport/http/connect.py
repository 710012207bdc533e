"""The Connect protocol apart from messages: codes, errors, headers, envelopes.

https://connectrpc.com/docs/protocol. Unary calls are plain POSTs; a stream's messages are in envelopes, the last of
which has the status.
"""

import base64
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import grpc
import msgspec
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped] # it has stubs, but no py.typed

from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.transport.grpc.errors import DETAILS_KEY

_HTTP_STATUSES: Final[Mapping[grpc.StatusCode, int]] = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.UNKNOWN: 500,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.INTERNAL: 500,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DATA_LOSS: 500,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}
"""The protocol's own table."""

VERSION_HEADER: Final = "connect-protocol-version"
TIMEOUT_HEADER: Final = "connect-timeout-ms"
STREAM_ENCODING_HEADER: Final = "connect-content-encoding"

_TIMEOUT_DIGITS_MAX: Final = 10
_ENVELOPE: Final = struct.Struct(">BI")
ENVELOPE_BYTES: Final = _ENVELOPE.size
"""Before each message of a stream."""
_COMPRESSED, _LAST = 1, 2

Headers = list[tuple[bytes, bytes]]


class Codec(NamedTuple):
    """The encoding of messages: binary or JSON."""

    content_type: str
    is_json: bool


UNARY_CODECS: Final[Mapping[str, Codec]] = {
    "application/json": Codec("application/json", is_json=True),
    "application/proto": Codec("application/proto", is_json=False),
}
STREAM_CODECS: Final[Mapping[str, Codec]] = {
    "application/connect+json": Codec("application/connect+json", is_json=True),
    "application/connect+proto": Codec("application/connect+proto", is_json=False),
}


def codec_of(content_type: str, codecs: Mapping[str, Codec]) -> Codec | None:
    """Returns the codec of a content type; None for an unknown one."""
    essence, *parameters = content_type.lower().split(";")
    if any(parameter.strip().replace('"', "") not in {"", "charset=utf-8"} for parameter in parameters):
        return None
    return codecs.get(essence.strip())


class CallError(NamedTuple):
    """The status of a failed call."""

    code: grpc.StatusCode
    message: str
    details: status_pb2.Status | None = None

    @classmethod
    def of(cls, code: grpc.StatusCode, message: str, trailing: Iterable[tuple[str, str | bytes]]) -> "CallError":
        """Returns the error of an aborted call, with the details in its trailing metadata."""
        for key, value in trailing:
            if key == DETAILS_KEY and isinstance(value, bytes):
                return cls(code, message, status_pb2.Status.FromString(value))
        return cls(code, message)

    @property
    def http_status(self) -> int:
        """The status of a unary call."""
        return _HTTP_STATUSES[self.code]

    @property
    def fields(self) -> dict[str, Any]:
        """Returns the error as the protocol's JSON object."""
        code = "canceled" if self.code is grpc.StatusCode.CANCELLED else self.code.name.lower()
        fields: dict[str, Any] = {"code": code, "message": self.message}
        if self.details is not None and self.details.details:
            fields["details"] = [
                {
                    "type": detail.type_url.rpartition("/")[2],
                    "value": base64.b64encode(detail.value).rstrip(b"=").decode(),
                }
                for detail in self.details.details
            ]
        return fields

    @property
    def headers(self) -> Headers:
        """The HTTP headers of the error: `WWW-Authenticate`, or `Retry-After`."""
        if self.code is grpc.StatusCode.UNAUTHENTICATED:
            return [(b"www-authenticate", b"Bearer")]
        retry = self._retry_seconds()
        return [] if retry is None else [(b"retry-after", str(retry).encode())]

    def _retry_seconds(self) -> int | None:
        for detail in () if self.details is None else self.details.details:
            info = error_details_pb2.RetryInfo()
            if detail.Unpack(info):
                delay: Duration = info.retry_delay
                return max(1, math.ceil(delay.ToMilliseconds() / 1_000))
        return None


def check_version(value: str | None) -> None:
    """Raises InvalidArgumentError for a protocol that is not spoken here. Its absence is fine: curl sends none."""
    if value not in {None, "1"}:
        raise InvalidArgumentError.of(VERSION_HEADER, "must be 1, or left out")


def timeout_of(value: str | None) -> float | None:
    """Returns the caller's timeout in seconds; None without one. Raises InvalidArgumentError."""
    if value is None:
        return None
    if not (value.isascii() and value.isdigit() and len(value) <= _TIMEOUT_DIGITS_MAX):
        raise InvalidArgumentError.of(TIMEOUT_HEADER, f"must be a number of at most {_TIMEOUT_DIGITS_MAX} digits")
    return int(value) / 1_000


def opened_envelope(raw: bytes) -> tuple[bytes, bool]:
    """Returns the one message of an enveloped request, and whether it is compressed.

    Raises:
        InvalidArgumentError: the body is not exactly one envelope.
    """
    if len(raw) < _ENVELOPE.size:
        raise InvalidArgumentError.of(
            "request", "must be a message in an envelope: a byte of flags, four of its length"
        )
    flags, length = _ENVELOPE.unpack_from(raw)
    if flags & ~_COMPRESSED or length != len(raw) - _ENVELOPE.size:
        raise InvalidArgumentError.of("request", "must be exactly one message in an envelope")
    return raw[_ENVELOPE.size :], bool(flags)


def enveloped(message: bytes) -> bytes:
    """Returns a message of a stream in its envelope."""
    return _ENVELOPE.pack(0, len(message)) + message


def end_of_stream(error: CallError | None) -> bytes:
    """Returns the last envelope of a stream, with its status."""
    payload = msgspec.json.encode({} if error is None else {"error": error.fields})
    return _ENVELOPE.pack(_LAST, len(payload)) + payload
