"""Splits requests at their outermost fields, before protobuf decodes them.

Two bytes on the wire may be fifty in memory once decoded, and one call of protobuf holds the interpreter for as long as
it takes. A message is the concatenation of its fields, and several of them are a message again: so a large request is
decoded piece by piece, and what has too many parts, or belongs to an account that the caller has no right to, is
refused undecoded.

The account of a split request is read from the bytes once, so that the one that is checked is the one that is used. As
in protobuf, the last occurrence of the field counts.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from telwerkd.domain.errors import InvalidArgumentError

DECODED_WHOLE_MAX: Final = 16_384
"""Bytes of a message that protobuf may decode in one go, and of a piece: they take it less than a millisecond."""

EVENTS_DECODED_MAX: Final = 4_096
"""Bytes of events decoded in one call, fewer as events take longer: 500 short survey answers, some 3 ms."""

ACCOUNT_FIELD: Final = 1
"""`account_id` of every request that has one; a test holds it against the contract."""

OTHER_FIELDS_MAX: Final = 1_000
"""Fields of a large request beside those that it is split at."""

FIELDS_MAX: Final = 5_000
"""Fields of a large message that brings no events: several times as many as the longest list of a valid one has."""

_VARINT, _FIXED64, _DELIMITED, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES: Final = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BYTES_MAX = 10
_FIELD_MAX: Final = 2**29 - 1
_MORE = 0x80
_TAG: Final = re.compile(rb"[\x80-\xff]{0,4}[\x00-\x7f]")
_NUMBER: Final = re.compile(rb"[\x80-\xff]{0,9}[\x00-\x7f]")
"""A varint, of as many bytes as one may have. To pass over it so takes a third of the time that reading it takes."""
_part = tuple.__new__
"""Makes a `WireField` in a third of the time that its own constructor takes."""


class WireField(NamedTuple):
    """A field of a message, as offsets into its bytes."""

    field: int
    start: int
    """The offset of the field's tag."""
    content: int
    """The offset of the content of a length-delimited field; of another field, its end."""
    end: int
    has_length: bool


def parts(raw: bytes | memoryview, position: int = 0) -> Iterator[WireField]:
    """Yields the outermost fields of a message, in order, from the one that begins at `position`.

    Raises:
        InvalidArgumentError: the bytes are no message. Groups are refused too: the contract has none.
    """
    size = len(raw)
    while position < size:
        start = position
        # Most tags and lengths have one byte: then a call for each would be half of the time.
        tag, position = raw[position], position + 1
        if tag >= _MORE:
            if position < size and (high := raw[position]) < _MORE:
                tag, position = tag & ~_MORE | high << 7, position + 1
            else:
                tag, position = _long_tag(raw, start)
        field, kind = tag >> 3, tag & 7
        content = position
        if kind == _DELIMITED:
            if position < size and (length := raw[position]) < _MORE:
                content += 1
            else:
                length, content = _varint(raw, position, _VARINT_BYTES_MAX)
            position = content + length
        elif kind == _VARINT:
            if (found := _NUMBER.match(raw, position)) is None:
                raise malformed()
            position = found.end()
        elif kind in _FIXED_BYTES:
            position += _FIXED_BYTES[kind]
        else:
            raise malformed()
        if position > size or not 0 < field <= _FIELD_MAX:
            raise malformed()
        yield _part(WireField, (field, start, content, position, kind == _DELIMITED))


def account_of(raw: bytes) -> str:
    """Returns the account of a request, from its bytes; empty if it names none.

    Raises:
        InvalidArgumentError: these bytes are no message, or have too many fields.
    """
    account: WireField | None = None
    for number, part in enumerate(parts(raw)):
        if number >= FIELDS_MAX:
            raise InvalidArgumentError.of("request", f"has more than {FIELDS_MAX} fields and entries")
        if part.field == ACCOUNT_FIELD and part.has_length:
            account = part
    return "" if account is None else account_text(raw, account)


def account_text(raw: bytes, part: WireField) -> str:
    """Returns the account that a field names.

    Raises:
        InvalidArgumentError: the field is no text, or longer than any id may be, which is checked before decoding.
    """
    if (size := part.end - part.content) > DECODED_WHOLE_MAX:
        raise InvalidArgumentError.of("account_id", f"has {size} bytes, at most {DECODED_WHOLE_MAX} are allowed")
    try:
        return raw[part.content : part.end].decode()
    except UnicodeDecodeError:
        raise malformed() from None


def malformed() -> InvalidArgumentError:
    """Returns the error for bytes that are no message."""
    return InvalidArgumentError.of("request", "these bytes are no message of this method")


def too_many_fields() -> InvalidArgumentError:
    """Returns the error for a message with too many fields beside its list."""
    return InvalidArgumentError.of("request", f"has more than {OTHER_FIELDS_MAX} fields that are not its list's")


def _long_tag(raw: bytes | memoryview, position: int) -> tuple[int, int]:
    """Returns a tag and the position after it, in a third of the time that `_varint` takes for five bytes."""
    if (found := _TAG.match(raw, position)) is None:
        raise malformed()
    # Byte k has seven bits of the tag, from bit 8k on, which belong from bit 7k on: they are shifted by k. The masks
    # leave out the highest bit of each byte, which only says whether another byte follows.
    digits = int.from_bytes(found[0], "little")
    tag = digits & 0x7F | digits >> 1 & 0x3F80 | digits >> 2 & 0x1FC000 | digits >> 3 & 0xFE00000
    return tag | digits >> 4 & 0x7F0000000, found.end()


def _varint(raw: bytes | memoryview, position: int, bytes_max: int) -> tuple[int, int]:
    """Returns a number and the position after it."""
    number = shift = 0
    for at in range(position, min(position + bytes_max, len(raw))):
        byte = raw[at]
        number |= (byte & ~_MORE) << shift
        if byte < _MORE:
            return number, at + 1
        shift += 7
    raise malformed()
