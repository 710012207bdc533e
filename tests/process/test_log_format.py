"""What a line of the log may be: one line, with its fields, and nothing of anybody in it."""

import json
import logging
import sqlite3
from typing import Any

import pytest

from telwerkd.process import tracing
from telwerkd.process.log_format import Event, LogFormat, LogStyle, exception_text, formatter

ID = "conversation-of-anna"
FORMATS = pytest.mark.parametrize("log_format", ["text", "json"])


def line(log_format: LogFormat, message: object, *args: object, error: Exception | None = None, name: str = "") -> str:
    info = (type(error), error, error.__traceback__) if error else None
    record = logging.LogRecord(f"telwerkd{name}", logging.INFO, __file__, 1, message, args, info)
    return formatter(LogStyle(log_format)).format(record)


def parsed(message: object, *args: object, **about: Any) -> dict[str, Any]:
    found = json.loads(line("json", message, *args, **about))
    assert isinstance(found, dict)
    return found


def raised(error: Exception) -> Exception:
    try:
        raise error  # noqa: TRY301  # so that it has a traceback
    except Exception as caught:  # noqa: BLE001  # of any kind
        return caught


def deep(levels: int) -> float:
    """Through frames that differ, which are not counted together."""
    return deep_too(levels - 1) if levels else 1 / 0


def deep_too(levels: int) -> float:
    return deep(levels)


@FORMATS
@pytest.mark.parametrize("control", ["\n", "\r\n", "\x1b[2J", "\x00", "\x85", "\u2028", "\u202e", "\x7f", "\ud800"])
def test_no_text_of_a_caller_becomes_a_line_or_a_command_of_its_own(log_format: LogFormat, control: str) -> None:
    """Line ends, escapes of terminals, and what turns a line round, wherever in the line they stand."""
    forged = f"acme{control}2026-01-01T00:00:00.000Z INFO telwerkd.audit: erase"
    for message, args in (("account %r", (forged,)), ("account %s", (forged,)), (Event("call", {"a": forged}), ())):
        written = line(log_format, message, *args)
        assert written.isprintable(), ascii(written)
        assert written.encode()


def test_a_field_that_could_be_two_is_quoted() -> None:
    assert line("text", Event("call", {"account": "a b=c", "code": "OK", "key": None})).endswith(
        ": call account='a b=c' code=OK"
    )


def test_fields_are_keys_of_the_object() -> None:
    written = parsed(Event("call", {"method": "Get", "ms": 1.5, "key": None}))
    assert written.keys() == {"time", "level", "logger", "pid", "message", "method", "ms"}
    assert (written["message"], written["ms"], written["level"]) == ("call", 1.5, "info")


@FORMATS
def test_an_exception_is_told_without_what_it_says(log_format: LogFormat) -> None:
    """Nor what those say that it followed on; its lines of the program are there."""
    try:
        try:
            raise KeyError(ID)  # noqa: TRY301
        except KeyError:
            raise ExceptionGroup(ID, [raised(ValueError(ID))])  # noqa: B904  # followed on, not caused
    except ExceptionGroup as error:
        written = line(log_format, "a defect", error=error)
    assert ID not in written
    for known in ("KeyError", "ValueError", "ExceptionGroup", "test_log_format.py"):
        assert known in written


def test_what_the_system_says_is_told() -> None:
    assert exception_text(raised(OSError(28, "No space left on device"))).endswith("OSError: No space left on device")
    assert exception_text(raised(sqlite3.OperationalError("no such table: t"))).endswith(": no such table: t")


def test_an_exception_that_causes_itself_is_told() -> None:
    error = raised(ValueError())
    error.__cause__ = raised(KeyError())
    error.__cause__.__cause__ = error
    assert exception_text(error).count("Traceback") == 2


@FORMATS
def test_of_a_library_only_the_first_line_is_told(log_format: LogFormat) -> None:
    """asyncio puts the task with its exception below it."""
    record = logging.LogRecord("asyncio", logging.ERROR, "", 1, f"never retrieved\nfuture: KeyError('{ID}')", (), None)
    assert ID not in formatter(LogStyle(log_format)).format(record)


@FORMATS
def test_a_line_has_an_end_and_is_still_a_line(log_format: LogFormat) -> None:
    written = line(log_format, Event("x" * 10**6, {"a": "y" * 10**6}), error=raised(OSError(1, "z" * 10**6)))
    assert len(written) < 40_000
    with pytest.raises(ZeroDivisionError) as found:
        deep(400)
    assert line("text", "a defect", error=found.value).endswith("ZeroDivisionError")
    if log_format == "json":
        assert json.loads(written)["a"].endswith("…")


@FORMATS
def test_a_line_is_found_by_the_trace_of_its_call(log_format: LogFormat) -> None:
    token = tracing.trace_id.set("ab" * 16)
    try:
        assert "ab" * 16 in line(log_format, "slow")
    finally:
        tracing.trace_id.reset(token)
    assert "trace_id" not in line(log_format, "slow")
