"""A reply that is encoded already."""

from collections.abc import Callable
from typing import Any, NamedTuple


class Encoded(NamedTuple):
    """A reply that is encoded already: one that is kept, or has long columns."""

    payload: bytes


def unless_encoded(encode: Callable[[Any], bytes]) -> Callable[[Any], bytes]:
    """Returns a serializer that passes on what is encoded already, and else does as `encode`."""
    return lambda reply: reply.payload if isinstance(reply, Encoded) else encode(reply)
