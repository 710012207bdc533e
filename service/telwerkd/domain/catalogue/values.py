"""The values of facts: the form of each kind, as a plain string, so that it can be a key.

All that write or read one use these functions, the known values of the catalogue included.
"""

from collections.abc import Iterable
from enum import IntEnum

from telwerkd.domain.ids import Micros

SEPARATOR = "\x1f"
"""Stands between the parts of a value. No id can contain it: control characters are refused."""


class OfflineAssignment(IntEnum):
    """The outcome for a contact that returned while the operator was away (R-KPI6-1)."""

    ASSIGNED = 1
    NO_OPERATOR_AVAILABLE = 2


class ConversationEnd(IntEnum):
    """Whether a conversation ends for the first time or again (R-KPI12-2)."""

    FIRST = 1
    AGAIN = 2


def stars_value(stars: int) -> str:
    """Returns the value of KPI 1: the digit."""
    return str(stars)


def numbered_value(of: int) -> str:
    """Returns the value of KPI 5, 6, 11, 12 or 18: the number of the action, outcome, sender or end."""
    return str(int(of))


def topics_value(topics: Iterable[str]) -> str:
    """Returns the value of KPI 8: the set's topics, sorted by their bytes, each once."""
    return SEPARATOR.join(sorted(set(topics)))


def value_topics(value: str) -> tuple[str, ...]:
    """Returns the topics of a value of KPI 8."""
    return tuple(value.split(SEPARATOR))


def answer_value(question_id: str, option_id: str) -> str:
    """Returns the value of KPI 9 or 10: question id and option id, joined."""
    return question_id + SEPARATOR + option_id


def value_answer(value: str) -> tuple[str, str]:
    """Returns the question id and the option id of a value of KPI 9 or 10."""
    question_id, _, option_id = value.partition(SEPARATOR)
    return question_id, option_id


def duration_value(begin: Micros, end: Micros) -> str:
    """Returns the value of KPI 14 to 17: the whole milliseconds between two events, the earlier first (R-TIME-1)."""
    return str((end - begin) // 1_000)
