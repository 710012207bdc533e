"""Periodic work: settling of due limits, compaction, and retention."""

import asyncio
from collections.abc import Callable

from telwerkd.application import audit_log
from telwerkd.application.commands.chunk_merging import CHUNKS_MAX
from telwerkd.application.commands.compact import Compact
from telwerkd.application.commands.settle_timers import SETTLED_MAX, TIES_MAX, SettleTimers
from telwerkd.application.failures import isolating_account
from telwerkd.application.ports import Store, UpkeepStore
from telwerkd.application.retention.removal import purge
from telwerkd.application.upkeep.freeing import NameKeeper
from telwerkd.application.upkeep.stored_time import reached
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import SECOND, AccountId, Micros
from telwerkd.process.figures import SECONDS, Histogram
from telwerkd.process.monotonic_clock import monotonic

DAY = Micros(86_400 * SECOND)

COMPACT_AT = 3_000
"""Entries of a measure at which it is compacted while events keep coming.

A chunk is read and written once for all of its entries, so the more, the less each costs; but queries add them up until
then.
"""

COMPACT_ANYWAY_AT = 30_000
"""Entries from which on a measure is compacted without pauses, also while accounts share the server.

It could fall behind for ever: queries add up delta entries, in CPU time that compaction then lacks.
"""

COMPACTED_MAX = 40_000
"""About how many entries of a measure are compacted one after the other, in transactions of bounded size."""

_STEP_SECONDS = 0.025
"""How long such a transaction should take: those who send events wait for it."""

_STEP_QUIET_SECONDS = 0.1
"""Seconds of a transaction if nothing was filed between two runs, so that no account seems to send. Each transaction
writes chunks of coarse groupings, so fewer transactions write less."""

_STEP_SHARED_SECONDS = 0.01
"""Seconds of a transaction while several accounts call the server: each waits for the others' compaction."""

_PAUSE_SHARED_TIMES = 8
"""How many times as long as such a transaction the writer is then left to others, where few entries wait; less the
more there are."""

_PART_MIN = 1 / 4
"""Which part of `COMPACTED_MAX` entries and `CHUNKS_MAX` chunks a transaction does even where that takes longer.

Smaller ones do not pay: they read and write the same chunks of coarse groupings again and again. 17,000 entries of a
measure with 444 chunks took 1.5 s in transactions of 200 chunks, on a slow machine, and 0.1 s all at once.
"""

_PART_SHARED_MIN = 1 / 20
"""The same while several accounts call the server."""

_ENTRIES_MIN = 64
"""Entries that such a transaction reads even where few fitted into the one before."""

REST_TIMES = 40
"""The pause of a measure after a compaction: a multiple of the time of its transactions.

Chunks are written whole. Those of a busy account grow through a month to many times what a few thousand entries change,
and compacting them as often at its end as at its beginning would take most of the writer's time.
"""


async def settle_due(
    store: UpkeepStore, now: Micros, conversations_max: int = SETTLED_MAX, ties_max: int = TIES_MAX
) -> bool:
    """Settles limits due by `now` (R-KPI3-14), one bounded transaction per account; returns whether any may be left.

    Raises:
        UnavailableError: the database does not answer.
    """
    left = False
    for account in await store.accounts_due(now):
        with isolating_account(f"the limits of account {account!r}"):
            settled = await store.upkeep(account, SettleTimers(now, conversations_max, ties_max))
            left = left or (settled or 0) >= conversations_max
    return left


class UpkeepFigures:
    """The figures of background work."""

    def __init__(self) -> None:
        self.compaction_seconds = Histogram(SECONDS)
        """Durations of the compactions of measures."""
        self.compacted_entries = 0
        self.ping_seconds = Histogram(SECONDS)
        self.pings_ok = 0
        self.pings_failed = 0
        self.is_database_up = True


