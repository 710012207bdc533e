"""Rates: KPIs divided by others, of a kind of their own beside the KPIs.

A rate is asked about as the KPI above its line is, with what is below the line counted beside it.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from telwerkd.domain.catalogue.kpis import CATALOGUE, KpiInfo, named
from telwerkd.domain.catalogue.service_times import SERVICE_TIMES
from telwerkd.domain.catalogue.specs import Dimension, Direction, Kpi
from telwerkd.domain.catalogue.texts import KpiText, Language
from telwerkd.domain.catalogue.texts.rates import de, en, nl
from telwerkd.domain.catalogue.values import ConversationEnd, OfflineAssignment, numbered_value

RATE_TEXTS: Mapping[Language, Mapping[str, KpiText]] = MappingProxyType(
    {Language.EN: en.TEXTS, Language.DE: de.TEXTS, Language.NL: nl.TEXTS}
)

SPLITS_ABOVE_ALONE = frozenset({Dimension.VALUE, Dimension.TOPIC, Dimension.QUESTION})
"""What only the KPI above the line has (R-RATE-6). What is below is then that of the same row without the dimension."""


class Term(NamedTuple):
    """A term of a rate's numerator or denominator: all facts of a KPI, or those of one value."""

    kpi: Kpi
    value: str = ""

    @property
    def info(self) -> KpiInfo:
        """The KPI, with its texts."""
        return CATALOGUE[self.kpi]


class RateInfo(KpiInfo, frozen=True, kw_only=True):
    """A rate with its texts. Every field that it does not define itself is that of its numerator's KPI."""

    rate_id: str
    above: Term
    below: tuple[Term, ...]
    """What is below the line is their sum."""
    may_exceed_one: bool
    """Above and below may be of different days, or several of one conversation (R-RATE-5)."""

    @property
    def id(self) -> str:
        """Its name in the contract, such as `live_answer_rate`."""
        return self.rate_id

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """The dimensions of the numerator's KPI, without the value where the numerator counts one value only."""
        return tuple(d for d in self.above.info.dimensions if not self.above.value or d is not Dimension.VALUE)

    @property
    def kpis(self) -> tuple[Kpi, ...]:
        """The KPIs of numerator and denominator, each once."""
        return tuple(dict.fromkeys([self.above.kpi, *(term.kpi for term in self.below)]))


def below_the_line(info: KpiInfo) -> tuple[Term, ...]:
    """Returns the terms of the denominator; none for a KPI that is no rate."""
    return info.below if isinstance(info, RateInfo) else ()


def above_value(info: KpiInfo) -> str:
    """Returns the one value that a rate's numerator counts; empty for all values, and for a KPI that is no rate."""
    return info.above.value if isinstance(info, RateInfo) else ""


_UP = Direction.HIGHER_IS_BETTER
_DOWN = Direction.LOWER_IS_BETTER
_RECEIVED = (Term(Kpi.CONVERSATIONS_RECEIVED),)


def _rate(
    rate_id: str, above: Term, below: Sequence[Term], direction: Direction, *, may_exceed_one: bool = False
) -> RateInfo:
    counted = {name: getattr(above.info, name) for name in KpiInfo.__struct_fields__}
    texts = MappingProxyType({code: of[rate_id] for code, of in RATE_TEXTS.items()})
    counted |= {"texts": texts, "has_mean": False, "direction": direction}
    return RateInfo(**counted, rate_id=rate_id, above=above, below=tuple(below), may_exceed_one=may_exceed_one)


_RATES = (
    # R-RATE-3
    _rate(
        "live_answer_rate",
        Term(Kpi.LIVE_CONVERSATIONS_ANSWERED),
        [Term(Kpi.LIVE_CONVERSATIONS_ANSWERED), Term(Kpi.UNANSWERED_LIVE_CONVERSATIONS)],
        _UP,
    ),
    # R-RATE-4
    _rate(
        "unanswered_ended_rate",
        Term(Kpi.UNANSWERED_ENDED_CONVERSATIONS),
        [Term(Kpi.CONVERSATIONS_ENDED, numbered_value(ConversationEnd.FIRST))],
        _DOWN,
    ),
    _rate(
        "offline_reassignment_rate",
        Term(Kpi.OFFLINE_ASSIGNMENTS, numbered_value(OfflineAssignment.ASSIGNED)),
        [Term(Kpi.OFFLINE_ASSIGNMENTS)],
        _UP,
    ),
    _rate("rating_rate", Term(Kpi.SATISFACTION_SCORE), _RECEIVED, _UP, may_exceed_one=True),
    _rate("feedback_rate", Term(Kpi.FEEDBACK_COUNT), _RECEIVED, Direction.NEITHER, may_exceed_one=True),
    _rate("goal_rate", Term(Kpi.GOALS_REACHED), _RECEIVED, _UP, may_exceed_one=True),
    _rate(
        "topic_rate",
        Term(Kpi.CONVERSATION_TOPICS),
        [Term(Kpi.CONVERSATIONS_STARTED)],
        Direction.NEITHER,
        may_exceed_one=True,
    ),
)

RATES: Mapping[str, RateInfo] = MappingProxyType({rate.id: rate for rate in _RATES})
"""Every rate by its id, in the order of the rules."""


def asked_by_id(asked_id: str) -> KpiInfo:
    """Returns the KPI, the service time or the rate of an id.

    Raises:
        InvalidArgumentError: there is none; the text has the nearest id if one is near, and all there are.
    """
    return named(asked_id, _ASKED)


_ASKED: Mapping[str, KpiInfo] = MappingProxyType(
    {**{info.id: info for info in CATALOGUE.values()}, **SERVICE_TIMES, **RATES}
)
