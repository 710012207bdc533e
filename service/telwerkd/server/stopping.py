"""Stopping a server process by signals, within bounded time.

The first SIGTERM, SIGINT or SIGHUP stops it gracefully. SIGHUP is sent when a terminal closes; a server whose settings
come from files reloads them instead. If SIGHUP is ignored, as by `nohup`, it stays ignored. A second SIGTERM or SIGINT
ends the process at once. So does a timeout: a stop that hangs, by the database or a process, is aborted `STOP_SECONDS`
after the grace period.
"""

import asyncio
import faulthandler
import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final

from telwerkd.process import log_format

STOP_SECONDS: Final = 20.0
"""After the grace; the whole stop takes no longer than both."""
EXIT_NOT_STORED: Final = 3
"""The server stopped, but what was taken in and not acknowledged may not be stored."""

_HELD_SECONDS = 1.0
"""After that time, a process whose interpreter is held is ended too, with exit code 1 and the traces of its threads."""

_STDERR = 2

_AT_ONCE = 128
"""Exit code of a process that a signal ended, plus the signal's number, as shells have it."""


class Stop:
    """The stop request by signals. Must be made in the main thread, with the event loop running."""

    def __init__(
        self,
        grace_seconds: float,
        before_exit: Callable[[], None] = lambda: None,
        on_hangup: Callable[[], None] | None = None,
        *,
        ends_at_once: bool = True,
    ) -> None:
        """`on_hangup` is called on SIGHUP instead of a stop; with `ends_at_once` a second signal exits."""
        self.asked = asyncio.Event()
        self._seconds = grace_seconds + STOP_SECONDS
        self._before_exit = before_exit
        self._ends_at_once = ends_at_once
        loop = asyncio.get_running_loop()
        signals = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
        self._signals = [number for number in signals if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._signals:
            is_hangup = number is signal.SIGHUP and on_hangup is not None
            loop.add_signal_handler(number, on_hangup if is_hangup and on_hangup else self.ask)

    def ask(self) -> None:
        """Stops gracefully; called again it changes nothing."""
        if self.asked.is_set():
            return
        self.asked.set()
        # Not on the event loop: should it hang, these must not.
        for number in self._signals:
            if number is not signal.SIGHUP and self._ends_at_once:
                signal.signal(number, self._end_at_once)
        limit = threading.Timer(self._seconds, self._give_up)
        limit.daemon = True
        limit.start()
        # That needs the interpreter, which gRPC holds while it ends its threads; and it waits for ever for them where
        # one could not be started before, since the system had none left.
        faulthandler.dump_traceback_later(self._seconds + _HELD_SECONDS, exit=True, file=_STDERR)

    def _end_at_once(self, number: int, _frame: FrameType | None) -> None:
        self._exit(
            f"signal {number} again: ending at once; what was not acknowledged may not be stored", _AT_ONCE + number
        )

    def _give_up(self) -> None:
        self._exit(
            f"not stopped within {self._seconds:g} s: ending; what was not acknowledged may not be stored",
            EXIT_NOT_STORED,
        )

    def _exit(self, text: str, code: int) -> None:
        # Without the logger, whose lock a thread may hold that hangs.
        log_format.complain(text)
        self._before_exit()
        os._exit(code)


async def any_of(*events: asyncio.Event) -> None:
    """Returns when one of the events is set."""
    waiting = {asyncio.create_task(event.wait()) for event in events}
    try:
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
