"""The KPIs as the service treats them: one `KpiSpec` each, from which counters, queries and the catalogue follow.

A KPI is added here, with its texts (`telwerkd.domain.catalogue.texts`) and the line of the fold that counts it;
CONTRIBUTING.md has the list.
"""

import enum
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from telwerkd.domain.catalogue.occasions import Occasion


class Kpi(enum.IntEnum):
    """The KPIs, numbered as in the rules. The numbers are the storage format.

    Those from 11 on are part two of the rules: conversations count in them under the rules of version 2 only.
    """

    __hash__ = int.__hash__  # an enum's own is written in Python, and every fact is looked up by its KPI

    SATISFACTION_SCORE = 1
    FEEDBACK_COUNT = 2
    UNANSWERED_LIVE_CONVERSATIONS = 3
    UNANSWERED_ENDED_CONVERSATIONS = 4
    INACTIVITY_ACTIONS = 5
    OFFLINE_ASSIGNMENTS = 6
    GOALS_REACHED = 7
    CONVERSATION_TOPICS = 8
    PRE_CHAT_SURVEY_RESULTS = 9
    POST_CHAT_SURVEY_RESULTS = 10
    CONVERSATIONS_STARTED = 11
    CONVERSATIONS_ENDED = 12
    LIVE_CONVERSATIONS_ANSWERED = 13
    FIRST_RESPONSE_TIME = 14
    RESPONSE_TIME = 15
    LIVE_SESSION_DURATION = 16
    CONVERSATION_DURATION = 17
    MESSAGES = 18
    REASSIGNMENTS = 19
    CONVERSATIONS_RECEIVED = 20


class Section(enum.Enum):
    """The parts of the help page."""

    QUALITY = "quality"
    GOALS_TOPICS_SURVEYS = "goals_topics_surveys"
    CONVERSATIONS = "conversations"


class Dimension(enum.IntEnum):
    """A dimension by which KPIs can be grouped and filtered. The numbers are the contract's."""

    OPERATOR = 1
    OPERATOR_GROUP = 2
    WIDGET = 3
    VALUE = 4
    TOPIC = 5
    """KPI 8 by single topic: overlaps, and does not add up (R-NUM-5)."""
    QUESTION = 6
    """KPI 9 and 10 by the question that was answered."""
    WEEKDAY = 7
    """Every KPI, in totals, by the day of the week. Not one to filter by."""
    HOUR_OF_DAY = 8
    """Every KPI, in totals, by the hour of the day. Not one to filter by."""


TIMES_OF_WEEK = frozenset({Dimension.WEEKDAY, Dimension.HOUR_OF_DAY})


class ValueKind(enum.IntEnum):
    """What kind of value a fact carries. The numbers are the contract's."""

    NONE = 1
    STARS = 2
    INACTIVITY_ACTION = 3
    OFFLINE_ASSIGNMENT = 4
    GOAL = 5
    TOPIC_SET = 6
    SURVEY_ANSWER = 7
    SENDER = 8
    CONVERSATION_END = 9
    DURATION = 10


class Packing(enum.Enum):
    """How the counters keep the values of facts. It is part of the storage format."""

    NO_VALUE = "the facts have no value"
    IN_CELLS = "the values are few and numbered from 1: every cell of a chunk holds its value"
    IN_SERIES = "producers choose the values: each value has series of its own"
    DURATIONS = "the values are milliseconds: cells hold their exact sum, and how many there are of each length"


class Revisability(enum.IntEnum):
    """Whether what happens later can take a count back. The numbers are the contract's."""

    FROZEN = 1
    REVISABLE = 2


class Direction(enum.IntEnum):
    """Whether a larger number is good news. The numbers are the contract's."""

    HIGHER_IS_BETTER = 1
    LOWER_IS_BETTER = 2
    NEITHER = 3


_ALWAYS = (Dimension.OPERATOR, Dimension.OPERATOR_GROUP, Dimension.WIDGET)
_BY_VALUE = (*_ALWAYS, Dimension.VALUE)

