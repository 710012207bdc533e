"""Distinct names of an account, which are limited so that runaway ids cannot fill the counters."""

from collections.abc import Iterable, Iterator

from telwerkd.domain.catalogue.specs import SPECS, Packing
from telwerkd.domain.conversation.effects import chosen_values
from telwerkd.domain.conversation.events import Assigned, Event, Message, Sender, Unassigned

OPERATORS, GROUPS, WIDGETS = 101, 102, 103
"""Families beside the KPIs whose values producers choose. The numbers are the storage format."""

FAMILY_TEXT = {
    OPERATORS: "operators",
    GROUPS: "operator groups",
    WIDGETS: "widgets",
    **{int(spec.kpi): spec.names for spec in SPECS.values() if spec.packing is Packing.IN_SERIES},
}


def names_of(event: Event) -> Iterator[tuple[int, str]]:
    """Yields the names of an event, each as family and name."""
    yield WIDGETS, event.widget_id
    match event.kind:
        case Assigned(operator=operator, group=group):
            yield from _present((OPERATORS, operator), (GROUPS, group))
        case Message(sender=sender, operator=operator):
            if sender is Sender.OPERATOR:
                yield from _present((OPERATORS, operator))
        case Unassigned(group=group):
            yield from _present((GROUPS, group))
        case _:
            yield from chosen_values(event.kind)


def _present(*names: tuple[int, str]) -> Iterable[tuple[int, str]]:
    return (name for name in names if name[1])
