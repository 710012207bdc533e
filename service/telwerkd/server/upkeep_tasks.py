"""The periodic tasks of a server; each continues after a failed run."""

import asyncio
import logging
from dataclasses import dataclass

from telwerkd.application.clock import Clock
from telwerkd.application.commands.settle_timers import SETTLED_MAX, SETTLED_SHARED_MAX
from telwerkd.application.failures import logging_failures
from telwerkd.application.ports import PingedStore, Store, UpkeepStore
from telwerkd.application.sharing.throttling import Sharing
from telwerkd.application.upkeep.freeing import NameKeeper
from telwerkd.application.upkeep.stored_time import StoredTime
from telwerkd.application.upkeep.upkeep import Compaction, UpkeepFigures, purge_old, settle_due
from telwerkd.process.log_format import Event
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.server.background import Background
from telwerkd.server.settings.settings import Settings
from telwerkd.transport.services.health import Health

log = logging.getLogger(__name__)

_SETTLE_EVERY_SECONDS = 0.5
"""How often limits that fell due are looked for; the rules ask for two seconds at most."""

_LISTEN_EVERY_SECONDS = 5.0
"""How often a doubted clock is compared with the events that other servers have stored."""

_FREE_NAMES_EVERY_SECONDS = 1.0
_PING_SECONDS = 15.0
"""What an answer may take, before the database counts as away."""

_PURGE_EVERY_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Periods:
    """The periods of background tasks."""

    compact_every_seconds: float = 0.5
    ping_every_seconds: float = 2.0


PERIODS = Periods()


def start(
    background: Background,
    settings: Settings,
    store: Store,
    clock: Clock,
    names: NameKeeper,
    periods: Periods,
    figures: UpkeepFigures,
    sharing: Sharing,
) -> asyncio.Event:
    """Starts the upkeep of the database. While accounts share the server, it does less in each transaction.

    What is given back is set when the clock is held against the past.
    """
    resumed = asyncio.Event()
    background.start(_settle(store, clock, resumed, sharing), "limits")
    background.start(_compact(store, periods.compact_every_seconds, figures, sharing), "compaction")
    background.start(_free_names(names), "names")
    if settings.retention_days is not None:
        background.start(_purge(store, names, clock, resumed, settings.retention_days), "retention")
    return resumed


async def _settle(store: Store, clock: Clock, resumed: asyncio.Event, sharing: Sharing) -> None:
    """Settles due limits, also those of the time without a server, once the clock is checked against stored times."""
    stored, listens_at = StoredTime(store, clock), monotonic()
    while True:
        with logging_failures("limits"):
            if not resumed.is_set():
                await stored.resume()
                resumed.set()
            if clock.is_doubted and monotonic() >= listens_at:
                listens_at = monotonic() + _LISTEN_EVERY_SECONDS
                await stored.listen()
            while await settle_due(store, clock.trusted(), SETTLED_SHARED_MAX if sharing.is_shared else SETTLED_MAX):
                pass
        await asyncio.sleep(_SETTLE_EVERY_SECONDS)


async def _compact(store: UpkeepStore, every_seconds: float, figures: UpkeepFigures, sharing: Sharing) -> None:
    """Runs compaction."""
    compaction = Compaction(store, figures, is_shared=lambda: sharing.is_shared)
    while True:
        with logging_failures("compaction"):
            while await compaction.run_once():
                pass
        await asyncio.sleep(every_seconds)


async def _free_names(names: NameKeeper) -> None:
    """Frees the names that nothing uses any more, of accounts that need it."""
    while True:
        with logging_failures("names"):
            await names.run_once()
        await asyncio.sleep(_FREE_NAMES_EVERY_SECONDS)


async def _purge(store: Store, names: NameKeeper, clock: Clock, resumed: asyncio.Event, retention_days: int) -> None:
    """Purges what is older than the retention."""
    await resumed.wait()
    while True:
        with logging_failures("retention"):
            await purge_old(store, names, clock.deletable(), retention_days, clock.trusted())
        await asyncio.sleep(_PURGE_EVERY_SECONDS)


async def watch_database(store: PingedStore, health: Health, every_seconds: float, figures: UpkeepFigures) -> None:
    """Sets readiness by whether a write could be committed, and logs changes; liveness is not affected."""
    was_ready = True
    while True:
        await asyncio.sleep(every_seconds)
        begun = monotonic()
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await store.ping()
        except Exception as error:  # noqa: BLE001  # whatever it is, the services cannot do their work
            if was_ready:
                late = f"the database did not answer within {_PING_SECONDS:.0f} s"
                cause = str(error) or (late if isinstance(error, TimeoutError) else type(error).__name__)
                log.warning(Event("not ready", {"cause": cause}, f"not ready: {cause}"))
            was_ready = False
            figures.pings_failed += 1
        else:
            if not was_ready:
                log.warning("ready again")
            was_ready = True
            figures.pings_ok += 1
        figures.ping_seconds.observe(monotonic() - begun)
        figures.is_database_up = was_ready
        health.ready(serving=was_ready)
