"""Counting conversations anew by other rules."""

from collections.abc import Sequence
from typing import Protocol

from telwerkd.application.ports.rows import Conversation
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import ConversationId, EventId


class RecountPort(Protocol):
    """What a recount alone reads and writes."""

    def counted_otherwise(
        self, rules: int, after: ConversationId, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Conversations that are counted by another version of the rules, by id, after one, at most `limit`."""

    def unmarked_events(self, conversation: ConversationId) -> set[EventId]:
        """The events of a conversation of which it is not known when they were accepted: those of earlier programs."""

    def replace_events(self, conversation: ConversationId, changed: Sequence[Event]) -> None:
        """Stores what settings say of events that are in the log anew."""
