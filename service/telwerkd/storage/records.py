"""How events, states and settings are written into columns: MessagePack arrays, in the order of their fields.

Fields may be added at the end of a struct, with a default; never reordered or removed.
"""

from collections.abc import Sequence

import msgspec

from telwerkd.domain.conversation import State
from telwerkd.domain.counters import Leaf
from telwerkd.domain.events import Event, Kind
from telwerkd.domain.ids import EventId, Micros, WidgetId
from telwerkd.domain.settings import WidgetVersion


class _Body(msgspec.Struct, frozen=True, array_like=True, gc=False):
    sequence: int
    widget_id: WidgetId
    kind: Kind


_encoder = msgspec.msgpack.Encoder()
_body = msgspec.msgpack.Decoder(_Body)
_state = msgspec.msgpack.Decoder(State)
_leaves = msgspec.msgpack.Decoder(list[Leaf])
_version = msgspec.msgpack.Decoder(WidgetVersion)


def event_body(event: Event) -> bytes:
    """All of an event but its key and its time."""
    return _encoder.encode((event.sequence, event.widget_id, event.kind))


def event_of(event_id: str, occur_time: int, body: bytes) -> Event:
    """The event of a row."""
    decoded = _body.decode(body)
    return Event(EventId(event_id), Micros(occur_time), decoded.sequence, decoded.widget_id, decoded.kind)


def state_blob(state: State) -> bytes:
    """A conversation's state."""
    return _encoder.encode(state)


def state_of(blob: bytes) -> State:
    """The state of a row."""
    return _state.decode(blob)


def version_blob(version: WidgetVersion) -> bytes:
    """A version of a widget's settings."""
    return _encoder.encode(version)


def version_of(blob: bytes) -> WidgetVersion:
    """The version of a row."""
    return _version.decode(blob)


def leaves_blob(leaves: Sequence[Leaf]) -> bytes:
    """What a transaction adds to a measure."""
    return _encoder.encode(leaves)


def leaves_of(blob: bytes) -> list[Leaf]:
    """The deltas of a row."""
    return _leaves.decode(blob)
