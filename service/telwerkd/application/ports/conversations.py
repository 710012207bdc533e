"""The port of conversations and events by key, and of delta entries."""

from collections.abc import Collection, Mapping
from typing import Protocol

from telwerkd.application.ports.rows import Conversation, EventKey
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.ids import ConversationId


class ConversationsPort(Protocol):
    """The reads and writes of every command that counts conversations."""

    def conversations(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Returns those conversations of these ids that are stored."""

    def erased(self, ids: Collection[ConversationId]) -> set[ConversationId]:
        """Returns those of these ids whose conversations were erased."""

    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Returns those events of these keys that are in the log."""

    def put_conversations(self, rows: Mapping[ConversationId, Conversation]) -> None:
        """Stores conversations; where a limit runs, with its instant."""

    def add_deltas(self, changes: Deltas) -> None:
        """Files delta entries. Queries add them at once; `compact` moves them into chunks later."""
