"""What a delivery can tell of a conversation. Instants are milliseconds since 1970; `Change` stands in register.py."""

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from telwerk import events
from telwerk_bridges.register import Change

Key: TypeAlias = int | str
"""The platform's own id of a thing. All keys of a platform are of one type."""


@dataclass(frozen=True, order=True)
class Message:
    """Somebody sent a message."""

    number: Key
    at: int
    sender: events.SenderName


@dataclass(frozen=True, order=True)
class Presence:
    """A payload of that instant shows that a person is assigned, and whether that person is online."""

    at: int
    online: bool


@dataclass(frozen=True, order=True)
class Answer:
    """A payload shows this answer to a survey, changed at that instant. No stars is 0."""

    survey: Key
    at: int
    stars: int
    feedback: bool


@dataclass(frozen=True, order=True)
class Goal:
    """The contact reached a goal; told twice with two instants, at the earlier one."""

    number: Key
    at: int
    goal: str


@dataclass(frozen=True, order=True)
class Form:
    """The contact answered a survey before or after the chat; of several payloads of one form, the last counts.

    `answers` are the ids of question and option in turns, with `SEPARATOR` between them.
    """

    number: Key
    at: int
    asked: Literal["before", "after"]
    answers: str


Observation: TypeAlias = Message | Change | Presence | Answer | Goal | Form

STATUS: Final = "status"
OPERATOR: Final = "operator"
GROUP: Final = "group"
LABELS: Final = "labels"
SEPARATOR: Final = "\0"
"""Between the labels of a set, and between the answers of a form."""
RESOLVED: Final = "resolved"
