"""What a delivery can tell of a conversation. Instants are milliseconds since 1970; `Change` stands in register.py."""

from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from telwerk import events
from telwerk_bridges.register import Change

Key: TypeAlias = int | str
"""The platform's own id of a thing. All keys of a platform are of one type."""


@dataclass(frozen=True, order=True)
class Message:
    """Somebody sent a message.

    Where a payload does not show what its author is, `author` is who, and `sender` stands until an `Author` is known.
    What is imported is cut to seconds, and may not show who sent it: a delivery tells better.
    """

    number: Key
    at: int
    sender: events.SenderName
    author: str = ""
    imported: bool = False


@dataclass(frozen=True, order=True)
class Presence:
    """A payload of that instant shows that a person is assigned, and whether that person is online."""

    at: int
    online: bool


@dataclass(frozen=True, order=True)
class Author:
    """What the author of messages is."""

    author: str
    sender: events.SenderName


@dataclass(frozen=True, order=True)
class Attendance:
    """An operator, or with CONTACT as `who` the contact, is there from that instant on, or no longer.

    Where a story has any, it is live while the contact and the assigned operator both are there.
    """

    who: str
    at: int
    there: bool


@dataclass(frozen=True, order=True)
class Answer:
    """A payload shows this answer to a survey, changed at that instant. No stars is 0, those taken back -1.

    An imported one is the last answer with an instant that is cut to seconds: a delivery tells better.
    """

    survey: Key
    at: int
    stars: int
    feedback: bool
    imported: bool = False


@dataclass(frozen=True, order=True)
class Goal:
    """The contact reached a goal; told again within a minute, it is the same time."""

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


@dataclass(frozen=True, order=True)
class Action:
    """The platform acted upon an operator's inactivity; `action` is the number of Telwerk's `InactivityAction`."""

    number: Key
    at: int
    action: int


@dataclass(frozen=True, order=True)
class Visit:
    """The contact opened a page, which Telwerk matches against the goals of the widget."""

    number: Key
    at: int
    url: str


Observation: TypeAlias = Message | Author | Change | Presence | Attendance | Answer | Goal | Form | Action | Visit


def remembered(one: Observation) -> Observation:
    """What is kept of it once it is told: ids, states and instants, never the address of a page."""
    return replace(one, url="") if isinstance(one, Visit) else one


CONTACT: Final = ""
"""Who the contact is among those who attend."""

STATUS: Final = "status"
OPERATOR: Final = "operator"
GROUP: Final = "group"
LABELS: Final = "labels"
SEPARATOR: Final = "\0"
"""Between the labels of a set, and between the answers of a form."""
RESOLVED: Final = "resolved"
OPEN: Final = "open"
TAG: Final = "tag"
"""The registers that begin with it are of one label each: their value is the label, or empty."""
