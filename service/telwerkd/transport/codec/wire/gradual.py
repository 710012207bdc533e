"""Decoding of a large message in bounded steps.

A call of protobuf holds the interpreter for as long as it takes: 20 to 30 ms for half a megabyte of empty messages.
What is decoded in one go is bounded instead: fields that follow one another on the wire are a message by themselves,
which is merged into what was decoded before; and a message in a large field is taken apart in the same way.
"""

from collections.abc import Iterator
from typing import Any, Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.transport.codec.wire.splitting import DECODED_WHOLE_MAX, FIELDS_MAX, WireField, malformed, parts

_LOOKED_AT: Final = 1_000
"""Fields; other work runs in between."""


def decoding(message: Message, raw: bytes | memoryview, path: str = "request") -> Iterator[None]:
    """Merges a message's bytes into `message`, and yields after every step.

    Raises:
        InvalidArgumentError: the bytes are no such message, or have too many fields.
    """
    view, start, seen = memoryview(raw), 0, 0
    for seen, part in enumerate(parts(raw), 1):
        if seen > FIELDS_MAX:
            field = _field(message, part)
            where = path if field is None else _below(path, field)
            raise InvalidArgumentError.of(where, f"has more than {FIELDS_MAX} entries, or fields beside it")
        if not seen % _LOOKED_AT:
            yield
        if part.end - start <= DECODED_WHOLE_MAX:
            continue
        if part.start > start:
            _merge(message, view[start : part.start])
            yield
        start = part.start
        field = _taken_apart(message, part)
        if field is not None:
            yield from decoding(_within(message, field), view[part.content : part.end], _below(path, field))
            start = part.end
    _merge(message, view[start:])


def _taken_apart(message: Message, part: WireField) -> FieldDescriptor | None:
    """Returns the descriptor of a part that is large and holds a message, to be decoded in steps; else None."""
    if part.end - part.start <= DECODED_WHOLE_MAX or not part.has_length:
        return None
    field = _field(message, part)
    if field is None or field.message_type is None or field.message_type.GetOptions().map_entry:
        return None
    return field


def _field(message: Message, part: WireField) -> FieldDescriptor | None:
    fields: Any = message.DESCRIPTOR.fields_by_number  # of a class of upb's, which has the same
    field: FieldDescriptor | None = fields.get(part.field)
    return field


def _within(message: Message, field: FieldDescriptor) -> Message:
    """Returns the message in a field to merge into: the present one, or for a list a new element."""
    held: Any = getattr(message, field.name)
    if field.is_repeated:
        added: Message = held.add()
        return added
    held.SetInParent()
    inner: Message = held
    return inner


def _below(path: str, field: FieldDescriptor) -> str:
    return field.name if path == "request" else f"{path}.{field.name}"


def _merge(message: Message, raw: memoryview) -> None:
    try:
        message.MergeFromString(bytes(raw))
    except Exception:  # noqa: BLE001 - whatever protobuf raises, the bytes are at fault.
        raise malformed() from None
