"""Which version of the rules counts what, and how a conversation goes from one version to another.

A conversation is counted by one version of the rules from its first event on; its state says which. To be counted by
another, it is folded anew from its log, on the base state that `by_rules` gives.
"""

from collections.abc import Callable, Mapping

from telwerkd.domain.catalogue.specs import SPECS, Kpi
from telwerkd.domain.conversation.part_two import as_part_two
from telwerkd.domain.conversation.state import PART_ONE, PART_TWO, Live, State, empty

_OF_PART_ONE = State.__struct_fields__[: State.__struct_fields__.index("rules")]
"""The fields that every version of the rules has."""


def kpis_beyond(rules: int) -> list[Kpi]:
    """Returns the KPIs that a version of the rules does not have."""
    return [spec.kpi for spec in SPECS.values() if spec.since_rules > rules]


def by_rules(base: State, rules: int) -> State:
    """Returns a base state converted to another version of the rules.

    Without purged events it is empty. Facts that a purge under earlier rules removed are unknown (R-ANEW-5).
    """
    if base.rules == rules:
        return base
    if base == empty(base.rules):
        return empty(rules)
    while base.rules < rules:
        base = _FROM_BEFORE[base.rules + 1](base)
    while base.rules > rules:
        base = _FROM_AFTER[base.rules - 1](base)
    return base


def _as_part_one(base: State) -> State:
    """Returns a base state reduced to the fields of part one of the rules."""
    live = base.live and Live(base.live.event_id, base.live.widget, base.live.limit)
    own = {name: getattr(base, name) for name in _OF_PART_ONE}
    return State(**{**own, "live": live})


_FROM_BEFORE: Mapping[int, Callable[[State], State]] = {PART_TWO: as_part_two}
"""How a base state of the version before becomes one of a version."""

_FROM_AFTER: Mapping[int, Callable[[State], State]] = {PART_ONE: _as_part_one}
"""How one of the version after does."""
