"""What a platform must be able to do, and how it says that something is wrong."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from telwerk.v1.event_pb2 import Event
from telwerk_bridges.payload import Node


class SignatureError(Exception):
    """A delivery is not signed by the platform, or too old."""


class Platform(Protocol):
    """A chat platform. It has no state: what a delivery means does not depend on others."""

    def verify(self, headers: Mapping[str, str], body: bytes, now_seconds: float) -> None:
        """Checks that the delivery is the platform's own and fresh; the names of headers are in small letters.

        Raises:
            SignatureError: it is not.
        """

    def events(self, payload: Node) -> Sequence[Event]:
        """What the delivery means; nothing where it says nothing that is counted.

        The same delivery gives the same events with the same ids, so that one that comes again counts nothing twice. No
        text of a message, no feedback and nothing about a contact may be in them.

        Raises:
            PayloadError: the delivery is not what the platform documents.
        """
