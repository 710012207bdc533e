"""What a platform must be able to do, and how it says that something is wrong."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from telwerk_bridges.payload import Node
from telwerk_bridges.story import Observation


class SignatureError(Exception):
    """A delivery is not signed by the platform, or too old."""


@dataclass(frozen=True)
class Delivery:
    """What a delivery tells of one conversation."""

    conversation_id: str
    widget_id: str
    observations: frozenset[Observation]


class Platform(Protocol):
    """A chat platform. It has no state: what deliveries mean together is the business of `Story`."""

    def verify(self, headers: Mapping[str, str], body: bytes, now_seconds: float) -> None:
        """Checks that the delivery is the platform's own and fresh; the names of headers are in small letters.

        Raises:
            SignatureError: it is not.
        """

    def read(self, payload: Node) -> Delivery | None:
        """What the delivery tells; None where it tells nothing that is counted.

        The same delivery gives the same observations. No text of a message, no feedback and nothing about a contact may
        be in them.

        Raises:
            PayloadError: the delivery is not what the platform documents.
        """
