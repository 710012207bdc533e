"""The clock: what a jump does, and does not do."""

from telwerkd.application.clock import Clock

SECOND = 1_000_000_000
NOON = 1_800_000_000 * SECOND


class Times:
    """A wall clock and a steady one that a test sets."""

    def __init__(self) -> None:
        self.wall, self.steady = NOON, 5 * SECOND
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def after(self, seconds: float, *, jump: float = 0) -> float:
        """Lets time pass, the wall clock jumping; the seconds since noon that the clock then says."""
        self.steady += int(seconds * SECOND)
        self.wall += int((seconds + jump) * SECOND)
        return (self.clock.now() - NOON // 1_000) / 1_000_000


def test_time_passes_as_the_wall_clock_says():
    """Without a jump, the clock is the system's, slewed or not."""
    times = Times()
    assert times.after(10) == 10
    assert times.after(10, jump=0.5) == 20.5


def test_a_jump_ahead_does_no_harm_beyond_the_moment():
    """A clock that is a year ahead for a moment is a year ahead for nobody."""
    times = Times()
    year = 365 * 86_400
    assert times.after(1, jump=year) == 1
    assert times.clock.latest() == times.wall // 1_000, "an event that the clock may be right about is not refused"
    assert times.after(1) == 2
    assert times.after(1, jump=-year) == 3


def test_a_jump_that_lasts_is_believed():
    """A clock that was set right is right in the end, ahead or back."""
    for jump in (3_600, -3_600):
        times = Times()
        assert times.after(1, jump=jump) == 1
        assert times.after(29) == 30
        assert times.after(1) == 31 + jump
        assert times.after(1) == 32 + jump


def test_a_machine_that_slept_catches_up_once_the_jump_has_lasted():
    """Readings far apart do not count as a jump that lasted: only what was seen to last does."""
    times = Times()
    assert times.after(0, jump=3_600) == 0
    assert times.after(10) == 10
    assert times.after(25) == 35 + 3_600
