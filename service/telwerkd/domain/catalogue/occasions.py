"""Occasions: what happens in a conversation, as KPIs tell it apart."""

import enum


class Occasion(enum.Enum):
    """What of a conversation KPIs look at: what happens in it may be counted under those that name it."""

    ACTION = enum.auto()
    """An inactivity action."""
    ACTION_FOR_RETURNING_CONTACT = enum.auto()
    """One for a contact that returns while the operator is away (R-KPI6-1)."""
    ASSIGNED = enum.auto()
    ENDED = enum.auto()
    FEEDBACK = enum.auto()
    GOAL = enum.auto()
    """A goal that is reached, and a page that may be one."""
    LEFT_LIVE = enum.auto()
    MESSAGE = enum.auto()
    OPERATOR_MESSAGE = enum.auto()
    POST_CHAT_SURVEY = enum.auto()
    PRE_CHAT_SURVEY = enum.auto()
    RATED = enum.auto()
    RESUMED = enum.auto()
    TOPICS = enum.auto()
    UNASSIGNED = enum.auto()
    WENT_LIVE = enum.auto()
