"""A cache of the conversations that an account's last transactions have written, for the events that follow.

In live traffic each event of a conversation comes in another transaction. What the previous one has stored need not be
read again as long as no other server has written to the account, which its version shows.

Cached objects are immutable: a transaction that is not committed has no effect, and two that are committed in one order
and end in the other do no harm.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple, Self

from telwerkd.application.ports import Conversation
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import ConversationId, EventId

CONVERSATIONS_MAX: Final = 10_000
"""Cached conversations of an account; with chats of 13 events they take 16 MB."""

_EVENT_IDS_MAX: Final = 64
"""A conversation with more events is looked up in the log for whether an event is there already."""

WEIGHT: Final = 20
"""Weight of a conversation in the cache, where a name weighs 1 (`CachePort.remember`): a name takes some 100 bytes
(`telwerkd.storage.sql.memory`), a conversation of 13 events 1,600."""


class HotConversation(NamedTuple):
    """A conversation as stored, but for a timer that was settled since: then it is `settled` by the account's mark."""

    row: Conversation
    event_ids: tuple[EventId, ...] | None
    """The ids of all events in its log; None if unknown."""

    def has_no(self, event_id: EventId) -> bool:
        """Whether the event is certainly not in the log."""
        return self.event_ids is not None and event_id not in self.event_ids

    def followed_by(self, row: Conversation, events: Sequence[Event]) -> "HotConversation":
        """Returns the conversation once these events are added to its log, and this is its row."""
        if self.event_ids is None or len(self.event_ids) + len(events) > _EVENT_IDS_MAX:
            return HotConversation(row, None)
        return HotConversation(row, (*self.event_ids, *[event.event_id for event in events]))


class HotConversations:
    """The conversations of an account as of one of its versions.

    They lie in layers, each smaller than the one before. Adding some merges them with the last layers, as far as these
    are not larger. So where no conversation is in two layers, each copy of one is at least twice as large: until it
    changes again, a conversation is copied some log2(10,000) = 13 times at most.
    """

    def __init__(self, layers: tuple[dict[ConversationId, HotConversation], ...] = ()) -> None:
        self._layers = layers

    def __len__(self) -> int:
        """Returns how many are kept; one that is in two layers counts twice."""
        return sum(map(len, self._layers))

    def of(self, ids: Collection[ConversationId]) -> dict[ConversationId, HotConversation]:
        """Returns those of the conversations that are kept."""
        found: dict[ConversationId, HotConversation] = {}
        wanted = ids
        for layer in reversed(self._layers):
            found.update((each, layer[each]) for each in wanted if each in layer)
            if len(found) == len(ids):
                break
            wanted = [each for each in wanted if each not in layer]
        return found

    def with_(self, changed: Mapping[ConversationId, HotConversation]) -> Self:
        """Returns these with those that have changed; of too many, without those that changed longest ago."""
        if not changed:
            return self
        layers, added = list(self._layers), dict(changed)
        while layers and len(layers[-1]) <= len(added):
            added = layers.pop() | added
        layers.append(added)
        while len(layers) > 1 and sum(map(len, layers)) > CONVERSATIONS_MAX:
            del layers[0]
        return type(self)(tuple(layers) if len(layers[0]) <= CONVERSATIONS_MAX else (dict(changed),))
