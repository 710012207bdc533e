"""Retractions act on the log of a conversation, before it is folded: which events stand, and which were taken back."""

from collections.abc import Iterable

from telwerkd.domain.conversation.events import Event, Retracted
from telwerkd.domain.ids import EventId


def retract(
    events: Iterable[Event], awaited: Iterable[EventId] = ()
) -> tuple[list[Event], list[Event], tuple[EventId, ...]]:
    """Divides a log into the events that stand and those taken back, and names the taken back that have not arrived.

    It does not matter which comes first (R-BACK-2), and what never arrives takes nothing with it (R-BACK-3).

    The retractions themselves are in neither: they act on the log, not on the state.
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
    """Returns the ids that the retractions of a log take back, and those that a base state `awaited`.

    What a base state awaits stands if it is itself a retraction: all that named it came earlier.
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
