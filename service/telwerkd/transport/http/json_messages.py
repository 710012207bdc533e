"""Messages of the contract as JSON, in protobuf's mapping (ProtoJSON).

Requests are read by protobuf's own `json_format`. Answers are written here: a series of 2,880 points takes that several
milliseconds, because it takes every number as a Python object. Columns of 64-bit numbers, which are strings in
ProtoJSON, are made by msgspec in one go. A test holds both to the same meaning.
"""

import base64
import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

from telwerkd.domain.errors import InvalidArgumentError, LimitExceededError

_INT64S: Final = frozenset(
    {
        FieldDescriptor.TYPE_INT64,
        FieldDescriptor.TYPE_UINT64,
        FieldDescriptor.TYPE_SINT64,
        FieldDescriptor.TYPE_FIXED64,
        FieldDescriptor.TYPE_SFIXED64,
    }
)
_FLOATS: Final = frozenset({FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FLOAT})
_OWN_FORMS: Final = frozenset({"google.protobuf.Timestamp", "google.protobuf.Duration"})
"""Messages that are written as strings. The contract has no other messages with a form of their own, and no maps."""

_VALUES_MAX: Final = 50_000
"""Values of one message: parsing them takes some milliseconds, during which the GIL is held in any thread."""
_ERROR_CHARS_MAX: Final = 200

_SHOWN: Final = (json_format.ParseError, ValueError, TypeError)
"""Errors whose texts are about the request. The texts of others are about this program."""

_Shape: TypeAlias = Callable[[Any], Any]


def to_json(message: Message) -> bytes:
    """Returns a message as ProtoJSON, without fields that have their default value."""
    return msgspec.json.encode(_shaped(message))


def from_json(raw: bytes, kind: type[Message]) -> Message:
    """Returns a message from ProtoJSON. Unknown fields are ignored, as in binary messages.

    Raises:
        InvalidArgumentError: the text is no message of this kind.
    """
    if raw.lstrip()[:1] != b"{":
        raise _not_json(kind, "it must be an object")
    if raw.count(b",") + raw.count(b"{") + raw.count(b"[") > _VALUES_MAX:
        raise LimitExceededError("request", f"has more than {_VALUES_MAX} values, or commas and brackets in texts")
    message = kind()
    try:
        json_format.Parse(raw, message, ignore_unknown_fields=True)
    except Exception as error:  # noqa: BLE001 - whatever json and protobuf raise, the bytes are at fault.
        raise _not_json(kind, _reason(error)) from None
    return message


def _reason(error: BaseException) -> str:
    """Returns an error's text if it is from the parsers, and so fit for callers; else an empty one."""
    causes = [error]
    while (cause := causes[-1].__cause__) is not None:
        causes.append(cause)
    if isinstance(causes[-1], RecursionError):
        return "it is nested too deeply"
    if all(isinstance(cause, _SHOWN) for cause in causes):
        return str(error).partition("; use sys.")[0]
    return ""


def _not_json(kind: type[Message], why: str) -> InvalidArgumentError:
    shown = " ".join(why.split())[:_ERROR_CHARS_MAX]
    text = f"is no JSON of {kind.DESCRIPTOR.full_name}"
    return InvalidArgumentError.of("request", f"{text}: {shown}" if shown else text)


def _shaped(message: Message) -> dict[str, Any]:
    shapes = _shapes(message.DESCRIPTOR)
    return {field.json_name: shapes[field.number](value) for field, value in message.ListFields()}


@cache
def _shapes(descriptor: Descriptor) -> dict[int, _Shape]:
    return {field.number: _shape(field) for field in descriptor.fields}


def _shape(field: FieldDescriptor) -> _Shape:
    if field.type in _INT64S:
        return _int64_column if field.is_repeated else str
    one = _single(field)
    if not field.is_repeated:
        return one
    if one is _same:
        return list
    return lambda values: [one(value) for value in values]


def _single(field: FieldDescriptor) -> _Shape:
    if field.message_type is not None:
        return _own_form if field.message_type.full_name in _OWN_FORMS else _shaped
    if field.enum_type is not None:
        return _named(field.enum_type)
    if field.type in _FLOATS:
        return _number
    return _base64 if field.type == FieldDescriptor.TYPE_BYTES else _same


def _same(value: Any) -> Any:
    return value


def _int64_column(values: Iterable[int]) -> msgspec.Raw:
    numbers = msgspec.json.encode(list(values))
    return msgspec.Raw(b'["' + numbers[1:-1].replace(b",", b'","') + b'"]')


def _own_form(message: Any) -> str:
    text: str = message.ToJsonString()
    return text


def _named(kind: EnumDescriptor) -> _Shape:
    names = {number: value.name for number, value in kind.values_by_number.items()}
    return lambda number: names.get(number, number)


def _number(value: float) -> float | str:
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
