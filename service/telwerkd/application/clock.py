"""The present instant, as far as the system's clock can be trusted (R-CLOCK in docs/rules.md, decision 13)."""

import logging
import time
from collections.abc import Callable, Iterable

from telwerkd.domain.ids import SECOND, Micros

log = logging.getLogger(__name__)

_TOLERATED = 2 * SECOND
"""How far the clock may stray from the steady one between two readings; time servers slew it by far less."""

_BELIEVED_AFTER = 30 * SECOND
"""How long a small jump, or one back, must last to be believed: it was no glitch, the clock was set right."""

DOUBTED_BEYOND = 300 * SECOND
"""A clock that is further than this ahead of what is known to have passed is doubted (R-CLOCK-3)."""

CONFIRMED_AFTER = 120 * SECOND
"""How long a doubted clock must go without a contrary event to be believed (R-CLOCK-7)."""

_BEHIND = 600 * SECOND
"""A clock that is further than this behind what is stored is behind: producers whose clocks go ahead come less far."""

_CAUTIOUS = 86_400 * SECOND
"""How long after a doubt that ended in the clock's favour nothing is deleted by it."""


class Clock:
    """Reads the system's clock, and falls back to the monotonic one while the former cannot be trusted.

    Time passes along a *trusted line*: an instant that was trusted, plus the steady time since. The system's clock
    moves the line when it agrees with it within 2 s, or after it has disagreed by the same amount for 30 s. One that is
    more than 5 minutes ahead of the line is doubted: it moves the line only when an accepted event happened near it,
    when the operator of the service says so, or after 120 s in which no accepted event happened near the line.

    Whatever it says, folds use the account's stored high-water mark, which never runs backwards. Not thread-safe.
    """

    def __init__(self, wall: Callable[[], int] = time.time_ns, steady: Callable[[], int] = time.monotonic_ns) -> None:
        self._wall = wall
        self._steady = steady
        self._started = steady() // 1_000
        self._line = wall() // 1_000 - self._started
        """Trusted: the steady clock plus this."""
        self._other: int | None = None
        """The system's clock, while it disagrees: the steady clock plus this."""
        self._since = self._started
        """Since when it has disagreed so, or since the last contrary event."""
        self._resumed_in_doubt = False
        self._is_confirmed = False
        """Whether the operator of the service has confirmed the clock."""
        self._is_proven = True
        """Not after a doubt that ended by time alone: if the clock then goes back, it was set right."""
        self._known_line: int | None = None
        """What was stored at the start, or trusted until the system's clock went back: the steady clock plus this."""
        self._cautious: tuple[int, int] | None = None
        """After a doubt: the line before it, and until when (steady) it holds for what deletes."""

    def resume(self, stored: Micros | None) -> None:
        """Compares a clock that has just been started with the latest stored instant.

        Has no effect once the operator of the service has confirmed the clock.
        """
        if stored is None or self._is_confirmed:
            return
        wall, steady = self._read()
        if wall - steady - (stored - self._started) > DOUBTED_BEYOND:
            self._line = stored - self._started
            self._resumed_in_doubt = True
            self._disagree(wall - steady, steady)
        elif stored - wall > _BEHIND:
            self._known_line = stored - self._started
            log.warning(
                "the clock is %.0f s behind what is stored. Is it wrong, set it right: limits wait for it; "
                "events are taken as if it were as late as what is stored",
                (stored - wall) / SECOND,
            )

    def now(self) -> Micros:
        """Returns the present for answers, in microseconds since 1970-01-01T00:00:00Z.

        After a start in doubt it is the system's clock: the trusted present may be months old then.
        """
        trusted = self.trusted()
        return self.latest() if self._resumed_in_doubt else trusted

    def latest(self) -> Micros:
        """Returns the later of the system's and the trusted present: the upper bound of events' times.

        After a machine slept, its clock is right at once, and trusted only later. One that started behind what is
        stored, or went back, would refuse for good what happens now (R-CLOCK-10).
        """
        trusted, (wall, steady) = self.trusted(), self._read()
        known = wall if self._known_line is None else self._known_line + steady
        return max(trusted, Micros(wall), Micros(known))

    def trusted(self) -> Micros:
        """Returns the trusted present: limits due by it have passed (R-CLOCK-4)."""
        wall, steady = self._read()
        ahead = wall - steady - self._line
        if abs(ahead) <= _TOLERATED:
            self._adopt(wall, steady)
        else:
            if self._other is None or abs(wall - steady - self._other) > _TOLERATED:
                self._disagree(wall - steady, steady)
            patience = CONFIRMED_AFTER if ahead > DOUBTED_BEYOND else _BELIEVED_AFTER
            if steady - self._since >= patience:
                self._believe(wall, steady)
        return Micros(self._line + steady)

    def deletable(self) -> Micros:
        """Returns the present for irreversible actions: `trusted`, delayed by a day after a doubt (R-CLOCK-9)."""
        trusted = self.trusted()
        if self._cautious is None:
            return trusted
        line, until = self._cautious
        steady = self._read()[1]
        if steady >= until:
            self._cautious = None
            return trusted
        return min(trusted, Micros(line + steady))

    @property
    def is_doubted(self) -> bool:
        """Whether the system's clock is more than 5 minutes ahead of the trusted line."""
        wall, steady = self._read()
        return wall - steady - self._line > DOUBTED_BEYOND

    def hear(self, occur_times: Iterable[Micros]) -> None:
        """Takes the times of events just accepted as evidence for or against a doubted clock. Cheap without a doubt.

        An event near the system's clock confirms it (R-CLOCK-5); one near the trusted line is evidence against it.
        Late events, which are near neither, are ignored (R-CLOCK-7).
        """
        if not self.is_doubted:
            return
        wall, steady = self._read()
        trusted = self._line + steady
        for happened in occur_times:
            to_clock, to_line = abs(wall - happened), abs(trusted - happened)
            if to_clock < to_line and to_clock <= DOUBTED_BEYOND:
                log.info("the clock is confirmed: an event has happened near it")
                self._is_proven = True
                self._adopt(wall, steady)
                return
            if to_line <= DOUBTED_BEYOND:
                self._since = steady

    def confirm(self) -> None:
        """Confirms the system's clock, on behalf of the operator of the service (R-CLOCK-6)."""
        wall, steady = self._read()
        log.info("the clock is confirmed by the operator of the service")
        self._is_confirmed = self._is_proven = True
        self._adopt(wall, steady)

    def _read(self) -> tuple[int, int]:
        return self._wall() // 1_000, self._steady() // 1_000

    def _disagree(self, offset: int, steady: int) -> None:
        """Records a new disagreement of the system's clock with the trusted line; logs a doubt."""
        self._other, self._since = offset, steady
        ahead = offset - self._line
        if ahead > DOUBTED_BEYOND:
            log.warning(
                "the clock is doubted: it is %.0f s ahead of what is known to have passed. Limits due in between wait "
                "for an event near it, for SIGUSR1 from you if it is right, or for %d s without an event against it",
                ahead / SECOND,
                CONFIRMED_AFTER // SECOND,
            )

    def _believe(self, wall: int, steady: int) -> None:
        """Moves the trusted line to the system's clock, which has disagreed constantly for long enough."""
        before = self._line
        self._adopt(wall, steady)
        if self._line - before > DOUBTED_BEYOND:
            self._is_proven = False
        elif before - self._line > _BEHIND:
            if self._is_proven:
                self._known_line = max(before, self._known_line or before)
                log.warning(
                    "the clock went back by %.0f s. Is it wrong, set it right: limits wait for it; "
                    "events are taken as if it had not",
                    (before - self._line) / SECOND,
                )
            self._is_proven = True

    def _adopt(self, wall: int, steady: int) -> None:
        before, self._line = self._line, wall - steady
        self._other = None
        self._resumed_in_doubt = False
        if self._line - before > DOUBTED_BEYOND:
            self._cautious = (before, steady + _CAUTIOUS)
            log.warning("the clock is believed: %.0f s have passed unseen", (self._line - before) / SECOND)
