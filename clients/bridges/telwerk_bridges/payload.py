"""Reads JSON of somebody else's making: each value by its path, and with an error that names the path."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from typing import Final

_NUMBER_LIMIT: Final = 10**20
_FLOAT_LIMIT: Final = 2**53
"""Below it, a float is exactly the number that was written."""

_IDENTIFIER_BYTES_MAX: Final = 64
"""Telwerk's own ids have at most 128, with what a bridge puts before and after."""


class PayloadError(Exception):
    """A delivery is not what its platform documents; the text names the field."""


@dataclass(frozen=True)
class Node:
    """A value of a payload, and where it stands. What is not there is a node too, with None as its value."""

    value: object
    path: str = ""

    @property
    def is_there(self) -> bool:
        """Neither missing nor null."""
        return self.value is not None

    def __getitem__(self, name: str) -> "Node":
        """A field; of what is not there, nothing is there either."""
        path = f"{self.path}.{name}" if self.path else name
        if self.value is None:
            return Node(None, path)
        if not isinstance(self.value, dict):
            raise self._wrong("an object")
        return Node(self.value.get(name), path)

    def object(self) -> "Node":
        """Itself where it is an object; anything else is as if it were not there."""
        return self if isinstance(self.value, dict) else Node(None, self.path)

    def items(self) -> Iterator["Node"]:
        """The elements of a list; none where there is no list."""
        if self.value is None:
            return
        if not isinstance(self.value, list):
            raise self._wrong("a list")
        for index, value in enumerate(self.value):
            yield Node(value, f"{self.path}[{index}]")

    def text(self) -> str:
        """A text; empty where there is none."""
        if self.value is None:
            return ""
        if not isinstance(self.value, str):
            raise self._wrong("a text")
        return self.value

    def name(self) -> str:
        """A text of printable characters; empty where there is none."""
        text = self.text().strip()
        if not text.isprintable():
            raise self._wrong("a printable text")
        return text

    def flag(self) -> bool:
        """True or false; false where it is not said."""
        if self.value is None:
            return False
        if not isinstance(self.value, bool):
            raise self._wrong("true or false")
        return self.value

    def number(self) -> int:
        """A whole number of at most 20 digits that must be there, also one that is written as a text."""
        if isinstance(self.value, int) and not isinstance(self.value, bool) and abs(self.value) < _NUMBER_LIMIT:
            return self.value
        if isinstance(self.value, float) and self.value.is_integer() and abs(self.value) < _FLOAT_LIMIT:
            return int(self.value)
        if isinstance(self.value, str) and re.fullmatch(r"[0-9]{1,20}", self.value):
            return int(self.value)
        raise self._wrong("a whole number")

    def identifier(self) -> str:
        """An id that must be there: a whole number, or a printable text of at most 64 bytes."""
        if not isinstance(self.value, str):
            return str(self.number())
        text = self.value.strip()
        if text and text.isprintable() and len(text.encode()) <= _IDENTIFIER_BYTES_MAX:
            return text
        raise self._wrong("an id")

    def instant(self) -> datetime:
        """A time that must be there: seconds since 1970, or ISO 8601; cut to microseconds.

        Not of the first or the last year there are: what follows from it may lie beside it, and must be a time too.
        """
        at = self._instant()
        if at is None or not MINYEAR < at.year < MAXYEAR:
            raise self._wrong("a time")
        return at

    def _instant(self) -> datetime | None:
        try:
            if isinstance(self.value, int | float) and not isinstance(self.value, bool):
                return datetime.fromtimestamp(self.value, UTC)
            if isinstance(self.value, str):
                at = datetime.fromisoformat(self.value.removesuffix(" UTC"))
                # Before year 1 and after 9999 by its offset, it could be read but not told.
                return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        except (ValueError, OverflowError, OSError):
            pass
        return None

    def _wrong(self, wanted: str) -> PayloadError:
        path = self.path or "the payload"
        return PayloadError(f"{path} is not {wanted}" if self.is_there else f"{path} is missing")
