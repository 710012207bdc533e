"""The composition root: everything that runs is made and ended here. Tests start this same root."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Final, NamedTuple

import grpc.aio

from telwerkd.application.account_turns import CallTurns
from telwerkd.application.clock import Clock
from telwerkd.application.dimension_values import DimensionValues
from telwerkd.application.display_names import DisplayNames
from telwerkd.application.explain import Explanations
from telwerkd.application.ingest.group_commit import Ingest, IngestFigures
from telwerkd.application.memory_budget import MemoryBudget
from telwerkd.application.ports import Store
from telwerkd.application.query.question import QueryLimits
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.runner import Queries, QueryFigures
from telwerkd.application.query.slow_queries import SlowQueries
from telwerkd.application.rates import AccountRates, Rates
from telwerkd.application.readers import Readers
from telwerkd.application.settings import AccountSettings
from telwerkd.application.upkeep.freeing import NameKeeper
from telwerkd.application.upkeep.upkeep import UpkeepFigures
from telwerkd.application.watch.watches import Watches
from telwerkd.domain.errors import UnavailableError
from telwerkd.server import observing, trace_export, upkeep_tasks
from telwerkd.server.background import Background
from telwerkd.server.credentials import accepted_credentials
from telwerkd.server.grpc_port import address_of, bind, place_of
from telwerkd.server.http_ports import HttpPorts, bound_ports
from telwerkd.server.observing import Metrics
from telwerkd.server.settings import INGEST_SETTINGS, Settings
from telwerkd.server.startup_checks import check
from telwerkd.server.upkeep_tasks import PERIODS, Periods
from telwerkd.storage.open_store import opened, prepare
from telwerkd.transport.calls import Calls as ObservedCalls
from telwerkd.transport.codec.display_names import NameReader
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.endpoint.address import parse
from telwerkd.transport.endpoint.binding import held
from telwerkd.transport.grpc.calls import Calls
from telwerkd.transport.grpc.errors import ErrorInterceptor
from telwerkd.transport.grpc.gate import GateInterceptor, GateLimits
from telwerkd.transport.grpc.inflating import Inflating
from telwerkd.transport.grpc.observing import ObservingInterceptor
from telwerkd.transport.grpc.replies import Replies
from telwerkd.transport.grpc.requests import RequestInterceptor
from telwerkd.transport.http.page import BUILT
from telwerkd.transport.security.auth import AuthInterceptor
from telwerkd.transport.security.grants import Credentials
from telwerkd.transport.server import SERVICE_NAMES, SERVICES, Services, make_server
from telwerkd.transport.services.admin import AdminService
from telwerkd.transport.services.callers import Callers
from telwerkd.transport.services.health import Health, HealthService
from telwerkd.transport.services.ingestion import IngestionService
from telwerkd.transport.services.kpi import AnswerCache, KpiService
from telwerkd.transport.services.settings import SettingsService

log = logging.getLogger(__name__)


_STORE_SECONDS = 10.0
"""What storing the rest may take when the server stops; a database that has gone must not keep it for ever."""


class NotStoredError(Exception):
    """The server stopped, and some of what was submitted may not be stored. None of that was acknowledged."""


RELOADED: Final = frozenset(
    {
        *INGEST_SETTINGS,
        *QueryLimits.__struct_fields__,
        *Rates.__struct_fields__,
        "account_burst_seconds",
        "account_limits",
        "account_shared_queries_max",
        "waiting_queries_per_account_max",
        "watches_max",
        "watches_per_account_max",
        "memory_bytes_max",
        *(limit.name for limit in fields(GateLimits)),
        "slow_query_seconds",
    }
)
"""The settings by which `Running.use` lets a server go on. All others are built into its parts."""


class Running(NamedTuple):
    """A server that takes calls."""

    address: str
    """Host and the port it is bound to."""
    http_address: str | None
    """The same of HTTP; None if that is off, or its default port was taken."""
    probe_address: str | None
    """The same of the probes' own port; None without one."""
    failed: asyncio.Event
    """Set when the server must end, because a part of it died."""
    metrics: Metrics
    use: Callable[[Settings], None]
    """Makes it go by what of other settings can be taken up without a restart (`RELOADED`)."""


