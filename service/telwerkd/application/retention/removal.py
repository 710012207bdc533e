"""Taking events out of the log without taking the counters' truth away: retention and erasure.

The law is then: counters == base facts + the facts of the fold over base states and remaining events (R-KEEP-1).
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext

from telwerkd.application.commands.erase import Erase, Erased
from telwerkd.application.commands.lower_horizon import Horizon, LowerHorizon, horizon_in
from telwerkd.application.commands.purge import Purge
from telwerkd.application.ports import Store
from telwerkd.application.sharing.long_work import STEP_EVENTS_MAX, rest_after
from telwerkd.domain.ids import EPOCH, AccountId, ConversationId, Micros


async def purge(
    store: Store,
    account: AccountId,
    horizon: Micros,
    events_max: int = STEP_EVENTS_MAX,
    now: Micros = EPOCH,
    turn: Callable[[], AbstractAsyncContextManager[None]] = nullcontext,
) -> int:
    """Replaces an account's events before `horizon` by base states and base facts; gives how many.

    Counts stay as they are. From the first moment on, events before the horizon are refused. A conversation whose limit
    before the horizon is not settled yet keeps its events until the next purge. A transaction, each in a `turn` of its
    own, reads logs of `events_max` events at most, but always one conversation's. `now` is when it happens.
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


async def horizon_of(store: Store, account: AccountId) -> Horizon:
    """Where an account's horizon is."""
    return await store.read(account, horizon_in)


async def lower_horizon(store: Store, account: AccountId, instant: Micros) -> Horizon:
    """Takes an account's horizon back, as after a purge by a clock that was wrong; gives what it was before.

    What was purged stays purged and counted, and is still refused. Writes wait while every base state is looked at.

    Raises:
        InvalidArgumentError: `instant` is not before the horizon, or something that was purged is not before it.
    """
    [before] = await store.write([(account, LowerHorizon(instant))])
    return before


async def erase(
    store: Store, account: AccountId, conversation: ConversationId, *, keep_counts: bool, now: Micros = EPOCH
) -> Erased:
    """Erases a conversation: its events, its state, and its counts too unless they are to stay as anonymous facts.

    R-KEEP-4. `now` is when it happens.

    Its events are refused from then on, those that have not arrived yet as well, so it need not be there to be erased.
    Facts of purged events are anonymous already, and stay.
    """
    [erased] = await store.write([(account, Erase(conversation, keep_counts, now))])
    return erased
