"""One account's part of a database transaction: the SQL, the same for every database but for many rows at once."""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import wraps
from hashlib import blake2b
from operator import attrgetter
from typing import Any, Concatenate, NoReturn, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.util import await_only

from telwerkd.application.names import GROUPS, OPERATORS, WIDGETS
from telwerkd.application.ports import (
    Account,
    CellRow,
    Conversation,
    Cut,
    Damage,
    DamagedRowError,
    EventKey,
    Filed,
    Names,
    Report,
)
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.fold import EMPTY, State, last_event_time
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.counting.cells import are_cells
from telwerkd.domain.counting.counters import (
    BY_GROUP,
    BY_OPERATOR,
    BY_VALUE,
    BY_WIDGET,
    ChunkChanges,
    ChunkKey,
    KeyParts,
    Slots,
    bounded_changes,
    changes_of,
    chunk_changes,
    chunk_deltas,
    merged,
    uncut_grouping,
)
from telwerkd.domain.counting.deltas import Deltas, Leaf, Leaves
from telwerkd.domain.counting.measures import Measure, kpi_of
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.storage.schema.tables import (
    accounts,
    base_counters,
    chunk_versions,
    conversations,
    counters,
    deltas,
    events,
    names,
    tombstones,
    widget_settings,
)
from telwerkd.storage.sql import records
from telwerkd.storage.sql.auditing import AccountReader
from telwerkd.storage.sql.bulk import Bulk
from telwerkd.storage.sql.bulk_postgres import PostgresBulk
from telwerkd.storage.sql.bulk_sqlite import SqliteBulk
from telwerkd.storage.sql.statements import Statement

_EVENT_ID = attrgetter("event_id")

_PAUSE_ROWS = 500
"""Rows that are read before other tasks of the event loop get their turn."""

COMPACTED_CHUNKS_MAX = 4_000
"""About how many chunks one compaction reads and writes, so that it takes a tenth of a second."""

_LEFT_LEAVES_MAX = 2_000
"""Leaves of a row that a compaction leaves for later."""

_IN_MAX = 2_000
"""Values in one IN list, well below every database's limit on parameters."""

_LATEST_LOOKED_AT = ((0, 20), (20, 2_000))
"""Conversations that are looked at to find the newest event: the first so many after so many."""

_PLACE = (conversations.c.last_time.type, conversations.c.conversation_id.type)

_BUMP = sa.text(
    "INSERT INTO accounts (account_id, version, high_water) VALUES (:account, 1, 0) "
    "ON CONFLICT (account_id) DO UPDATE SET version = accounts.version + 1 RETURNING version"
)

ACCOUNT = tuple(
    accounts.c[name] for name in ("version", "high_water", "time_zone", "horizon", "names_max", "names_freed")
)
"""The columns of `telwerkd.application.ports.Account`."""


def _cells_of(table: sa.Table) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(*(table.c[name] for name in ("chunk", "operator_id", "group_id", "widget_id", "value", "cells")))


