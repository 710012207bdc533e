"""Checks that a row is as the program writes it; each raises one of `auditing.UNREADABLE` if it is not."""

from telwerkd.application.names import FAMILY_TEXT
from telwerkd.domain.conversation.events import Event
from telwerkd.domain.counting.counters import ChunkKey, check_entry
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.measures import Measure, measure_from
from telwerkd.domain.counting.reading import check_chunk
from telwerkd.domain.display_names import NameKey, NameKind, flaw_of
from telwerkd.domain.ids import Micros
from telwerkd.domain.time.years import is_known_instant
from telwerkd.storage.sql import records

_GROUPINGS = 16
_TOMBSTONE_BYTES = 16


def event(last_accepted: Micros, event_id: str, occur_time: int, body: bytes, accepted: int | None) -> Event:
    """Returns the event of a row of the log; none may be accepted after the account's `last_accepted`."""
    found = records.event_of(_text(event_id), occur_time, body)
    numbers(occur_time, accepted)
    if accepted is not None and accepted > last_accepted:
        raise ValueError(f"was accepted at {accepted} µs, and the account's last event at {last_accepted}")
    if not is_known_instant(occur_time):
        raise ValueError(f"happened at {occur_time} µs, which no event can")
    return found


def entries(measure: int, size: int, blob: bytes) -> list[DeltaEntry]:
    """Returns the entries of a row of deltas."""
    checked = _checked_measure(measure)
    found = list(records.entries_of([blob]))
    if len(found) != size:
        raise ValueError(f"has {len(found)} entries, and says {size}")
    for value, operator, group, widget, quarter_hour, _ in found:
        for part in (value, operator, group, widget):
            _text(part)
        check_entry(checked, value, quarter_hour)
    return found


def chunk(key: ChunkKey, cells: bytes) -> bytes:
    """Returns the cells of a chunk, of the counters or of the base facts."""
    _checked_measure(key.measure)
    numbers(key.grouping, key.chunk)
    if not 0 <= key.grouping < _GROUPINGS:
        raise ValueError(f"there is no grouping {key.grouping}")
    for part in (key.operator, key.group, key.widget, key.value):
        _text(part)
    check_chunk(key.measure, cells)
    return cells


def settings(widget: str, effective_time: int, blob: bytes) -> None:
    """Checks a version of a widget's settings."""
    _text(widget)
    version = records.version_of(blob)
    if version.effective_time != effective_time:
        raise ValueError(f"holds from {version.effective_time} µs on, and says {effective_time!r:.40}")


def display_name(kind: int, id_: str, text: str) -> None:
    """Checks a display name."""
    numbers(kind)
    key = NameKey(NameKind(kind), _text(id_))
    question, own = key.parts
    if not own or (key.kind is NameKind.OPTION and not question):
        raise ValueError(f"{id_!r:.40} is no id of this kind")
    if flaw := flaw_of(_text(text)):
        raise ValueError(flaw)


def tombstone(digest: bytes) -> None:
    """Checks a tombstone of an erased conversation."""
    if type(digest) is not bytes or len(digest) != _TOMBSTONE_BYTES:
        raise ValueError("is no digest")


def name(family: int, text: str) -> str:
    """Returns a distinct name."""
    numbers(family)
    if family not in FAMILY_TEXT:
        raise ValueError(f"there is no family {family!r:.40} of names")
    return _text(text)


def chunk_version(measure: int, chunk: int, version: int) -> Measure:
    """Returns the version of a chunk."""
    numbers(chunk, version)
    if version < 1:
        raise ValueError(f"there is no version {version}")
    return _checked_measure(measure)


def _checked_measure(measure: int) -> Measure:
    numbers(measure)
    return measure_from(measure)


def numbers(*found: object) -> None:
    """Checks that values are integers or NULL."""
    for number in found:
        if number is not None and type(number) is not int:
            raise TypeError(f"{number!r:.40} where a number belongs")


def _text(text: str) -> str:
    text.encode()
    return text
