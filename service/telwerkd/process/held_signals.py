"""Signals that wait until a program is ready for them.

What asks a running server for something, such as to read its settings again, would end a program that has no handler
for it yet. While it is blocked it waits, and whatever is started meanwhile has it blocked from its beginning.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ASKING: Final = (signal.SIGHUP, signal.SIGUSR1)


def hold() -> None:
    """From now on they wait. Ctrl-C ends the program at once, and without a traceback of what it was importing."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING)


def release() -> None:
    """The program is ready for them: those that have come are handled now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, *_ASKING))


@contextmanager
def held(*others: signal.Signals) -> Iterator[None]:
    """They wait as long as this, and in whatever is started in it until that releases them; Ctrl-C and others too."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *_ASKING, *others))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
