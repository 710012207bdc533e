"""What a platform must provide, and how it says that something is wrong.

A platform is one file: a class with `verify` and `read`, and a `PlatformType`, which platforms.py lists. From its name
follow the variables (`TELWERK_BRIDGE_<NAME>_SECRET`, and one for each option), the section of the TOML file
(`[[<name>]]`) and the path (`/<name>`). tests/bridges/conformance.py is the test that each platform must pass.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from telwerk_bridges.observations import Observation
from telwerk_bridges.payload import Node


class SignatureError(Exception):
    """A delivery is not signed by the platform, or too old."""


@dataclass(frozen=True)
class Delivery:
    """What a delivery tells of one conversation.

    `widget_id` is empty where the delivery does not show it. `follows_operators` says that the platform tells when
    operators come and go (`OperatorStatus`), and that being live depends on it.
    """

    conversation_id: str
    widget_id: str
    observations: frozenset[Observation]
    follows_operators: bool = False


@dataclass(frozen=True)
class OperatorStatus:
    """An operator came or went: it concerns every conversation that is assigned to them."""

    operator_id: str
    at: int
    there: bool


class Platform(Protocol):
    """A chat platform. It has no state: what deliveries mean together is the business of `Story`."""

    def verify(self, headers: Mapping[str, str], body: bytes, now_seconds: float) -> None:
        """Checks that the delivery is the platform's own and fresh; the names of headers are in small letters.

        Raises:
            SignatureError: it is not.
        """

    def read(self, payload: Node, received_at: int) -> Delivery | OperatorStatus | None:
        """What the delivery tells; None where it tells nothing that is counted.

        `received_at` is when it came, in milliseconds since 1970: only for what has no instant of its own. The same
        delivery gives the same observations. No text of a message, no feedback and nothing about a contact may be in
        them.

        Raises:
            PayloadError: the delivery is not what the platform documents.
        """


@dataclass(frozen=True)
class PlatformType:
    """A platform as the settings know it.

    `create(*secrets, prefix=..., **options)` makes it. Each option is a list of numbers or of texts.
    """

    name: str
    create: Callable[..., Platform]
    options: Mapping[str, type[int] | type[str]] = field(default_factory=dict)
