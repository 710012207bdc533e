"""Taking events out of the log without taking the counters' truth away: retention and erasure.

The law is then: counters == base facts + the facts of the fold over base states and remaining events (R-KEEP-1).
"""

from collections.abc import Iterable
from functools import partial
from typing import NamedTuple

import msgspec

from telwerkd.application.ports import Conversation, Snapshot, Store, Transaction
from telwerkd.domain.conversation.events import Event, Retracted
from telwerkd.domain.conversation.facts import Change, Outcome
from telwerkd.domain.conversation.fold import Effect, State, carried, effective_retractions, fold, taken_back
from telwerkd.domain.counting.deltas import Deltas
from telwerkd.domain.errors import InvalidArgumentError
from telwerkd.domain.ids import AccountId, ConversationId, Micros

PURGED_MAX = 200
"""Conversations purged in one transaction, so that ingest never waits long behind a purge."""

PURGED_EVENTS_MAX = 5_000
"""Events of their logs, unless one conversation alone has more."""


class Erased(NamedTuple):
    """What an erasure removed."""

    events: int
    facts: int
    """Facts that its events explained: taken out of the counts, or anonymous from now on."""


async def purge(store: Store, account: AccountId, horizon: Micros) -> int:
    """Replaces an account's events before `horizon` by base states and base facts; gives how many.

    Counts stay as they are. From the first moment on, events before the horizon are refused. A conversation whose limit
    before the horizon is not settled yet keeps its events until the next purge.
    """
    purged, after = 0, ConversationId("")
    while True:
        [step] = await store.write([(account, partial(_purge_some, horizon, after))])
        purged += step.events
        if step.last is None:
            return purged
        after = step.last


class _Step(NamedTuple):
    events: int
    last: ConversationId | None
    """The last conversation looked at; None if there are no more."""


def _purge_some(horizon: Micros, after: ConversationId, tx: Transaction) -> _Step:
    tx.raise_horizon(horizon)
    high_water = tx.account().high_water
    rows = tx.conversations_before(horizon, after, PURGED_MAX)
    purged, read, last = 0, 0, None
    for conversation, row in rows:
        log = tx.log(conversation)
        if last is not None and read + len(log) > PURGED_EVENTS_MAX:
            break
        purged += _purge(tx, conversation, row, log, horizon, high_water)
        read, last = read + len(log), conversation
    return _Step(purged, last)


def _purge(
    tx: Transaction, conversation: ConversationId, row: Conversation, log: list[Event], horizon: Micros, now: Micros
) -> int:
    old = [event for event in log if event.occur_time < horizon]
    limit = row.state.limit
    if not old or (limit is not None and limit.due < horizon):
        return 0
    base, final = _base(row.base, log, old, horizon)
    rest = [event for event in log if event.occur_time >= horizon]
    state = _check_unchanged(row.base, log, base, rest, final, now)
    tx.remove_events(conversation, [event.event_id for event in old])
    # What lies before it is looked at no more: by the next purge, or by an explanation.
    times = [event.occur_time for event in rest]
    times += (effect.fact.instant for effect in carried(base) if isinstance(effect, Outcome))
    first_time = min(times, default=horizon)
    last_time = max(row.last_time, first_time)
    tx.put_conversations({conversation: Conversation(state, base, first_time, last_time, len(rest))})
    tx.add_base(final)
    return len(old)


def _base(base: State, log: list[Event], old: list[Event], horizon: Micros) -> tuple[State, Deltas]:
    """The state that the old events lead to, and the facts that are final there.

    Retractions act across the horizon: one that stays takes a purged event back, now and for good; what a purged one
    takes back is awaited, whether it is in the log or still to come.
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
    return state, _sum((effects, 1), (carried(state), -1))


def _check_unchanged(
    base: State, log: list[Event], new_base: State, rest: list[Event], final: Deltas, now: Micros
) -> State:
    """The state that is left, if the law of retention holds for this conversation.

    A purge that broke it would be found out too late to be undone.
    """
    before = _sum((fold(base, log, now)[1], 1))
    state, effects = fold(new_base, rest, now)
    after = _sum((effects, 1))
    after.add_all(final)
    if before.by_measure() != after.by_measure():
        raise AssertionError("a purge would change counts; nothing was purged")
    return state


class Horizon(NamedTuple):
    """An account's horizon, and how far it can be taken back."""

    instant: Micros
    """Events before it are refused. 0: none are."""
    floor: Micros
    """The earliest instant that it can be taken back to: everything that was purged lies before it."""


async def horizon_of(store: Store, account: AccountId) -> Horizon:
    """Where an account's horizon is."""
    return await store.read(account, _horizon)


async def lower_horizon(store: Store, account: AccountId, instant: Micros) -> Horizon:
    """Takes an account's horizon back, as after a purge by a clock that was wrong; gives what it was before.

    What was purged stays purged and counted, and is still refused. Writes wait while every base state is looked at.

    Raises:
        InvalidArgumentError: `instant` is not before the horizon, or something that was purged is not before it.
    """
    [before] = await store.write([(account, partial(_lower_horizon, instant))])
    return before


def _horizon(view: Snapshot) -> Horizon:
    floor = max((base.order[0] + 1 for base in view.every_base()), default=0)
    return Horizon(view.account().horizon, Micros(floor))


def _lower_horizon(instant: Micros, tx: Transaction) -> Horizon:
    before = _horizon(tx)
    if instant >= before.instant:
        raise InvalidArgumentError.of("horizon", "can only be taken back: the new one must lie before the present one")
    if instant < before.floor:
        raise InvalidArgumentError.of(
            "horizon", "events up to the newest purged one must stay refused, for they are counted already"
        )
    tx.lower_horizon(instant)
    return before


async def erase(store: Store, account: AccountId, conversation: ConversationId, *, keep_counts: bool) -> Erased:
    """Erases a conversation: its events, its state, and its counts too unless they are to stay as anonymous facts.

    R-KEEP-4.

    Its events are refused from then on, those that have not arrived yet as well, so it need not be there to be erased.
    Facts of purged events are anonymous already, and stay.
    """
    [erased] = await store.write([(account, partial(_erase, conversation, keep_counts))])
    return erased


def _erase(conversation: ConversationId, keep_counts: bool, tx: Transaction) -> Erased:  # noqa: FBT001  # by partial
    row = tx.conversations([conversation]).get(conversation)
    if row is None:
        tx.remove_conversation(conversation)
        return Erased(0, 0)
    log = tx.log(conversation)
    _, effects = fold(row.base, log, tx.account().high_water)
    # What is held back is no count yet, and nothing can release it any more: it goes in either case (R-KEEP-5).
    kept = [effect for effect in effects if keep_counts and not _holds(effect)]
    gone = [effect for effect in effects if not keep_counts or _holds(effect)]
    anonymous, removed = _sum((kept, 1)), _sum((gone, -1))
    tx.remove_conversation(conversation)
    tx.bump_version()
    tx.add_base(anonymous)
    tx.add_deltas(removed)
    changes = (anonymous.by_measure(), removed.by_measure())
    count = sum(abs(n) for by_measure in changes for leaves in by_measure.values() for *_, n in leaves)
    return Erased(len(log), count)


def _holds(effect: Effect) -> bool:
    return isinstance(effect, Outcome) and effect.change in {Change.HELD, Change.RELEASED}


def _sum(*signed: tuple[Iterable[Effect], int]) -> Deltas:
    deltas = Deltas()
    for effects, times in signed:
        deltas.add_effects(effects, times)
    return deltas
