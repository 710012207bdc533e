"""Conversations: their rows with states and limits, their events, and the tombstones of those that were erased."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from operator import attrgetter, itemgetter
from typing import Any

import sqlalchemy as sa

from telwerkd.application.ports import Conversation, DamagedRowError, EventKey
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.state import State, empty, last_event_time
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros
from telwerkd.storage.schema.tables import conversations, events, tombstones
from telwerkd.storage.sql import records
from telwerkd.storage.sql.account_part import AccountPart, Statement, check_types

_IN_MAX = 2_000
"""Values in one IN list, well below every database's limit on parameters."""

_LATEST_LOOKED_AT = ((0, 20), (20, 2_000))
"""Conversations that are looked at to find the newest event: the first so many after so many."""

_PLACE = (conversations.c.last_time.type, conversations.c.conversation_id.type)

_ANY_TOMBSTONE = Statement(sa.select(sa.exists().where(tombstones.c.account_id == sa.bindparam("account"))))

_CONVERSATION_COLUMNS = ("conversation_id", "due", "first_time", "last_time", "state", "base", "events", "rules")

_PAUSE_ROWS = 500
"""Rows that are read before other tasks of the event loop may run."""

_KEY = itemgetter(0)
_EVENT_ID = attrgetter("event_id")

_EVENT_COLUMNS = ("conversation_id", "event_id", "occur_time", "body", "accepted")

_OF_CONVERSATION = (
    events.c.account_id == sa.bindparam("account"),
    events.c.conversation_id == sa.bindparam("conversation"),
)
_LOG = Statement(sa.select(events.c.event_id, events.c.occur_time, events.c.body).where(*_OF_CONVERSATION))
_EVENT_COUNT = Statement(sa.select(sa.func.count()).select_from(events).where(*_OF_CONVERSATION))

CONVERSATION = tuple(conversations.c[name] for name in _CONVERSATION_COLUMNS)


