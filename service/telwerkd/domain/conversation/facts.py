"""Facts: one thing counted each. The counters are sums of facts (R-FACT-1).

A fact's value is a plain string, so that it can be a key: see `telwerkd.domain.catalogue.values` for its form per KPI.
"""

import enum

import msgspec

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.ids import EventId, Micros, OperatorGroupId, OperatorId, WidgetId
from telwerkd.domain.time.opening_hours import ScheduleId


class Fact(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One thing counted: KPI and value, the operator and group assigned just before the event, widget and instant."""

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
    """Why something was left out, in the words of docs/rules.md; beside each reason, the rules behind it."""

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
    """A duration's beginning and opening hours: with its fact's instant they give the service time (R-SERVICE-1)."""

    since: Micros
    """When the duration began."""
    schedule: ScheduleId


class FactChange(msgspec.Struct, frozen=True, gc=False):
    """A fact, and what a step does with it."""

    change: Change
    fact: Fact
    in_hours: InHours | None = None
    """Set for a duration with opening hours, which counts in service time too."""


class LeftOut(msgspec.Struct, frozen=True, gc=False):
    """Something that looked countable and was not, with the rule that left it out."""

    kpi: Kpi
    event_id: EventId
    rule: Rule
