"""A log that no caller can fill: of one kind of line so many within a minute, and then how many there were.

A kind is the place in the program that logs it, gRPC and asyncio included, whose lines about one and the same failure
differ in addresses and names. The audit log is left whole: each of its lines is an act of somebody who has the right
to it, or bounded where it is written (`telwerkd.transport.security.refused_keys`).
"""

import logging
import time
from collections.abc import Callable
from typing import Final

from telwerkd.application import audit_log
from telwerkd.process.log_format import UtcFormatter

FORMAT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
_WINDOW_SECONDS = 60.0
_LINE_CHARS_MAX = 16_384
"""With its traceback. What callers send may be in it."""

_Kind = tuple[str, int]


class _Window:
    """What was logged of one kind since `began`."""

    def __init__(self, began: float, record: logging.LogRecord) -> None:
        self.began = began
        self.lines = 0
        self.left_out = 0
        self.record = record


class LimitedHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers alone
    """Writes to standard error. How many lines were left out is written with a later line, or at the end."""

    def __init__(self, lines_max: int, log_format: str = FORMAT, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.setFormatter(UtcFormatter(log_format))
        self._lines_max = lines_max
        self._clock = clock
        self._windows: dict[_Kind, _Window] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the line, or counts it. The logging module holds the handler's lock."""
        if record.name == audit_log.LOGGER:
            super().emit(record)
            return
        now = self._clock()
        self._end_windows(now - _WINDOW_SECONDS)
        kind = (record.pathname, record.lineno)
        window = self._windows.setdefault(kind, _Window(now, record))
        if window.lines < self._lines_max:
            window.lines += 1
            super().emit(record)
        else:
            window.left_out += 1
            window.record = record

    def format(self, record: logging.LogRecord) -> str:
        """The line, cut to a bound."""
        line = super().format(record)
        return line if len(line) <= _LINE_CHARS_MAX else f"{line[:_LINE_CHARS_MAX]}…"

    def close(self) -> None:
        """Says what was left out, at the end of the process."""
        self._end_windows(float("inf"))
        super().close()

    def _end_windows(self, began_by: float) -> None:
        for kind, window in list(self._windows.items()):
            if window.began > began_by:
                continue
            del self._windows[kind]
            if window.left_out:
                super().emit(_summary(window))


def _summary(window: _Window) -> logging.LogRecord:
    """The last line that was left out, and how many there were."""
    last = window.record
    text = f"{last.getMessage()} (repeated {window.left_out} times)"
    return logging.LogRecord(last.name, last.levelno, last.pathname, last.lineno, text, None, None)


def set_up(lines_max: int, log_format: str = FORMAT) -> None:
    """Logs to standard error, at most so many lines of one kind within a minute."""
    logging.basicConfig(level=logging.INFO, handlers=[LimitedHandler(lines_max, log_format)])
    # Its steps are of interest where they are run by hand.
    logging.getLogger("alembic").setLevel(logging.WARNING)
