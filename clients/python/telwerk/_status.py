"""Reads `google.rpc.Status`, the details of an error (AIP-193), with nothing but protobuf.

The few messages are described here, under a name of their own and in a pool of their own: this needs no
googleapis-common-protos, and does not clash with it, which registers the originals in the default pool. Fields have
the originals' numbers; those that nobody reads are left out, and skipped as unknown.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

_PACKAGE: Final = "telwerk.errors"

# Message: field: (number, type). `*` is repeated; what is no scalar is another message of this table.
_SCHEMA: Final[Mapping[str, Mapping[str, tuple[int, str]]]] = {
    "Status": {"details": (3, "*Any")},
    "Any": {"type_url": (1, "string"), "value": (2, "bytes")},
    "ErrorInfo": {"reason": (1, "string"), "metadata": (3, "*Entry")},
    "Entry": {"key": (1, "string"), "value": (2, "string")},  # what a map is on the wire
    "BadRequest": {"field_violations": (1, "*Violation")},
    "Violation": {"field": (1, "string"), "description": (2, "string")},
    "RetryInfo": {"retry_delay": (1, "Duration")},
    "Duration": {"seconds": (1, "int64"), "nanos": (2, "int32")},
}
_SCALARS: Final = {
    "string": FieldDescriptorProto.TYPE_STRING,
    "bytes": FieldDescriptorProto.TYPE_BYTES,
    "int64": FieldDescriptorProto.TYPE_INT64,
    "int32": FieldDescriptorProto.TYPE_INT32,
}


@dataclass(frozen=True)
class FieldViolation:
    """A field, as a path in the request (`range.instants.end_time`), and what is wrong with it."""

    field: str
    description: str


@dataclass(frozen=True)
class StatusDetails:
    """What an error says beside its code and text; empty where it says nothing."""

    reason: str = ""
    metadata: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    violations: tuple[FieldViolation, ...] = ()
    retry_after_seconds: float | None = None


def decode_details(raw: bytes) -> StatusDetails:
    """What the trailer `grpc-status-details-bin` says; bytes that are no status say nothing."""
    try:
        details = {any_.type_url.rpartition(".")[2]: any_.value for any_ in _parse("Status", raw).details}
        info = _parse("ErrorInfo", details.get("ErrorInfo", b""))
        violations = _parse("BadRequest", details.get("BadRequest", b"")).field_violations
        delay = _parse("RetryInfo", details["RetryInfo"]).retry_delay if "RetryInfo" in details else None
    except DecodeError:
        return StatusDetails()
    return StatusDetails(
        reason=info.reason,
        metadata=MappingProxyType({entry.key: entry.value for entry in info.metadata}),
        violations=tuple(FieldViolation(v.field, v.description) for v in violations),
        retry_after_seconds=None if delay is None else delay.seconds + delay.nanos / 1e9,
    )


def _described() -> DescriptorPool:
    file = FileDescriptorProto(name="telwerk/errors.proto", package=_PACKAGE, syntax="proto3")
    for message_name, fields in _SCHEMA.items():
        message = file.message_type.add(name=message_name)
        for name, (number, kind) in fields.items():
            label = FieldDescriptorProto.LABEL_REPEATED if kind[0] == "*" else FieldDescriptorProto.LABEL_OPTIONAL
            described = message.field.add(name=name, number=number, label=label)
            if scalar := _SCALARS.get(kind):
                described.type = scalar
            else:
                described.type = FieldDescriptorProto.TYPE_MESSAGE
                described.type_name = f".{_PACKAGE}.{kind.removeprefix('*')}"
    pool = DescriptorPool()
    pool.Add(file)
    return pool


_POOL: Final = _described()


def _parse(message_name: str, raw: bytes) -> Any:
    """The message; its fields are known at run time only, hence `Any`."""
    return GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{message_name}")).FromString(raw)
