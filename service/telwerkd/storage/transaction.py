"""One account's part of a database transaction: the SQL, the same for every database but for many rows at once."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from hashlib import blake2b
from itertools import groupby
from operator import attrgetter
from typing import Any

import sqlalchemy as sa

from telwerkd.application.ports import Account, CellRow, Conversation, Cut, EventKey, Filed, Names
from telwerkd.domain.conversation import EMPTY
from telwerkd.domain.counters import (
    BY_GROUP,
    BY_OPERATOR,
    BY_VALUE,
    BY_WIDGET,
    ChunkChanges,
    ChunkKey,
    KeyParts,
    Slots,
    changes_of,
    chunk_changes,
    chunk_deltas,
    merged,
    uncut_grouping,
)
from telwerkd.domain.events import Event
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.domain.leaves import Deltas, Leaf, Leaves, Measure
from telwerkd.domain.settings import WidgetVersion
from telwerkd.storage import records
from telwerkd.storage.bulk import Bulk
from telwerkd.storage.bulk_postgres import PostgresBulk
from telwerkd.storage.bulk_sqlite import SqliteBulk
from telwerkd.storage.statements import Statement
from telwerkd.storage.tables import (
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

_EVENT_ID = attrgetter("event_id")

_IN_MAX = 2_000
"""Values in one IN list, well below every database's limit on parameters."""

_PLACE = (conversations.c.last_time.type, conversations.c.conversation_id.type)

_BUMP = sa.text(
    "INSERT INTO accounts (account_id, version, high_water) VALUES (:account, 1, 0) "
    "ON CONFLICT (account_id) DO UPDATE SET version = accounts.version + 1 RETURNING version"
)

ACCOUNT = (accounts.c.version, accounts.c.high_water, accounts.c.time_zone, accounts.c.horizon)
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

_NO_LOG: tuple[None, Iterator[Any]] = (None, iter(()))

_EVENT_COLUMNS = ("conversation_id", "event_id", "occur_time", "body")
_CONVERSATION_COLUMNS = ("conversation_id", "due", "first_time", "last_time", "state", "base")
_CONVERSATION = tuple(conversations.c[name] for name in _CONVERSATION_COLUMNS)
_CHUNK_KEY = ("measure", "grouping", "chunk", "operator_id", "group_id", "widget_id", "value")


