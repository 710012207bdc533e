"""The components that a server's services share, and the services: a server without its ports.

`telwerkd.server.wiring` adds ports and a database; a simulation adds its own (`tests/simulation`).
"""

import asyncio
from typing import NamedTuple

from telwerkd.application.clock import Clock
from telwerkd.application.dimension_values import DimensionValues
from telwerkd.application.display_names import DisplayNames
from telwerkd.application.explain import Explanations
from telwerkd.application.ingest.group_commit import Ingest, IngestFigures
from telwerkd.application.ports import Store
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.runner import Queries, QueryFigures
from telwerkd.application.query.slow_queries import SlowQueries
from telwerkd.application.settings import AccountSettings
from telwerkd.application.sharing.account_turns import CallTurns
from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.application.sharing.quotas import AccountRates
from telwerkd.application.sharing.readers import Readers
from telwerkd.application.upkeep.freeing import NameKeeper
from telwerkd.application.upkeep.upkeep import UpkeepFigures
from telwerkd.application.watch.watches import Watches
from telwerkd.server import upkeep_tasks
from telwerkd.server.background import Background
from telwerkd.server.settings.settings import Settings
from telwerkd.server.telemetry import metrics
from telwerkd.server.upkeep_tasks import Periods
from telwerkd.transport.calls import CallObserver
from telwerkd.transport.codec.account.display_names import NameReader
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.grpc.calls import CallCounters
from telwerkd.transport.grpc.gate import GateInterceptor
from telwerkd.transport.grpc.inflating import Inflating
from telwerkd.transport.server import SERVICE_NAMES, SERVICES, Services
from telwerkd.transport.services.admin import AdminService
from telwerkd.transport.services.callers import Callers
from telwerkd.transport.services.health import Health
from telwerkd.transport.services.ingestion import IngestionService
from telwerkd.transport.services.kpi import AnswerCache, KpiService
from telwerkd.transport.services.settings import SettingsService

_STORE_SECONDS = 10.0
"""Time limit for storing the remaining events at a stop: an unavailable database must not block it for ever."""


class NotStoredError(Exception):
    """The server stopped, and some submitted events may not be stored. None of these was acknowledged."""


class Started(NamedTuple):
    """The background tasks of started components."""

    committing: "asyncio.Task[None]"
    """The group commit; ends when `ingest` is closed."""
    resumed: asyncio.Event
    """Set when the clock has been compared with the newest stored instant."""


