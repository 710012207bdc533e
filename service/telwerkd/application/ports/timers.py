"""The port of response timers."""

from collections.abc import Iterator
from typing import Protocol

from telwerkd.application.ports.rows import Conversation
from telwerkd.domain.conversation.state import State
from telwerkd.domain.ids import ConversationId, Micros


class TimersView(Protocol):
    """The reads of queries."""

    def earliest_due(self) -> Micros | None:
        """Returns the instant of the earliest limit that is not settled; None without any."""


class TimersPort(Protocol):
    """The reads and writes of settling."""

    def due(self, until: Micros, limit: int) -> tuple[Micros, dict[ConversationId, Conversation]]:
        """Returns the conversations whose limit is due by `until`, the earliest ones, about `limit` at most.

        They come after the instant up to which, inclusive, they are complete.
        """

    def due_count(self, until: Micros, limit: int) -> tuple[Micros, int]:
        """Returns the instant of the `limit`-th limit due, `until` at most, and how many limits are due by then."""

    def every_due(self, until: Micros) -> Iterator[tuple[ConversationId, Conversation]]:
        """Yields all conversations whose limit is due by `until`."""

    def due_states(self, until: Micros) -> Iterator[State]:
        """Yields the states of all conversations whose limit is due by `until`."""

    def raise_high_water(self, instant: Micros) -> None:
        """Moves the account's high-water mark, never backwards."""
