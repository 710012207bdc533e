"""Replacing an account's old events by base states and base facts, without a count changing."""

from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from telwerkd.application.commands.chunk_merging import add_base
from telwerkd.application.ports import Command, Conversation, OpeningHoursView, RemovalTransaction
from telwerkd.application.sharing.long_work import STEP_CONVERSATIONS_MAX, STEP_EVENTS_MAX, STEP_SECONDS_MAX, Step
from telwerkd.domain.conversation.events import Event, Retracted
from telwerkd.domain.conversation.facts import FactChange
from telwerkd.domain.conversation.fold import carried, fold
from telwerkd.domain.conversation.retractions import effective_retractions, taken_back
from telwerkd.domain.conversation.state import State
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.ids import EPOCH, ConversationId, Micros


class PurgeStep(NamedTuple):
    """The result of one transaction of a purge."""

    events: int
    last: ConversationId | None
    """The last conversation examined; None if there are no more."""
    seconds: float
    """The duration of the transaction."""


@dataclass(frozen=True, slots=True)
class Purge(Command[PurgeStep]):
    """Raises an account's horizon, and purges some of its conversations."""

    horizon: Micros
    """Events before it are replaced, and refused from now on."""
    after: ConversationId
    """Conversations up to this one are purged already."""
    events_max: int = STEP_EVENTS_MAX
    seconds_max: float = STEP_SECONDS_MAX
    now: Micros = EPOCH
    """The instant of the purge: queries as of an earlier instant are refused from then on (R-ASOF-4)."""

    def run(self, tx: RemovalTransaction) -> PurgeStep:
        """Returns how far the purge has come."""
        return _purge_some(self, tx)


def _purge_some(command: Purge, tx: RemovalTransaction) -> PurgeStep:
    step = Step(command.events_max, command.seconds_max)
    horizon = command.horizon
    tx.raise_horizon(horizon)
    high_water = tx.account().high_water
    rows = tx.conversations_before(horizon, command.after, STEP_CONVERSATIONS_MAX)
    purged, last = 0, None
    changed: dict[ConversationId, Conversation] = {}
    base_facts = Deltas()
    for conversation, row in rows:
        log = tx.log(conversation)
        if not step.takes(len(log)):
            break
        old = [event for event in log if event.occur_time < horizon]
        if old and (row.due is None or row.due >= horizon):
            changed[conversation], final = _purged(tx, row, log, old, horizon, high_water)
            base_facts.add_all(final)
            tx.remove_events(conversation, [event.event_id for event in old])
            purged += len(old)
        last = conversation
    if purged:
        tx.put_conversations(changed)
        add_base(tx, base_facts)
        tx.note_removed(max(tx.account().mark(command.now), horizon))
        # No count has changed, but what is remembered of the conversations is out of date.
        tx.bump_version()
    return PurgeStep(purged, last, step.seconds)


def _purged(
    tx: OpeningHoursView, row: Conversation, log: list[Event], old: list[Event], horizon: Micros, now: Micros
) -> tuple[Conversation, Deltas]:
    """Returns a conversation without its old events, and their final facts."""
    base, final = _base(tx, row.base, log, old, horizon)
    rest = [event for event in log if event.occur_time >= horizon]
    state = _check_unchanged(tx, row.base, log, base, rest, final, now)
    # What lies before it is looked at no more: by the next purge, or by an explanation.
    times = [event.occur_time for event in rest]
    times += (effect.fact.instant for effect in carried(base) if isinstance(effect, FactChange))
    first_time = min(times, default=horizon)
    return row._replace(base=base, first_time=first_time).advanced(state, (), len(rest)), final


def _base(
    tx: OpeningHoursView, base: State, log: list[Event], old: list[Event], horizon: Micros
) -> tuple[State, Deltas]:
    """Returns the base state of the old events, and their final facts.

    Retractions act across the horizon: a remaining one takes a purged event back, now and for good; an event that a
    purged one takes back is awaited, whether it is in the log or has not arrived.
    """
    gone = taken_back(log, base.awaited)
    ids = {event.event_id for event in old}
    awaited = {named for event_id, named in effective_retractions(log) if event_id in ids}.union(base.awaited) - ids
    ordinary = [event for event in old if event.event_id not in gone and not isinstance(event.kind, Retracted)]
    # Limits due before the horizon can be stopped by nothing that is still accepted.
    state, effects = fold(msgspec.structs.replace(base, awaited=()), ordinary, Micros(horizon - 1))
    # Its place is that of the last event that is gone, taken back or not: `Horizon.floor` rests on it.
    order = max(state.order, *(event.order for event in old))
    state = msgspec.structs.replace(state, awaited=tuple(sorted(awaited)), order=order)
    return state, Deltas.sum_of(tx.opening_hours, (effects, 1), (carried(state), -1))


def _check_unchanged(
    tx: OpeningHoursView, base: State, log: list[Event], new_base: State, rest: list[Event], final: Deltas, now: Micros
) -> State:
    """Returns the state after the purge; raises AssertionError if counts would change (R-KEEP-1).

    A purge that broke the law could not be undone later.
    """
    before = Deltas.sum_of(tx.opening_hours, (fold(base, log, now)[1], 1))
    state, effects = fold(new_base, rest, now)
    after = Deltas.sum_of(tx.opening_hours, (effects, 1))
    after.add_all(final)
    if before.by_measure() != after.by_measure():
        raise AssertionError("a purge would change counts; nothing was purged")
    return state
