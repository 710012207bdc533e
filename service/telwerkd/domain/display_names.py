"""Display names: what people call the things that ids stand for. They change no count and no key."""

import enum
import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from telwerkd.domain.catalogue.specs import ValueKind
from telwerkd.domain.catalogue.values import answer_value, value_answer, value_topics


class NameKind(enum.IntEnum):
    """What kind of thing has a display name. The numbers are the storage format and the contract's."""

    OPERATOR = 1
    OPERATOR_GROUP = 2
    WIDGET = 3
    GOAL = 4
    TOPIC = 5
    QUESTION = 6
    OPTION = 7


class NameKey(NamedTuple):
    """The thing that a display name belongs to."""

    kind: NameKind
    id: str
    """The thing's id; for an option, question id and option id, as `answer_value` joins them."""

    @property
    def parts(self) -> tuple[str, str]:
        """The question's id (empty but for an option) and the thing's own id."""
        return value_answer(self.id) if self.kind is NameKind.OPTION else ("", self.id)


def option_key(question_id: str, option_id: str) -> NameKey:
    """Returns the key of an option."""
    return NameKey(NameKind.OPTION, answer_value(question_id, option_id))


_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""Control characters, and those that separate lines and paragraphs."""

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that change the direction of what is written, also of what stands beside a name."""


def flaw_of(name: str) -> str:
    """Returns what is wrong with the characters of a name; empty if nothing is. The text never quotes the name."""
    if _CONTROL.search(name):
        return "contains a control character"
    if _BIDI.search(name):
        return "contains a character that changes the direction of writing"
    if all(_is_blank(character) for character in name):
        return "has no visible character: to remove a name, send it empty"
    return ""


def _is_blank(character: str) -> bool:
    """Whether a character is white space or invisible, as format characters are."""
    return character.isspace() or unicodedata.category(character) in {"Cf", "Mn", "Me"} or character in _FILLERS


_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and symbols that show nothing."""


def folded(text: str) -> str:
    """Returns a text with its case folded, for a search by prefix."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


def keys_of_value(kind: ValueKind, value: str) -> Iterator[NameKey]:
    """Yields the keys of the things in a value of this kind that can have display names."""
    match kind:
        case ValueKind.GOAL:
            yield NameKey(NameKind.GOAL, value)
        case ValueKind.TOPIC_SET:
            for topic in value_topics(value):
                yield NameKey(NameKind.TOPIC, topic)
        case ValueKind.SURVEY_ANSWER:
            yield NameKey(NameKind.QUESTION, value_answer(value)[0])
            yield NameKey(NameKind.OPTION, value)
        case _:
            return


def keys_of_ids(operators: Iterable[str], groups: Iterable[str], widgets: Iterable[str]) -> Iterator[NameKey]:
    """Yields the keys of operators, groups and widgets; "nobody" has no name."""
    for kind, ids in (
        (NameKind.OPERATOR, operators),
        (NameKind.OPERATOR_GROUP, groups),
        (NameKind.WIDGET, widgets),
    ):
        yield from (NameKey(kind, each) for each in ids if each)
