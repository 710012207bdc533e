"""Long work of many consecutive transactions, with pauses in between."""

import asyncio
from typing import Final

from telwerkd.process.monotonic_clock import monotonic

STEP_CONVERSATIONS_MAX: Final = 50
"""Conversations that one transaction looks at: about as many as there is time for on a slow machine."""

STEP_EVENTS_MAX: Final = 5_000
"""Events of their logs, unless one conversation alone has more."""

STEP_EVENTS_MIN: Final = 250
"""Events of their logs that a transaction reads however long that takes: what it takes besides must pay."""

STEP_SECONDS_MAX: Final = 0.05
"""Seconds after which a transaction takes no further conversation, as others wait for it."""

_REST_SECONDS_MAX: Final = 0.1


class Step:
    """The bounds of one transaction of long work, in events and time from its creation on."""

    def __init__(self, events_max: int, seconds_max: float) -> None:
        self._begun = monotonic()
        self._events_max = events_max
        self._seconds_max = seconds_max
        self._conversations = 0
        self._events = 0

    def takes(self, events: int) -> bool:
        """Whether a conversation with a log of so many events is still part of it; the first one is."""
        is_late = self._events >= STEP_EVENTS_MIN and self.seconds > self._seconds_max
        if self._conversations and (is_late or self._events + events > self._events_max):
            return False
        self._conversations += 1
        self._events += events
        return True

    @property
    def seconds(self) -> float:
        """The seconds elapsed so far."""
        return monotonic() - self._begun


async def rest_after(seconds: float) -> None:
    """Pauses for as long as a transaction took, up to a maximum."""
    await asyncio.sleep(min(seconds, _REST_SECONDS_MAX))
