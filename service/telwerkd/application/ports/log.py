"""The port of the log: conversations and their events."""

from collections.abc import Collection
from typing import Protocol

from telwerkd.application.ports.rows import Conversation
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import ConversationId, Micros


class LogView(Protocol):
    """Reads the log."""

    def conversations_in(
        self, start: Micros, end: Micros, after: tuple[Micros, ConversationId] | None, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Returns conversations that may have events in `[start, end)`, by last time and id, after a cursor."""

    def log(self, conversation: ConversationId) -> list[Event]:
        """Returns all events of a conversation, in no particular order."""

    def logs(self, ids: Collection[ConversationId], accepted_until: Micros) -> dict[ConversationId, list[Event]]:
        """Returns the events of conversations accepted by an instant, those of unknown acceptance time included."""

    def event_count(self, conversation: ConversationId) -> int:
        """Returns how many events of a conversation are in the log."""

    def counted_otherwise_count(self, rules: int) -> int:
        """Returns how many conversations are counted by another version of the rules."""

    def latest_event_time(self) -> Micros | None:
        """Returns when the newest event happened; None if none is known.

        It may be an older one if very many open limits lie far ahead, or events were taken back.
        """
