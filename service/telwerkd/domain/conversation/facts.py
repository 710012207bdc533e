"""Facts: one thing counted each. The counters are sums of facts (R-FACT-1).

A fact's value is a plain string, so that it can be a key: see the `*_value` functions for its form per KPI.
"""

import enum
from collections.abc import Iterable

import msgspec

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.ids import EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time.opening_hours import ScheduleId

SEPARATOR = "\x1f"
"""Stands between the parts of a value. No id can contain it: control characters are refused."""


class OfflineAssignment(enum.IntEnum):
    """What became of a returning contact whose operator was away (R-KPI6-1)."""

    ASSIGNED = 1
    NO_OPERATOR_AVAILABLE = 2


class ConversationEnd(enum.IntEnum):
    """Which end of a conversation it is (R-KPI12-2)."""

    FIRST = 1
    AGAIN = 2


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing counted: for whom (assigned just before `event_id`), where, when, and which value."""

    kpi: Kpi
    value: str
    operator: OperatorId
    group: OperatorGroupId
    widget: WidgetId
    instant: Micros
    event_id: EventId


class Change(enum.Enum):
    """What a step does with a fact."""

    COUNTED = "counted"
    TAKEN_BACK = "taken back"
    HELD = "held back"
    RELEASED = "no longer held back"


class Rule(enum.Enum):
    """Why something was left out, in the words of docs/rules.md; beside each the rules that say so."""

    NO_OPERATOR = "no operator was assigned"  # R-KPI1-2, R-KPI2-2, R-KPI7-3
    NO_MESSAGE = "no message had been sent yet"  # R-KPI7-4
    BETWEEN_END_AND_RESUMPTION = "the conversation had ended and was not resumed"  # R-KPI7-5
    OPERATOR_HAD_ANSWERED = "an operator had sent a message"  # R-KPI3-8, R-KPI4-1
    ONCE_PER_CONVERSATION = "the conversation was counted before"  # R-KPI3-9, R-KPI4-2
    EQUAL_SET = "an equal set of topics was set before"  # R-KPI8-4
    NO_TOPICS = "the set of topics is empty"  # R-KPI8-3
    NO_GOAL_MATCHED = "the page matches no goal of the widget"  # R-KPI7-1
    NO_LIMIT_KNOWN = "the widget has no time limit for live conversations"  # R-KPI3-12
    ANSWERED_IN_TIME = "an operator answered within the limit"  # R-KPI3-3
    LEFT_LIVE_IN_TIME = "the conversation left live within the limit"  # R-KPI3-3
    ENDED_IN_TIME = "the conversation ended within the limit"  # R-KPI3-3
    CONTACT_HAD_NOT_WRITTEN = "the contact had not written while the conversation was live"  # R-KPI3-2
    LIMIT_HAD_PASSED = "the limit had passed before an operator answered"  # R-KPI13-2
    HAD_ENDED = "the conversation had ended before and was not resumed"  # R-KPI12-3
    NO_CONTACT_WAITED = "no contact was waiting for an answer"  # R-KPI15-1
    NOT_LIVE = "the conversation was not live"  # R-KPI14-4
    STRETCH_HAD_BEEN_ANSWERED = "a contact had been answered in this live stretch before"  # R-KPI14-3
    ENDED_WITHOUT_ANSWER = "the conversation ended before an operator answered"  # R-KPI15-2
    NO_OPERATOR_WROTE = "no operator had sent a message since the conversation began or was resumed"  # R-KPI17-1
    NO_MESSAGE_SINCE_RESUMED = "no message had been sent since the conversation began or was resumed"  # R-KPI17-2
    UNASSIGNED_IN_BETWEEN = "no operator was assigned in between"  # R-KPI19-2
    SAME_OPERATOR = "the same operator was assigned before"  # R-KPI19-3
    RECEIVED_BEFORE = "an operator had received the conversation before"  # R-KPI20-2
    NO_OPENING_HOURS = "its widget had no opening hours when it began"  # R-SERVICE-7
    PURGED = "what it looks at was removed by a purge under earlier rules"  # R-ANEW-6
    REPLACED = "newer topics replaced these"  # R-KPI8-2
    RETRACTED = "the event was taken back"  # R-BACK-1


class InHours(msgspec.Struct, frozen=True, gc=False):
    """What a duration in service time follows from, beside the instant of its fact (R-SERVICE-1)."""

    since: Micros
    """When the duration began."""
    schedule: ScheduleId


class FactChange(msgspec.Struct, frozen=True, gc=False):
    """A fact, and what became of it."""

    change: Change
    fact: Fact
    in_hours: InHours | None = None
    """Of a duration with opening hours: it counts in service time too."""


class LeftOut(msgspec.Struct, frozen=True, gc=False):
    """Something that looked countable and was not, with the rule that left it out."""

    kpi: Kpi
    event_id: EventId
    rule: Rule


def stars_value(stars: int) -> str:
    """KPI 1: the digit."""
    return str(stars)


def topics_value(topics: Iterable[str]) -> str:
    """KPI 8: the set's topics, sorted by their bytes, each once."""
    return SEPARATOR.join(sorted(set(topics)))


def value_topics(value: str) -> tuple[str, ...]:
    """The topics of a value of KPI 8."""
    return tuple(value.split(SEPARATOR))


def answer_value(question_id: str, option_id: str) -> str:
    """KPI 9 and 10: question and option."""
    return question_id + SEPARATOR + option_id


def value_answer(value: str) -> tuple[str, str]:
    """Question and option of a value of KPI 9 or 10."""
    question_id, _, option_id = value.partition(SEPARATOR)
    return question_id, option_id


def duration_value(begin: Micros, end: Micros) -> str:
    """KPI 14 to 17: the whole milliseconds between two events, the earlier first (R-TIME-1)."""
    return str((end - begin) // 1_000)
