"""The ids and units of the domain. An id is opaque, and compared byte by byte (which for `str` is by code point)."""

from typing import NewType

AccountId = NewType("AccountId", str)
ConversationId = NewType("ConversationId", str)
EventId = NewType("EventId", str)
OperatorId = NewType("OperatorId", str)
OperatorGroupId = NewType("OperatorGroupId", str)
WidgetId = NewType("WidgetId", str)
GoalId = NewType("GoalId", str)
TopicId = NewType("TopicId", str)

Micros = NewType("Micros", int)
"""Microseconds: an instant since 1970-01-01T00:00:00Z, or a length of time."""

SECOND = Micros(1_000_000)

EPOCH = Micros(0)

NOBODY = OperatorId("")
"""The operator of a conversation that has none. No real id is empty."""

NO_GROUP = OperatorGroupId("")
"""The operator group of a conversation that has none."""
