"""A reply that is encoded already."""

from typing import NamedTuple


class Encoded(NamedTuple):
    """A reply that is encoded already: one that is kept, or has long columns."""

    payload: bytes
