"""The limits of live conversations."""

from collections.abc import Iterator
from typing import Protocol

from telwerkd.application.ports.rows import Conversation
from telwerkd.domain.conversation.state import State
from telwerkd.domain.ids import ConversationId, Micros


class TimersView(Protocol):
    """What is read of them for answers."""

    def earliest_due(self) -> Micros | None:
        """The earliest limit that is not settled."""


class TimersPort(Protocol):
    """What settling them reads and writes."""

    def due(self, until: Micros, limit: int) -> tuple[Micros, dict[ConversationId, Conversation]]:
        """The conversations whose limit is due by `until`, earliest first; about `limit` at most.

        Gives the instant up to which (inclusive) they are all there.
        """

    def due_count(self, until: Micros, limit: int) -> tuple[Micros, int]:
        """Up to which instant the first `limit` limits that are due by `until` reach, and how many are due by that."""

    def every_due(self, until: Micros) -> Iterator[tuple[ConversationId, Conversation]]:
        """All conversations whose limit is due by `until`, one after the other."""

    def due_states(self, until: Micros) -> Iterator[State]:
        """The states of all conversations whose limit is due by `until`."""

    def raise_high_water(self, instant: Micros) -> None:
        """Moves the account's high-water mark, never backwards."""
