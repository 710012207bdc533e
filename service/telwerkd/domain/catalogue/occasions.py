"""Occasions: kinds of happenings in a conversation, as KPIs distinguish them."""

import enum


class Occasion(enum.Enum):
    """A kind of happening in a conversation. Each KPI names in its specification the occasions that it may count."""

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
