"""Between `telwerk.v1` display names and the domain's. No text of an error has a name in it."""

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from telwerk.v1 import display_name_pb2 as names_pb, settings_service_pb2 as pb
from telwerkd.application.display_names import Listing, NamePage
from telwerkd.domain.catalogue.values import SEPARATOR
from telwerkd.domain.display_names import NameKey, NameKind, flaw_of, option_key
from telwerkd.domain.errors import LimitExceededError
from telwerkd.transport.codec import page_tokens
from telwerkd.transport.codec.fields import FieldError, FieldReader, choices
from telwerkd.transport.codec.wire import encoding

_PAGE_SIZE: Final = 100
_PAGE_SIZE_MAX: Final = 1_000


class NameLimits(msgspec.Struct, frozen=True):
    """How long a display name may be, and how many one request may set."""

    display_name_characters_max: int = 100
    display_name_bytes_max: int = 400
    display_names_per_request_max: int = 1_000


class NameReader:
    """Reads display names within limits."""

    def __init__(self, limits: NameLimits, fields: FieldReader) -> None:
        self._limits = limits
        self._fields = fields

    def decode(self, request: pb.SetDisplayNamesRequest) -> dict[NameKey, str]:
        """Returns the names that a request sets; a name that it removes is empty.

        Raises:
            FieldError: a field is wrong.
            LimitExceededError: there are too many names, or one is too long.
        """
        count, most = len(request.names), self._limits.display_names_per_request_max
        if count > most:
            raise LimitExceededError(
                "names", f"has {count} names, at most {most} (display_names_per_request_max) are allowed"
            )
        if not count and not request.replace_all:
            raise FieldError("names", "at least one name is required, unless replace_all is set")
        names: dict[NameKey, str] = {}
        indexes: dict[NameKey, int] = {}
        for index, message in enumerate(request.names):
            field = f"names[{index}]"
            key = self._key(field, message)
            if key in names:
                raise FieldError(field, f"names the same thing as names[{indexes[key]}]: each once")
            indexes[key] = index
            names[key] = self._name(f"{field}.name", message.name)
        return names

    def _key(self, field: str, message: names_pb.DisplayName) -> NameKey:
        kind = decode_kind(f"{field}.kind", message.kind)
        if kind is NameKind.OPTION:
            question = self._fields.id(f"{field}.question_id", message.question_id)
            return option_key(question, self._fields.id(f"{field}.id", message.id))
        if message.question_id:
            raise FieldError(f"{field}.question_id", "belongs to options only (NAME_KIND_OPTION)")
        return NameKey(kind, self._fields.id(f"{field}.id", message.id))

    def _name(self, field: str, name: str) -> str:
        size, most = len(name), self._limits.display_name_characters_max
        if size > most:
            raise LimitExceededError(
                field, f"has {size} characters, at most {most} (display_name_characters_max) are allowed"
            )
        size, most = len(name.encode()), self._limits.display_name_bytes_max
        if size > most:
            raise LimitExceededError(field, f"has {size} bytes, at most {most} (display_name_bytes_max) are allowed")
        flaw = flaw_of(name) if name else ""
        if flaw:
            raise FieldError(field, flaw)
        return name

    def listing(self, request: pb.ListDisplayNamesRequest) -> Listing:
        """Returns which names a request asks for.

        Raises:
            FieldError: a field is wrong, or the token is not of this request.
        """
        kind = decode_kind("kind", request.kind)
        within = ""
        if request.question_id:
            if kind is not NameKind.OPTION:
                raise FieldError("question_id", "belongs to options only (NAME_KIND_OPTION)")
            within = self._fields.id("question_id", request.question_id) + SEPARATOR
        after = page_tokens.decode(request, request.page_token, page_tokens.Text) if request.page_token else ""
        return Listing(kind, self.prefix("prefix", request.prefix), within, after, decode_page_size(request.page_size))

    def prefix(self, field: str, prefix: str) -> str:
        """Returns the prefix of a listing, checked.

        Raises:
            LimitExceededError: the prefix is longer than any id or name may be.
        """
        size, most = len(prefix.encode()), max(self._limits.display_name_bytes_max, self._fields.id_bytes_max)
        if size > most:
            raise LimitExceededError(
                field,
                f"has {size} bytes, at most {most} (the larger of id_bytes_max and display_name_bytes_max) are allowed",
            )
        return prefix


def decode_page_size(size: int) -> int:
    """Returns how many items a page holds.

    Raises:
        FieldError: it is out of range.
    """
    if not 0 <= size <= _PAGE_SIZE_MAX:
        raise FieldError("page_size", f"must be from 1 to {_PAGE_SIZE_MAX}, is {size}")
    return size or _PAGE_SIZE


def decode_kind(field: str, number: int) -> NameKind:
    """Returns the kind of a thing with a display name.

    Raises:
        FieldError: it is none.
    """
    try:
        return NameKind(number)
    except ValueError:
        raise FieldError(field, f"{number} is not one of {choices(names_pb.NameKind.keys())}") from None


def encode_page(request: pb.ListDisplayNamesRequest, page: NamePage) -> bytes:
    """Returns the encoded reply to a request."""
    token = "" if page.next is None else page_tokens.encode(request, page.next)
    names = _encoded(pb.ListDisplayNamesResponse.NAMES_FIELD_NUMBER, page.names)
    return names + pb.ListDisplayNamesResponse(next_page_token=token).SerializeToString()


def encode_names(field: int, names: Mapping[NameKey, str]) -> bytes:
    """Returns a repeated field of display names, by kind and id. Each is encoded by itself, see `codec.answers`."""
    return _encoded(field, sorted(names.items()))


def _encoded(field: int, names: Iterable[tuple[NameKey, str]]) -> bytes:
    return b"".join(encoding.nested(field, _message(key, name).SerializeToString()) for key, name in names)


def _message(key: NameKey, name: str) -> names_pb.DisplayName:
    question, own = key.parts
    return names_pb.DisplayName(
        kind=names_pb.NameKind.ValueType(int(key.kind)), id=own, name=name, question_id=question
    )
