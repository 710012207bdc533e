"""How the values of settings are read that are more than one word or number."""

import json
from collections.abc import Callable
from functools import partial
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from telwerkd.storage.location import Location, located
from telwerkd.transport.endpoint.address import normal, normal_or_none
from telwerkd.transport.http.origins import host_name, origin
from telwerkd.transport.security.access import checked_location


def _several(one: Callable[[str], str], given: object) -> tuple[str, ...] | None:
    """Returns the parts of a text with commas, or of a list. Raises ValueError."""
    if given is None:
        return None
    if not isinstance(given, str | list | tuple):
        raise ValueError("must be a text, or a list of texts")  # noqa: TRY004  # what pydantic tells of
    parts = given.split(",") if isinstance(given, str) else given
    return tuple(one(str(part)) for part in parts if str(part).strip()) or None


def of_json(given: object) -> object:
    """Parses a value from the environment as JSON; other values are unchanged. Raises ValueError."""
    try:
        return json.loads(given) if isinstance(given, str) else given
    except RecursionError:
        raise ValueError("is nested too deeply") from None


_TEXTS_SCHEMA = WithJsonSchema(
    {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "string"}, {"type": "null"}]}
)

Database: TypeAlias = Annotated[
    Location, BeforeValidator(located), PlainSerializer(str), WithJsonSchema({"type": "string"})
]
Address: TypeAlias = Annotated[str, AfterValidator(normal)]
AddressOrNone: TypeAlias = Annotated[str, AfterValidator(normal_or_none)]
"""An address, or an empty text for none."""
OptionalAddress: TypeAlias = Annotated[str | None, AfterValidator(lambda text: text and normal(text))]
KeySetLocation: TypeAlias = Annotated[
    str | None, AfterValidator(lambda location: location and checked_location(location))
]
HostNames: TypeAlias = Annotated[tuple[str, ...] | None, BeforeValidator(partial(_several, host_name)), _TEXTS_SCHEMA]
Origins: TypeAlias = Annotated[tuple[str, ...] | None, BeforeValidator(partial(_several, origin)), _TEXTS_SCHEMA]
