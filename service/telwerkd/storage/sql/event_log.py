"""The log of events."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from operator import attrgetter

import sqlalchemy as sa

from telwerkd.application.ports import EventKey
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.ids import ConversationId, EventId
from telwerkd.storage.schema.tables import events
from telwerkd.storage.sql import records
from telwerkd.storage.sql.part import AccountPart, naming_the_account

_PAUSE_ROWS = 500
"""Rows that are read before other tasks of the event loop get their turn."""

_EVENT_ID = attrgetter("event_id")

_EVENT_COLUMNS = ("conversation_id", "event_id", "occur_time", "body")


class EventLog(AccountPart):
    """Reads and writes events."""

    @naming_the_account
    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Those of the events that are in the log."""
        ordered = sorted(keys)
        found = self._bulk.find(events, _EVENT_COLUMNS[:2], ordered, _EVENT_COLUMNS[2:])
        return {
            ordered[place]: records.event_of(ordered[place][1], occur_time, body) for place, occur_time, body in found
        }

    @naming_the_account
    def log(self, conversation: ConversationId) -> list[Event]:
        """All events of a conversation, in no particular order."""
        c = events.c
        query = sa.select(c.event_id, c.occur_time, c.body).where(
            c.account_id == self._account, c.conversation_id == conversation
        )
        logged: list[Event] = []
        for number, row in enumerate(self._connection.execute(query), 1):
            logged.append(records.event_of(*row))
            if not number % _PAUSE_ROWS:
                self.pause()
        return logged

    def event_count(self, conversation: ConversationId) -> int:
        """How many events of a conversation are in the log."""
        c = events.c
        query = sa.select(sa.func.count()).where(c.account_id == self._account, c.conversation_id == conversation)
        return self._connection.scalar(query) or 0

    def add_events(self, new: Mapping[ConversationId, Sequence[Event]]) -> None:
        """Adds events that are not in the log."""
        rows = [
            (conversation, event.event_id, event.occur_time, records.event_body(event))
            for conversation in sorted(new)
            for event in sorted(new[conversation], key=_EVENT_ID)
        ]
        self._bulk.insert(events, _EVENT_COLUMNS, rows)

    def remove_events(self, conversation: ConversationId, events_: Iterable[EventId]) -> None:
        """Removes events from the log."""
        keys = [(conversation, event_id) for event_id in sorted(events_)]
        self._bulk.delete(events, _EVENT_COLUMNS[:2], keys)
