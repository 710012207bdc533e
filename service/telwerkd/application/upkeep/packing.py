"""Compacting all of one account before what can only be done once nothing waits: a repair, or the end of a recount."""

from contextlib import suppress
from typing import Final, Protocol

from telwerkd.application.commands.compact import Compact, Compacted
from telwerkd.application.ports import DamagedRowError, UpkeepStore, WriteStore
from telwerkd.application.sharing.long_work import rest_after
from telwerkd.domain.counting.merging import CounterError
from telwerkd.domain.ids import AccountId

_ENTRIES_AT_ONCE: Final = 5_000
"""Delta entries that one transaction reads, about."""
_CHUNKS_AT_ONCE: Final = 1_000
"""Chunks that it reads and writes, about."""


class CompactingStore(UpkeepStore, WriteStore, Protocol):
    """What compaction of an account needs of a store."""


async def compact_account(store: CompactingStore, account: AccountId, entries_max: int = _ENTRIES_AT_ONCE) -> None:
    """Moves the delta entries that an account has by now into its chunks, in transactions of bounded size.

    Those of a measure that cannot be read, or contradict its chunks, stay.

    Raises:
        UnavailableError: the database does not answer.
    """
    for of, measure, size in await store.compactable():
        if of == account:
            with suppress(CounterError, DamagedRowError):
                await _compact(store, account, Compact(measure, entries_max, _CHUNKS_AT_ONCE), size)


async def _compact(store: CompactingStore, account: AccountId, command: Compact, size: int) -> None:
    left = size
    while left > 0:
        step: Compacted
        [step] = await store.write([(account, command)])
        if not step.moved:
            return
        left -= step.moved
        await rest_after(step.seconds)
