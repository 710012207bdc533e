"""The port of purges and erasures."""

from collections.abc import Iterable
from typing import Protocol

from telwerkd.application.ports.rows import Conversation
from telwerkd.domain.ids import ConversationId, EventId, Micros


class RetentionPort(Protocol):
    """The reads and writes of purges and erasures."""

    def conversations_before(
        self, horizon: Micros, after: ConversationId, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Returns up to `limit` conversations with events that began before `horizon`, by id, after the id `after`."""

    def remove_events(self, conversation: ConversationId, events: Iterable[EventId]) -> None:
        """Removes events from the log."""

    def remove_conversation(self, conversation: ConversationId) -> None:
        """Removes a conversation and its events, and stores its tombstone."""

    def raise_horizon(self, instant: Micros) -> None:
        """Moves the account's horizon, never backwards."""

    def lower_horizon(self, instant: Micros) -> None:
        """Moves the account's horizon back. No purged event may lie at or after `instant`."""
