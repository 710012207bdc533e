"""The port of ingest alone."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import ConversationId, Micros


class IngestPort(Protocol):
    """Writes new events."""

    def add_events(self, new: Mapping[ConversationId, Sequence[Event]], accepted: Micros | None = None) -> None:
        """Adds events that are not in the log, with the instant at which they were accepted if it is known."""

    def note_refold(self, events: int) -> None:
        """Records for the metrics that a conversation of so many events was folded again, once this is committed."""
