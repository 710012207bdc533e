"""Taking events and conversations away."""

from collections.abc import Iterable
from typing import Protocol

from telwerkd.application.ports.rows import Conversation
from telwerkd.domain.ids import ConversationId, EventId, Micros


class RetentionPort(Protocol):
    """What purges and erasures read and write."""

    def conversations_before(
        self, horizon: Micros, after: ConversationId, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Conversations with events that began before `horizon`, by id, after one, at most `limit`."""

    def remove_events(self, conversation: ConversationId, events: Iterable[EventId]) -> None:
        """Removes events from the log."""

    def remove_conversation(self, conversation: ConversationId) -> None:
        """Removes a conversation and its events, and leaves a tombstone."""

    def raise_horizon(self, instant: Micros) -> None:
        """Moves the account's horizon, never backwards."""

    def lower_horizon(self, instant: Micros) -> None:
        """Takes the account's horizon back. Nothing that was purged may lie at or after `instant`."""
