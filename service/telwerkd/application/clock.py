"""The present instant, which never runs backwards while the process lives."""

import time

from telwerkd.domain.ids import Micros


class Clock:
    """Reads the system's clock; a step backwards stands still until the time is reached again."""

    def __init__(self) -> None:
        self._latest = Micros(0)

    def now(self) -> Micros:
        """Microseconds since 1970-01-01T00:00:00Z, never less than before."""
        self._latest = max(self._latest, Micros(time.time_ns() // 1000))
        return self._latest
