"""How events, states, settings and deltas are written into columns: MessagePack, structs as arrays but for `_Columns`.

Fields may be added at the end of a struct, with a default; never reordered or removed.
"""

from collections.abc import Iterable, Sequence
from operator import attrgetter

import msgspec
import numpy as np

from telwerkd.application.ports import Damage, DamagedRowError
from telwerkd.domain.conversation.events import Event, Kind
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.conversation.state import State
from telwerkd.domain.counting.deltas import FIELDS, DeltaEntries, DeltaEntry
from telwerkd.domain.ids import EventId, Micros, WidgetId
from telwerkd.domain.time.opening_hours import Schedule, ScheduleId, schedule_from


class _Body(msgspec.Struct, frozen=True, array_like=True, gc=False):
    sequence: int
    widget_id: WidgetId
    kind: Kind
    schedule: ScheduleId = b""
    """Not stored where it is empty, as it mostly is."""


_SHORT = np.dtype("<i4")

_COLUMNS_FROM = 16
"""Delta entries: of fewer, making arrays takes longer than making objects."""


# By names, so that it is not taken for a list of entries.
class _Columns(msgspec.Struct, frozen=True, gc=False):
    ids: Sequence[str]
    columns: bytes
    """Signed 32-bit numbers, little-endian, one column after the other."""


_encoder = msgspec.msgpack.Encoder()

_LATER = State.__struct_fields__[State.__struct_fields__.index("hours") :]
"""The fields of a state that it has not always had: not stored where all of them have their defaults."""
_later_of = attrgetter(*_LATER)
_LATER_DEFAULTS = _later_of(State())
_LATER_BYTES = sum(len(_encoder.encode(getattr(State(), name))) for name in _LATER)
_HEAD_WITHOUT_LATER = b"\xdc" + (len(State.__struct_fields__) - len(_LATER)).to_bytes(2)
"""How the MessagePack of a state without them begins: with the number of fields, in the form that MessagePack has for
16 and more (array 16). A state has more in any case, and fields are never removed."""

_body = msgspec.msgpack.Decoder(_Body)
_state = msgspec.msgpack.Decoder(State)
_entries = msgspec.msgpack.Decoder(_Columns | list[DeltaEntry])
_version = msgspec.msgpack.Decoder(WidgetVersion)


def event_body(event: Event) -> bytes:
    """Encodes an event without its key and its time."""
    if event.schedule:
        return _encoder.encode((event.sequence, event.widget_id, event.kind, event.schedule))
    return _encoder.encode((event.sequence, event.widget_id, event.kind))


def event_of(event_id: str, occur_time: int, body: bytes) -> Event:
    """Returns the event of a row. Like all that read, it raises `DamagedRowError` where a row is damaged."""
    try:
        decoded = _body.decode(body)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise DamagedRowError(Damage("events", (event_id,), str(error))) from error
    if type(occur_time) is not int:  # SQLite lets it be
        raise DamagedRowError(Damage("events", (event_id,), f"{occur_time!r:.40} where a number belongs"))
    of_event = decoded.sequence, decoded.widget_id, decoded.kind, decoded.schedule
    return Event(EventId(event_id), Micros(occur_time), *of_event)


def state_blob(state: State) -> bytes:
    """Encodes a conversation's state."""
    blob = _encoder.encode(state)
    if _later_of(state) != _LATER_DEFAULTS:
        return blob
    return _HEAD_WITHOUT_LATER + blob[len(_HEAD_WITHOUT_LATER) : -_LATER_BYTES]


def state_of(blob: bytes) -> State:
    """Returns the state of a row."""
    try:
        return _state.decode(blob)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise DamagedRowError(Damage("conversations", (), str(error))) from error


def schedule_of(schedule_id: ScheduleId, stored: bytes) -> Schedule:
    """Returns the opening hours of a row. Raises DamagedRowError if unreadable, or if the id is not their digest."""
    try:
        schedule = schedule_from(stored)
        if schedule.id != schedule_id:
            raise ValueError("is not what its key is the digest of")  # noqa: TRY301  # damage like what decoding finds
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise DamagedRowError(Damage("schedules", (schedule_id,), str(error), is_source=True)) from error
    return schedule


def version_blob(version: WidgetVersion) -> bytes:
    """Encodes a version of a widget's settings; without its last field, `schedule`, where it has none."""
    return _encoder.encode(version if version.schedule else msgspec.structs.astuple(version)[:-1])


def version_of(blob: bytes) -> WidgetVersion:
    """Returns the version of a row."""
    try:
        return _version.decode(blob)
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise DamagedRowError(Damage("widget_settings", (), str(error))) from error


def entries_blob(entries: Sequence[DeltaEntry] | DeltaEntries) -> bytes:
    """Encodes the entries that a transaction adds to a measure: a few as a list, many by columns.

    Raises:
        OverflowError: a number does not fit into 32 bits: nothing that a transaction counts is as large.
    """
    if len(entries) < _COLUMNS_FROM:
        return _encoder.encode(list(entries))
    made = entries.pruned() if isinstance(entries, DeltaEntries) else DeltaEntries.of(entries)
    columns = made.columns.astype(_SHORT)
    if not np.array_equal(columns, made.columns):
        raise OverflowError("entries with numbers beyond 32 bits")
    return _encoder.encode(_Columns(made.ids, columns.tobytes()))


def entries_of(blobs: Iterable[bytes]) -> DeltaEntries:
    """Returns the deltas of rows, all together; those that are filed as lists come first.

    Raises:
        DamagedRowError: a row is damaged.
    """
    try:
        return _together(blobs)
    except (msgspec.MsgspecError, ValueError, TypeError, LookupError) as error:
        raise DamagedRowError(Damage("deltas", (), str(error))) from error


def _together(blobs: Iterable[bytes]) -> DeltaEntries:
    plain: list[DeltaEntry] = []
    parts: list[DeltaEntries] = []
    for blob in blobs:
        decoded = _entries.decode(blob)
        if isinstance(decoded, list):
            plain += decoded
        else:
            columns = np.frombuffer(decoded.columns, _SHORT).astype(np.int64).reshape(FIELDS, -1)
            parts.append(DeltaEntries(decoded.ids, columns))
    return DeltaEntries.together([DeltaEntries.of(plain), *parts])
