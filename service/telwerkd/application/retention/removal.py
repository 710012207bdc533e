"""Removal of events from the log without a change of counts: retention and erasure.

The law is then: counters == base facts + the facts of the fold over base states and remaining events (R-KEEP-1).
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from telwerkd.application.commands.erase import Erase, Erased
from telwerkd.application.commands.lower_horizon import Horizon, LowerHorizon, horizon_in
from telwerkd.application.commands.purge import Purge
from telwerkd.application.ports import ReadWriteStore
from telwerkd.application.sharing.long_work import STEP_EVENTS_MAX, rest_after
from telwerkd.domain.ids import EPOCH, AccountId, ConversationId, Micros


async def purge(
    store: ReadWriteStore,
    account: AccountId,
    horizon: Micros,
    events_max: int = STEP_EVENTS_MAX,
    now: Micros = EPOCH,
    turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> int:
    """Replaces an account's events before `horizon` by base states and base facts; returns how many.

    Counts do not change. From the first transaction on, events before the horizon are refused. A conversation with an
    unsettled limit before the horizon keeps its events until the next purge. Each transaction runs in a `turn` of its
    own, and reads logs of `events_max` events at most, but at least one conversation's. `now` is the instant of it.
    """
    purged, after = 0, ConversationId("")
    while True:
        async with turn():
            [step] = await store.write([(account, Purge(horizon, after, events_max, now=now))])
        purged += step.events
        if step.last is None:
            return purged
        after = step.last
        await rest_after(step.seconds)


async def horizon_of(store: ReadWriteStore, account: AccountId) -> Horizon:
    """Returns an account's horizon."""
    return await store.read(account, horizon_in)


async def lower_horizon(store: ReadWriteStore, account: AccountId, instant: Micros) -> Horizon:
    """Moves an account's horizon back, as after a purge with a wrong clock; returns the earlier one.

    Purged events stay purged and counted, and are still refused. Writes wait while every base state is read.

    Raises:
        InvalidArgumentError: `instant` is not before the horizon, or a purged event is not before `instant`.
    """
    [before] = await store.write([(account, LowerHorizon(instant))])
    return before


async def erase(
    store: ReadWriteStore, account: AccountId, conversation: ConversationId, *, keep_counts: bool, now: Micros = EPOCH
) -> Erased:
    """Erases a conversation: its events, its state, and its counts too unless they are to stay as anonymous facts.

    R-KEEP-4. `now` is the instant of the erasure.

    Its events are refused from then on, later ones too, so the conversation need not exist to be erased. Facts of
    purged events are anonymous already, and stay.
    """
    [erased] = await store.write([(account, Erase(conversation, keep_counts, now))])
    return erased
