"""The port of recounts."""

from collections.abc import Sequence
from typing import Protocol

from telwerkd.application.ports.rows import Conversation
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import ConversationId, EventId


class RecountPort(Protocol):
    """The reads and writes that only a recount has."""

    def counted_otherwise(
        self, rules: int, after: ConversationId, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Returns up to `limit` conversations counted by another version of the rules, by id, after the id `after`."""

    def unmarked_events(self, conversation: ConversationId) -> set[EventId]:
        """Returns the ids of a conversation's events without a known acceptance time: those of earlier versions."""

    def replace_events(self, conversation: ConversationId, changed: Sequence[Event]) -> None:
        """Overwrites the stored bodies of events that are in the log, after their settings changed."""
