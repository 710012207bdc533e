"""Collects the figures of a server's parts into readings, under the names of the catalogue."""

import asyncio
import platform
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from typing import Final, NamedTuple

from telwerkd.application.clock import Clock
from telwerkd.application.ingest.group_commit import Ingest
from telwerkd.application.ports import Store
from telwerkd.application.query.runner import QueryFigures
from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.application.upkeep.upkeep import UpkeepFigures
from telwerkd.application.watch.watches import Watches
from telwerkd.domain.ids import SECOND
from telwerkd.metrics.exposition import Exposition, exposition, is_openmetrics, of_process
from telwerkd.metrics.reading import Reading, Value, merged
from telwerkd.process.bounded_cache import AnyCache
from telwerkd.process.figures import Labels, LimitCounts
from telwerkd.process.monotonic_clock import monotonic
from telwerkd.server.settings.settings import Settings
from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.schema.versions import head
from telwerkd.transport.grpc.calls import CODES, CallCounters
from telwerkd.transport.grpc.gate import GateInterceptor

_DATABASE_SECONDS: Final = 1.0
"""Timeout for the figures of the database; after it they are left out."""

_LIMIT_ENDINGS: Final = ("_max", "_seconds")


def limit_counts() -> LimitCounts:
    """Returns counts of refusals for each setting that is a limit."""
    return LimitCounts([name for name in Settings.model_fields if name.endswith(_LIMIT_ENDINGS)])


class FigureSources(NamedTuple):
    """The parts of a server that keep figures."""

    calls: CallCounters
    gate: GateInterceptor
    budget: MemoryBudget
    ingest: Ingest
    queries: QueryFigures
    caches: Mapping[str, AnyCache]
    watches: Watches
    upkeep: UpkeepFigures


