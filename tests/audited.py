"""The audit log, for the tests of what is written to it."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage())


@contextmanager
def audited(caplog: pytest.LogCaptureFixture) -> Iterator[list[str]]:
    """The audit log as it grows."""
    caplog.set_level(logging.INFO, "telwerkd.audit")
    handler = _Lines()
    logging.getLogger("telwerkd.audit").addHandler(handler)
    yield handler.found
    logging.getLogger("telwerkd.audit").removeHandler(handler)