class AccountTransaction:
    """`telwerkd.application.ports.Transaction` over a connection in a transaction."""

    def __init__(
        self, connection: sa.Connection, account: AccountId, row: Account | None = None, recalled: Any = None
    ) -> None:
        self._connection = connection
        self._account = account
        self._bulk = _bulk(connection, account)
        # Nobody else changes the account's row before this transaction ends, or this one does not see it.
        self._row = row
        self._recalled = recalled
        self.remembered: Any = None
        """What is to be recalled once this transaction is committed; None if nothing new is."""

    def recall(self) -> Any:
        """What the last transaction of the account left, as far as the store knows."""
        return self._recalled

    def remember(self, kept: Any) -> None:
        """Leaves something for the next."""
        self.remembered = kept

    # What is read.

    def account(self) -> Account:
        """The account's row; version 0 if nothing was ever stored."""
        if self._row is None:
            rows = _ACCOUNT_ROW.on(self._connection, account=self._account)
            self._row = Account(*rows[0]) if rows else Account(0, Micros(0), None, Micros(0))
        return self._row

    def latest_time(self) -> Micros | None:
        """The latest instant at which anything happened; None if nothing did."""
        query = sa.select(sa.func.max(conversations.c.last_time)).where(conversations.c.account_id == self._account)
        latest: int | None = self._connection.scalar(query)
        return None if latest is None else Micros(latest)

    def earliest_due(self) -> Micros | None:
        """The earliest limit that is not settled."""
        [[due]] = _EARLIEST_DUE.on(self._connection, account=self._account)
        return None if due is None else Micros(due)

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

    def conversations(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Those of the conversations that are stored."""
        keys = [(conversation,) for conversation in sorted(ids)]
        found = self._bulk.find(conversations, ("conversation_id",), keys, _CONVERSATION_COLUMNS)
        return dict(_conversation(row[1:]) for row in found)

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

    def every_conversation(self) -> Iterator[Filed]:
        """All conversations with their events, one after the other."""
        c, e = conversations.c, events.c
        rows = self._stream(sa.select(*_CONVERSATION).where(c.account_id == self._account).order_by(c.conversation_id))
        logged = self._stream(
            sa.select(e.conversation_id, e.event_id, e.occur_time, e.body)
            .where(e.account_id == self._account)
            .order_by(e.conversation_id, e.event_id)
        )
        # Both come in the order of their conversations; one without events has had all of them purged. One without a
        # row has lost it: the audit is told of it all the same, and the logs that follow still find theirs.
        logs = groupby(logged, key=lambda row: row.conversation_id)
        owner, log = next(logs, _NO_LOG)
        for row in rows:
            conversation, stored = _conversation(row)
            while owner is not None and owner < conversation:
                yield _without_row(owner, log)
                owner, log = next(logs, _NO_LOG)
            if owner != conversation:
                yield Filed(conversation, stored, row.due, [])
                continue
            yield Filed(conversation, stored, row.due, [records.event_of(*event[1:]) for event in log])
            owner, log = next(logs, _NO_LOG)
        while owner is not None:
            yield _without_row(owner, log)
            owner, log = next(logs, _NO_LOG)

    def every_chunk(self) -> Iterator[tuple[ChunkKey, bytes]]:
        """All chunks, one after the other."""
        columns = (counters.c[name] for name in _CHUNK_KEY)
        query = sa.select(*columns, counters.c.cells).where(counters.c.account_id == self._account)
        return ((ChunkKey(*row[:-1]), row[-1]) for row in self._stream(query))

    def every_base_chunk(self) -> Iterator[tuple[Measure, CellRow]]:
        """All facts that no event explains any more."""
        c = base_counters.c
        query = sa.select(c.measure, c.chunk, c.operator_id, c.group_id, c.widget_id, c.value, c.cells).where(
            c.account_id == self._account
        )
        return ((row[0], CellRow(*row[1:])) for row in self._stream(query))

    def every_delta(self) -> Iterator[tuple[Measure, Leaf]]:
        """All that is counted but not yet in chunks."""
        query = sa.select(deltas.c.measure, deltas.c.leaves).where(deltas.c.account_id == self._account)
        return ((measure, leaf) for measure, blob in self._stream(query) for leaf in records.leaves_of([blob]))

    def _stream(self, query: sa.Select[*tuple[Any, ...]]) -> Iterator[Any]:
        return iter(self._connection.execute(query, execution_options={"yield_per": 1_000}))

    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Those of the events that are in the log."""
        ordered = sorted(keys)
        found = self._bulk.find(events, _EVENT_COLUMNS[:2], ordered, _EVENT_COLUMNS[2:])
        return {
            ordered[place]: records.event_of(ordered[place][1], occur_time, body) for place, occur_time, body in found
        }

    def log(self, conversation: ConversationId) -> list[Event]:
        """All events of a conversation, in no particular order."""
        c = events.c
        query = sa.select(c.event_id, c.occur_time, c.body).where(
            c.account_id == self._account, c.conversation_id == conversation
        )
        return [records.event_of(*row) for row in self._connection.execute(query)]

    def names(self) -> dict[int, set[str]]:
        """The account's distinct names by family."""
        query = sa.select(names.c.family, names.c.name).where(names.c.account_id == self._account)
        found: dict[int, set[str]] = {}
        for family, name in self._connection.execute(query):
            found.setdefault(family, set()).add(name)
        return found

    def due(self, until: Micros, limit: int) -> tuple[Micros, dict[ConversationId, Conversation]]:
        """The conversations whose limit is due by `until`, and up to which instant they are all there."""
        c = conversations.c
        mine = (c.account_id == self._account, c.due.is_not(None), c.due <= until)
        last = self._connection.scalar(sa.select(c.due).where(*mine).order_by(c.due).offset(limit - 1).limit(1))
        until = until if last is None else Micros(last)
        rows = self._connection.execute(sa.select(*_CONVERSATION).where(*mine, c.due <= until)).all()
        reached = max((row.due for row in rows), default=until)
        return Micros(reached), dict(_conversation(row) for row in rows)

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

    def compact(self, measure: Measure, leaves_max: int) -> int:
        """Moves deltas of a measure into its chunks, oldest first; gives how many leaves."""
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
        leaves = records.leaves_of(blobs)
        if not len(leaves):
            return 0
        changes = chunk_changes(measure, leaves)
        self._add_cells(counters, changes)
        self._touch(changes.keys)
        self._connection.execute(sa.delete(deltas).where(*oldest))
        return len(leaves)

    def _add_cells(self, table: sa.Table, changes: ChunkChanges) -> None:
        """Adds signed changes to chunks. Every chunk is read and written whole."""
        key = tuple(name for name in _CHUNK_KEY if name in table.c)
        keys = changes.keys if key == _CHUNK_KEY else [_parts(chunk, key) for chunk in changes.keys]
        before = [b""] * len(keys)
        for place, cells in self._bulk.find(table, key, keys, ("cells",)):
            before[place] = cells
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

    def raise_high_water(self, instant: Micros) -> None:
        """Moves the account's high-water mark, never backwards."""
        self._raise(accounts.c.high_water, instant)

    def raise_horizon(self, instant: Micros) -> None:
        """Moves the account's horizon, never backwards."""
        self._raise(accounts.c.horizon, instant)

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
    conversation, _, first_time, last_time, state, base = row
    return ConversationId(conversation), Conversation(
        records.state_of(state),
        EMPTY if base is None else records.state_of(base),
        Micros(first_time),
        Micros(last_time),
    )


def _without_row(conversation: str, rows: Iterable[Any]) -> Filed:
    log = [records.event_of(*row[1:]) for row in rows]
    times = [event.occur_time for event in log]
    return Filed(ConversationId(conversation), Conversation(EMPTY, EMPTY, min(times), max(times)), None, log)


def _parts(chunk: KeyParts, names_: tuple[str, ...]) -> tuple[Any, ...]:
    """The parts of a chunk's key that a table has."""
    return tuple([value for name, value in zip(_CHUNK_KEY, chunk, strict=True) if name in names_])
