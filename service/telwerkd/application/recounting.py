"""Recounts an account by the present or its chosen rules, during ingest (R-ANEW-3)."""

from collections.abc import Callable
from typing import Protocol

from telwerkd.application.commands.recount import AimAtRules, EndRecount, Left, Recount
from telwerkd.application.ports import ReadStore
from telwerkd.application.sharing.long_work import rest_after
from telwerkd.application.upkeep.packing import CompactingStore, compact_account
from telwerkd.domain.conversation.state import PART_ONE
from telwerkd.domain.ids import AccountId, ConversationId

Progress = Callable[[int, int], None]
"""Told how many conversations are counted anew, of how many."""

KPIS = {"ten": PART_ONE, "all": None}
"""What an account may want to be counted: the newest version of the rules for it (R-ANEW-10)."""


class RecountingStore(ReadStore, CompactingStore, Protocol):
    """What recounting needs of a store."""


async def recount(store: RecountingStore, account: AccountId, progress: Progress, kpis: str | None = None) -> int:
    """Recounts an account by its target rules; returns how many conversations were recounted.

    `kpis` is one of `KPIS`, the account's choice from now on; None keeps the earlier one. After an interruption, the
    next call continues where it stopped (R-ANEW-4).

    Raises:
        DamagedRowError: a row that it needs cannot be read. What was recounted before stays so.
        UnavailableError: the database does not answer, or does not let this program write to the account.
    """
    wish = AimAtRules(KPIS[kpis], is_wish=True) if kpis is not None else AimAtRules()
    [aimed] = await store.write([(account, wish)])
    total = await store.read(account, lambda view: view.counted_otherwise_count(aimed.rules_target))
    done = 0

    def report(conversations: int) -> None:
        nonlocal done
        done += conversations
        progress(done, max(done, total))

    left = Left.CONVERSATIONS
    while left is not Left.NOTHING:
        if left is Left.CONVERSATIONS:
            await _conversations(store, account, report)
            await compact_account(store, account)  # else a single transaction would: see `correct_counters`
        [left] = await store.write([(account, EndRecount())])
    return done


async def _conversations(store: RecountingStore, account: AccountId, report: Callable[[int], None]) -> None:
    after = ConversationId("")
    while True:
        [step] = await store.write([(account, Recount(after))])
        if step.last is None:
            return
        after = step.last
        report(step.conversations)
        await rest_after(step.seconds)
