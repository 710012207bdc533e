"""A terminal with a real program in it: what a person sees there, and presses."""

import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyte

from tests.client.command import ACCOUNT

PATIENCE_SECONDS = 60.0
"""Nothing takes as long, however busy the machine is."""

REDRAWING_SECONDS = 0.02
"""What one change draws comes in several pieces: it is looked at together."""

KEYS = {"enter": "\r", "escape": "\x1b", "down": "\x1b[B", "ctrl+c": "\x03"}


class Terminal:
    """What a program has drawn so far."""

    def __init__(self, columns: int, lines: int, master: int, process: "subprocess.Popen[bytes]") -> None:
        self.process = process
        self.raw = b""
        self._vanished = False
        self._master = master
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self._lines: list[str] | None = None  # as last taken from the screen, which costs milliseconds
        self._reads = 0
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while True:
            try:
                drawn = os.read(self._master, 65_536)
            except OSError:  # its other end is closed
                return
            if not drawn:
                return
            with self._changed:
                self.raw += drawn
                self._stream.feed(drawn)
                self._lines = None
                self._reads += 1
                self._changed.notify_all()

    @property
    def lines(self) -> list[str]:
        """The screen, from top to bottom, without the spaces at the ends of lines."""
        with self._changed:
            if self._lines is None:
                self._lines = [line.rstrip() for line in self._screen.display]
            return self._lines

    def line(self, beginning: str) -> str:
        """The first line that begins so, whatever spaces are before; empty if there is none."""
        return next((line for line in self.lines if line.strip().startswith(beginning)), "")

    def until(self, holds: Callable[["Terminal"], object], what: str) -> None:
        """Returns once it holds; fails with what is seen."""
        end = time.monotonic() + PATIENCE_SECONDS
        while True:
            reads = self._reads
            if holds(self):
                return
            seen = "\n".join(self.lines)
            assert time.monotonic() < end, f"never seen: {what}\n{seen}"
            with self._changed:
                if self._reads == reads:
                    self._changed.wait(end - time.monotonic())
            time.sleep(REDRAWING_SECONDS)

    def until_seen(self, text: str) -> None:
        """Returns once the text is somewhere on the screen."""
        self.until(lambda seen: any(text in line for line in seen.lines), text)

    def press(self, *keys: str) -> None:
        """Keys by their names, or as they are."""
        for key in keys:
            os.write(self._master, KEYS.get(key, key).encode())

    def resize(self, columns: int, lines: int) -> None:
        """Somebody pulls at the window's edge."""
        with self._changed:
            self._screen.resize(lines, columns)
            self._lines = None
        _set_size(self._master, columns, lines)
        self.process.send_signal(signal.SIGWINCH)

    def vanish(self) -> None:
        """The window is closed; no signal tells of it."""
        self._vanished = True
        os.close(self._master)

    def close(self) -> None:
        """Gives the terminal back, if it has not vanished."""
        if not self._vanished:
            os.close(self._master)

    def read_to_the_end(self) -> None:
        """Returns when there is nothing more to come, as the program has ended."""
        self._reader.join(PATIENCE_SECONDS)
        assert not self._reader.is_alive()

    def ended(self) -> int:
        """The exit code, once it has ended."""
        return self.process.wait(PATIENCE_SECONDS)


def _set_size(fd: int, columns: int, lines: int) -> None:
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))


@contextmanager
def terminal(
    *arguments: str | Path, address: str, columns: int = 80, lines: int = 24, **environment: str
) -> Iterator[Terminal]:
    """The real `telwerk` command in a terminal of that size, ended in any case."""
    inherited = {
        n: v
        for n, v in os.environ.items()
        if not n.startswith("TELWERK_") and n not in {"NO_COLOR", "COLUMNS", "LINES"}
    }
    given = {"TELWERK_ADDRESS": address, "TELWERK_ACCOUNT": ACCOUNT, "TERM": "xterm-256color", **environment}
    master, slave = os.openpty()
    _set_size(slave, columns, lines)
    process = subprocess.Popen(
        [sys.executable, "-m", "telwerk.cli", *map(str, arguments)],
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        env=inherited | given,
    )
    os.close(slave)
    seen = Terminal(columns, lines, master, process)
    try:
        yield seen
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(PATIENCE_SECONDS)
        # Before its number may be that of another file.
        seen.read_to_the_end()
        seen.close()
