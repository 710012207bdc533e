"""Opaque page tokens: where a page begins, bound to the request that it continues."""

import base64
import binascii
from hashlib import blake2b
from typing import Annotated, TypeVar, cast

import msgspec
from google.protobuf.message import Message

from telwerkd.domain.errors import InvalidArgumentError, Reason

T = TypeVar("T")

# A token can be made by hand: what no database can hold is refused here.
Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""A number of a place."""
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\0]*$")]
"""A text of a place."""


def encode(request: Message, place: object) -> str:
    """The token of the page of `request` after a place, which is a tuple of plain values."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((_bound(request), place))).decode()


def decode(request: Message, token: str, kind: type[T]) -> T:
    """The place after which the page begins, of the type it was made of.

    Raises:
        InvalidArgumentError: it is no token, or that of another request.
    """
    try:
        # A type made at run time.
        bound, place = msgspec.msgpack.decode(
            base64.urlsafe_b64decode(token),
            type=tuple[bytes, kind],  # type: ignore[valid-type]
        )
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise refused("is not a token of this server") from None
    if bound != _bound(request):
        raise refused("belongs to another request: only the page may differ")
    return cast("T", place)


def refused(description: str) -> InvalidArgumentError:
    """What is wrong with a token."""
    return InvalidArgumentError.of("page_token", description, Reason.PAGE_TOKEN_INVALID)


def _bound(request: Message) -> bytes:
    """What a token is bound to: the request without its page."""
    bound = type(request)()
    bound.CopyFrom(request)
    bound.ClearField("page_token")
    bound.ClearField("page_size")
    return blake2b(bound.SerializeToString(deterministic=True), digest_size=12).digest()
