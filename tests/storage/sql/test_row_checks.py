"""A row that no version of the program writes is told as damaged, and each that it writes is right."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.catalogue.values import answer_value
from telwerkd.domain.conversation.events import Event, Message, Sender
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.counting.counters import ChunkKey
from telwerkd.domain.counting.measures import COUNTED
from telwerkd.domain.display_names import NameKind
from telwerkd.domain.ids import SECOND, EventId, Micros, WidgetId
from telwerkd.storage.sql import records, row_checks
from telwerkd.storage.sql.auditing import UNREADABLE
from tests.domain.counting.packing import packed

AT = Micros(1_767_225_600 * SECOND)
QUARTER_HOUR = AT // (900 * SECOND)
NO_TEXT = "\udcff"
"""As damaged texts are read."""

BODY = records.event_body(Event(EventId("e"), AT, 0, WidgetId("web"), Message(Sender.CONTACT)))
STARS, LENGTH = (int(COUNTED[kpi]) for kpi in (Kpi.SATISFACTION_SCORE, Kpi.RESPONSE_TIME))
CELLS = packed({1: 2})
KEY = ChunkKey(COUNTED[Kpi.FEEDBACK_COUNT], 1, 630, "anna", "", "", "")
VERSION = records.version_blob(WidgetVersion(AT, None, (), ()))
OPTION = int(NameKind.OPTION)

event = partial(row_checks.event, Micros(AT + SECOND))


def entries(measure: int, size: int, *listed: tuple[Any, ...]) -> None:
    row_checks.entries(measure, size, records.entries_blob(listed))


def entry(value: str, **other: Any) -> tuple[Any, ...]:
    """One of anna, on the web."""
    fields = {"value": value, "operator": "anna", "group": "", "widget": "web", "quarter_hour": QUARTER_HOUR, "n": 1}
    return tuple((fields | other).values())


def chunk(cells: bytes = CELLS, **parts: Any) -> None:
    row_checks.chunk(KEY._replace(**parts), cells)


RIGHT: dict[str, Callable[[], object]] = {
    "an event": lambda: event("e", AT, BODY, AT),
    "an event of a time when that was not kept": lambda: event("e", AT, BODY, None),
    "entries": lambda: entries(STARS, 2, entry("4"), entry("5", operator="")),
    "an entry with a duration": lambda: entries(LENGTH, 1, entry("1000")),
    "no entries": lambda: entries(STARS, 0),
    "a chunk": chunk,
    "settings": lambda: row_checks.settings("web", AT, VERSION),
    "a display name": lambda: row_checks.display_name(int(NameKind.OPERATOR), "anna", "Anna"),
    "a display name of an option": lambda: row_checks.display_name(OPTION, answer_value("q", "a"), "Yes"),
    "a tombstone": lambda: row_checks.tombstone(bytes(16)),
    "a name": lambda: row_checks.name(101, "anna"),
    "a chunk's version": lambda: row_checks.chunk_version(STARS, 630, 1),
}

DAMAGED: dict[str, Callable[[], object]] = {
    "an event's id is no text": lambda: event(NO_TEXT, AT, BODY, AT),
    "an event's body is cut": lambda: event("e", AT, BODY[:-1], AT),
    "an event's time is a text": lambda: event("e", "noon", BODY, AT),  # type: ignore[arg-type]  # as SQLite may have it
    "an event happened before there were any": lambda: event("e", -1, BODY, AT),
    "an event was accepted at a fraction": lambda: event("e", AT, BODY, 0.5),  # type: ignore[arg-type]
    "an event was accepted after the last": lambda: event("e", AT, BODY, AT + 2 * SECOND),
    "entries are fewer than they should be": lambda: entries(STARS, 2, entry("4")),
    "an entry has a value that nobody counts": lambda: entries(STARS, 1, entry("6")),
    "an entry has a duration that is none": lambda: entries(LENGTH, 1, entry("long")),
    "an entry's operator is no text": lambda: row_checks.entries(STARS, 1, _with_no_text()),
    "entries are of no measure": lambda: entries(77, 1, entry("4")),
    "a chunk is of no measure": lambda: chunk(measure=77),
    "a chunk's number is a fraction": lambda: chunk(chunk=0.5),
    "a chunk is of no grouping": lambda: chunk(grouping=16),
    "a chunk's widget is no text": lambda: chunk(widget=NO_TEXT),
    "a chunk's cells are cut": lambda: chunk(CELLS[:-1]),
    "a chunk's cells are out of order": lambda: chunk(packed({2: 1}) + packed({1: 1})),
    "settings are of no widget": lambda: row_checks.settings(NO_TEXT, AT, VERSION),
    "settings hold from another time": lambda: row_checks.settings("web", AT + 1, VERSION),
    "a display name is of no kind": lambda: row_checks.display_name(99, "x", "X"),
    "a display name's kind is a fraction": lambda: row_checks.display_name(1.0, "x", "X"),  # type: ignore[arg-type]
    "a display name's option has no id of its own": lambda: row_checks.display_name(OPTION, "a", "Yes"),
    "a display name's option has no question": lambda: row_checks.display_name(OPTION, answer_value("", "a"), "Yes"),
    "a display name has an end of a line": lambda: row_checks.display_name(1, "x", "X\nY"),
    "a tombstone is cut": lambda: row_checks.tombstone(bytes(15)),
    "a tombstone is a text": lambda: row_checks.tombstone("x" * 16),  # type: ignore[arg-type]
    "a name is of no family": lambda: row_checks.name(77, "anna"),
    "a name's family is a fraction": lambda: row_checks.name(101.0, "anna"),  # type: ignore[arg-type]
    "a name is no text": lambda: row_checks.name(101, NO_TEXT),
    "a chunk has version 0": lambda: row_checks.chunk_version(STARS, 630, 0),
    "a chunk's version is a fraction": lambda: row_checks.chunk_version(STARS, 630, 1.5),  # type: ignore[arg-type]
    "a version is of no measure": lambda: row_checks.chunk_version(77, 630, 1),
}


def _with_no_text() -> bytes:
    """An entry whose operator's bytes have changed since they were written."""
    return records.entries_blob([entry("4")]).replace(b"anna", b"\xffnna")


@pytest.mark.parametrize("check", RIGHT.values(), ids=RIGHT)
def test_what_the_program_writes_is_right(check: Callable[[], object]) -> None:
    check()


@pytest.mark.parametrize("check", DAMAGED.values(), ids=DAMAGED)
def test_what_it_never_writes_is_damaged(check: Callable[[], object]) -> None:
    """Each part of a row by itself, by an error that the audit goes on after."""
    with pytest.raises(UNREADABLE):
        check()
