"""Reads display names from a file: CSV or JSON, each with the line it stands on.

    kind,id,name,question
    operator,u-17,Anna Smith,
    option,9,Very likely,nps

CSV has a heading; its columns may come in any order, between commas or semicolons, and `question` may be left out. JSON
is an array of objects with the same fields, or an object on each line. An empty name removes what is there.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from telwerk.cli.lines import opened
from telwerk.cli.naming import none_of
from telwerk.names import KINDS, KindName, display_name
from telwerk.v1.display_name_pb2 import DisplayName

FILE_BYTES_MAX: Final = 64 * 2**20
_NEEDED: Final = ("kind", "id", "name")
_FIELDS: Final = (*_NEEDED, "question")
_KINDS: Final[Mapping[str, KindName]] = {**{kind: kind for kind in KINDS}, "group": "operator_group"}


class NamesFileError(Exception):
    """The file, or a line of it, is no name; the text says why, with the line."""


class Named(NamedTuple):
    """A name, and the line that it begins on."""

    line: int
    name: DisplayName


def read(path: Path) -> list[Named]:
    """The names of a file, or of standard input for `-`.

    Raises:
        OSError: it cannot be read.
        NamesFileError: it has no names; or a line is wrong: the first of them is told.
    """
    with opened(path) as source:
        try:
            raw = source.stream.read(FILE_BYTES_MAX + 1)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise NamesFileError(f"cannot be unpacked: {error}") from None
    if len(raw) > FILE_BYTES_MAX:
        raise NamesFileError(f"has more than {FILE_BYTES_MAX:,} bytes: part it")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise NamesFileError(f"line {line}: not UTF-8") from None
    records = _of_json(text) if text.lstrip()[:1] in {"[", "{"} else _of_csv(text)
    named = [Named(line, _name(line, fields)) for line, fields in records]
    lines: dict[tuple[int, str, str], int] = {}
    for line, name in named:
        first = lines.setdefault((name.kind, name.question_id, name.id), line)
        if first != line:
            raise NamesFileError(f"line {line}: names the same thing as line {first}")
    if not named:
        raise NamesFileError("has no names")
    return named


def _name(line: int, fields: Mapping[str, object]) -> DisplayName:
    unknown = sorted(fields.keys() - set(_FIELDS))
    if unknown:
        raise NamesFileError(f"line {line}: {none_of(unknown[0], _FIELDS)}")
    missing = [field for field in _NEEDED if field not in fields]
    if missing:
        raise NamesFileError(f"line {line}: has no {missing[0]}")
    texts = {field: value for field, value in fields.items() if isinstance(value, str) and _is_text(value)}
    wrong = [field for field, value in fields.items() if field not in texts and value is not None]
    if wrong:
        raise NamesFileError(f"line {line}: {wrong[0]} is no text")
    if texts["kind"] not in _KINDS:
        raise NamesFileError(f"line {line}: {none_of(texts['kind'], _KINDS)}")
    kind, question = _KINDS[texts["kind"]], texts.get("question", "")
    if not texts["id"]:
        raise NamesFileError(f"line {line}: the id is empty")
    if (kind == "option") != bool(question):
        raise NamesFileError(
            f"line {line}: an option needs its question"
            if kind == "option"
            else f"line {line}: only an option has a question"
        )
    return display_name(kind, texts["id"], texts.get("name", ""), question=question)


def _is_text(value: str) -> bool:
    """JSON can say half of a pair of surrogates, which is no character."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_csv(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    heading = text.lstrip().partition("\n")[0]
    separator = ";" if ";" in heading and "," not in heading else ","
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    columns: list[str] = []
    line = 1
    try:
        for row in rows:
            # A quoted text may go over several lines: the first of them is told.
            begins, line = line, rows.line_num + 1
            if not any(row):
                continue
            if not columns:
                columns = [column.strip().lower() for column in row]
                _check_heading(begins, columns)
            elif len(row) != len(columns):
                raise NamesFileError(f"line {begins}: has {len(row)} columns, the heading has {len(columns)}")
            else:
                yield begins, dict(zip(columns, row, strict=True))
    except csv.Error as error:
        raise NamesFileError(f"line {line}: no CSV: {error}") from None


def _check_heading(line: int, columns: list[str]) -> None:
    missing = [field for field in _NEEDED if field not in columns]
    unknown = [column for column in columns if column not in _FIELDS]
    if missing or unknown or len(set(columns)) < len(columns):
        what = f"has no column {missing[0]!r}" if missing else "has columns that are not known, or twice"
        raise NamesFileError(f"line {line}: the heading {what}; it is to be {','.join(_FIELDS)}")


def _of_json(text: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """The objects of an array, or of lines: both are objects one after the other, with commas or without."""
    decoder, place = json.JSONDecoder(), 0
    is_array = text.lstrip().startswith("[")
    if is_array:
        place = text.index("[") + 1
    while True:
        while place < len(text) and (text[place].isspace() or (is_array and text[place] == ",")):
            place += 1
        if place == len(text) or (is_array and text[place] == "]"):
            if is_array and text[place:].strip() != "]":
                raise NamesFileError(f"line {_line(text, place)}: the array has no end, or something stands behind it")
            return
        try:
            fields, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            at = error.pos if isinstance(error, json.JSONDecodeError) else place
            raise NamesFileError(f"line {_line(text, at)}: no JSON") from None
        if not isinstance(fields, dict):
            raise NamesFileError(f"line {_line(text, place)}: not a JSON object")
        yield _line(text, place), fields
        place = end


def _line(text: str, place: int) -> int:
    return text.count("\n", 0, place) + 1
