"""A machine that others use is found out, and of which line that is said."""

import os
import subprocess
import sys

from benchmarks.calibration import BUSY, Calibration


def test_others_on_every_core_are_noticed():
    """Two for each core: whatever else runs, the work gets no more than half of what it takes alone."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        calibration = Calibration()
        for _ in range(5):
            calibration.work()
        assert calibration.busy(calibration.of_line()) > BUSY
    finally:
        for other in others:
            other.kill()
            other.wait()


def test_a_line_has_what_was_noted_since_the_one_before_or_shares_it():
    """Two lines may come of the same measurements."""
    calibration = Calibration()
    calibration.work()
    first = calibration.of_line()
    assert calibration.of_line() == first
    calibration.work()
    calibration.work()
    assert len(calibration.of_line()) == 2


def test_what_was_never_looked_at_is_not_called_busy():
    calibration = Calibration()
    assert calibration.busy(calibration.of_line()) == 1.0
