"""The format of log lines in every process of a server: text or JSON, one line each.

It is a formatter of the standard library's logging, with messages that carry fields (`Event`).

No line contains an id of a person or conversation. The text of an unexpected exception may have one, so it is left out:
an exception is logged by its type and its traceback's lines of code. Control characters, and all else that a terminal
or a line parser would interpret, are escaped: no caller can forge a line.
"""

import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Final, Literal, NamedTuple

from telwerkd.process.tracing import current_trace_id

LogFormat = Literal["text", "json"]
LogLevel = Literal["debug", "info", "warning", "error"]

ROOT: Final = "telwerkd"
AUDIT: Final = "telwerkd.audit"
"""The logger of `telwerkd.application.audit_log`."""
ACCESS: Final = "telwerkd.access"
"""The logger of the calls that were answered."""
ALWAYS_WRITTEN: Final = (AUDIT, ACCESS)
"""What is written at every level, and never left out: somebody asked for just these lines."""

_MESSAGE_CHARS_MAX = 4_096
_EXCEPTION_CHARS_MAX = 12_288
_FIELD_CHARS_MAX = 1_024
"""Texts of callers may be in any of them."""


class LogStyle(NamedTuple):
    """Format and level of the log, the same for all processes of a server."""

    format: LogFormat = "text"
    level: LogLevel = "info"


class Event:
    """A log message with fields: appended to it in text, separate members in JSON.

    `in_text`, where given, replaces message and fields in the text format.
    """

    __slots__ = ("_in_text", "fields", "message")

    def __init__(self, message: str, fields: Mapping[str, object], in_text: str | None = None) -> None:
        self.message = message
        self.fields = fields
        self._in_text = in_text

    def __str__(self) -> str:
        if self._in_text is not None:
            return self._in_text
        shown = (f" {name}={_shown(value)}" for name, value in self.fields.items() if value is not None)
        return self.message + "".join(shown)


def printable(text: str) -> str:
    """Returns a text on one line, with all characters escaped that are not printable."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def formatter(style: LogStyle, *, names_process: bool = False) -> logging.Formatter:
    """Returns the formatter of a process; text names the process where others of the same server log beside it."""
    return JsonFormatter() if style.format == "json" else TextFormatter(names_process=names_process)


_style = LogStyle()


def style() -> LogStyle:
    """Returns this process's log style, to pass on to child processes."""
    return _style


def complain(text: str) -> None:
    """Writes the message with which a program ends to standard error, without the logger and its locks.

    It is a plain sentence, for the person who typed the command; a JSON line where the log is JSON, as its readers
    parse nothing else.
    """
    line = f"telwerkd: {text}"
    if _style.format == "json":
        line = JsonFormatter().format(logging.LogRecord(ROOT, logging.CRITICAL, "", 0, text, None, None))
    os.write(2, f"{line}\n".encode(errors="backslashreplace"))


def set_up(style: LogStyle, handler: logging.Handler, *, names_process: bool = False) -> None:
    """Configures logging to `handler`: this program's records from the level on, libraries' warnings and worse only.

    Libraries' records below that may contain values of statements (aiosqlite's do).
    """
    global _style  # noqa: PLW0603  # logging is one for the whole process
    _style = style
    handler.setFormatter(formatter(style, names_process=names_process))
    level = logging.getLevelNamesMapping()[style.level.upper()]
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler])
    logging.getLogger(ROOT).setLevel(level)
    for name in ALWAYS_WRITTEN:
        logging.getLogger(name).setLevel(logging.INFO)


def log_the_uncaught() -> None:
    """Logs uncaught exceptions and warnings, which Python would print unformatted, from now on."""
    logging.captureWarnings(capture=True)
    # What cannot be formatted would be printed as it is, with all that is in it.
    logging.raiseExceptions = False
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Logs an uncaught exception, without its text."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        logging.getLogger(ROOT).critical("the program ends: a defect", exc_info=error)


