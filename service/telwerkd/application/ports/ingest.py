"""What ingest reads and writes."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

from telwerkd.application.ports.rows import Conversation, EventKey
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.ids import ConversationId, EventId, Micros


class IngestPort(Protocol):
    """The conversations of a batch and their events, by key; and what transactions remember."""

    def recall(self) -> Any:
        """What `remember` left; None if nothing did. It may be older than the account's version."""

    def remember(self, kept: Any, weight: int = 1) -> None:
        """Leaves something in memory for the next transactions of this account, once this one is committed.

        `weight` is about how much memory it takes, in names: what is remembered of all accounts is bounded by it.

        They find it, or something older, or nothing: transactions elsewhere do not know of it.
        """

    def conversations(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Those of the conversations that are stored."""

    def erased(self, ids: Collection[ConversationId]) -> set[ConversationId]:
        """Those of the conversations that were erased."""

    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Those of the events that are in the log."""

    def add_events(self, new: Mapping[ConversationId, Sequence[Event]], accepted: Micros | None = None) -> None:
        """Adds events that are not in the log, and says when they were accepted if that is known."""

    def unmarked_events(self, conversation: ConversationId) -> set[EventId]:
        """The events of a conversation of which it is not known when they were accepted: those of earlier programs."""

    def replace_events(self, conversation: ConversationId, changed: Sequence[Event]) -> None:
        """Stores what settings say of events that are in the log anew."""

    def put_conversations(self, rows: Mapping[ConversationId, Conversation]) -> None:
        """Stores conversations; where a limit runs, with its instant."""

    def note_refold(self, events: int) -> None:
        """Counts a conversation that is folded again from a log of so many events, once this is committed."""

    def add_deltas(self, changes: Deltas) -> None:
        """Counts: the next query sees it, and `compact` moves it into chunks later."""