class ConversationRows(AccountPart):
    """Reads and writes conversations and their events."""

    def latest_event_time(self) -> Micros | None:
        """Returns when the newest event happened; None if none is known."""
        c = conversations.c
        # A conversation's last time may be a limit that is still ahead, but no event is later than it.
        newest_first = sa.select(c.last_time, c.state).where(c.account_id == self._account).order_by(c.last_time.desc())
        latest: Micros | None = None
        for first, count in _LATEST_LOOKED_AT:
            rows = self._connection.execute(newest_first.offset(first).limit(count)).all()
            for last_time, state in rows:
                if latest is not None and latest >= last_time:
                    return latest
                happened = last_event_time(records.state_of(state))
                latest = max(filter(None, (latest, happened)), default=None)
            if len(rows) < count:
                break
        return latest

    def conversations(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Returns those conversations of these ids that are stored."""
        keys = [(conversation,) for conversation in sorted(ids)]
        found = self._bulk.find(conversations, ("conversation_id",), keys, _CONVERSATION_COLUMNS)
        return dict(conversation_of(row[1:]) for row in found)

    def erased(self, ids: Collection[ConversationId]) -> set[ConversationId]:
        """Returns those of these ids whose conversations were erased."""
        c = tombstones.c
        [[any_erased]] = _ANY_TOMBSTONE.on(self._connection, account=self._account)
        if not any_erased:
            return set()
        digests = {tombstone(self._account, conversation): conversation for conversation in ids}
        found: set[ConversationId] = set()
        for start in range(0, len(digests), _IN_MAX):
            some = list(digests)[start : start + _IN_MAX]
            query = sa.select(c.digest).where(c.account_id == self._account, c.digest.in_(some))
            found.update(digests[digest] for digest in self._connection.scalars(query))
        return found

    def conversations_in(
        self, start: Micros, end: Micros, after: tuple[Micros, ConversationId] | None, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Returns conversations that may have events in `[start, end)`, by last time and id, after a cursor."""
        c = conversations.c
        # Where the page begins is in the bound that the index search takes; else each page would read all before it.
        first = start if after is None else max(start, after[0])
        query = (
            sa.select(*CONVERSATION)
            .where(c.account_id == self._account, c.last_time >= first, c.first_time < end)
            .order_by(c.last_time, c.conversation_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(sa.tuple_(c.last_time, c.conversation_id) > sa.tuple_(*after, types=_PLACE))
        return [conversation_of(row) for row in self._connection.execute(query)]

    def conversations_before(
        self, horizon: Micros, after: ConversationId, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Returns up to `limit` conversations with events that began before `horizon`, by id, after the id `after`."""
        c = conversations.c
        # Those whose events have all been purged stay for ever, and would be looked at again by every purge.
        has_events = sa.or_(c.events.is_(None), c.events > 0)
        query = (
            sa.select(*CONVERSATION)
            .where(c.account_id == self._account, c.conversation_id > after, c.first_time < horizon, has_events)
            .order_by(c.conversation_id)
            .limit(limit)
        )
        return [conversation_of(row) for row in self._connection.execute(query)]

    def counted_otherwise(
        self, rules: int, after: ConversationId, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Returns up to `limit` conversations counted by another version of the rules, by id, after the id `after`."""
        c = conversations.c
        query = (
            sa.select(*CONVERSATION)
            .where(c.account_id == self._account, c.conversation_id > after, c.rules != rules)
            .order_by(c.conversation_id)
            .limit(limit)
        )
        return [conversation_of(row) for row in self._connection.execute(query)]

    def counted_otherwise_count(self, rules: int) -> int:
        """Returns how many conversations are counted by another version of the rules."""
        c = conversations.c
        query = sa.select(sa.func.count()).where(c.account_id == self._account, c.rules != rules)
        return self._connection.scalar(query) or 0

    def conversation_count(self) -> int:
        """Returns how many conversations the account has."""
        query = sa.select(sa.func.count()).where(conversations.c.account_id == self._account)
        return self._connection.scalar(query) or 0

    def every_base(self) -> Iterator[State]:
        """Yields the base state of each conversation that has one."""
        c = conversations.c
        query = sa.select(c.base).where(c.account_id == self._account, c.base.is_not(None))
        return (records.state_of(row.base) for row in self._stream(query))

    def due(self, until: Micros, limit: int) -> tuple[Micros, dict[ConversationId, Conversation]]:
        """Returns the conversations due first, about `limit`, after the instant up to which they are complete."""
        c = conversations.c
        mine = (c.account_id == self._account, c.due.is_not(None), c.due <= until)
        last = self._connection.scalar(sa.select(c.due).where(*mine).order_by(c.due).offset(limit - 1).limit(1))
        until = until if last is None else Micros(last)
        rows = self._connection.execute(sa.select(*CONVERSATION).where(*mine, c.due <= until)).all()
        reached = max((row.due for row in rows), default=until)
        return Micros(reached), dict(conversation_of(row) for row in rows)

    def due_count(self, until: Micros, limit: int) -> tuple[Micros, int]:
        """Returns the instant of the `limit`-th limit due, `until` at most, and how many limits are due by then."""
        c = conversations.c
        mine = (c.account_id == self._account, c.due.is_not(None), c.due <= until)
        last = self._connection.scalar(sa.select(c.due).where(*mine).order_by(c.due).offset(limit - 1).limit(1))
        reached = until if last is None else Micros(last)
        count = self._connection.scalar(sa.select(sa.func.count()).where(*mine, c.due <= reached))
        return reached, count or 0

    def every_due(self, until: Micros) -> Iterator[tuple[ConversationId, Conversation]]:
        """Yields all conversations whose limit is due by `until`."""
        c = conversations.c
        query = sa.select(*CONVERSATION).where(c.account_id == self._account, c.due.is_not(None), c.due <= until)
        return map(conversation_of, self._stream(query))

    def due_states(self, until: Micros) -> Iterator[State]:
        """Yields the states of all conversations whose limit is due by `until`."""
        c = conversations.c
        query = sa.select(c.state).where(c.account_id == self._account, c.due.is_not(None), c.due <= until)
        return (records.state_of(row.state) for row in self._stream(query))

    def put_conversations(self, rows: Mapping[ConversationId, Conversation]) -> None:
        """Stores conversations; where a limit runs, with its instant."""
        values = [
            (
                conversation,
                row.due,
                row.first_time,
                row.last_time,
                records.state_blob(row.state),
                None if row.base == empty(row.base.rules) else records.state_blob(row.base),
                row.events,
                row.state.rules,
            )
            for conversation, row in sorted(rows.items(), key=_KEY)
        ]
        self._bulk.insert(conversations, _CONVERSATION_COLUMNS, values, replacing=_CONVERSATION_COLUMNS[1:])

    def remove_conversation(self, conversation: ConversationId) -> None:
        """Removes a conversation and its events, and stores its tombstone."""
        for table in (events, conversations):
            self._connection.execute(
                sa.delete(table).where(table.c.account_id == self._account, table.c.conversation_id == conversation)
            )
        digest = tombstone(self._account, conversation)
        self._bulk.insert(tombstones, ("digest",), [(digest,)], replacing=())

    # The log.

    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Returns those events of these keys that are in the log."""
        ordered = sorted(keys)
        found = self._bulk.find(events, _EVENT_COLUMNS[:2], ordered, _EVENT_COLUMNS[2:4])
        return {
            ordered[index]: records.event_of(ordered[index][1], occur_time, body) for index, occur_time, body in found
        }

    def log(self, conversation: ConversationId) -> list[Event]:
        """Returns all events of a conversation, in no particular order."""
        logged: list[Event] = []
        rows = _LOG.on(self._connection, account=self._account, conversation=conversation)
        for number, row in enumerate(rows, 1):
            logged.append(records.event_of(*row))
            if not number % _PAUSE_ROWS:
                self.pause()
        return logged

    def logs(self, ids: Collection[ConversationId], accepted_until: Micros) -> dict[ConversationId, list[Event]]:
        """Returns the events of conversations accepted by an instant, those of unknown acceptance time included."""
        c = events.c
        query = sa.select(c.conversation_id, c.event_id, c.occur_time, c.body).where(
            c.account_id == self._account,
            c.conversation_id.in_(sorted(ids)),
            sa.or_(c.accepted.is_(None), c.accepted <= accepted_until),
        )
        found: dict[ConversationId, list[Event]] = {}
        for conversation, *event in self._connection.execute(query):
            found.setdefault(conversation, []).append(records.event_of(*event))
        return found

    def event_count(self, conversation: ConversationId) -> int:
        """Returns how many events of a conversation are in the log."""
        [[count]] = _EVENT_COUNT.on(self._connection, account=self._account, conversation=conversation)
        return int(count)

    def add_events(self, new: Mapping[ConversationId, Sequence[Event]], accepted: Micros | None = None) -> None:
        """Adds events that are not in the log, with the instant at which they were accepted if it is known."""
        rows = [
            (conversation, event.event_id, event.occur_time, records.event_body(event), accepted)
            for conversation in sorted(new)
            for event in _by_id(new[conversation])
        ]
        self._bulk.insert(events, _EVENT_COLUMNS, rows)

    def unmarked_events(self, conversation: ConversationId) -> set[EventId]:
        """Returns the ids of a conversation's events without a known acceptance time: those of earlier versions."""
        c = events.c
        query = sa.select(c.event_id).where(
            c.account_id == self._account, c.conversation_id == conversation, c.accepted.is_(None)
        )
        return set(self._connection.scalars(query))

    def replace_events(self, conversation: ConversationId, changed: Sequence[Event]) -> None:
        """Overwrites the stored bodies of events that are in the log, after their settings changed."""
        rows = [
            (conversation, event.event_id, event.occur_time, records.event_body(event)) for event in _by_id(changed)
        ]
        self._bulk.insert(events, _EVENT_COLUMNS[:-1], rows, replacing=("body",))

    def remove_events(self, conversation: ConversationId, events_: Iterable[EventId]) -> None:
        """Removes events from the log."""
        keys = [(conversation, event_id) for event_id in sorted(events_)]
        self._bulk.delete(events, _EVENT_COLUMNS[:2], keys)


def _by_id(some: Sequence[Event]) -> Sequence[Event]:
    # In live traffic there is one in most conversations.
    return some if len(some) == 1 else sorted(some, key=_EVENT_ID)


def tombstone(account: AccountId, conversation: ConversationId) -> bytes:
    """Returns the keyed digest that stands for an erased conversation: its id is recognised without being kept.

    Ids that can be guessed can be tried against the digest: producers should use ids without meaning.
    """
    return blake2b(conversation.encode(), digest_size=16, key=blake2b(account.encode()).digest()).digest()


def conversation_of(row: Sequence[Any]) -> tuple[ConversationId, Conversation]:
    """Returns a conversation from its columns.

    Raises:
        DamagedRowError: a column cannot be read.
    """
    conversation, due, first_time, last_time, blob, base, count, _ = row
    check_types(conversations.name, (conversation,), (due, first_time, last_time, count), (int,) * 4)
    try:
        state = records.state_of(blob)
        return ConversationId(conversation), Conversation(
            state,
            empty(state.rules) if base is None else records.state_of(base),
            Micros(first_time),
            Micros(last_time),
            count,
        )
    except DamagedRowError as error:
        raise DamagedRowError(error.damage._replace(key=(conversation,))) from error.__cause__
