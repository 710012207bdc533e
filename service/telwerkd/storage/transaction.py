"""One account's part of a database transaction: the SQL, in SQLAlchemy Core, the same for every database."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from telwerkd.application.ports import Account, CellRow, Cut, EventKey, Names
from telwerkd.domain.conversation import State
from telwerkd.domain.counters import ChunkKey, Slots, merge
from telwerkd.domain.events import Event
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.domain.settings import WidgetVersion
from telwerkd.storage import records
from telwerkd.storage.tables import accounts, conversations, counters, events, names, widget_settings

T = TypeVar("T")

IN_MAX = 2_000
"""Values in one IN list, well below every database's limit on parameters."""

_CHUNK_KEY = (
    counters.c.measure,
    counters.c.grouping,
    counters.c.chunk,
    counters.c.operator_id,
    counters.c.group_id,
    counters.c.widget_id,
    counters.c.value,
)


class AccountTransaction:
    """`telwerkd.application.ports.Transaction` over a connection in a transaction."""

    def __init__(self, connection: sa.Connection, account: AccountId) -> None:
        self._connection = connection
        self._account = account

    # What is read.

    def account(self) -> Account:
        """The account's row; version 0 if nothing was ever stored."""
        query = sa.select(accounts.c.version, accounts.c.high_water, accounts.c.time_zone).where(
            accounts.c.account_id == self._account
        )
        row = self._connection.execute(query).one_or_none()
        return Account(*row) if row else Account(0, Micros(0), None)

    def earliest_due(self) -> Micros | None:
        """The earliest limit that is not settled."""
        query = sa.select(sa.func.min(conversations.c.due)).where(
            conversations.c.account_id == self._account, conversations.c.due.is_not(None)
        )
        due: int | None = self._connection.scalar(query)
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
        c = counters.c
        query = sa.select(c.chunk, c.operator_id, c.group_id, c.widget_id, c.value, c.cells).where(
            c.account_id == self._account,
            c.measure == cut.measure,
            c.grouping == cut.grouping,
            c.chunk.between(cut.first_chunk, cut.last_chunk),
        )
        for column, ids in (
            (c.operator_id, cut.operators),
            (c.group_id, cut.groups),
            (c.widget_id, cut.widgets),
            (c.value, cut.values),
        ):
            if ids:
                query = query.where(column.in_(sorted(ids)))
        return [CellRow(*row) for row in self._connection.execute(query)]

    def states(self, conversations_: Collection[ConversationId]) -> dict[ConversationId, State]:
        """The stored states of those conversations that have one."""
        c = conversations.c
        query = sa.select(c.conversation_id, c.state).where(
            c.account_id == self._account, c.conversation_id.in_(sa.bindparam("ids", expanding=True))
        )
        return {
            conversation: records.state_of(blob)
            for ids in _in_pieces(sorted(conversations_))
            for conversation, blob in self._connection.execute(query, {"ids": ids})
        }

    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Those of the events that are in the log."""
        c = events.c
        key = sa.tuple_(c.conversation_id, c.event_id)
        query = sa.select(c.conversation_id, c.event_id, c.occur_time, c.body).where(
            c.account_id == self._account, key.in_(sa.bindparam("keys", expanding=True))
        )
        return {
            (ConversationId(conversation), EventId(event_id)): records.event_of(event_id, occur_time, body)
            for piece in _in_pieces(sorted(keys))
            for conversation, event_id, occur_time, body in self._connection.execute(query, {"keys": piece})
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

    def due(self, until: Micros, limit: int) -> tuple[Micros, dict[ConversationId, State]]:
        """The conversations whose limit is due by `until`, and up to which instant they are all there."""
        c = conversations.c
        mine = (c.account_id == self._account, c.due.is_not(None), c.due <= until)
        last = self._connection.scalar(sa.select(c.due).where(*mine).order_by(c.due).offset(limit - 1).limit(1))
        until = until if last is None else Micros(last)
        query = sa.select(c.conversation_id, c.due, c.state).where(*mine, c.due <= until)
        rows = self._connection.execute(query).all()
        reached = max((row.due for row in rows), default=until)
        return Micros(reached), {row.conversation_id: records.state_of(row.state) for row in rows}

    # What is written. Keys are sorted, so that concurrent transactions lock rows in the same order.

    def add_events(self, new: Iterable[tuple[ConversationId, Event]]) -> None:
        """Adds events that are not in the log."""
        rows = [
            {
                "account_id": self._account,
                "conversation_id": conversation,
                "event_id": event.event_id,
                "occur_time": event.occur_time,
                "body": records.event_body(event),
            }
            for conversation, event in new
        ]
        rows.sort(key=lambda row: (row["conversation_id"], row["event_id"]))
        self._connection.execute(sa.insert(events), rows)

    def put_states(self, states: Mapping[ConversationId, State]) -> None:
        """Stores states; where a limit runs, with its instant."""
        rows = [
            {
                "account_id": self._account,
                "conversation_id": conversation,
                "due": state.limit.due if state.limit else None,
                "state": records.state_blob(state),
            }
            for conversation, state in sorted(states.items())
        ]
        self._upsert(conversations, rows, "due", "state")

    def add_cells(self, chunks: Mapping[ChunkKey, Slots]) -> None:
        """Adds signed changes to chunks. Every chunk is read and written whole."""
        keys = sorted(chunks)
        present = self._chunks(keys)
        changed: list[dict[str, Any]] = []
        emptied: list[ChunkKey] = []
        for key in keys:
            before = present.get(key, b"")
            after = merge(before, chunks[key])
            if after:
                changed.append(self._counter(key, after))
            elif before:
                emptied.append(key)
        if changed:
            self._upsert(counters, changed, "cells")
        query = sa.delete(counters).where(
            counters.c.account_id == self._account,
            sa.tuple_(*_CHUNK_KEY).in_(sa.bindparam("keys", expanding=True)),
        )
        for piece in _in_pieces(emptied):
            self._connection.execute(query, {"keys": piece})

    def _chunks(self, keys: Sequence[ChunkKey]) -> dict[ChunkKey, bytes]:
        query = sa.select(*_CHUNK_KEY, counters.c.cells).where(
            counters.c.account_id == self._account,
            sa.tuple_(*_CHUNK_KEY).in_(sa.bindparam("keys", expanding=True)),
        )
        return {
            ChunkKey(*row[:-1]): row[-1]
            for piece in _in_pieces(keys)
            for row in self._connection.execute(query, {"keys": piece})
        }

    def _counter(self, key: ChunkKey, cells: bytes) -> dict[str, Any]:
        return {
            "account_id": self._account,
            "measure": key.measure,
            "grouping": key.grouping,
            "chunk": key.chunk,
            "operator_id": key.operator,
            "group_id": key.group,
            "widget_id": key.widget,
            "value": key.value,
            "cells": cells,
        }

    def add_names(self, new: Names) -> None:
        """Adds names that are not there yet."""
        rows = [
            {"account_id": self._account, "family": int(family), "name": name}
            for family in sorted(new)
            for name in sorted(new[family])
        ]
        if rows:
            self._connection.execute(self._insert(names).on_conflict_do_nothing(), rows)

    def raise_high_water(self, instant: Micros) -> None:
        """Moves the account's high-water mark, never backwards."""
        self._ensure_account()
        self._connection.execute(
            sa.update(accounts)
            .where(accounts.c.account_id == self._account, accounts.c.high_water < instant)
            .values(high_water=instant)
        )

    def put_widget_version(self, widget: WidgetId, version: WidgetVersion) -> None:
        """Adds a version, or replaces the one with the same effective time."""
        row = {
            "account_id": self._account,
            "widget_id": widget,
            "effective_time": version.effective_time,
            "settings": records.version_blob(version),
        }
        self._upsert(widget_settings, [row], "settings")

    def put_time_zone(self, time_zone: str) -> None:
        """Sets the account's time zone."""
        self._ensure_account()
        self._connection.execute(
            sa.update(accounts).where(accounts.c.account_id == self._account).values(time_zone=time_zone)
        )

    def bump_version(self) -> None:
        """Tells readers that the account has changed. Last in its transaction."""
        self._ensure_account()
        self._connection.execute(
            sa.update(accounts).where(accounts.c.account_id == self._account).values(version=accounts.c.version + 1)
        )

    def _ensure_account(self) -> None:
        row = {"account_id": self._account, "version": 0, "high_water": 0}
        self._connection.execute(self._insert(accounts).on_conflict_do_nothing(), row)

    def _upsert(self, table: sa.Table, rows: list[dict[str, Any]], *columns: str) -> None:
        insert = self._insert(table)
        statement = insert.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={column: insert.excluded[column] for column in columns},
        )
        self._connection.execute(statement, rows)

    def _insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        if self._connection.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)


def _in_pieces(items: Collection[T]) -> Iterator[list[T]]:
    iterator = iter(items)
    while piece := list(islice(iterator, IN_MAX)):
        yield piece
