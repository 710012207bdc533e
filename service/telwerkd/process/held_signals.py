"""Blocks signals until the program has handlers for them.

A signal that requests something of a running server, such as a reload of its settings, would end a program that has no
handler for it yet. While it is blocked it stays pending; child processes inherit the block.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_ASKING: Final = (signal.SIGHUP, signal.SIGUSR1)


def hold() -> None:
    """Blocks the request signals. Ctrl-C ends the program at once, without a traceback of its imports."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_BLOCK, _ASKING)


def release() -> None:
    """Unblocks the signals; pending ones are handled now."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, (signal.SIGINT, *_ASKING))


@contextmanager
def held(*others: signal.Signals) -> Iterator[None]:
    """Blocks the request signals, Ctrl-C and others for the block; processes started in it inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, *_ASKING, *others))
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