class Compaction:
    """Compacts measures that have many delta entries, or whose account has been quiet since the last run.

    A measure that rarely changes waits while others of its account do: its few entries belong to about as many chunks
    as thousands of them would, and each chunk is read and written for a few as for many.
    """

    def __init__(
        self,
        store: UpkeepStore,
        figures: UpkeepFigures | None = None,
        *,
        compact_at: int = COMPACT_AT,
        compact_anyway_at: int = COMPACT_ANYWAY_AT,
        rest_times: float = REST_TIMES,
        is_shared: Callable[[], bool] = lambda: False,
    ) -> None:
        """`is_shared` returns whether several accounts call the server."""
        self._is_shared = is_shared
        self._store = store
        self._figures = figures or UpkeepFigures()
        self._compact_at = compact_at
        self._compact_anyway_at = compact_anyway_at
        self._rest_times = rest_times
        self._seen: dict[tuple[AccountId, Measure], int] = {}
        """The number of entries at the last run, without those moved since."""
        self._rests_until: dict[tuple[AccountId, Measure], float] = {}
        self._parts: dict[tuple[Measure, float], float] = {}
        """Which part of `COMPACTED_MAX` entries and `CHUNKS_MAX` chunks the next transaction does at most, by measure,
        and by how long it should take: some measures have many small chunks, others a few large ones."""

    async def run_once(self) -> bool:
        """Compacts each measure that is due; returns whether one may still have many delta entries."""
        sizes = {(account, measure): size for account, measure, size in await self._store.compactable()}
        now = monotonic()
        self._rests_until = {key: until for key, until in self._rests_until.items() if until > now}
        busy = {account for (account, measure), size in sizes.items() if size > self._seen.get((account, measure), 0)}
        is_quiet = not busy
        ripe = [key for key, size in sizes.items() if key[0] not in busy or self._is_ripe(key, size)]
        self._seen = sizes
        left = False
        for account, measure in ripe:
            with isolating_account(f"compaction of measure {measure} of account {account!r}"):
                begun = monotonic()
                moved, worked = await self._compact(account, measure, sizes[account, measure], is_quiet=is_quiet)
                ended = monotonic()
                self._seen[account, measure] -= moved
                if moved:
                    self._figures.compaction_seconds.observe(ended - begun)
                    self._figures.compacted_entries += moved
                self._rests_until[account, measure] = ended + self._rest_times * worked
                left = left or (moved > 0 and sizes[account, measure] >= self._compact_anyway_at)
        return left

    async def _compact(self, account: AccountId, measure: Measure, size: int, *, is_quiet: bool) -> tuple[int, float]:
        """Compacts a measure in short transactions, between which others run.

        Returns:
            The number of entries moved, and the seconds of its transactions, without the time in between.
        """
        moved, worked, entries_max = 0, 0.0, COMPACTED_MAX
        while moved < min(size, COMPACTED_MAX):
            is_shared, waiting = self._is_shared(), size - moved
            seconds = _STEP_SHARED_SECONDS if is_shared else _STEP_QUIET_SECONDS if is_quiet else _STEP_SECONDS
            least = _PART_SHARED_MIN if is_shared else _PART_MIN
            part = self._parts.get((measure, seconds), least)
            entries_max = min(int(COMPACTED_MAX * part), entries_max)
            step = await self._store.upkeep(account, Compact(measure, entries_max, int(CHUNKS_MAX * part)))
            if step is None:
                break
            worked += step.seconds
            if not step.moved:
                break
            moved += step.moved
            # Where only a part of them fitted into the chunks, the next ones are all that need to be read.
            entries_max = max(_ENTRIES_MIN, 2 * step.moved)
            self._parts[measure, seconds] = min(1.0, max(least, part * min(1.25, seconds / max(step.seconds, 1e-9))))
            if is_shared:
                await asyncio.sleep(_PAUSE_SHARED_TIMES * max(0, 1 - waiting / self._compact_anyway_at) * step.seconds)
        return moved, worked

    def _is_ripe(self, key: tuple[AccountId, Measure], size: int) -> bool:
        """Whether a measure is compacted while events of its account keep coming."""
        return size >= self._compact_anyway_at or (size >= self._compact_at and key not in self._rests_until)


async def purge_old(
    store: Store, names: NameKeeper, now: Micros, retention_days: int, happens: Micros | None = None
) -> None:
    """Purges every account's events that are older than the retention, in whole days; `names` frees theirs.

    `now` is of `Clock.deletable`, `happens` of `Clock.trusted`. If the clock is ahead of the account's newest event or
    settled limit, the retention counts from that: a purge cannot be undone, and a wrong clock must not purge
    everything. So an inactive account keeps the last days of its activity.

    Raises:
        UnavailableError: the database does not answer.
    """
    for account in await store.accounts():
        with isolating_account(f"retention of account {account!r}"):
            newest = await store.read(account, reached)
            if newest is not None:
                until = min(now, newest + DAY)
                horizon = Micros((until // DAY - retention_days) * DAY)
                with names.noticing(account) as removal, audit_log.recorded("purge", account) as entry:
                    purged = await purge(store, account, horizon, now=happens or now)
                    removal.is_empty = not purged
                    entry.outcome = f"by retention_days={retention_days} events={purged}" if purged else None
