"""A signal that asks something of a server waits until there is who answers it."""

import signal
import subprocess
import sys
from contextlib import suppress

from telwerkd.process import held_signals

BEGINNING = """
import os, signal
from telwerkd.process import held_signals

def sent(*signals):
    for each in signals:
        os.kill(os.getpid(), each)
"""

EARLY = """
held_signals.hold()
sent(signal.SIGHUP, signal.SIGUSR1)
handled = []
for each in (signal.SIGHUP, signal.SIGUSR1):
    signal.signal(each, lambda number, _: handled.append(signal.Signals(number).name))
held_signals.release()
print(*sorted(handled))
"""

INTERRUPTED = """
held_signals.hold()
sent(signal.SIGINT)
print("goes on")
"""

IN_BACKGROUND = f"""
signal.signal(signal.SIGINT, signal.SIG_IGN)
{INTERRUPTED}
"""

MASK = """
import signal
held = signal.pthread_sigmask(signal.SIG_BLOCK, ())
print(*(signal.Signals(each).name for each in held))
"""


def ran(program: str) -> tuple[int, str, str]:
    """How a program ended, and what it said."""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.strip(), done.stderr


def test_a_signal_that_comes_before_its_handler_is_handled_by_it() -> None:
    """It would end the program, as one that nobody handles does."""
    assert ran(BEGINNING + EARLY) == (0, "SIGHUP SIGUSR1", "")


def test_an_interrupt_ends_a_program_that_starts_without_a_word() -> None:
    """No traceback of what it was importing."""
    assert ran(BEGINNING + INTERRUPTED) == (-signal.SIGINT, "", "")


def test_an_interrupt_that_was_ignored_stays_so() -> None:
    """As in the background of a script, whose Ctrl-C is not meant for it."""
    assert ran(BEGINNING + IN_BACKGROUND) == (0, "goes on", "")


def test_what_starts_while_signals_are_held_holds_them_and_afterwards_nothing_is_held() -> None:
    """However the block ends: a child gets none before it is ready, and the server goes on getting them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with suppress(RuntimeError), held_signals.held(signal.SIGTERM):
        _, held, _ = ran(MASK)
        raise RuntimeError
    assert {"SIGHUP", "SIGUSR1", "SIGINT", "SIGTERM"} <= {*held.split()}
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