def _within(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    """An account's rows of a measure, of some chunks."""
    c = table.c
    return (
        c.account_id == sa.bindparam("account", type_=c.account_id.type),
        c.measure == sa.bindparam("measure", type_=c.measure.type),
        c.chunk.between(sa.bindparam("first", type_=c.chunk.type), sa.bindparam("last", type_=c.chunk.type)),
    )


_ACCOUNT_ROW = Statement(sa.select(*ACCOUNT).where(accounts.c.account_id == sa.bindparam("account")))
_EARLIEST_DUE = Statement(
    sa.select(sa.func.min(conversations.c.due)).where(
        conversations.c.account_id == sa.bindparam("account"), conversations.c.due.is_not(None)
    )
)
_CELLS = Statement(
    _cells_of(counters)
    .where(*_within(counters), counters.c.grouping == sa.bindparam("grouping", type_=sa.SmallInteger))
    .limit(sa.bindparam("rows_max", type_=sa.BigInteger))
)
_CHUNK_VERSIONS = Statement(sa.select(chunk_versions.c.chunk, chunk_versions.c.version).where(*_within(chunk_versions)))
_DELTAS = Statement(
    sa.select(deltas.c.leaves).where(
        deltas.c.account_id == sa.bindparam("account"), deltas.c.measure == sa.bindparam("measure")
    )
)

_FILED = Statement(
    sa.select(sa.func.count(), sa.func.sum(deltas.c.size)).where(
        deltas.c.account_id == sa.bindparam("account"), deltas.c.measure == sa.bindparam("measure")
    )
)

_ANY_TOMBSTONE = Statement(sa.select(sa.exists().where(tombstones.c.account_id == sa.bindparam("account"))))

_EVENT_COLUMNS = ("conversation_id", "event_id", "occur_time", "body")
_CONVERSATION_COLUMNS = ("conversation_id", "due", "first_time", "last_time", "state", "base", "events")
_CONVERSATION = tuple(conversations.c[name] for name in _CONVERSATION_COLUMNS)
_CHUNK_KEY = ("measure", "grouping", "chunk", "operator_id", "group_id", "widget_id", "value")


P = ParamSpec("P")
T = TypeVar("T")


def _naming_the_account(
    read: "Callable[Concatenate[AccountTransaction, P], T]",
) -> "Callable[Concatenate[AccountTransaction, P], T]":
    """Says of which account a damaged row is."""

    @wraps(read)
    def reads(transaction: "AccountTransaction", /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(transaction, *args, **kwargs)
        except DamagedRowError as error:
            error.account = transaction.account_id
            raise

    return reads


class AccountTransaction:
    """`telwerkd.application.ports.Transaction` over a connection in a transaction."""

    def __init__(
        self, connection: sa.Connection, account: AccountId, row: Account | None = None, recalled: Any = None
    ) -> None:
        self._connection = connection
        self._account = self.account_id = account
        self._bulk = _bulk(connection, account)
        # Nobody else changes the account's row before this transaction ends, or this one does not see it.
        self._row = row
        self._recalled = recalled
        self.remembered: tuple[Any, int] = (None, 0)
        """What is to be recalled once this transaction is committed, and its weight; None if nothing new is."""

    def recall(self) -> Any:
        """What the last transaction of the account left, as far as the store knows."""
        return self._recalled

    def remember(self, kept: Any, weight: int = 1) -> None:
        """Leaves something for the next."""
        self.remembered = kept, weight

    def pause(self) -> None:
        """Lets the event loop go on, if the transaction runs there."""
        # In a thread, where nothing waits for it, `StatementsInLoop` stands for the connection (`postgres.threads`).
        if self._connection.dialect.is_async and isinstance(self._connection, sa.Connection):
            await_only(asyncio.sleep(0))

    # What is read.

    def account(self) -> Account:
        """The account's row; version 0 if nothing was ever stored."""
        if self._row is None:
            rows = _ACCOUNT_ROW.on(self._connection, account=self._account)
            self._row = Account(*rows[0]) if rows else Account(0, Micros(0), None, Micros(0))
        return self._row

    @_naming_the_account
    def latest_event_time(self) -> Micros | None:
        """When the newest event happened; None if none is known."""
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

    def earliest_due(self) -> Micros | None:
        """The earliest limit that is not settled."""
        [[due]] = _EARLIEST_DUE.on(self._connection, account=self._account)
        return None if due is None else Micros(due)

    @_naming_the_account
    def widget_versions(self) -> dict[WidgetId, list[WidgetVersion]]:
        """Every version of every widget's settings, oldest first, by widget id."""
        query = (
            sa.select(widget_settings.c.widget_id, widget_settings.c.settings)
            .where(widget_settings.c.account_id == self._account)
            .order_by(widget_settings.c.widget_id, widget_settings.c.effective_time)
        )
        versions: dict[WidgetId, list[WidgetVersion]] = {}
        for widget, blob in self._connection.execute(query):
            versions.setdefault(widget, []).append(records.version_of(blob))
        return versions

    @_naming_the_account
    def cells(self, cut: Cut) -> list[CellRow]:
        """The chunks of a cut."""
        if not (cut.operators or cut.groups or cut.widgets or cut.values):
            found = _CELLS.on(
                self._connection,
                account=self._account,
                measure=cut.measure,
                grouping=cut.grouping,
                first=cut.first_chunk,
                last=cut.last_chunk,
                rows_max=cut.rows_max,
            )
        else:
            found = self._connection.execute(self._sought(cut)).all()
        # All at once, for there may be thousands; which one it is, is looked for only then.
        blobs = [row[-1] for row in found]
        if not are_cells(blobs):
            for *key, cells in found:
                _whole(counters.name, (cut.measure, cut.grouping, *key), cells)
        return [CellRow(*row) for row in found]

    def _sought(self, cut: Cut) -> sa.Select[*tuple[Any, ...]]:
        """Each chunk of the ids that are named is looked up by its key, so that no other is read.

        So every part of the key is given up to the last that is named: what a grouping leaves out is empty.
        """
        c = counters.c
        versions = self.chunk_versions(cut.measure, cut.first_chunk, cut.last_chunk)
        query = _cells_of(counters).where(
            c.account_id == self._account,
            c.measure == cut.measure,
            c.grouping == cut.grouping,
            c.chunk.in_(sorted(versions)),
        )
        for column, bit, ids in (
            (c.operator_id, BY_OPERATOR, cut.operators),
            (c.group_id, BY_GROUP, cut.groups),
            (c.widget_id, BY_WIDGET, cut.widgets),
            (c.value, BY_VALUE, cut.values),
        ):
            if not cut.grouping & bit:
                query = query.where(column == "")
            elif ids:
                query = query.where(column.in_(sorted(ids)))
        return query.limit(cut.rows_max)

    @_naming_the_account
    def conversations(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Those of the conversations that are stored."""
        keys = [(conversation,) for conversation in sorted(ids)]
        found = self._bulk.find(conversations, ("conversation_id",), keys, _CONVERSATION_COLUMNS)
        return dict(_conversation(row[1:]) for row in found)

    def mendable(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Those of the conversations whose row is readable as far as their log does not give it."""
        reader, found = self._reader(lambda _damage: None), dict[ConversationId, Conversation]()
        for conversation in sorted(ids):
            c = conversations.c
            query = sa.select(*_CONVERSATION).where(c.account_id == self._account, c.conversation_id == conversation)
            for row in self._connection.execute(query):
                if (readable := reader.mendable(row)) is not None:
                    found[conversation] = readable
        return found

    def erased(self, ids: Collection[ConversationId]) -> set[ConversationId]:
        """Those of the conversations that were erased."""
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

    @_naming_the_account
    def conversations_in(
        self, start: Micros, end: Micros, after: tuple[Micros, ConversationId] | None, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Conversations in which something may have happened in `[start, end)`, by last time and id, after a place."""
        c = conversations.c
        # Where the page begins is in the bound that the index search takes; else each page would read all before it.
        first = start if after is None else max(start, after[0])
        query = (
            sa.select(*_CONVERSATION)
            .where(c.account_id == self._account, c.last_time >= first, c.first_time < end)
            .order_by(c.last_time, c.conversation_id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(sa.tuple_(c.last_time, c.conversation_id) > sa.tuple_(*after, types=_PLACE))
        return [_conversation(row) for row in self._connection.execute(query)]

    def base_cells(self, measure: Measure, first_chunk: int, last_chunk: int) -> list[CellRow]:
        """The facts of a measure that no event explains any more, uncut."""
        c = base_counters.c
        query = _cells_of(base_counters).where(
            c.account_id == self._account, c.measure == measure, c.chunk.between(first_chunk, last_chunk)
        )
        return [CellRow(*row) for row in self._connection.execute(query)]

    # All of it, for the audit: as the cursor gives it, never in memory at once.

    def conversation_count(self) -> int:
        """How many conversations the account has."""
        query = sa.select(sa.func.count()).where(conversations.c.account_id == self._account)
        return self._connection.scalar(query) or 0

    def every_conversation(self, damaged: Report | None = None) -> Iterator[Filed]:
        """All conversations with their events, one after the other."""
        return self._reader(damaged).filed(_CONVERSATION)

    def check_settings(self, damaged: Report) -> None:
        """Reads every version of every widget's settings."""
        self._reader(damaged).check_settings()

    def _reader(self, damaged: Report | None) -> AccountReader:
        return AccountReader(self._connection, self._account, damaged or self._refuse, _conversation)

    def _refuse(self, damage: Damage) -> NoReturn:
        raise DamagedRowError(damage, self._account)

    def every_base(self) -> Iterator[State]:
        """What the purged events of each conversation led to, where any were."""
        c = conversations.c
        query = sa.select(c.base).where(c.account_id == self._account, c.base.is_not(None))
        return (records.state_of(row.base) for row in self._stream(query))

    def every_chunk(self, damaged: Report | None = None) -> Iterator[tuple[ChunkKey, bytes]]:
        """All chunks, one after the other."""
        return self._reader(damaged).chunks()

    def every_base_chunk(self, damaged: Report | None = None) -> Iterator[tuple[Measure, CellRow]]:
        """All facts that no event explains any more."""
        return self._reader(damaged).base_chunks()

    def every_delta(self, damaged: Report | None = None) -> Iterator[tuple[Measure, Leaf]]:
        """All that is counted but not yet in chunks."""
        return self._reader(damaged).deltas()

    def _stream(self, query: sa.Select[*tuple[Any, ...]]) -> Iterator[Any]:
        return iter(self._connection.execute(query, execution_options={"yield_per": 1_000}))

    @_naming_the_account
    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Those of the events that are in the log."""
        ordered = sorted(keys)
        found = self._bulk.find(events, _EVENT_COLUMNS[:2], ordered, _EVENT_COLUMNS[2:])
        return {
            ordered[place]: records.event_of(ordered[place][1], occur_time, body) for place, occur_time, body in found
        }

    @_naming_the_account
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

    def names(self) -> dict[int, set[str]]:
        """The account's distinct names by family."""
        query = sa.select(names.c.family, names.c.name).where(names.c.account_id == self._account)
        found: dict[int, set[str]] = {}
        for family, name in self._connection.execute(query):
            found.setdefault(family, set()).add(name)
        return found

    @_naming_the_account
    def due(self, until: Micros, limit: int) -> tuple[Micros, dict[ConversationId, Conversation]]:
        """The conversations whose limit is due by `until`, and up to which instant they are all there."""
        c = conversations.c
        mine = (c.account_id == self._account, c.due.is_not(None), c.due <= until)
        last = self._connection.scalar(sa.select(c.due).where(*mine).order_by(c.due).offset(limit - 1).limit(1))
        until = until if last is None else Micros(last)
        rows = self._connection.execute(sa.select(*_CONVERSATION).where(*mine, c.due <= until)).all()
        reached = max((row.due for row in rows), default=until)
        return Micros(reached), dict(_conversation(row) for row in rows)

    def due_count(self, until: Micros, limit: int) -> tuple[Micros, int]:
        """Up to which instant the first `limit` limits that are due by `until` reach, and how many are due by that."""
        c = conversations.c
        mine = (c.account_id == self._account, c.due.is_not(None), c.due <= until)
        last = self._connection.scalar(sa.select(c.due).where(*mine).order_by(c.due).offset(limit - 1).limit(1))
        reached = until if last is None else Micros(last)
        count = self._connection.scalar(sa.select(sa.func.count()).where(*mine, c.due <= reached))
        return reached, count or 0

    def every_due(self, until: Micros) -> Iterator[tuple[ConversationId, Conversation]]:
        """All conversations whose limit is due by `until`, one after the other."""
        c = conversations.c
        query = sa.select(*_CONVERSATION).where(c.account_id == self._account, c.due.is_not(None), c.due <= until)
        return map(_conversation, self._stream(query))

    def due_states(self, until: Micros) -> Iterator[State]:
        """The states of all conversations whose limit is due by `until`."""
        c = conversations.c
        query = sa.select(c.state).where(c.account_id == self._account, c.due.is_not(None), c.due <= until)
        return (records.state_of(row.state) for row in self._stream(query))

    @_naming_the_account
    def conversations_before(
        self, horizon: Micros, after: ConversationId, limit: int
    ) -> list[tuple[ConversationId, Conversation]]:
        """Conversations that began before `horizon`, by id, after one, at most `limit`."""
        c = conversations.c
        query = (
            sa.select(*_CONVERSATION)
            .where(c.account_id == self._account, c.conversation_id > after, c.first_time < horizon)
            .order_by(c.conversation_id)
            .limit(limit)
        )
        return [_conversation(row) for row in self._connection.execute(query)]

    def chunk_versions(self, measure: Measure, first_chunk: int, last_chunk: int) -> dict[int, int]:
        """The chunks of a measure in a range that hold anything, each with a number that grows when it changes."""
        found = _CHUNK_VERSIONS.on(
            self._connection, account=self._account, measure=measure, first=first_chunk, last=last_chunk
        )
        return dict(found)

    def filed(self, measure: Measure) -> tuple[int, int]:
        """How many transactions filed what `deltas` gives, and how many leaves it has."""
        [[rows, leaf_count]] = _FILED.on(self._connection, account=self._account, measure=measure)
        return int(rows), int(leaf_count or 0)

    @_naming_the_account
    def deltas(self, measure: Measure) -> Leaves:
        """What is counted of a measure but not yet in its chunks."""
        found = _DELTAS.on(self._connection, account=self._account, measure=measure)
        return records.leaves_of(blob for [blob] in found)

    # What is written. Keys are sorted, so that concurrent transactions lock rows in the same order.

    def add_events(self, new: Mapping[ConversationId, Sequence[Event]]) -> None:
        """Adds events that are not in the log."""
        rows = [
            (conversation, event.event_id, event.occur_time, records.event_body(event))
            for conversation in sorted(new)
            for event in sorted(new[conversation], key=_EVENT_ID)
        ]
        self._bulk.insert(events, _EVENT_COLUMNS, rows)

    def put_conversations(self, rows: Mapping[ConversationId, Conversation]) -> None:
        """Stores conversations; where a limit runs, with its instant."""
        values = [
            (
                conversation,
                row.state.limit.due if row.state.limit else None,
                row.first_time,
                row.last_time,
                records.state_blob(row.state),
                None if row.base == EMPTY else records.state_blob(row.base),
                row.events,
            )
            for conversation, row in sorted(rows.items())
        ]
        self._bulk.insert(conversations, _CONVERSATION_COLUMNS, values, replacing=_CONVERSATION_COLUMNS[1:])

    def remove_events(self, conversation: ConversationId, events_: Iterable[EventId]) -> None:
        """Removes events from the log."""
        keys = [(conversation, event_id) for event_id in sorted(events_)]
        self._bulk.delete(events, _EVENT_COLUMNS[:2], keys)

    def remove_conversation(self, conversation: ConversationId) -> None:
        """Removes a conversation and its events, and leaves a tombstone."""
        for table in (events, conversations):
            self._connection.execute(
                sa.delete(table).where(table.c.account_id == self._account, table.c.conversation_id == conversation)
            )
        digest = tombstone(self._account, conversation)
        self._bulk.insert(tombstones, ("digest",), [(digest,)], replacing=())

    def add_base(self, changes: Deltas) -> None:
        """Adds facts that no event explains any more."""
        for measure, leaves in changes.by_measure().items():
            self._add_cells(base_counters, chunk_changes(measure, Leaves.of(leaves), [uncut_grouping(measure)]))

    def discard(self, damages: Iterable[Damage]) -> None:
        """Removes damaged rows of the counters, and of what is not in them yet."""
        for damage in damages:
            for table in (counters, deltas):
                if table.name == damage.table and damage.is_row:
                    columns = [column for column in table.primary_key if column.name != "account_id"]
                    mine = [column == _bound(value) for column, value in zip(columns, damage.key, strict=True)]
                    self._connection.execute(sa.delete(table).where(table.c.account_id == self._account, *mine))

    def correct_cells(self, chunks: Mapping[ChunkKey, Slots]) -> None:
        """Adds signed corrections to the counters, and compacts all deltas with them.

        Together: what is wrong may be in either, and one without the other may be less than nothing.
        """
        total = {key: dict(slots) for key, slots in chunks.items()}
        by_measure: dict[Measure, list[Leaf]] = {}
        for measure, leaf in self.every_delta():
            by_measure.setdefault(measure, []).append(leaf)
        for measure, leaves in by_measure.items():
            for key, slots in chunk_deltas(measure, Leaves.of(leaves)).items():
                sums = total.setdefault(key, {})
                for slot, n in slots.items():
                    sums[slot] = sums.get(slot, 0) + n
        self._add_cells(counters, changes_of(total))
        self._touch(total)
        self._connection.execute(sa.delete(deltas).where(deltas.c.account_id == self._account))

    def add_deltas(self, changes: Deltas) -> None:
        """Counts: the next query sees it, and `compact` moves it into chunks later."""
        version = self.account().version
        rows = [
            (measure, version, len(leaves), records.leaves_blob(leaves))
            for measure, leaves in changes.unsorted().items()
        ]
        self._bulk.insert(deltas, ("measure", "version", "size", "leaves"), rows)

    @_naming_the_account
    def compact(self, measure: Measure, leaves_max: int, chunks_max: int = COMPACTED_CHUNKS_MAX) -> int:
        """Moves deltas of a measure into its chunks, oldest first; gives by how many leaves fewer there are."""
        c = deltas.c
        mine = (c.account_id == self._account, c.measure == measure)
        # A row has one leaf at least, so more rows are not needed; which are is known before any of them is read.
        sizes = sa.select(c.version, c.size).where(*mine).order_by(c.version).limit(leaves_max)
        last, wanted = 0, 0
        for version, size in self._connection.execute(sizes).all():
            last, wanted = version, wanted + size
            if wanted >= leaves_max:
                break
        oldest = (*mine, c.version <= last)
        blobs = self._connection.scalars(sa.select(c.leaves).where(*oldest)).all()
        if not blobs:
            return 0
        self.pause()
        changes, left = bounded_changes(measure, records.leaves_of(blobs), chunks_max)
        self.pause()
        self._add_cells(counters, changes)
        self._touch(changes.keys)
        self._connection.execute(sa.delete(deltas).where(*oldest))
        # Under keys that have just become free, so that the next compaction begins with them; in rows of which it need
        # not read all.
        pieces = left.pieces(max(_LEFT_LEAVES_MAX, -(-len(left) // max(1, last))))
        rows = [(measure, last - place, len(piece), records.leaves_blob(piece)) for place, piece in enumerate(pieces)]
        self._bulk.insert(deltas, ("measure", "version", "size", "leaves"), rows)
        return wanted - len(left)

    @_naming_the_account
    def _add_cells(self, table: sa.Table, changes: ChunkChanges) -> None:
        """Adds signed changes to chunks. Every chunk is read and written whole."""
        key = tuple(name for name in _CHUNK_KEY if name in table.c)
        keys = changes.keys if key == _CHUNK_KEY else [_parts(chunk, key) for chunk in changes.keys]
        before = [b""] * len(keys)
        for place, cells in self._bulk.find(table, key, keys, ("cells",)):
            before[place] = _whole(table.name, keys[place], cells)
        after = merged(before, changes)
        changed = [(*values, cells) for values, cells in zip(keys, after, strict=True) if cells]
        emptied = [values for values, old, cells in zip(keys, before, after, strict=True) if old and not cells]
        self._bulk.insert(table, (*key, "cells"), changed, replacing=("cells",))
        self._bulk.delete(table, key, emptied)

    def _touch(self, changed: Iterable[KeyParts]) -> None:
        """Tells readers that chunks have changed."""
        keys = sorted({(measure, chunk) for measure, _, chunk, *_ in changed})
        found: dict[int, int] = dict(self._bulk.find(chunk_versions, ("measure", "chunk"), keys, ("version",)))
        rows = [(*key, found.get(place, 0) + 1) for place, key in enumerate(keys)]
        self._bulk.insert(chunk_versions, ("measure", "chunk", "version"), rows, replacing=("version",))

    def add_names(self, new: Names) -> None:
        """Adds names that are not there yet."""
        rows = [(int(family), name) for family in sorted(new) for name in sorted(new[family])]
        self._bulk.insert(names, ("family", "name"), rows, replacing=())

    def counted_names(self) -> Iterator[tuple[int, str]]:
        """The names that the counters have, by family."""
        c = counters.c
        for grouping, family, column in (
            (BY_OPERATOR, OPERATORS, c.operator_id),
            (BY_GROUP, GROUPS, c.group_id),
            (BY_WIDGET, WIDGETS, c.widget_id),
            (BY_VALUE, None, c.value),
        ):
            mine = (c.account_id == self._account, c.grouping == grouping)
            for measure, name in self._stream(sa.select(c.measure, column).where(*mine).distinct()):
                yield (kpi_of(measure) if family is None else family), name

    def free_names(self, unused: Names) -> None:
        """Removes names."""
        keys = [(family, name) for family in sorted(unused) for name in sorted(unused[family])]
        self._bulk.delete(names, ("family", "name"), keys)
        self._connection.execute(
            sa.update(accounts)
            .where(accounts.c.account_id == self._account)
            .values(names_freed=accounts.c.names_freed + 1)
        )
        self._row = None

    def put_names_max(self, names_max: int | None) -> None:
        """Sets the account's own bound on distinct names."""
        self._ensure_account()
        self._connection.execute(
            sa.update(accounts).where(accounts.c.account_id == self._account).values(names_max=names_max)
        )
        self._row = None

    def raise_high_water(self, instant: Micros) -> None:
        """Moves the account's high-water mark, never backwards."""
        self._raise(accounts.c.high_water, instant)

    def raise_horizon(self, instant: Micros) -> None:
        """Moves the account's horizon, never backwards."""
        self._raise(accounts.c.horizon, instant)

    def lower_horizon(self, instant: Micros) -> None:
        """Takes the account's horizon back."""
        mine = accounts.c.account_id == self._account
        self._connection.execute(sa.update(accounts).where(mine).values(horizon=instant))
        self._row = None

    def _raise(self, mark: sa.Column[int], instant: Micros) -> None:
        self._ensure_account()
        lower = (accounts.c.account_id == self._account, mark < instant)
        self._connection.execute(sa.update(accounts).where(*lower).values({mark: instant}))
        self._row = None

    def put_widget_version(self, widget: WidgetId, version: WidgetVersion) -> None:
        """Adds a version, or replaces the one with the same effective time."""
        row = (widget, version.effective_time, records.version_blob(version))
        columns = ("widget_id", "effective_time", "settings")
        self._bulk.insert(widget_settings, columns, [row], replacing=("settings",))

    def put_time_zone(self, time_zone: str) -> None:
        """Sets the account's time zone."""
        self._ensure_account()
        self._connection.execute(
            sa.update(accounts).where(accounts.c.account_id == self._account).values(time_zone=time_zone)
        )
        self._row = None

    def bump_version(self) -> None:
        """Tells readers that the account has changed. Before `add_deltas`, which is filed under the new version."""
        version = self._connection.scalar(_BUMP, {"account": self._account})
        self._row = self.account()._replace(version=version)

    def _ensure_account(self) -> None:
        self._bulk.insert(accounts, ("version", "high_water"), [(0, 0)], replacing=())


def _bulk(connection: sa.Connection, account: AccountId) -> Bulk:
    of_dialect = PostgresBulk if connection.dialect.name == "postgresql" else SqliteBulk
    return of_dialect(connection, account)


def tombstone(account: AccountId, conversation: ConversationId) -> bytes:
    """What is left of an erased conversation: enough to know its id again, without keeping it.

    An id that can be guessed can be tried: use ids that say nothing.
    """
    return blake2b(conversation.encode(), digest_size=16, key=blake2b(account.encode()).digest()).digest()


def _conversation(row: Sequence[Any]) -> tuple[ConversationId, Conversation]:
    """A conversation from its columns."""
    conversation, _, first_time, last_time, state, base, count = row
    try:
        return ConversationId(conversation), Conversation(
            records.state_of(state),
            EMPTY if base is None else records.state_of(base),
            Micros(first_time),
            Micros(last_time),
            count,
        )
    except DamagedRowError as error:
        raise DamagedRowError(error.damage._replace(key=(conversation,))) from error.__cause__


def _bound(value: object) -> Any:
    """A part of a damaged row's key, for a statement: a text that is none as SQLite has it."""
    if not isinstance(value, str) or value.isprintable():
        return value
    return sa.cast(sa.literal(value.encode(errors="surrogateescape"), sa.LargeBinary), sa.Text)


def _whole(table: str, key: Sequence[Any], cells: bytes) -> bytes:
    """The cells of a chunk. Raises DamagedRowError if they are none: nothing that is to follow could name the row."""
    if not are_cells([cells]):
        raise DamagedRowError(Damage(table, tuple(key), "these are no cells"))
    return cells


def _parts(chunk: KeyParts, names_: tuple[str, ...]) -> tuple[Any, ...]:
    """The parts of a chunk's key that a table has."""
    return tuple([value for name, value in zip(_CHUNK_KEY, chunk, strict=True) if name in names_])