class Components(NamedTuple):
    """The components that the services of a server share."""

    names: NameKeeper
    ingest: Ingest
    readers: Readers
    queries: Queries
    watches: Watches
    budget: MemoryBudget
    rates: AccountRates
    turns: CallTurns
    health: Health
    draining: asyncio.Event
    observed: CallObserver
    calls: CallCounters
    gate: GateInterceptor
    slow_queries: SlowQueries
    answers: AnswerCache
    rollups: RollupCache
    upkeep: UpkeepFigures

    @classmethod
    def of(cls, settings: Settings, store: Store, clock: Clock) -> "Components":
        """Returns the components of a server with these settings."""
        names = NameKeeper(store)
        budget = MemoryBudget(settings.memory_bytes_max)
        inflating = Inflating(settings.message_bytes_max, settings.request_limits.bytes_max_of, budget)
        readers = Readers(store, settings.waiting_queries_per_account_max)
        limits = metrics.limit_counts()
        calls, rollups = CallCounters(SERVICES, limits), RollupCache(settings.rollup_cache_bytes_max)
        rates, figures = AccountRates(settings.rate_limits), QueryFigures(limits)
        turns = CallTurns(settings.ingest_limits, settings.account_shared_queries_max, readers)
        crowded = turns.questions.is_crowded
        queries = Queries(
            store, readers, settings.query_limits, rollups, budget, figures, rates.spent, is_crowded=crowded
        )
        per_account = settings.watches_per_account_max
        watches = Watches(store, queries, budget, settings.watches_max, per_account, settings.own_watches)
        ingested = IngestFigures(limits, settings.metrics_accounts_max)
        return cls(
            names,
            Ingest(store, settings.ingest_limits, names.notice, budget, watches.committed, ingested, clock.trusted),
            readers,
            queries,
            watches,
            budget,
            rates,
            turns,
            Health(SERVICE_NAMES),
            asyncio.Event(),
            CallObserver(access_log=settings.access_log),
            calls,
            GateInterceptor(settings.gate_limits, inflating, calls),
            SlowQueries(settings.slow_query_seconds),
            AnswerCache(settings.answer_cache_bytes_max),
            rollups,
            UpkeepFigures(),
        )

    @property
    def figures(self) -> metrics.FigureSources:
        """Returns the sources of the figures for metrics."""
        caches = {"answers": self.answers.kept, "rollups": self.rollups.kept}
        return metrics.FigureSources(
            self.calls, self.gate, self.budget, self.ingest, self.queries.figures, caches, self.watches, self.upkeep
        )

    def use(self, settings: Settings) -> None:
        """Applies the reloadable settings to the running components."""
        self.ingest.use(settings.ingest_limits)
        self.turns.use(settings.ingest_limits, settings.account_shared_queries_max)
        self.queries.use(settings.query_limits)
        self.rates.use(settings.rate_limits)
        self.readers.use(settings.waiting_queries_per_account_max)
        self.watches.use(settings.watches_max, settings.watches_per_account_max, settings.own_watches)
        self.budget.bytes_max = settings.memory_bytes_max
        self.gate.use(settings.gate_limits)
        self.slow_queries.threshold_seconds = settings.slow_query_seconds

    def start(
        self, background: Background, settings: Settings, store: Store, clock: Clock, periods: Periods
    ) -> Started:
        """Starts the background tasks."""
        committing = background.start(self.ingest.run(), "group commit", returns=True)
        background.start(self.watches.run(), "watches")
        resumed = upkeep_tasks.start(
            background, settings, store, clock, self.names, periods, self.upkeep, self.turns.sharing
        )
        watching = upkeep_tasks.watch_database(store, self.health, periods.ping_every_seconds, self.upkeep)
        background.start(watching, "readiness")
        return Started(committing, resumed)

    def services(self, settings: Settings, store: Store, clock: Clock) -> Services:
        """Returns the services on these components."""
        limits = settings.event_limits
        fields, spent = FieldReader(limits.id_bytes_max, limits.url_bytes_max), self.rates.spent
        callers, names = Callers(fields, self.rates, self.turns), NameReader(settings.name_limits, fields)
        return Services(
            IngestionService(self.ingest, clock, limits, callers, self.draining),
            KpiService(
                self.queries,
                self.watches,
                Explanations(store, self.readers, clock, spent),
                clock,
                callers,
                self.answers,
                settings.watch_stall_seconds,
                self.draining,
                self.slow_queries,
                DimensionValues(self.readers, spent),
                names,
            ),
            SettingsService(
                AccountSettings(store, self.readers, settings.widget_settings_bytes_max, self.names.notice),
                clock,
                callers,
                DisplayNames(store, self.readers, settings.display_names_max, spent),
                names,
            ),
            AdminService(store, clock, callers, self.names),
        )

    async def end(self, background: Background) -> None:
        """Ends the background tasks, and waits for reads whose callers have gone: then the store can be closed."""
        try:
            await background.end()
        finally:
            await self.readers.finish()

    async def store_rest(self, committing: "asyncio.Task[None]", untold_before: int) -> None:
        """Returns when what was submitted is stored; `untold_before` is `ingest.untold_events` of before the stop.

        Raises:
            NotStoredError: some of it may not be stored, and its callers were not told.
        """
        self.ingest.close()
        _, late = await asyncio.wait({committing}, timeout=_STORE_SECONDS)
        if late:
            raise NotStoredError(
                f"{self.ingest.unstored_events} events were not stored within {_STORE_SECONDS:g} s of the grace's end; "
                "whether they will be is unknown, and none of them was acknowledged"
            )
        untold = self.ingest.untold_events - untold_before
        if untold:
            raise NotStoredError(
                f"{untold} events were not stored, or may not be, and their calls had ended with the grace; none of "
                "them was acknowledged"
            )
