"""One account's part of a database transaction: the SQL, in SQLAlchemy Core, the same for every database."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from telwerkd.application.ports import Account, CellRow, Cut, EventKey, Names
from telwerkd.domain.conversation import State
from telwerkd.domain.counters import ChunkKey, Deltas, LeafDelta, Measure, Slots, chunk_deltas, merge
from telwerkd.domain.events import Event
from telwerkd.domain.ids import AccountId, ConversationId, EventId, Micros, WidgetId
from telwerkd.domain.settings import WidgetVersion
from telwerkd.storage import records
from telwerkd.storage.bulk import WantedKeys, execute_many
from telwerkd.storage.tables import accounts, conversations, counters, deltas, events, names, widget_settings

IN_MAX = 2_000
"""Values in one IN list, well below every database's limit on parameters."""

DELTA_LEAVES_ALL = 2**31

_CHUNK_KEY = ("measure", "grouping", "chunk", "operator_id", "group_id", "widget_id", "value")


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
        wanted = WantedKeys([(conversation,) for conversation in sorted(conversations_)])
        c = conversations.c
        query = sa.select(c.conversation_id, c.state).select_from(
            wanted.left_join(conversations, self._account, "conversation_id")
        )
        return {
            ConversationId(conversation): records.state_of(blob)
            for conversation, blob in self._connection.execute(query, wanted.parameters)
            if blob is not None
        }

    def stored(self, keys: Collection[EventKey]) -> dict[EventKey, Event]:
        """Those of the events that are in the log."""
        wanted = WantedKeys(sorted(keys))
        c = events.c
        query = sa.select(c.conversation_id, c.event_id, c.occur_time, c.body).select_from(
            wanted.left_join(events, self._account, "conversation_id", "event_id")
        )
        return {
            (ConversationId(conversation), EventId(event_id)): records.event_of(event_id, occur_time, body)
            for conversation, event_id, occur_time, body in self._connection.execute(query, wanted.parameters)
            if body is not None
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

    def deltas(self, measure: Measure) -> list[LeafDelta]:
        """What is counted of a measure but not yet in its chunks."""
        return [leaf for _, leaf in self._delta_rows(measure, DELTA_LEAVES_ALL)]

    def _delta_rows(self, measure: Measure, leaves_max: int) -> list[tuple[int, LeafDelta]]:
        query = (
            sa.select(deltas.c.version, deltas.c.leaves)
            .where(deltas.c.account_id == self._account, deltas.c.measure == measure)
            .order_by(deltas.c.version)
        )
        rows: list[tuple[int, LeafDelta]] = []
        for version, blob in self._connection.execute(query):
            if rows and len(rows) >= leaves_max:
                break
            rows.extend((version, leaf) for leaf in records.leaves_of(blob))
        return rows

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
        execute_many(self._connection, sa.insert(events), rows)

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

    def add_deltas(self, changes: Deltas) -> None:
        """Counts: the next query sees it, and `compact` moves it into chunks later."""
        version = self.account().version
        rows = [
            {
                "account_id": self._account,
                "measure": measure,
                "version": version,
                "size": len(leaves),
                "leaves": records.leaves_blob(leaves),
            }
            for measure, leaves in sorted(changes.by_measure().items())
        ]
        execute_many(self._connection, sa.insert(deltas), rows)

    def compact(self, measure: Measure, leaves_max: int) -> int:
        """Moves deltas of a measure into its chunks, oldest first; gives how many."""
        rows = self._delta_rows(measure, leaves_max)
        if not rows:
            return 0
        self._add_cells(chunk_deltas(measure, (leaf for _, leaf in rows)))
        c = deltas.c
        self._connection.execute(
            sa.delete(deltas).where(c.account_id == self._account, c.measure == measure, c.version <= rows[-1][0])
        )
        return len(rows)

    def _add_cells(self, chunks: Mapping[ChunkKey, Slots]) -> None:
        """Adds signed changes to chunks. Every chunk is read and written whole."""
        keys = sorted(chunks)
        present = self._chunks(keys)
        changed: list[dict[str, Any]] = []
        emptied: list[dict[str, Any]] = []
        for key, before in zip(keys, present, strict=True):
            after = merge(before, chunks[key])
            row = {"account_id": self._account, **dict(zip(_CHUNK_KEY, key, strict=True))}
            if after:
                changed.append({**row, "cells": after})
            elif before:
                emptied.append(row)
        if changed:
            self._upsert(counters, changed, "cells")
        gone = (column == sa.bindparam(column.name) for column in counters.primary_key.columns)
        execute_many(self._connection, sa.delete(counters).where(*gone), emptied)

    def _chunks(self, keys: Sequence[ChunkKey]) -> list[bytes]:
        """The cells of chunks, empty where there are none yet."""
        wanted = WantedKeys(keys)
        query = sa.select(wanted.place, counters.c.cells).select_from(
            wanted.left_join(counters, self._account, *_CHUNK_KEY)
        )
        found: dict[int, bytes | None] = dict(self._connection.execute(query, wanted.parameters).tuples().all())
        return [found[place] or b"" for place in range(len(keys))]

    def add_names(self, new: Names) -> None:
        """Adds names that are not there yet."""
        rows = [
            {"account_id": self._account, "family": int(family), "name": name}
            for family in sorted(new)
            for name in sorted(new[family])
        ]
        if rows:
            execute_many(self._connection, self._insert(names).on_conflict_do_nothing(), rows)

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
        """Tells readers that the account has changed. Before `add_deltas`, which is filed under the new version."""
        statement = self._insert(accounts).on_conflict_do_update(
            index_elements=[accounts.c.account_id], set_={"version": accounts.c.version + 1}
        )
        self._connection.execute(statement, {"account_id": self._account, "version": 1, "high_water": 0})

    def _ensure_account(self) -> None:
        row = {"account_id": self._account, "version": 0, "high_water": 0}
        self._connection.execute(self._insert(accounts).on_conflict_do_nothing(), row)

    def _upsert(self, table: sa.Table, rows: list[dict[str, Any]], *columns: str) -> None:
        insert = self._insert(table)
        statement = insert.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={column: insert.excluded[column] for column in columns},
        )
        execute_many(self._connection, statement, rows)

    def _insert(self, table: sa.Table) -> "sqlite.Insert | postgresql.Insert":
        if self._connection.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)
