"""Conversations and their events by key, and what they count."""

from collections.abc import Collection, Mapping
from typing import Protocol

from telwerkd.application.ports.rows import Conversation, EventKey
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.ids import ConversationId


class ConversationsPort(Protocol):
    """What is read and written by whoever counts conversations, anew or further."""

    def conversations(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Those of the conversations that are stored."""

    def erased(self, ids: Collection[ConversationId]) -> set[ConversationId]:
        """Those of the conversations that were erased."""

    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Those of the events that are in the log."""

    def put_conversations(self, rows: Mapping[ConversationId, Conversation]) -> None:
        """Stores conversations; where a limit runs, with its instant."""

    def add_deltas(self, changes: Deltas) -> None:
        """Counts: the next query sees it, and `compact` moves it into chunks later."""
