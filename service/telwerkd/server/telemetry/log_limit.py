"""Rate limiting of the log: a number of lines of one kind per minute, and then a summary.

A kind is a line of code that logs, gRPC's and asyncio's included, as messages about one and the same failure differ in
addresses and names. The audit log is not limited: each of its lines is an act of an authorised caller, or limited where
it is written (`telwerkd.transport.security.refused_keys`). Nor is the access log, which is off by default.
"""

import logging
import time
from collections.abc import Callable

from telwerkd.process import log_format
from telwerkd.process.log_format import LogStyle

_WINDOW_SECONDS = 60.0

_Kind = tuple[str, int]


class _Window:
    """The lines of one kind since `began`."""

    def __init__(self, began: float, record: logging.LogRecord) -> None:
        self.began = began
        self.lines = 0
        self.left_out = 0
        self.record = record


class LimitedHandler(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers alone
    """Writes to standard error. How many lines were left out is written with a later line, or at the end."""

    def __init__(self, lines_max: int, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines_max = lines_max
        self._clock = clock
        self._windows: dict[_Kind, _Window] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Writes the line, or counts it. The logging module holds the handler's lock."""
        if record.name in log_format.ALWAYS_WRITTEN:
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

    def close(self) -> None:
        """Logs the summaries of suppressed lines, at the end of the process."""
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
    """Returns the summary record: the last suppressed line, and their number."""
    last = window.record
    text = f"{log_format.message_of(last)} (repeated {window.left_out} times)"
    return logging.LogRecord(last.name, last.levelno, last.pathname, last.lineno, text, None, None)


def set_up(style: LogStyle, lines_max: int, *, names_process: bool = False) -> None:
    """Configures the log to standard error, with at most so many lines of one kind per minute."""
    log_format.set_up(style, LimitedHandler(lines_max), names_process=names_process)
    log_format.log_the_uncaught()
