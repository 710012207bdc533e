"""Opaque page tokens: a cursor, bound to the request that it continues."""

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
"""A number in a cursor."""
Text = Annotated[str, msgspec.Meta(pattern=r"^[^\0]*$")]
"""A text in a cursor."""


def encode(request: Message, cursor: object) -> str:
    """Returns the token of the page of `request` after a cursor, which is a tuple of plain values."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode((_bound(request), cursor))).decode()


def decode(request: Message, token: str, kind: type[T]) -> T:
    """Returns the cursor after which the page begins, of the type it was made of.

    Raises:
        InvalidArgumentError: the text is no token, or that of another request.
    """
    try:
        # A type made at run time.
        bound, cursor = msgspec.msgpack.decode(
            base64.urlsafe_b64decode(token),
            type=tuple[bytes, kind],  # type: ignore[valid-type]
        )
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise refused("is not a token of this server") from None
    if bound != _bound(request):
        raise refused("belongs to another request: only the page may differ")
    return cast("T", cursor)


def refused(description: str) -> InvalidArgumentError:
    """Returns the error of an invalid token."""
    return InvalidArgumentError.of("page_token", description, Reason.PAGE_TOKEN_INVALID)


def _bound(request: Message) -> bytes:
    """Returns the digest to which a token is bound: of the request without its page."""
    bound = type(request)()
    bound.CopyFrom(request)
    bound.ClearField("page_token")
    bound.ClearField("page_size")
    return blake2b(bound.SerializeToString(deterministic=True), digest_size=12).digest()
