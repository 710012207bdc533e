"""The clock: what a jump does, and does not do; what makes a doubted clock believed."""

import pytest

from telwerkd.application.clock import Clock
from telwerkd.domain.ids import Micros

SECOND = 1_000_000_000
NOON = 1_800_000_000 * SECOND
HOUR, DAY = 3_600, 86_400


class Times:
    """A wall clock and a steady one that a test sets."""

    def __init__(self) -> None:
        self.wall, self.steady = NOON, 5 * SECOND
        self.clock = Clock(lambda: self.wall, lambda: self.steady)

    def after(self, seconds: float, *, jump: float = 0) -> float:
        """Lets time pass, the wall clock jumping; the seconds since noon that are then trusted."""
        self.steady += int(seconds * SECOND)
        self.wall += int((seconds + jump) * SECOND)
        return since_noon(self.clock.trusted())

    def resumed(self, gap: float) -> "Times":
        """A server that has started at noon, and whose database knows of nothing in the last `gap` seconds."""
        self.clock.resume(at(-gap))
        return self

    def hear(self, *seconds: float) -> None:
        """Events are accepted that happened so many seconds after noon."""
        self.clock.hear(map(at, seconds))


def at(seconds: float) -> Micros:
    return Micros(NOON // 1_000 + round(seconds * 1_000_000))


def since_noon(instant: Micros) -> float:
    return (instant - at(0)) / 1_000_000


def test_time_passes_as_the_wall_clock_says() -> None:
    """Without a jump, the clock is the system's, slewed or not."""
    times = Times()
    assert times.after(10) == 10
    assert times.after(10, jump=0.5) == 20.5


def test_a_jump_ahead_does_no_harm_beyond_the_moment() -> None:
    """A clock that is a year ahead for a moment is a year ahead for nobody."""
    times = Times()
    year = 365 * DAY
    assert times.after(1, jump=year) == 1
    assert since_noon(times.clock.now()) == 1
    assert times.clock.latest() == times.wall // 1_000, "an event that the clock may be right about is not refused"
    assert times.after(1) == 2
    assert times.after(1, jump=-year) == 3


def test_a_small_jump_or_one_back_that_lasts_is_believed() -> None:
    """A clock that was set right is right in the end, ahead or back."""
    for jump in (299, -HOUR, -400 * DAY):
        times = Times()
        assert times.after(1, jump=jump) == 1
        assert not times.clock.is_doubted
        assert times.after(29) == 30
        assert times.after(1) == 31 + jump
        assert times.after(1) == 32 + jump


def test_a_jump_of_more_than_five_minutes_is_doubted_for_two() -> None:
    """Without an event, as after a machine slept, it is believed after 120 s, and not before (R-CLOCK-3)."""
    times = Times()
    assert times.after(0, jump=HOUR) == 0
    assert times.clock.is_doubted
    assert times.after(10) == 10
    assert times.after(109.9) == 119.9
    assert times.after(0.1) == 120 + HOUR
    assert not times.clock.is_doubted


def test_readings_far_apart_do_not_make_a_jump_last() -> None:
    """Only what was seen to last does."""
    times = Times()
    times.wall += HOUR * SECOND
    assert times.after(500) == 500
    assert times.after(119) == 619
    assert times.after(1) == 620 + HOUR


# --- after a start ---------------------------------------------------------------------------------------------------


def test_a_start_within_five_minutes_of_what_is_stored_is_trusted() -> None:
    """Nothing stored, or something near, even in the future: there is nothing to doubt the clock by (R-CLOCK-3)."""
    for gap in (300, 0, -400 * DAY):
        times = Times().resumed(gap)
        assert not times.clock.is_doubted
        assert times.after(1) == 1
    times = Times()
    times.clock.resume(None)
    assert times.after(1) == 1


def test_after_a_start_time_passes_from_what_is_stored_until_the_clock_is_confirmed() -> None:
    """Nobody sends anything for 120 s: a quiet night, and the limits of before it are counted then (R-CLOCK-4)."""
    times = Times().resumed(HOUR)
    assert times.after(0.5) == 0.5 - HOUR
    assert times.after(119) == 119.5 - HOUR
    assert times.after(0.5) == 120


def test_what_has_passed_since_the_start_counts_until_it_resumes() -> None:
    """A database that answers late takes nothing from the time that the server has run."""
    times = Times()
    times.after(40)
    times.resumed(HOUR)
    assert times.after(1) == 41 - HOUR


def test_an_event_near_the_clock_confirms_it_at_once() -> None:
    """Within 5 minutes, and nearer to the clock than to what is trusted (R-CLOCK-5)."""
    for happened in (1, 299, -299):
        times = Times().resumed(HOUR)
        times.hear(happened)
        assert times.after(1) == 1
    times = Times().resumed(360)
    times.hear(-290)
    assert times.clock.is_doubted, "nearer to what is stored"


def test_contrary_events_keep_a_wrong_clock_in_doubt() -> None:
    """As long as events happen where the stored past goes on, the clock is wrong; for 120 s after the last of them.

    R-CLOCK-7.
    """
    times = Times().resumed(HOUR)
    for n in range(1, 100):
        assert times.after(100) == 100 * n - HOUR
        times.hear(100 * n - HOUR + (-1) ** n * 250)
    assert times.after(119) == 10_019 - HOUR
    assert times.after(1) == 10_020


def test_late_events_say_nothing_about_the_clock() -> None:
    """An import of last month, or of the middle of the gap, neither confirms nor contradicts it (R-CLOCK-7)."""
    times = Times().resumed(HOUR)
    for n in range(1, 12):
        assert times.after(10) == 10 * n - HOUR
        times.hear(-30 * DAY, -HOUR / 2)
    assert times.after(10) == 120


def test_an_event_near_the_clock_outweighs_those_of_a_backlog() -> None:
    """After an outage producers deliver what happened at its beginning, and what happens now."""
    times = Times().resumed(HOUR)
    times.hear(-HOUR + 1, -HOUR + 2, -1)
    assert times.after(1) == 1


def test_a_clock_that_is_set_right_during_doubt_is_right() -> None:
    """Set back to what is stored, it is trusted within 30 s; set elsewhere ahead, the 120 s begin anew."""
    times = Times().resumed(HOUR)
    assert times.after(115) == 115 - HOUR
    assert times.after(1, jump=-HOUR) == 116 - HOUR
    assert not times.clock.is_doubted
    assert times.after(100) == 216 - HOUR
    times = Times().resumed(HOUR)
    assert times.after(119) == 119 - HOUR
    assert times.after(1, jump=HOUR) == 120 - HOUR
    assert times.after(119) == 239 - HOUR
    assert times.after(1) == 240 + HOUR


def test_the_operator_of_the_service_confirms_the_clock() -> None:
    """At once, after a start and after a jump (R-CLOCK-6)."""
    times = Times().resumed(HOUR)
    times.clock.confirm()
    assert times.after(1) == 1
    assert times.after(1, jump=DAY) == 2
    times.clock.confirm()
    assert times.after(1) == 3 + DAY


def test_the_operator_of_the_service_may_confirm_the_clock_before_it_is_held_against_what_is_stored() -> None:
    """While the server starts (R-CLOCK-6)."""
    times = Times()
    times.clock.confirm()
    times.resumed(400 * DAY)
    assert not times.clock.is_doubted
    assert times.after(10) == 10


def test_answers_are_of_the_present_though_the_clock_is_doubted_after_a_start() -> None:
    """An account without a limit in the gap has answers up to now; a jump while it runs is left out of them."""
    times = Times().resumed(30 * DAY)
    assert times.clock.now() == at(0)
    times.clock.confirm()
    assert times.after(0, jump=DAY) == 0
    assert times.clock.now() == at(0)


def test_a_clock_that_starts_behind_what_is_stored_refuses_nothing_of_the_present(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """By more than ten minutes, so that producers that go ahead push it no further. What is trusted is the clock's.

    R-CLOCK-10.
    """
    times = Times().resumed(-DAY)
    times.after(60)
    assert since_noon(times.clock.latest()) == DAY + 60
    assert since_noon(times.clock.now()) == 60
    assert [record.getMessage() for record in caplog.records] == [
        (
            "the clock is 86400 s behind what is stored. Is it wrong, set it right: limits wait for it; "
            "events are taken as if it were as late as what is stored"
        )
    ]
    assert since_noon(Times().resumed(-600).clock.latest()) == 0


def test_a_clock_that_goes_back_refuses_nothing_of_the_present(caplog: pytest.LogCaptureFixture) -> None:
    """What was trusted before goes on for events; limits wait for the clock, and one that comes back is as ever.

    R-CLOCK-10.
    """
    times = Times()
    times.after(10, jump=-HOUR)
    assert times.after(60) == 70 - HOUR
    assert since_noon(times.clock.latest()) == 70
    assert [record.getMessage() for record in caplog.records] == [
        (
            "the clock went back by 3600 s. Is it wrong, set it right: limits wait for it; "
            "events are taken as if it had not"
        )
    ]
    times.after(10, jump=HOUR)
    times.hear(80)
    assert times.after(0) == since_noon(times.clock.latest()) == 80


def test_a_clock_that_goes_back_after_it_was_believed_without_an_event_was_set_right() -> None:
    """Events are refused as ever then that lie ahead of it, for it was the clock of before that was wrong."""
    times = Times()
    times.after(10, jump=DAY)
    assert times.after(120) == DAY + 130
    assert times.after(10) == DAY + 140
    times.after(10, jump=-DAY)
    assert times.after(30) == 180
    assert since_noon(times.clock.latest()) == 180


def test_the_operator_of_the_service_says_that_a_clock_that_goes_back_is_right() -> None:
    times = Times()
    times.after(10, jump=-HOUR)
    times.clock.confirm()
    assert since_noon(times.clock.latest()) == 10 - HOUR


def test_what_deletes_ignores_a_clock_that_was_doubted_for_a_day_more() -> None:
    """However the doubt ended: deleting can wait, and cannot be undone (R-CLOCK-9)."""
    for end in ("event", "operator", "time"):
        times = Times().resumed(400 * DAY)
        assert since_noon(times.clock.deletable()) == -400 * DAY
        times.after(120 if end == "time" else 0)
        if end == "event":
            times.hear(0)
        elif end == "operator":
            times.clock.confirm()
        assert times.after(10) > 0
        assert since_noon(times.clock.deletable()) < -399 * DAY
        times.after(DAY)
        assert since_noon(times.clock.deletable()) > DAY
