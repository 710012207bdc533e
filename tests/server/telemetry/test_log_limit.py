"""No caller can fill the disk with the log: a line that is repeated is counted."""

import io
import logging
from collections.abc import Iterator

import pytest

from telwerkd.application import audit_log
from telwerkd.process import log_format
from telwerkd.server.telemetry.log_limit import LimitedHandler


class Log:
    """A log that nothing else writes to, with a clock that is set by hand."""

    def __init__(self, lines_max: int) -> None:
        self.now = 0.0
        self.handler = LimitedHandler(lines_max, clock=lambda: self.now)
        self.handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
        self.handler.setStream(io.StringIO())
        self.logger = logging.Logger("a log")  # noqa: LOG001  # of this test alone
        self.logger.addHandler(self.handler)

    def written(self) -> str:
        text = self.handler.stream.getvalue()
        self.handler.setStream(io.StringIO())
        return text


@pytest.fixture
def log() -> Log:
    return Log(2)


def test_repeated_lines_are_counted_and_the_count_is_written(log):
    """Of one place in the program, whatever the text: the first ones, and after a minute how many there were."""
    for number in range(1_000):
        log.logger.error("unexpected %s", number)
    log.logger.info("another")
    assert log.written() == "ERROR unexpected 0\nERROR unexpected 1\nINFO another\n"
    log.now = 61.0
    log.logger.info("later")
    assert log.written() == "ERROR unexpected 999 (repeated 998 times)\nINFO later\n"


def test_what_was_left_out_is_written_at_the_end(log):
    for _ in range(5):
        log.logger.error("the same")
    log.handler.close()
    assert log.written().endswith("\nERROR the same (repeated 3 times)\n")


@pytest.fixture
def of_audit(log) -> Iterator[None]:
    """The audit log goes there, too."""
    logger = logging.getLogger(log_format.AUDIT)
    before = logger.level
    logger.addHandler(log.handler)
    logger.setLevel(logging.INFO)
    yield
    logger.setLevel(before)
    logger.removeHandler(log.handler)


@pytest.mark.usefixtures("of_audit")
def test_no_line_of_the_audit_log_is_left_out(log):
    """All have one place in the program; who does much of one thing must not hide another's."""
    for number in range(5):
        audit_log.record("widget settings", f"a{number}", "done")
    audit_log.record("erase", "acme", "events=12")
    assert log.written().count("\n") == 6
