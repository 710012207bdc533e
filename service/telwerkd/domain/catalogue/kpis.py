"""The catalogue of the ten KPIs: what each means, what it can be grouped by, and which values it knows beforehand."""

import enum
from collections.abc import Mapping
from difflib import get_close_matches
from types import MappingProxyType

import msgspec

from telwerkd.domain.catalogue.texts import KpiText, Language, Section, SectionText, Texts, ValueText, de, en, nl
from telwerkd.domain.conversation.facts import Kpi
from telwerkd.domain.errors import InvalidArgumentError, Reason

TEXTS: Mapping[Language, Texts] = MappingProxyType(
    {Language.EN: en.TEXTS, Language.DE: de.TEXTS, Language.NL: nl.TEXTS}
)
"""Every text, by language."""

_LONGEST_ECHO = 64


class Dimension(enum.IntEnum):
    """By what KPIs can be grouped and filtered. The numbers are the contract's."""

    OPERATOR = 1
    OPERATOR_GROUP = 2
    WIDGET = 3
    VALUE = 4
    TOPIC = 5
    """KPI 8 by single topic: overlaps, and does not add up (R-NUM-5)."""
    QUESTION = 6
    """KPI 9 and 10 by the question that was answered."""


class ValueKind(enum.IntEnum):
    """What kind of value a fact carries. The numbers are the contract's."""

    NONE = 1
    STARS = 2
    INACTIVITY_ACTION = 3
    OFFLINE_ASSIGNMENT = 4
    GOAL = 5
    TOPIC_SET = 6
    SURVEY_ANSWER = 7


class Revisability(enum.IntEnum):
    """Whether what happens later can take a count back. The numbers are the contract's."""

    FROZEN = 1
    REVISABLE = 2


class Direction(enum.IntEnum):
    """Whether a larger number is good news. The numbers are the contract's."""

    HIGHER_IS_BETTER = 1
    LOWER_IS_BETTER = 2
    NEITHER = 3


class KnownValue(msgspec.Struct, frozen=True):
    """A value that is known beforehand: as a fact carries it, and what people read about it."""

    value: str
    texts: Mapping[Language, ValueText]


class KpiInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One KPI, complete enough to draw its help text and to check a query about it."""

    kpi: Kpi
    id: str
    """Its name in the contract, such as `satisfaction_score`."""
    section: Section
    dimensions: tuple[Dimension, ...]
    value_kind: ValueKind
    revisability: Revisability
    direction: Direction
    has_mean: bool
    """A mean of the values is given beside the count."""
    texts: Mapping[Language, KpiText]
    section_texts: Mapping[Language, SectionText]
    values: tuple[KnownValue, ...]
    """Those known beforehand, in order; none where producers choose them."""


def by_id(kpi_id: str, field: str = "kpi_ids") -> KpiInfo:
    """The KPI of an id.

    Raises:
        InvalidArgumentError: there is none; it names `field`, the nearest id if one is near, and all there are.
    """
    if info := _BY_ID.get(kpi_id):
        return info
    near = get_close_matches(kpi_id.lower(), _BY_ID, n=1) if len(kpi_id) <= _LONGEST_ECHO else []
    hint = f"; did you mean {near[0]!r}?" if near else "."
    raise InvalidArgumentError.of(
        field,
        f"no KPI has the id {kpi_id[:_LONGEST_ECHO]!r}{hint} There are: {', '.join(_BY_ID)}",
        Reason.UNKNOWN_KPI,
    )


def language(code: str) -> Language:
    """The language of a code such as `nl` or `de-AT`: a region after it is ignored. English for any other."""
    primary = code.replace("_", "-").partition("-")[0].lower()
    return next((known for known in Language if known == primary), Language.EN)


_VALUE_KINDS: Mapping[Kpi, ValueKind] = {
    Kpi.SATISFACTION_SCORE: ValueKind.STARS,
    Kpi.FEEDBACK_COUNT: ValueKind.NONE,
    Kpi.UNANSWERED_LIVE_CONVERSATIONS: ValueKind.NONE,
    Kpi.UNANSWERED_ENDED_CONVERSATIONS: ValueKind.NONE,
    Kpi.INACTIVITY_ACTIONS: ValueKind.INACTIVITY_ACTION,
    Kpi.OFFLINE_ASSIGNMENTS: ValueKind.OFFLINE_ASSIGNMENT,
    Kpi.GOALS_REACHED: ValueKind.GOAL,
    Kpi.CONVERSATION_TOPICS: ValueKind.TOPIC_SET,
    Kpi.PRE_CHAT_SURVEY_RESULTS: ValueKind.SURVEY_ANSWER,
    Kpi.POST_CHAT_SURVEY_RESULTS: ValueKind.SURVEY_ANSWER,
}


_DIRECTIONS: Mapping[Kpi, Direction] = {
    Kpi.SATISFACTION_SCORE: Direction.HIGHER_IS_BETTER,
    Kpi.UNANSWERED_LIVE_CONVERSATIONS: Direction.LOWER_IS_BETTER,
    Kpi.UNANSWERED_ENDED_CONVERSATIONS: Direction.LOWER_IS_BETTER,
    Kpi.INACTIVITY_ACTIONS: Direction.LOWER_IS_BETTER,
    Kpi.OFFLINE_ASSIGNMENTS: Direction.LOWER_IS_BETTER,
    Kpi.GOALS_REACHED: Direction.HIGHER_IS_BETTER,
}
"""Of the others more is neither good nor bad by itself: feedback, topics and answers tell what contacts say."""


def _info(kpi: Kpi) -> KpiInfo:
    kind = _VALUE_KINDS[kpi]
    section = Section.QUALITY if kpi < Kpi.GOALS_REACHED else Section.GOALS_TOPICS_SURVEYS
    return KpiInfo(
        kpi=kpi,
        id=kpi.name.lower(),
        section=section,
        dimensions=_dimensions(kind),
        value_kind=kind,
        # Topics are the only thing that a later event replaces (R-FROZEN-3).
        revisability=Revisability.REVISABLE if kind is ValueKind.TOPIC_SET else Revisability.FROZEN,
        direction=_DIRECTIONS.get(kpi, Direction.NEITHER),
        has_mean=kind is ValueKind.STARS,
        texts=MappingProxyType({code: texts.kpis[kpi] for code, texts in TEXTS.items()}),
        section_texts=MappingProxyType({code: texts.sections[section] for code, texts in TEXTS.items()}),
        values=_known_values(kpi),
    )


def _dimensions(kind: ValueKind) -> tuple[Dimension, ...]:
    always = (Dimension.OPERATOR, Dimension.OPERATOR_GROUP, Dimension.WIDGET)
    match kind:
        case ValueKind.NONE:
            return always
        case ValueKind.TOPIC_SET:
            return (*always, Dimension.VALUE, Dimension.TOPIC)
        case ValueKind.SURVEY_ANSWER:
            return (*always, Dimension.VALUE, Dimension.QUESTION)
        case _:
            return (*always, Dimension.VALUE)


def _known_values(kpi: Kpi) -> tuple[KnownValue, ...]:
    """All values known beforehand are numbered from 1: stars, actions and outcomes."""
    by_language = [[(code, value) for value in texts.kpis[kpi].values] for code, texts in TEXTS.items()]
    return tuple(
        KnownValue(str(number), MappingProxyType(dict(translations)))
        for number, translations in enumerate(zip(*by_language, strict=True), start=1)
    )


CATALOGUE: Mapping[Kpi, KpiInfo] = MappingProxyType({kpi: _info(kpi) for kpi in Kpi})
"""The ten KPIs, in the order of docs/rules.md."""

_BY_ID: Mapping[str, KpiInfo] = MappingProxyType({info.id: info for info in CATALOGUE.values()})
