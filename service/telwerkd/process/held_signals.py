"""Signals that wait until a program is ready for them.

What asks a running server for something, such as to read its settings again, would end a program that has no handler
for it yet. While it is blocked it waits, and whatever is started meanwhile has it blocked from its beginning.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

ASKING: Final = (signal.SIGHUP, signal.SIGUSR1)


def hold() -> None:
    """From now on they wait."""
    signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)


def release() -> None:
    """The program is ready for them: those that have come are handled now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ASKING)


@contextmanager
def held() -> Iterator[None]:
    """They wait as long as this, and in whatever is started in it until that releases them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ASKING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