@asynccontextmanager
async def running(
    settings: Settings,
    *,
    is_worker: bool = False,
    clock: Clock | None = None,
    periods: Periods = PERIODS,
    page: Path = BUILT,
) -> AsyncIterator[Running]:
    """A server, from ready to stopped. Leaving it drains: running calls end, and what was submitted is stored.

    A worker shares its port with others, and leaves the schema to the process that started it. Whoever gives the clock
    can confirm it.

    Raises:
        StartupError: it cannot run so; the text says what to do.
        SchemaError: the database is not one that this program can use.
        NotStoredError: after the stop: something may not be stored.
        BackgroundTaskError: after the stop: a part of the server died.
    """
    check(settings)
    if not is_worker:
        await prepare(settings.database)
    served = False
    try:
        async with (
            trace_export.exported(),
            opened(settings.database, serving=True, writer_stall_seconds=settings.writer_stall_seconds) as store,
            _serving(settings, store, clock or Clock(), periods, page, shares_port=is_worker) as server,
        ):
            served = True
            yield server
    except UnavailableError as error:
        if not served:
            raise
        raise NotStoredError(str(error)) from error


@asynccontextmanager
async def _serving(
    settings: Settings, store: Store, clock: Clock, periods: Periods, page: Path, *, shares_port: bool
) -> AsyncIterator[Running]:
    parts = _Parts.of(settings, store, clock)
    metrics = Metrics(settings, parts.figures, store, clock)
    services = _services(settings, store, clock, parts)
    accepted = accepted_credentials(settings)
    credentials = accepted.credentials
    interceptors = _interceptors(settings, parts, credentials)
    server = _grpc_server(settings, services, interceptors, parts, shares_port=shares_port)
    background = Background()
    with ExitStack() as stack:
        stack.enter_context(held(parse(settings.listen), shares_port=shares_port))
        port = bind(server, settings)
        parts.observed.listens("grpc", *place_of(parse(settings.listen), port))
        ports = stack.enter_context(bound_ports(settings, shares_port=shares_port))
        if ports.http is not None:
            parts.observed.listens("connectrpc", *place_of(ports.http.address))
        http = HttpPorts(
            settings, ports, services, interceptors, parts.health, parts.budget, credentials, metrics.exposition, page
        )
        if accepted.upkeep is not None:
            background.start(accepted.upkeep(), "keys of tokens")
        committing = background.start(parts.ingest.run(), "group commit", returns=True)
        background.start(parts.watches.run(), "watches")
        upkeep_tasks.start(background, settings, store, clock, parts.names, periods, parts.upkeep, parts.turns.sharing)
        watching = upkeep_tasks.watch_database(store, parts.health, periods.ping_every_seconds, parts.upkeep)
        background.start(watching, "readiness")
        try:
            await server.start()
            parts.health.live()
            parts.health.ready(serving=True)
            await http.start()
            addresses = address_of(settings.listen, port), ports.http_address, ports.probe_address
            yield Running(*addresses, background.failed, metrics, parts.use)
        finally:
            parts.health.drain()
            parts.draining.set()
            parts.gate.drain()
            await asyncio.gather(server.stop(settings.grace_seconds), http.stop(settings.grace_seconds))
            try:
                await _store_rest(parts.ingest, committing)
            finally:
                await http.stop_probes()
                await background.end()


