"""Opaque page tokens: where a page begins, bound to the request that it continues."""

import base64
import binascii
from hashlib import blake2b

import msgspec

from telwerkd.application.explain import Place
from telwerkd.domain.errors import InvalidArgumentError, Reason


class _Token(msgspec.Struct, frozen=True, array_like=True):
    request: bytes
    place: Place


_decoder = msgspec.msgpack.Decoder(_Token)


def encode(place: Place, request: bytes) -> str:
    """The token of the page after `place`."""
    token = msgspec.msgpack.encode(_Token(_digest(request), place))
    return base64.urlsafe_b64encode(token).decode()


def decode(token: str, request: bytes) -> Place:
    """The place after which the page begins.

    Raises:
        InvalidArgumentError: it is no token, or that of another request.
    """
    try:
        decoded = _decoder.decode(base64.urlsafe_b64decode(token))
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise _refused("is not a token of this server") from None
    if decoded.request != _digest(request):
        raise _refused("belongs to another request: only the page may differ")
    return decoded.place


def _refused(description: str) -> InvalidArgumentError:
    return InvalidArgumentError.of("page_token", description, Reason.PAGE_TOKEN_INVALID)


def _digest(request: bytes) -> bytes:
    return blake2b(request, digest_size=12).digest()
