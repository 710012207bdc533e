"""Reads events from a file of JSON lines, in batches, with bounded memory.

A line that is no event is carried in its batch as broken, with its number and what is wrong: it stops none of the lines
after it.
"""

import gzip
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from google.protobuf import json_format

from telwerk.v1.event_pb2 import Event

LINE_BYTES_MAX: Final = 2**20
"""A longer line is broken. The largest event that a server takes is far below."""

BATCH_BYTES_MAX: Final = 2**20
"""Text of one batch, so that a call stays well below what a server takes, however long the lines."""

_BUFFER_BYTES: Final = 2**18
_GZIP_MAGIC: Final = b"\x1f\x8b"
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


class BrokenLineError(Exception):
    """This line is no event; the text says why."""


class CountedFile(io.FileIO):
    """A file that knows how much of it was read; of a pipe, nobody else does."""

    bytes_read = 0

    def readinto(self, buffer: bytearray | memoryview) -> int | None:  # type: ignore[override] # of a BufferedReader
        """As every file; None where nothing is there yet."""
        count = super().readinto(buffer)
        self.bytes_read += count or 0
        return count


class Source(NamedTuple):
    """An opened file."""

    stream: io.BufferedIOBase
    """Its text, unpacked."""
    raw: CountedFile
    """The file itself."""
    bytes_total: int | None
    """Its size; None where nobody knows, as of a pipe."""


class Refusal(NamedTuple):
    """A line that does not count, and why."""

    line: int
    message: str


@dataclass
class Batch:
    """What goes into one call, and what could not."""

    lines: list[int] = field(default_factory=list)
    """The line number of each event."""
    events: list[Event] = field(default_factory=list)
    broken: list[Refusal] = field(default_factory=list)
    line_last: int = 0
    """Every line up to this one is in this batch or in one before."""
    bytes_total: int = 0


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """The file, or standard input for `-`; what is gzip is unpacked, whatever its name.

    Raises:
        OSError: it cannot be opened.
    """
    with CountedFile(0, closefd=False) if str(path) == "-" else CountedFile(path) as raw:
        bytes_total = os.fstat(raw.fileno()).st_size if raw.seekable() else None
        buffered = io.BufferedReader(raw, _BUFFER_BYTES)
        packed = buffered.peek(len(_GZIP_MAGIC)).startswith(_GZIP_MAGIC)
        # No further buffer: of a file that ends early, it would lose what it holds.
        yield Source(gzip.GzipFile(fileobj=buffered) if packed else buffered, raw, bytes_total)


def batches(stream: io.BufferedIOBase, events_max: int) -> Iterator[Batch]:
    """The file's lines, in order. A batch closes at `events_max` lines that are no blanks, or at `BATCH_BYTES_MAX`."""
    batch = Batch()
    for number, line in _lines(stream):
        batch.line_last = number
        try:
            event = parsed(line)
        except BrokenLineError as error:
            batch.broken.append(Refusal(number, str(error)))
        else:
            if event is not None:
                batch.lines.append(number)
                batch.events.append(event)
        batch.bytes_total += len(line) if isinstance(line, bytes) else 0
        if len(batch.events) + len(batch.broken) >= events_max or batch.bytes_total >= BATCH_BYTES_MAX:
            yield batch
            batch = Batch()
    if batch.line_last:
        yield batch


def _lines(stream: io.BufferedIOBase) -> Iterable[tuple[int, bytes | BrokenLineError]]:
    """Lines with their numbers, from 1. What cannot be read at all is the last line, and broken."""
    number = 0
    while True:
        number += 1
        try:
            line = stream.readline(LINE_BYTES_MAX + 1)
            if len(line) > LINE_BYTES_MAX:
                _skip_line(stream, line)
                yield number, BrokenLineError(f"longer than {LINE_BYTES_MAX:,} bytes")
                continue
        except (OSError, EOFError, zlib.error) as error:
            yield number, BrokenLineError(f"the file cannot be read on from here: {error}")
            return
        if not line:
            return
        yield number, line.removeprefix(_BYTE_ORDER_MARK) if number == 1 else line


def _skip_line(stream: io.BufferedIOBase, line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(LINE_BYTES_MAX)


def parsed(line: bytes | BrokenLineError) -> Event | None:
    """The event of a line of ProtoJSON; None for a blank line.

    Raises:
        BrokenLineError: it is no event.
    """
    if isinstance(line, BrokenLineError):
        raise line
    try:
        text = line.decode().strip()
        if not text:
            return None
        if not text.startswith("{"):
            raise BrokenLineError("not a JSON object")
        return json_format.Parse(text, Event())
    except UnicodeDecodeError as error:
        raise BrokenLineError(f"not UTF-8 at byte {error.start + 1}") from None
    except (json_format.Error, ValueError, TypeError, RecursionError) as error:
        raise BrokenLineError(_first_sentence(str(error))) from None


def _first_sentence(text: str) -> str:
    """protobuf's message without the list of all fields, and without the place in a text that is one line anyway."""
    if "recursion depth" in text:
        return "nested too deeply"
    return text.partition("\n")[0].removeprefix("Failed to load JSON: ").replace("line 1 column", "column").rstrip(".")
