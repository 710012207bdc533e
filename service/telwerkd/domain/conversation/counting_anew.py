"""Which version of the rules counts what, and how a conversation goes from one version to another.

A conversation is counted by one version of the rules from its first event on; its state says which. To be counted by
another, it is folded anew from its log, on the base state that `by_rules` gives.
"""

from telwerkd.domain.catalogue.specs import Kpi
from telwerkd.domain.conversation.part_two import recounted
from telwerkd.domain.conversation.state import CURRENT_RULES, PART_ONE, Live, State, empty

_OF_PART_ONE = State.__struct_fields__[: State.__struct_fields__.index("rules")]
"""The fields that every version of the rules has."""

_LAST_OF_PART_ONE = 10
"""The number of the last KPI of part one. Those after it came with part two."""


def rules_of(kpi: int) -> int:
    """Returns the first version of the rules that has a KPI (R-ANEW-1)."""
    return PART_ONE if kpi <= _LAST_OF_PART_ONE else CURRENT_RULES


def kpis_beyond(rules: int) -> list[Kpi]:
    """Returns the KPIs that a version of the rules does not have."""
    return [kpi for kpi in Kpi if rules_of(kpi) > rules]


def by_rules(base: State, rules: int) -> State:
    """Returns what a conversation's purged events led to, as another version of the rules goes on from it.

    While nothing was purged, that is nothing. What a purge under earlier rules removed is not known (R-ANEW-5).
    """
    if base.rules == rules:
        return base
    if base == empty(base.rules):
        return empty(rules)
    return _without_part_two(base) if rules == PART_ONE else recounted(base)


def _without_part_two(base: State) -> State:
    """Returns a base state as a purge under the rules of part one leaves it."""
    live = base.live and Live(base.live.event_id, base.live.widget, base.live.limit)
    own = {name: getattr(base, name) for name in _OF_PART_ONE}
    return State(**{**own, "live": live})
