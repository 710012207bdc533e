"""Opaque page tokens: where a page begins, bound to the request that it continues."""

import base64
import binascii
from hashlib import blake2b
from typing import Annotated

import msgspec
from google.protobuf.message import Message

from telwerkd.domain.errors import InvalidArgumentError, Reason

# A token can be made by hand: what no database can hold is refused here.
_Number = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Token(msgspec.Struct, frozen=True, array_like=True):
    request: bytes
    number: _Number
    id: str


_decoder = msgspec.msgpack.Decoder(_Token)


def encode(request: Message, number: int, id_: str = "") -> str:
    """The token of the page of `request` after a place: a number, and an id where the number is not enough."""
    token = msgspec.msgpack.encode(_Token(_bound(request), number, id_))
    return base64.urlsafe_b64encode(token).decode()


def decode(request: Message, token: str) -> tuple[int, str]:
    """The place after which the page begins.

    Raises:
        InvalidArgumentError: it is no token, or that of another request.
    """
    try:
        decoded = _decoder.decode(base64.urlsafe_b64decode(token))
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise _refused("is not a token of this server") from None
    if decoded.request != _bound(request):
        raise _refused("belongs to another request: only the page may differ")
    return decoded.number, decoded.id


def _refused(description: str) -> InvalidArgumentError:
    return InvalidArgumentError.of("page_token", description, Reason.PAGE_TOKEN_INVALID)


def _bound(request: Message) -> bytes:
    """What a token is bound to: the request without its page."""
    bound = type(request)()
    bound.CopyFrom(request)
    bound.ClearField("page_token")
    bound.ClearField("page_size")
    return blake2b(bound.SerializeToString(deterministic=True), digest_size=12).digest()
