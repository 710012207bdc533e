"""Reads all of an account for the audit: row by row, and past rows that are damaged, each of which is reported.

No value of a row is trusted here: a disk, a file system or a person may have changed it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa

from telwerkd.application.ports import Account, Conversation, Damage, Filed, Report, StoredChunk
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.state import empty
from telwerkd.domain.counting.counters import ChunkKey
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import ConversationId, Micros
from telwerkd.storage.schema.tables import (
    base_counters,
    chunk_versions,
    conversations,
    counters,
    deltas,
    display_names,
    events,
    names,
    schedules,
    tombstones,
    widget_settings,
)
from telwerkd.storage.sql import records, row_checks
from telwerkd.storage.sql.bulk_postgres import filed_by, is_filed_by

T = TypeVar("T")

UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, msgspec.MsgspecError)
"""What decoding raises of bytes that were never written so."""

_NO_LOG: tuple[None, Iterator[Any]] = (None, iter(()))


class _Log(NamedTuple):
    events: list[Event]
    is_whole: bool


class AccountReader:
    """Reads an account's tables. What is damaged goes to `damaged`, and is left out."""

    def __init__(
        self,
        connection: sa.Connection,
        account: str,
        damaged: Report,
        conversation_of: Callable[[Sequence[Any]], tuple[ConversationId, Conversation]],
        row: Account,
    ) -> None:
        """`row` is the account's row of `accounts`."""
        self._connection = connection
        self._account = account
        self._damaged = damaged
        self._conversation_of = conversation_of
        self._rules = row.rules_target
        """The rules of conversations whose rows are lost."""
        self._accepted = row.accepted

    def filed(self, columns: Sequence[sa.Column[Any]]) -> Iterator[Filed]:
        """Yields all conversations with their events; one whose row is lost or unreadable, with its events alone."""
        e = events.c
        rows = self._named(conversations, self._rows(conversations, columns, conversations.c.conversation_id))
        logged = self._named(
            events,
            self._rows(
                events, (e.conversation_id, e.event_id, e.occur_time, e.body, e.accepted), e.conversation_id, e.event_id
            ),
        )
        # Both come in the order of their conversations; one without events has had all of them purged. One without a
        # row has lost it: the audit is told of it all the same, and the logs that follow still find theirs.
        logs = groupby(logged, key=lambda row: row.conversation_id)
        owner, log = next(logs, _NO_LOG)
        for row in rows:
            conversation = row.conversation_id
            while owner is not None and owner < conversation:
                yield from self._without_row(owner, log)
                owner, log = next(logs, _NO_LOG)
            if owner == conversation:
                yield self._with_row(row, self._log(log))
                owner, log = next(logs, _NO_LOG)
            else:
                yield self._with_row(row, _Log([], is_whole=True))
        while owner is not None:
            yield from self._without_row(owner, log)
            owner, log = next(logs, _NO_LOG)

    def chunks(self) -> Iterator[tuple[ChunkKey, bytes]]:
        """Yields all chunks of the counters."""
        for *parts, cells in self._rightly_filed(counters, counters.c.cells):
            key = ChunkKey(*parts)
            if self._read(counters, parts, partial(row_checks.chunk, key, cells)):
                yield key, cells

    def base_chunks(self) -> Iterator[tuple[Measure, StoredChunk]]:
        """Yields all chunks of base facts."""
        for measure, *parts, cells in self._rightly_filed(base_counters, base_counters.c.cells, is_source=True):
            key = ChunkKey(measure, 0, *parts)
            if self._read(base_counters, (measure, *parts), partial(row_checks.chunk, key, cells), is_source=True):
                yield measure, StoredChunk._make((*parts, cells))

    def deltas(self) -> Iterator[tuple[Measure, DeltaEntry]]:
        """Yields all delta entries."""
        c = deltas.c
        for row in self._rows(deltas, (c.measure, c.version, c.size, c.leaves)):
            entries = self._read(deltas, row[:2], partial(row_checks.entries, row.measure, row.size, row[-1]))
            for entry in entries or ():
                yield row.measure, entry

    def check_settings(self) -> None:
        """Checks every version of every widget's settings, and all opening hours; reports the damaged ones."""
        c = widget_settings.c
        for row in self._rows(widget_settings, (c.widget_id, c.effective_time, c.settings)):
            self._read(widget_settings, row[:2], partial(row_checks.settings, *row), is_source=True)
        for schedule_id, stored in self._rows(schedules, (schedules.c.schedule_id, schedules.c.schedule)):
            self._read(schedules, (schedule_id,), partial(records.schedule_of, schedule_id, stored), is_source=True)

    def check_rest(self) -> None:
        """Checks all display names and all tombstones; reports the damaged ones."""
        c = display_names.c
        for row in self._rows(display_names, (c.kind, c.id, c.name)):
            self._read(display_names, row[:2], partial(row_checks.display_name, *row), is_source=True)
        for (digest,) in self._rows(tombstones, (tombstones.c.digest,)):
            self._read(tombstones, (digest,), partial(row_checks.tombstone, digest), is_source=True)

    def names(self) -> Iterator[tuple[int, str]]:
        """Yields all distinct names, each after its family."""
        for family, name in self._rightly_filed(names):
            if self._read(names, (family, name), partial(row_checks.name, family, name)) is not None:
                yield family, name

    def chunk_versions(self) -> Iterator[tuple[Measure, int]]:
        """Yields measure and number of every chunk that has a version."""
        c = chunk_versions.c
        for row in self._rows(chunk_versions, (c.measure, c.chunk, c.version)):
            if self._read(chunk_versions, row[:2], partial(row_checks.chunk_version, *row)) is not None:
                yield Measure(row.measure), row.chunk

    def mendable(self, row: Any) -> Conversation | None:
        """Returns a conversation's row if every column that its log cannot restore is readable; else None."""
        fields = row._asdict()
        key = (fields["conversation_id"],)
        with suppress(*UNREADABLE):
            return self._readable(row)
        try:
            _ = fields["base"] is None or records.state_of(fields["base"])
        except UNREADABLE as error:
            self._damaged(Damage(conversations.name, key, f"base: {_said(error)}", is_source=True))
            return None
        rules = fields["rules"]
        fields["state"] = records.state_blob(empty(rules if type(rules) is int else self._rules))
        for name, value in fields.items():
            if name.endswith("_time") and type(value) is not int:
                fields[name] = 0
            elif name in {"due", "events"} and type(value) is not int:
                fields[name] = None
        return self._conversation_of(tuple(fields.values()))[1]

    # One row.

    def _readable(self, row: Any) -> Conversation:
        """Returns a conversation from its row. Raises one of `UNREADABLE` if it is damaged."""
        row_checks.numbers(row.first_time, row.last_time, row.due)
        readable = self._conversation_of(row)[1]
        if row.rules != readable.state.rules:
            raise ValueError(f"is filed under rules {row.rules!r:.40}, and counted by {readable.state.rules}")
        return readable

    def _with_row(self, row: Any, log: _Log) -> Filed:
        conversation = ConversationId(row.conversation_id)
        try:
            stored = self._readable(row)
        except UNREADABLE as error:
            mendable = self.mendable(row)
            if mendable is not None:
                self._damaged(Damage(conversations.name, (conversation,), _said(error)))
            is_whole = mendable is not None and log.is_whole
            new = empty(self._rules)
            readable = Conversation.begun(new, Micros(0), Micros(0)) if mendable is None else mendable
            return Filed(conversation, readable, None, log.events, is_whole, is_row_whole=False)
        return Filed(conversation, stored, row.due, log.events, log.is_whole)

    def _without_row(self, conversation: str, rows: Iterable[Any]) -> Iterator[Filed]:
        log = self._log(rows)
        times = [event.occur_time for event in log.events]
        if times:
            new = empty(self._rules)
            row = Conversation.begun(new, min(times), max(times))
            yield Filed(ConversationId(conversation), row, None, log.events, log.is_whole)

    def _named(self, table: sa.Table, rows: Iterable[Any]) -> Iterator[Any]:
        """Yields the rows whose conversation id is a text; reports the others, which cannot be ordered."""
        for row in rows:
            conversation = row.conversation_id
            if isinstance(conversation, str):
                yield row
            else:
                why = f"{conversation!r:.40} where a conversation's id belongs"
                key = (conversation, *(getattr(row, name) for name in ("event_id",) if hasattr(row, name)))
                self._damaged(Damage(table.name, key, why, is_source=True))

    def _log(self, rows: Iterable[Any]) -> _Log:
        log: list[Event] = []
        is_whole = True
        for row in rows:
            event = self._read(events, row[:2], partial(row_checks.event, self._accepted, *row[1:]), is_source=True)
            if event is None:
                is_whole = False
            else:
                log.append(event)
        return _Log(log, is_whole)

    def _read(
        self, table: sa.Table, key: Sequence[object], read: Callable[[], T], *, is_source: bool = False
    ) -> T | None:
        try:
            return read()
        except UNREADABLE as error:
            self._damaged(Damage(table.name, tuple(key), _said(error), is_source=is_source))
            return None

    def _rightly_filed(self, table: sa.Table, *columns: sa.Column[Any], is_source: bool = False) -> Iterator[list[Any]]:
        """Yields keys and columns of the rows that are filed under their own key's digest, where there are digests."""
        key = [column for column in table.primary_key if column.name != "account_id"]
        for *row, digest in self._rows(table, [*key, *columns, filed_by(self._connection, table)]):
            found = tuple(row[: len(key)])
            if is_filed_by(digest, found[-1]):
                yield row
            else:
                why = "stands under the digest of another key"
                self._damaged(Damage(table.name, found, why, is_source=is_source, is_misfiled=True))

    def _rows(self, table: sa.Table, columns: Sequence[Any], *order: sa.Column[Any]) -> Iterator[Any]:
        """Yields an account's rows of a table as the cursor returns them, up to the first that cannot be read."""
        query = sa.select(*columns).where(table.c.account_id == self._account).order_by(*order)
        last: Sequence[object] = ()
        try:
            for row in self._connection.execute(query, execution_options={"yield_per": 1_000}):
                last = row[:2]
                yield row
        except sa.exc.DatabaseError as error:
            if self._connection.dialect.name != "sqlite":
                raise
            why = f"cannot be read any further: {error.orig}"
            self._damaged(Damage(table.name, tuple(last), why, is_source=True, is_row=False))


def _said(error: Exception) -> str:
    error = error.__cause__ if isinstance(error.__cause__, Exception) else error
    return " ".join(str(error).split())[:200] or type(error).__name__
