"""The present instant, as far as the system's clock can be trusted."""

import time
from collections.abc import Callable

from telwerkd.domain.ids import SECOND, Micros

_TOLERATED = 2 * SECOND
"""How far the clock may stray from the steady one between two readings; time servers slew it by far less."""

_BELIEVED_AFTER = 30 * SECOND
"""How long a jump must last to be believed: it was no glitch, the clock was set right."""


class Clock:
    """Reads the system's clock, and goes on by the steady one while it jumps.

    A clock that jumps ahead for a moment would make every open limit fall due (KPI 3). So a jump counts only once it
    has lasted; until then time passes as if nothing had happened. Whatever it says, folds use the account's stored
    high-water mark, which never runs backwards.
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall = wall
        self._steady = steady
        self._trusted_wall, self._trusted_steady = wall() // 1_000, steady() // 1_000
        self._jumped_at: int | None = None

    def latest(self) -> Micros:
        """The later of what the system's clock says and what is trusted: events up to it may well have happened.

        After a machine slept, its clock is right at once, and trusted only later.
        """
        return max(self.now(), Micros(self._wall() // 1_000))

    def now(self) -> Micros:
        """Microseconds since 1970-01-01T00:00:00Z."""
        wall, steady = self._wall() // 1_000, self._steady() // 1_000
        expected = self._trusted_wall + steady - self._trusted_steady
        if abs(wall - expected) > _TOLERATED:
            if self._jumped_at is None:
                self._jumped_at = steady
            if steady - self._jumped_at < _BELIEVED_AFTER:
                return Micros(expected)
        self._trusted_wall, self._trusted_steady = wall, steady
        self._jumped_at = None
        return Micros(wall)
