"""What ingest alone reads and writes."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import ConversationId, Micros


class IngestPort(Protocol):
    """New events, and what transactions remember."""

    def recall(self) -> Any:
        """What `remember` left; None if nothing did. It may be older than the account's version."""

    def remember(self, kept: Any, weight: int = 1) -> None:
        """Leaves something in memory for the next transactions of this account, once this one is committed.

        `weight` is about how much memory it takes, in names: what is remembered of all accounts is bounded by it.

        They find it, or something older, or nothing: transactions elsewhere do not know of it.
        """

    def add_events(self, new: Mapping[ConversationId, Sequence[Event]], accepted: Micros | None = None) -> None:
        """Adds events that are not in the log, and says when they were accepted if that is known."""

    def note_refold(self, events: int) -> None:
        """Counts a conversation that is folded again from a log of so many events, once this is committed."""
