"""Events as the builders of the Python client make them, from what a scenario tells."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from telwerk import events
from telwerk.v1.event_pb2 import Event, InactivityAction

Told = Mapping[str, Any]
"""A call of a builder, in a scenario: `{"kind": "rated", "conversation": "chat-1", ..., "stars": 5}`."""

UUID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

_ARGUMENTS: Final[Mapping[str, tuple[str, Callable[[Any], Any]]]] = {
    "liveLimitSeconds": ("live_limit", lambda seconds: timedelta(seconds=seconds)),
    "sender": ("sender", str),
    "operator": ("operator", str),
    "group": ("group", str),
    "stars": ("stars", int),
    "action": ("action", InactivityAction.Value),
    "url": ("url", str),
    "goal": ("goal", str),
    "topics": ("topics", list),
    "answers": ("answers", lambda pairs: [(question, option) for question, option in pairs]),
    "retractedEventId": ("retracted_event_id", str),
    "widget": ("widget", str),
    "at": ("at", datetime.fromisoformat),
    "eventId": ("event_id", str),
    "sequence": ("sequence", int),
}


def event_of(told: Told) -> Event:
    """The event."""
    named = (_ARGUMENTS[name] + (value,) for name, value in told.items() if name not in {"kind", "conversation"})
    event: Event = getattr(events, told["kind"])(told["conversation"], **{name: read(v) for name, read, v in named})
    return event