_VALUE_FORMS: Mapping[ValueKind, tuple[Packing, tuple[Dimension, ...]]] = MappingProxyType(
    {
        ValueKind.NONE: (Packing.NO_VALUE, _ALWAYS),
        ValueKind.STARS: (Packing.IN_CELLS, _BY_VALUE),
        ValueKind.INACTIVITY_ACTION: (Packing.IN_CELLS, _BY_VALUE),
        ValueKind.OFFLINE_ASSIGNMENT: (Packing.IN_CELLS, _BY_VALUE),
        ValueKind.GOAL: (Packing.IN_SERIES, _BY_VALUE),
        ValueKind.TOPIC_SET: (Packing.IN_SERIES, (*_BY_VALUE, Dimension.TOPIC)),
        ValueKind.SURVEY_ANSWER: (Packing.IN_SERIES, (*_BY_VALUE, Dimension.QUESTION)),
        ValueKind.SENDER: (Packing.IN_CELLS, _BY_VALUE),
        ValueKind.CONVERSATION_END: (Packing.IN_CELLS, _BY_VALUE),
        ValueKind.DURATION: (Packing.DURATIONS, _ALWAYS),
    }
)


class KpiSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One KPI, without its texts."""

    kpi: Kpi
    section: Section
    since_rules: int
    """The first version of the rules that has it (R-ANEW-1). Version 1 is part one, version 2 both parts."""
    occasions: tuple[Occasion, ...]
    """What may be counted under it."""
    value_kind: ValueKind = ValueKind.NONE
    revisability: Revisability = Revisability.FROZEN
    direction: Direction = Direction.NEITHER
    has_mean: bool = False
    """A mean of the values is given beside the count."""
    service_time_id: str = ""
    """The id under which its durations are measured in service time too (R-SERVICE-1); empty where they are not."""
    is_held_back: bool = False
    """Whether facts may be held back until the first message; answers then have the number of those."""
    holds_back_many: bool = False
    """Any number of facts of one conversation may wait, so that they count against a limit."""
    needs_enabled_actions: bool = False
    """Whether facts require an enabled inactivity action; answers name the widgets without one (R-KPI5-3)."""
    names: str = ""
    """What its values are called where their number is bounded (`Packing.IN_SERIES` only)."""

    @property
    def id(self) -> str:
        """Its name in the contract, such as `satisfaction_score`."""
        return self.kpi.name.lower()

    @property
    def packing(self) -> Packing:
        """How the counters keep its values."""
        return _VALUE_FORMS[self.value_kind][0]

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """What it can be grouped and filtered by."""
        return _VALUE_FORMS[self.value_kind][1]


_SPECS = (
    KpiSpec(
        kpi=Kpi.SATISFACTION_SCORE,
        section=Section.QUALITY,
        since_rules=1,
        occasions=(Occasion.RATED,),
        value_kind=ValueKind.STARS,
        direction=Direction.HIGHER_IS_BETTER,
        has_mean=True,
    ),
    KpiSpec(
        kpi=Kpi.FEEDBACK_COUNT,
        section=Section.QUALITY,
        since_rules=1,
        occasions=(Occasion.FEEDBACK,),
    ),
    KpiSpec(
        kpi=Kpi.UNANSWERED_LIVE_CONVERSATIONS,
        section=Section.QUALITY,
        since_rules=1,
        occasions=(Occasion.WENT_LIVE,),
        direction=Direction.LOWER_IS_BETTER,
    ),
    KpiSpec(
        kpi=Kpi.UNANSWERED_ENDED_CONVERSATIONS,
        section=Section.QUALITY,
        since_rules=1,
        occasions=(Occasion.ENDED,),
        direction=Direction.LOWER_IS_BETTER,
    ),
    KpiSpec(
        kpi=Kpi.INACTIVITY_ACTIONS,
        section=Section.QUALITY,
        since_rules=1,
        occasions=(Occasion.ACTION,),
        value_kind=ValueKind.INACTIVITY_ACTION,
        direction=Direction.LOWER_IS_BETTER,
        needs_enabled_actions=True,
    ),
    KpiSpec(
        kpi=Kpi.OFFLINE_ASSIGNMENTS,
        section=Section.QUALITY,
        since_rules=1,
        occasions=(Occasion.ACTION_FOR_RETURNING_CONTACT,),
        value_kind=ValueKind.OFFLINE_ASSIGNMENT,
        direction=Direction.LOWER_IS_BETTER,
    ),
    KpiSpec(
        kpi=Kpi.GOALS_REACHED,
        section=Section.GOALS_TOPICS_SURVEYS,
        since_rules=1,
        occasions=(Occasion.GOAL,),
        value_kind=ValueKind.GOAL,
        direction=Direction.HIGHER_IS_BETTER,
        names="goals",
    ),
    KpiSpec(
        kpi=Kpi.CONVERSATION_TOPICS,
        section=Section.GOALS_TOPICS_SURVEYS,
        since_rules=1,
        occasions=(Occasion.TOPICS,),
        value_kind=ValueKind.TOPIC_SET,
        revisability=Revisability.REVISABLE,  # topics alone are replaced by a later event (R-FROZEN-3)
        is_held_back=True,
        names="sets of topics",
    ),
    KpiSpec(
        kpi=Kpi.PRE_CHAT_SURVEY_RESULTS,
        section=Section.GOALS_TOPICS_SURVEYS,
        since_rules=1,
        occasions=(Occasion.PRE_CHAT_SURVEY,),
        value_kind=ValueKind.SURVEY_ANSWER,
        is_held_back=True,
        holds_back_many=True,
        names="pre-chat survey answers",
    ),
    KpiSpec(
        kpi=Kpi.POST_CHAT_SURVEY_RESULTS,
        section=Section.GOALS_TOPICS_SURVEYS,
        since_rules=1,
        occasions=(Occasion.POST_CHAT_SURVEY,),
        value_kind=ValueKind.SURVEY_ANSWER,
        names="post-chat survey answers",
    ),
    KpiSpec(
        kpi=Kpi.CONVERSATIONS_STARTED,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.MESSAGE,),
        value_kind=ValueKind.SENDER,
    ),
    KpiSpec(
        kpi=Kpi.CONVERSATIONS_ENDED,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.ENDED,),
        value_kind=ValueKind.CONVERSATION_END,
    ),
    KpiSpec(
        kpi=Kpi.LIVE_CONVERSATIONS_ANSWERED,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.WENT_LIVE, Occasion.OPERATOR_MESSAGE),
        direction=Direction.HIGHER_IS_BETTER,
    ),
    KpiSpec(
        kpi=Kpi.FIRST_RESPONSE_TIME,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.OPERATOR_MESSAGE,),
        value_kind=ValueKind.DURATION,
        direction=Direction.LOWER_IS_BETTER,
        has_mean=True,
        service_time_id="first_response_service_time",
    ),
    KpiSpec(
        kpi=Kpi.RESPONSE_TIME,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.OPERATOR_MESSAGE,),
        value_kind=ValueKind.DURATION,
        direction=Direction.LOWER_IS_BETTER,
        has_mean=True,
        service_time_id="response_service_time",
    ),
    KpiSpec(
        kpi=Kpi.LIVE_SESSION_DURATION,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.LEFT_LIVE, Occasion.ENDED),
        value_kind=ValueKind.DURATION,
        has_mean=True,
    ),
    KpiSpec(
        kpi=Kpi.CONVERSATION_DURATION,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.ENDED,),
        value_kind=ValueKind.DURATION,
        has_mean=True,
        service_time_id="conversation_service_time",
    ),
    KpiSpec(
        kpi=Kpi.MESSAGES,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.MESSAGE,),
        value_kind=ValueKind.SENDER,
    ),
    KpiSpec(
        kpi=Kpi.REASSIGNMENTS,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.ASSIGNED,),
        direction=Direction.LOWER_IS_BETTER,
    ),
    KpiSpec(
        kpi=Kpi.CONVERSATIONS_RECEIVED,
        section=Section.CONVERSATIONS,
        since_rules=2,
        occasions=(Occasion.MESSAGE, Occasion.ASSIGNED),
    ),
)

SPECS: Mapping[Kpi, KpiSpec] = MappingProxyType({spec.kpi: spec for spec in _SPECS})
"""Every KPI, in the order of the rules. A direction of `NEITHER`: more is neither good nor bad by itself."""