class _Parts(NamedTuple):
    """What the services of a server share."""

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
    observed: ObservedCalls
    calls: Calls
    gate: GateInterceptor
    slow_queries: SlowQueries
    answers: AnswerCache
    rollups: RollupCache
    upkeep: UpkeepFigures

    @classmethod
    def of(cls, settings: Settings, store: Store, clock: Clock) -> "_Parts":
        """The parts of a server with these settings."""
        names = NameKeeper(store)
        budget = MemoryBudget(settings.memory_bytes_max)
        inflating = Inflating(settings.message_bytes_max, settings.request_limits.bytes_max_of, budget)
        readers = Readers(store, settings.waiting_queries_per_account_max)
        limits = observing.limit_counts()
        calls, rollups = Calls(SERVICES, limits), RollupCache(settings.rollup_cache_bytes_max)
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
            ObservedCalls(access_log=settings.access_log),
            calls,
            GateInterceptor(settings.gate_limits, inflating, calls),
            SlowQueries(settings.slow_query_seconds),
            AnswerCache(settings.answer_cache_bytes_max),
            rollups,
            UpkeepFigures(),
        )

    @property
    def figures(self) -> observing.Parts:
        """Where the figures for metrics are kept."""
        caches = {"answers": self.answers.kept, "rollups": self.rollups.kept}
        return observing.Parts(
            self.calls, self.gate, self.budget, self.ingest, self.queries.figures, caches, self.watches, self.upkeep
        )

    def use(self, settings: Settings) -> None:
        """See `Running.use`."""
        self.ingest.use(settings.ingest_limits)
        self.turns.use(settings.ingest_limits, settings.account_shared_queries_max)
        self.queries.use(settings.query_limits)
        self.rates.use(settings.rate_limits)
        self.readers.use(settings.waiting_queries_per_account_max)
        self.watches.use(settings.watches_max, settings.watches_per_account_max, settings.own_watches)
        self.budget.bytes_max = settings.memory_bytes_max
        self.gate.use(settings.gate_limits)
        self.slow_queries.threshold_seconds = settings.slow_query_seconds


def _services(settings: Settings, store: Store, clock: Clock, parts: _Parts) -> Services:
    limits = settings.event_limits
    fields, spent = FieldReader(limits.id_bytes_max, limits.url_bytes_max), parts.rates.spent
    callers, names = Callers(fields, parts.rates, parts.turns), NameReader(settings.name_limits, fields)
    return Services(
        IngestionService(parts.ingest, clock, limits, callers, parts.draining),
        KpiService(
            parts.queries,
            parts.watches,
            Explanations(store, parts.readers, clock, spent),
            clock,
            callers,
            parts.answers,
            settings.watch_stall_seconds,
            parts.draining,
            parts.slow_queries,
            DimensionValues(store, parts.readers, spent),
            names,
        ),
        SettingsService(
            AccountSettings(store, parts.readers, settings.widget_settings_bytes_max),
            clock,
            callers,
            DisplayNames(store, parts.readers, settings.display_names_max, spent),
            names,
        ),
        AdminService(store, clock, callers, parts.names),
    )


def _grpc_server(
    settings: Settings,
    services: Services,
    interceptors: Sequence[grpc.aio.ServerInterceptor],
    parts: _Parts,
    *,
    shares_port: bool,
) -> grpc.aio.Server:
    return make_server(
        services,
        HealthService(parts.health, settings.watch_limits),
        interceptors,
        settings.message_bytes_max,
        settings.connection_limits,
        shares_port=shares_port,
    )


def _interceptors(
    settings: Settings, parts: _Parts, credentials: Credentials | None
) -> list[grpc.aio.ServerInterceptor]:
    """The interceptors of both ports, the outermost first."""
    interceptors: list[grpc.aio.ServerInterceptor] = [
        parts.gate,
        ErrorInterceptor(Replies(parts.budget, settings.reply_stall_seconds)),
    ]
    if parts.observed.are_observed:
        interceptors.insert(0, ObservingInterceptor(parts.observed))
    if credentials is not None:
        interceptors.append(AuthInterceptor(credentials))
    interceptors.append(RequestInterceptor(settings.request_limits, settings.event_limits, parts.budget))
    return interceptors


async def _store_rest(ingest: Ingest, committing: "asyncio.Task[None]") -> None:
    """Returns when what was submitted is stored. Raises NotStoredError."""
    ingest.close()
    _, late = await asyncio.wait({committing}, timeout=_STORE_SECONDS)
    if late:
        raise NotStoredError(
            f"{ingest.unstored_events} events were not stored within {_STORE_SECONDS:g} s of the grace's end; whether "
            "they will be is unknown, and none of them was acknowledged"
        )