def _log_uncaught_in_thread(args: "threading.ExceptHookArgs") -> None:
    if args.exc_type is not SystemExit:
        logging.getLogger(ROOT).error("a thread died: a defect", exc_info=args.exc_value)


class TextFormatter(logging.Formatter):
    """Formats a record as text: `2026-01-01T00:00:00.000Z INFO telwerkd.cli: started database=telwerk.db`."""

    def __init__(self, *, names_process: bool = False) -> None:
        super().__init__()
        self._process = f"[{os.getpid()}]" if names_process else ""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line, and below it, indented, an exception's traceback."""
        trace_id = current_trace_id()
        lines = [
            f"{_instant(record)} {record.levelname} {record.name}{self._process}: {message_of(record)}"
            + (f" trace_id={trace_id}" if trace_id else ""),
            *(f"    {printable(line)}" for line in _exception(record).splitlines()),
        ]
        return "\n".join(lines)


class JsonFormatter(logging.Formatter):
    """Formats a record as an object: `time`, `level`, `logger`, `pid`, `message`, fields, `trace_id`, `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line."""
        event = record.msg if isinstance(record.msg, Event) else None
        line: dict[str, object] = {
            "time": _instant(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": os.getpid(),
            "message": message_of(record) if event is None else _one_line(event.message),
        }
        if event is not None:
            line |= {name: _bounded(value) for name, value in event.fields.items() if value is not None}
        if trace_id := current_trace_id():
            line["trace_id"] = trace_id
        if exception := _exception(record):
            line["exception"] = exception
        return json.dumps(line, default=str)


def exception_text(error: BaseException, trace: TracebackType | None = None) -> str:
    """Returns the types and tracebacks of an exception and its causes, without their texts.

    Only texts of the operating system, of SQLite, and of exceptions marked as `is_loggable` are included.
    """
    return "\n".join(reversed(list(_chain(error, trace or error.__traceback__))))


def _chain(error: BaseException, trace: TracebackType | None) -> Iterator[str]:
    seen = set[int]()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield _one(each, trace if each is error else each.__traceback__)
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _one(error: BaseException, trace: TracebackType | None) -> str:
    lines = ["Traceback (most recent call last):\n", *traceback.format_tb(trace)]
    if isinstance(error, BaseExceptionGroup):
        lines.extend(f"{exception_text(nested)}\n" for nested in error.exceptions)
    name = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    return "".join([*lines, name, _said(error)])


def _said(error: BaseException) -> str:
    if isinstance(error, OSError):
        return f": {error.strerror}"
    if type(error).__module__ == "sqlite3" or getattr(error, "is_loggable", False):
        return f": {error}"
    return ""


def _exception(record: logging.LogRecord) -> str:
    if not record.exc_info or record.exc_info[1] is None:
        return ""
    text = exception_text(record.exc_info[1], record.exc_info[2])
    if len(text) > _EXCEPTION_CHARS_MAX:  # what it was stands at the end
        text = f"{text[: _EXCEPTION_CHARS_MAX // 4]}\n…\n{text[-_EXCEPTION_CHARS_MAX // 4 * 3 :]}"
    return text


def message_of(record: logging.LogRecord) -> str:
    """Returns a record's message on one line; of libraries' only the first: asyncio adds a task and its exception."""
    text = record.getMessage()
    if not record.name.startswith(ROOT):
        text = text.partition("\n")[0]
    return _one_line(text)


def _one_line(text: str) -> str:
    return printable(text if len(text) <= _MESSAGE_CHARS_MAX else f"{text[:_MESSAGE_CHARS_MAX]}…")


def _instant(record: logging.LogRecord) -> str:
    """Returns a record's instant as ISO 8601 in UTC, to the millisecond."""
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03}Z"


def _bounded(value: object) -> object:
    return f"{value[:_FIELD_CHARS_MAX]}…" if isinstance(value, str) and len(value) > _FIELD_CHARS_MAX else value


def _shown(value: object) -> str:
    text = str(_bounded(value))
    return text if text.isascii() and text.isprintable() and not set(text) & set(" \"'=\\") and text else ascii(text)
