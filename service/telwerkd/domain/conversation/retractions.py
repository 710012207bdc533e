"""Retractions act on the log of a conversation, before it is folded: they divide it into valid and retracted events."""

from collections.abc import Iterable

from telwerkd.domain.conversation.events import Event, Retracted
from telwerkd.domain.ids import EventId


def retract(
    events: Iterable[Event], awaited: Iterable[EventId] = ()
) -> tuple[list[Event], list[Event], tuple[EventId, ...]]:
    """Returns the valid events of a log, the retracted ones, and the ids of retracted events that have not arrived.

    The order of arrival does not matter (R-BACK-2), and what never arrives takes nothing with it (R-BACK-3).

    The retractions themselves are in neither list: they act on the log, not on the state.
    """
    log = list(events)
    gone = taken_back(log, awaited)
    if not gone:
        return [event for event in log if type(event.kind) is not Retracted], [], ()
    ordinary = [event for event in log if type(event.kind) is not Retracted]
    present = {event.event_id for event in log}
    return (
        [event for event in ordinary if event.event_id not in gone],
        [event for event in ordinary if event.event_id in gone],
        tuple(sorted(gone - present)),
    )


def taken_back(log: Iterable[Event], awaited: Iterable[EventId] = ()) -> set[EventId]:
    """Returns the ids that the retractions of a log take back, and those that a base state still awaits.

    An awaited event that is itself a retraction stays in force: whatever retracted it came earlier.
    """
    return {named for _, named in effective_retractions(log)}.union(awaited)


def effective_retractions(log: Iterable[Event]) -> list[tuple[EventId, EventId]]:
    """Returns the retractions of a log that take something back, as pairs of their own id and the id that they name.

    A retraction that was taken back by a later one (in event order) takes nothing back (R-BACK-4).
    """
    retractions = [(event.order, event.event_id, event.kind) for event in log if type(event.kind) is Retracted]
    gone: set[EventId] = set()
    effective: list[tuple[EventId, EventId]] = []
    for _, event_id, kind in sorted(retractions, key=lambda r: r[0], reverse=True):
        if event_id not in gone:
            gone.add(kind.event_id)
            effective.append((event_id, kind.event_id))
    return effective
