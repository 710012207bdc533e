"""The port of ingest alone."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import ConversationId, Micros


class IngestPort(Protocol):
    """Writes new events, and caches objects between transactions."""

    def recall(self) -> Any:
        """Returns what an earlier `remember` kept, perhaps of an earlier version of the account; None without one."""

    def remember(self, kept: Any, weight: int = 1) -> None:
        """Caches an object for the next transactions of this account, once this one is committed.

        `weight` is about how much memory the object takes, in names; the cache of all accounts is bounded by it.

        The next transactions get it, an older object, or none: other processes do not share the cache.
        """

    def add_events(self, new: Mapping[ConversationId, Sequence[Event]], accepted: Micros | None = None) -> None:
        """Adds events that are not in the log, with the instant at which they were accepted if it is known."""

    def note_refold(self, events: int) -> None:
        """Records for the metrics that a conversation of so many events was folded again, once this is committed."""
