"""Reads all of an account for the audit: row by row, and past rows that are damaged, each of which is reported.

Nothing that stands in a row is trusted here: a disk, a file system or a hand may have changed it.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Any, NamedTuple, TypeVar

import msgspec
import sqlalchemy as sa

from telwerkd.application.ports import Conversation, Damage, Filed, Report, StoredChunk
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.conversation.state import empty
from telwerkd.domain.counting.counters import ChunkKey, check_entry
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.measures import Measure, kpi_of
from telwerkd.domain.counting.reading import check_chunk
from telwerkd.domain.ids import ConversationId, Micros
from telwerkd.domain.time.years import is_known_instant
from telwerkd.storage.schema.tables import (
    base_counters,
    conversations,
    counters,
    deltas,
    events,
    schedules,
    widget_settings,
)
from telwerkd.storage.sql import records

T = TypeVar("T")

UNREADABLE = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, msgspec.MsgspecError)
"""What decoding raises of bytes that were never written so."""

_GROUPINGS = 16

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
        rules: int,
    ) -> None:
        """`rules` is the version that conversations are counted by whose row does not say it."""
        self._connection = connection
        self._account = account
        self._damaged = damaged
        self._conversation_of = conversation_of
        self._rules = rules

    def filed(self, columns: Sequence[sa.Column[Any]]) -> Iterator[Filed]:
        """All conversations with their events; one whose row is lost or unreadable by its events alone."""
        e = events.c
        rows = self._named(conversations, self._rows(conversations, columns, conversations.c.conversation_id))
        logged = self._named(
            events,
            self._rows(events, (e.conversation_id, e.event_id, e.occur_time, e.body), e.conversation_id, e.event_id),
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
        """All chunks of the counters."""
        columns = [column for column in counters.primary_key if column.name != "account_id"]
        for row in self._rows(counters, [*columns, counters.c.cells]):
            key = ChunkKey(*row[:-1])
            if self._read(counters, row[:-1], partial(_checked_chunk, key, row[-1])):
                yield key, row[-1]

    def base_chunks(self) -> Iterator[tuple[Measure, StoredChunk]]:
        """All facts that no event explains any more."""
        columns = [column for column in base_counters.primary_key if column.name != "account_id"]
        for row in self._rows(base_counters, [*columns, base_counters.c.cells]):
            key = ChunkKey(row[0], 0, *row[1:-1])
            if self._read(base_counters, row[:-1], partial(_checked_chunk, key, row[-1]), is_source=True):
                yield row[0], StoredChunk(*row[1:])

    def deltas(self) -> Iterator[tuple[Measure, DeltaEntry]]:
        """All that is counted but not yet in chunks."""
        c = deltas.c
        for row in self._rows(deltas, (c.measure, c.version, c.size, c.leaves)):
            entries = self._read(deltas, row[:2], partial(_entries, row.measure, row.size, row[-1]))
            for entry in entries or ():
                yield row.measure, entry

    def check_settings(self) -> None:
        """Looks at every version of every widget's settings, and at all opening hours."""
        c = widget_settings.c
        for row in self._rows(widget_settings, (c.widget_id, c.effective_time, c.settings)):
            self._read(widget_settings, row[:2], partial(records.version_of, row.settings), is_source=True)
        for schedule_id, stored in self._rows(schedules, (schedules.c.schedule_id, schedules.c.schedule)):
            self._read(schedules, (schedule_id,), partial(records.schedule_of, schedule_id, stored), is_source=True)

    def mendable(self, row: Any) -> Conversation | None:
        """A conversation's row of which all is right that its log cannot give; None if it is not."""
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
        """A conversation's row. What it raises is among `UNREADABLE`."""
        _check_numbers(row.first_time, row.last_time, row.due)
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
            readable = Conversation(new, new, Micros(0), Micros(0)) if mendable is None else mendable
            return Filed(conversation, readable, None, log.events, is_whole, is_row_whole=False)
        return Filed(conversation, stored, row.due, log.events, log.is_whole)

    def _without_row(self, conversation: str, rows: Iterable[Any]) -> Iterator[Filed]:
        log = self._log(rows)
        times = [event.occur_time for event in log.events]
        if times:
            new = empty(self._rules)
            row = Conversation(new, new, min(times), max(times))
            yield Filed(ConversationId(conversation), row, None, log.events, log.is_whole)

    def _named(self, table: sa.Table, rows: Iterable[Any]) -> Iterator[Any]:
        """Those whose conversation is a text: others have no place in the order of conversations."""
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
            event = self._read(events, row[:2], partial(_event, *row[1:]), is_source=True)
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

    def _rows(self, table: sa.Table, columns: Sequence[Any], *order: sa.Column[Any]) -> Iterator[Any]:
        """An account's rows of a table, as the cursor gives them, as far as the table can be read."""
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


def _event(event_id: str, occur_time: int, body: bytes) -> Event:
    event = records.event_of(_text(event_id), occur_time, body)
    _check_numbers(occur_time)
    if not is_known_instant(occur_time):
        raise ValueError(f"happened at {occur_time} µs, which no event can")
    return event


def _entries(measure: int, size: int, blob: bytes) -> list[DeltaEntry]:
    checked = _checked_measure(measure)
    entries = list(records.entries_of([blob]))
    if len(entries) != size:
        raise ValueError(f"has {len(entries)} entries, and says {size}")
    for value, operator, group, widget, quarter_hour, _ in entries:
        for name in (value, operator, group, widget):
            _text(name)
        check_entry(checked, value, quarter_hour)
    return entries


def _checked_chunk(key: ChunkKey, cells: bytes) -> bytes:
    _checked_measure(key.measure)
    _check_numbers(key.grouping, key.chunk)
    if not 0 <= key.grouping < _GROUPINGS:
        raise ValueError(f"there is no grouping {key.grouping}")
    for name in (key.operator, key.group, key.widget, key.value):
        _text(name)
    check_chunk(key.measure, cells)
    return cells


def _checked_measure(measure: int) -> Measure:
    _check_numbers(measure)
    kpi_of(measure)
    return Measure(measure)


def _check_numbers(*numbers: object) -> None:
    for number in numbers:
        if number is not None and type(number) is not int:
            raise TypeError(f"{number!r:.40} where a number belongs")


def _text(name: str) -> str:
    name.encode()
    return name


def _said(error: Exception) -> str:
    error = error.__cause__ if isinstance(error.__cause__, Exception) else error
    return " ".join(str(error).split())[:200] or type(error).__name__
