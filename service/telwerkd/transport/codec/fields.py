"""Fields that many messages have: ids, URLs, instants, choices. Each is validated here, and an error names its path."""

import re
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from telwerk.v1 import event_pb2 as pb
from telwerk.v1.kpi_service_pb2 import CalendarDate
from telwerkd.domain.conversation.events import InactivityAction
from telwerkd.domain.conversation.goals import valid_url
from telwerkd.domain.errors import FieldViolation, InvalidArgumentError
from telwerkd.domain.ids import SECOND, Micros
from telwerkd.domain.time.years import END_INSTANT, FIRST_INSTANT, YEARS, is_known_date

_FIRST_SECOND, _END_SECOND = FIRST_INSTANT // SECOND, END_INSTANT // SECOND

LIVE_LIMIT_MAX = 30 * 86_400 * SECOND

FILTER_IDS_MAX = 1_000
"""Ids, topics or values in one list of a filter."""

_NANOS_MAX = 999_999_999

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


T = TypeVar("T")


class FieldError(InvalidArgumentError):
    """A field of a message is wrong."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__([FieldViolation(field, description)])
        self.field = field


class FieldReader:
    """Reads ids and URLs within limits."""

    def __init__(self, id_bytes_max: int, url_bytes_max: int) -> None:
        self.id_bytes_max = self._id_bytes_max = id_bytes_max
        self._url_bytes_max = url_bytes_max

    def id(self, field: str, value: str) -> str:
        """Returns an id, checked.

        Raises:
            FieldError: it is empty, too long, or has control characters.
        """
        # What is ASCII and printable has no control characters, and a byte for each character. The length comes first:
        # to look at a megabyte takes several milliseconds of the event loop.
        if 0 < len(value) <= self._id_bytes_max and value.isascii() and value.isprintable():
            return value
        if not value:
            raise FieldError(field, "is required")
        self.id_size(field, len(value.encode()))
        if _CONTROL.search(value):
            raise FieldError(field, "contains a control character")
        return value

    def id_size(self, field: str, size: int) -> None:
        """Checks that an id of so many bytes is not too long.

        Raises:
            FieldError: it is.
        """
        if size > self._id_bytes_max:
            raise FieldError(field, f"has {size} bytes, at most {self._id_bytes_max} (id_bytes_max) are allowed")

    def optional_id(self, field: str, value: str) -> str:
        """Returns an id, checked, or an empty one.

        Raises:
            FieldError: it is too long, or has control characters.
        """
        return self.id(field, value) if value else value

    def url(self, field: str, value: str) -> str:
        """Returns an absolute http or https URL, checked.

        Raises:
            FieldError: it is no such URL, or too long.
        """
        size = len(value.encode())
        if size > self._url_bytes_max:
            raise FieldError(field, f"has {size} bytes, at most {self._url_bytes_max} (url_bytes_max) are allowed")
        refused = valid_url(value)
        if refused:
            raise FieldError(field, refused)
        return value


def instant(field: str, timestamp: Timestamp) -> Micros:
    """Returns an instant, truncated to microseconds (R-ORDER-1).

    Raises:
        FieldError: it is not from 2000-01-01 to 2199-12-31, or not a valid timestamp.
    """
    seconds, nanos = timestamp.seconds, timestamp.nanos
    if not _FIRST_SECOND <= seconds < _END_SECOND:
        raise FieldError(field, f"{seconds} s is not {YEARS}")
    if not 0 <= nanos <= _NANOS_MAX:
        raise FieldError(field, f"nanos must be from 0 to 999,999,999, are {nanos}")
    return Micros(seconds * 1_000_000 + nanos // 1_000)


def calendar_date(field: str, message: CalendarDate) -> date:
    """Returns a date, checked.

    Raises:
        FieldError: there is no such date, or it is not from 2000-01-01 to 2199-12-31.
    """
    try:
        day = date(message.year, message.month, message.day)
    except ValueError:
        raise FieldError(field, f"{message.year}-{message.month}-{message.day} is not a date") from None
    if not is_known_date(day):
        raise FieldError(field, f"{day} is not {YEARS}")
    return day


def live_limit(field: str, duration: Duration) -> Micros:
    """Returns a response limit of KPI 3, checked.

    Raises:
        FieldError: it is not from 1 microsecond to 30 days, or not a valid duration.
    """
    if not 0 <= duration.nanos <= _NANOS_MAX:
        raise FieldError(field, f"nanos must be from 0 to 999,999,999, are {duration.nanos}")
    limit = Micros(duration.seconds * 1_000_000 + duration.nanos // 1_000)
    if not 1 <= limit <= LIVE_LIMIT_MAX:
        raise FieldError(field, "must be from 1 microsecond to 30 days")
    return limit


def action(field: str, number: int) -> InactivityAction:
    """Returns an inactivity action.

    Raises:
        FieldError: it is none of them.
    """
    try:
        return InactivityAction(number)
    except ValueError:
        raise FieldError(field, f"{number} is not one of {choices(pb.InactivityAction.keys())}") from None


def encode_instant(instant_: Micros) -> Timestamp:
    """Returns an instant as a message."""
    seconds, micros = divmod(instant_, 1_000_000)
    return Timestamp(seconds=seconds, nanos=micros * 1_000)


def checked(field: str, wanted: Sequence[T], check: Callable[[str, T], str]) -> list[str]:
    """Returns the entries of a filter's list, each checked.

    Raises:
        FieldError: they are too many, or `check` raises it.
    """
    if len(wanted) > FILTER_IDS_MAX:
        raise FieldError(field, f"has {len(wanted)} entries, at most {FILTER_IDS_MAX} are allowed")
    return [check(f"{field}[{i}]", entry) for i, entry in enumerate(wanted)]


def choices(enum: Iterable[str]) -> str:
    """Returns the names of an enum of the contract that a caller may use, for an error's text."""
    return ", ".join(name for name in enum if not name.endswith("_UNSPECIFIED"))