class Metrics:
    """The metrics endpoint. It never waits for calls, nor calls for it."""

    def __init__(self, settings: Settings, sources: FigureSources, store: Store, clock: Clock) -> None:
        database = "postgresql" if isinstance(settings.database, PostgresUrl) else "sqlite"
        self._build = (version("telwerkd"), head(), database, platform.python_version())
        self._sources = sources
        self._store = store
        self._clock = clock
        self._stored: asyncio.Task[Reading] | None = None
        self._shown = dict[bool, asyncio.Task[Exposition]]()
        """The pending exposition by format (True: OpenMetrics), shared by all requests since the last one began."""
        self._showing = asyncio.Lock()
        self.of_all: Callable[[], Awaitable[Reading]] | None = None
        """Reads the figures of all workers, where there are several."""

    async def exposition(self, accept: str = "") -> Exposition:
        """Returns the exposition for Prometheus, with its content type; `accept` is the request's header of that name.

        Concurrent requests share one exposition.

        Raises:
            UnavailableError: the other workers' figures did not come in time.
        """
        is_open = is_openmetrics(accept)
        shown = self._shown.get(is_open)
        if shown is None:
            shown = self._shown[is_open] = asyncio.create_task(self._expose(is_open=is_open))
            shown.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(shown)

    async def _expose(self, *, is_open: bool) -> Exposition:
        async with self._showing:
            del self._shown[is_open]
            return await exposition(await self.read(), is_open=is_open)

    async def read(self) -> Reading:
        """Returns all figures: of this server, of the other workers, and of pending work in the database."""
        of_servers = self.own() if self.of_all is None else await self.of_all()
        return {**of_servers, **await self._of_database()}

    def own(self) -> Reading:
        """Returns the figures of this process, and of the one that writes for it."""
        writer = self._store.figures.writer_pid
        processes = [of_process(None, "server"), {} if writer is None else of_process(writer, "writer")]
        return {
            **self._of_calls(),
            **self._of_events(),
            **self._of_upkeep(),
            **self._of_queries(),
            **merged(processes),
            "telwerk_build_info": {self._build: 1},
            "telwerk_workers": {(): 1},
        }

    def _of_calls(self) -> Reading:
        sources, methods = self._sources, self._sources.calls.methods()
        handled: dict[Labels, Value] = {
            (*method, CODES[number]): ended
            for method, calls in methods.items()
            for number, ended in enumerate(calls.handled)
            if ended or not number
        }
        return {
            "grpc_server_started_total": {method: calls.started for method, calls in methods.items()},
            "grpc_server_handled_total": handled,
            "grpc_server_handling_seconds": {method: calls.seconds.read() for method, calls in methods.items()},
            "grpc_server_msg_received_total": {method: calls.received for method, calls in methods.items()},
            "grpc_server_msg_sent_total": {method: calls.sent for method, calls in methods.items()},
            "telwerk_calls_open": {(): sources.gate.open_calls},
            "telwerk_limit_rejections_total": dict(sources.calls.limits.counts),
            "telwerk_memory_reserved_bytes": {(): sources.budget.bytes_reserved},
        }

    def _of_events(self) -> Reading:
        ingest, figures, store = self._sources.ingest, self._sources.ingest.figures, self._store.figures
        return {
            "telwerk_events_total": dict(figures.verdicts),
            "telwerk_account_events_total": dict(figures.by_account.counts),
            "telwerk_events_waiting": {(): ingest.unstored_events},
            "telwerk_events_waiting_age_seconds": {(): ingest.oldest_seconds(monotonic())},
            "telwerk_transaction_events": {(): figures.transaction_events.read()},
            "telwerk_transaction_seconds": {command: of.read() for command, of in store.seconds.items()},
            "telwerk_transaction_retries_total": dict(store.retries),
            "telwerk_refold_events": {(): store.refolded.read()},
            "telwerk_writer_restarts_total": {(): store.writer_restarts},
        }

    def _of_upkeep(self) -> Reading:
        upkeep = self._sources.upkeep
        return {
            "telwerk_compaction_seconds": {(): upkeep.compaction_seconds.read()},
            "telwerk_compacted_entries_total": {(): upkeep.compacted_entries},
            "telwerk_database_up": {(): int(upkeep.is_database_up)},
            "telwerk_database_pings_total": {("ok",): upkeep.pings_ok, ("failed",): upkeep.pings_failed},
            "telwerk_database_ping_seconds": {(): upkeep.ping_seconds.read()},
            "telwerk_worker_restarts_total": {(): 0},
            "telwerk_clock_doubted": {(): int(self._clock.is_doubted)},
        }

    def _of_queries(self) -> Reading:
        queries, watches, caches = self._sources.queries, self._sources.watches, self._sources.caches
        return {
            "telwerk_query_rows": {(): queries.rows.read()},
            "telwerk_query_points": {(): queries.points.read()},
            "telwerk_cache_bytes": {(name,): cache.bytes_kept for name, cache in caches.items()},
            "telwerk_cache_hits_total": {(name,): cache.hits for name, cache in caches.items()},
            "telwerk_cache_misses_total": {(name,): cache.misses for name, cache in caches.items()},
            "telwerk_watches_open": {(): watches.open},
            "telwerk_watch_lag_seconds": {(): watches.lag.read()},
        }

    async def _of_database(self) -> Reading:
        """Returns the figures of pending work in the database; none after a timeout. One query runs at a time."""
        if self._stored is None or self._stored.done():
            self._stored = asyncio.create_task(self._waiting_in_database())
            self._stored.add_done_callback(lambda task: task.cancelled() or task.exception())
        with suppress(Exception):  # readiness tells, and logs, that it does not answer
            async with asyncio.timeout(_DATABASE_SECONDS):
                return await asyncio.shield(self._stored)
        return {}

    async def _waiting_in_database(self) -> Reading:
        now = self._clock.trusted()
        timers = await self._store.open_timers(now)
        entries = sum(size for _, _, size in await self._store.compactable())
        late = 0.0 if timers.earliest is None else max(0.0, (now - timers.earliest) / SECOND)
        return {
            "telwerk_timers_open": {(): timers.open},
            "telwerk_timers_due": {(): timers.due},
            "telwerk_timers_late_seconds": {(): late},
            "telwerk_delta_entries": {(): entries},
        }
