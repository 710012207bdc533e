"""Splits JSON at one list of objects, before it is parsed.

A parser makes every value of a body an object, in one call that holds the interpreter: 16 MiB of `{},` take a second
and 435 MB. Here it is walked over token by token, and given up at the first object too many.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_MARK: Final = re.compile(rb'["{}\[\]]')
_SEARCHED_BYTES: Final = 65_536
"""So much at a time: a search holds the interpreter."""
_BETWEEN: Final = re.compile(rb"\s*,\s*")
_COLON: Final = re.compile(rb"\s*:\s*")
_OPENS: Final = frozenset({b"{", b"["})
_CLOSES: Final = frozenset({b"}", b"]"})
_BACKSLASH: Final = ord("\\")

_MARKS_MAX: Final = 500_000
_MARKS_PER_ITEM_MAX: Final = 200
"""Texts and brackets: walking over a million takes a second. An event has some hundreds at most, mostly a dozen."""


class _Token(NamedTuple):
    """A string or a bracket: its first character, and its start and end."""

    mark: bytes
    start: int
    end: int


class Split(NamedTuple):
    """A body with its list emptied, and the objects of the list."""

    rest: bytes
    items: list[bytes]


class NoListError(Exception):
    """The value is no list of objects, or has no end."""


class TooManyError(Exception):
    """The list has too many objects."""


class TooFineError(Exception):
    """There are more strings and brackets than the limit."""


def marks_of(count_max: int) -> int:
    """Returns how many texts and brackets are walked over for a list of so many objects."""
    return max(_MARKS_MAX, _MARKS_PER_ITEM_MAX * count_max)


def split(raw: bytes, name: str, count_max: int) -> Split:
    """Splits off the list under `name` in the outermost object; without one, everything is `rest`.

    Other errors of syntax are found when the parts are parsed.

    Raises:
        NoListError: the value under `name` is no list of objects.
        TooManyError: the list has more objects than `count_max`.
        TooFineError: there are more texts and brackets than `marks_of` so many objects.
    """
    marks_max = marks_of(count_max)
    start = _start(raw, b'"' + name.encode() + b'"', marks_max)
    if start is None:
        return Split(raw, [])
    items, end = _items(raw, start, count_max, marks_max)
    return Split(raw[:start] + raw[end:], items)


def _tokens(raw: bytes, position: int, marks_max: int) -> Iterator[_Token]:
    """Yields the strings and brackets from a position on; an unterminated string reaches to the end."""
    size, marks = len(raw), 0
    while position < size:
        found = _MARK.search(raw, position, position + _SEARCHED_BYTES)
        if found is None:
            position += _SEARCHED_BYTES
            continue
        mark, start = found[0], found.start()
        position = _text_end(raw, start + 1) if mark == b'"' else start + 1
        marks += 1
        if marks > marks_max:
            raise TooFineError
        yield _Token(mark, start, position)


def _text_end(raw: bytes, position: int) -> int:
    """Returns the position after the quote that ends a string: one not preceded by an odd number of backslashes."""
    while (quote := raw.find(b'"', position)) >= 0:
        before = quote
        while before > position and raw[before - 1] == _BACKSLASH:
            before -= 1
        if (quote - before) % 2 == 0:
            return quote + 1
        position = quote + 1
    return len(raw)


def _start(raw: bytes, key: bytes, marks_max: int) -> int | None:
    """Returns the position after the list's opening bracket; None if the key is missing or null."""
    depth = 0
    for mark, start, end in _tokens(raw, 0, marks_max):
        if mark in _OPENS:
            depth += 1
        elif mark in _CLOSES:
            depth -= 1
        elif depth == 1 and end - start == len(key) and raw.startswith(key, start):
            colon = _COLON.match(raw, end)
            if colon is not None:
                return _opened(raw, colon.end())
    return None


def _opened(raw: bytes, position: int) -> int | None:
    if raw.startswith(b"null", position):
        return None
    if raw[position : position + 1] != b"[":
        raise NoListError
    return position + 1


def _items(raw: bytes, position: int, count_max: int, marks_max: int) -> tuple[list[bytes], int]:
    """Returns the objects of the list that begins at `position`, and the position of its closing bracket."""
    items: list[bytes] = []
    depth, begun, before = 0, position, position
    for mark, start, end in _tokens(raw, position, marks_max):
        if depth == 0:
            between = raw[before:start]
            if mark == b"]" and not between.strip():
                return items, start
            is_apart = _BETWEEN.fullmatch(between) is not None if items else not between.strip()
            if mark != b"{" or not is_apart:
                raise NoListError
            begun = start
        if mark in _OPENS:
            depth += 1
        elif mark in _CLOSES:
            depth -= 1
            if depth == 0:
                if len(items) == count_max:
                    raise TooManyError
                before = end
                items.append(raw[begun:before])
    raise NoListError
