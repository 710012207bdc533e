"""The composition root: starts and ends all parts of a server. Tests start this same root."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Final, NamedTuple

import grpc.aio

from telwerkd.application.clock import Clock
from telwerkd.application.ports import Store
from telwerkd.application.query.question import QueryLimits
from telwerkd.application.sharing.quotas import Rates
from telwerkd.domain.errors import UnavailableError
from telwerkd.server.background import Background
from telwerkd.server.components import Components, NotStoredError
from telwerkd.server.credentials import accepted_credentials
from telwerkd.server.grpc_port import address_of, bind, host_and_port
from telwerkd.server.http_ports import HttpPorts, bound_ports
from telwerkd.server.settings.settings import INGEST_SETTINGS, Settings
from telwerkd.server.startup_checks import check
from telwerkd.server.telemetry import trace_export
from telwerkd.server.telemetry.metrics import Metrics
from telwerkd.server.upkeep_tasks import PERIODS, Periods
from telwerkd.storage.open_store import opened, prepare
from telwerkd.transport.endpoint.address import parse
from telwerkd.transport.endpoint.binding import held
from telwerkd.transport.grpc.errors import ErrorInterceptor
from telwerkd.transport.grpc.gate import GateLimits
from telwerkd.transport.grpc.observing import ObservingInterceptor
from telwerkd.transport.grpc.replies import Replies
from telwerkd.transport.grpc.requests import RequestInterceptor
from telwerkd.transport.http.page import BUILT
from telwerkd.transport.security.auth import AuthInterceptor
from telwerkd.transport.security.grants import Credentials
from telwerkd.transport.server import Services, make_server
from telwerkd.transport.services.health import HealthService

log = logging.getLogger(__name__)


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
        *GateLimits.__struct_fields__,
        "slow_query_seconds",
    }
)
"""The settings by which `Running.use` lets a server go on. All others are built into its parts."""


_RESUME_SECONDS = 2.0
"""How long calls wait at the start for the comparison of the clock with stored times; then it continues beside them."""


class Running(NamedTuple):
    """A running server."""

    address: str
    """The host and the actual port of gRPC."""
    http_address: str | None
    """The host and the actual port of HTTP; None if it is off, or its default port was in use."""
    probe_address: str | None
    """The host and the actual port of the probes; None without a port of their own."""
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
    """Runs a server for the block. At its end the server drains: running calls end, and submitted events are stored.

    A worker shares its port with others, and does not migrate the schema. A caller that passes the clock can confirm
    it.

    Raises:
        StartupError: the server cannot start with these settings; the text says what to do.
        SchemaError: the database is not one that this program can use.
        NotStoredError: after the stop: some submitted events may not be stored.
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
    parts = Components.of(settings, store, clock)
    metrics = Metrics(settings, parts.figures, store, clock)
    services = parts.services(settings, store, clock)
    accepted = accepted_credentials(settings)
    credentials = accepted.credentials
    interceptors = _interceptors(settings, parts, credentials)
    server = _grpc_server(settings, services, interceptors, parts, shares_port=shares_port)
    background = Background()
    with ExitStack() as stack:
        stack.enter_context(held(parse(settings.listen), shares_port=shares_port))
        port = bind(server, settings)
        parts.observed.listens("grpc", *host_and_port(parse(settings.listen), port))
        ports = stack.enter_context(bound_ports(settings, shares_port=shares_port))
        if ports.http is not None:
            parts.observed.listens("connectrpc", *host_and_port(ports.http.address))
        http = HttpPorts(
            settings, ports, services, interceptors, parts.health, parts.budget, credentials, metrics.exposition, page
        )
        if accepted.upkeep is not None:
            background.start(accepted.upkeep(), "keys of tokens")
        started = parts.start(background, settings, store, clock, periods)
        try:
            # Else a clock that is behind would refuse the first events for good.
            with suppress(TimeoutError):
                await asyncio.wait_for(started.resumed.wait(), _RESUME_SECONDS)
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
            untold = parts.ingest.untold_events
            await asyncio.gather(server.stop(settings.grace_seconds), http.stop(settings.grace_seconds))
            try:
                await parts.store_rest(started.committing, untold)
            finally:
                await http.stop_probes()
                await parts.end(background)


def _grpc_server(
    settings: Settings,
    services: Services,
    interceptors: Sequence[grpc.aio.ServerInterceptor],
    parts: Components,
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
    settings: Settings, parts: Components, credentials: Credentials | None
) -> list[grpc.aio.ServerInterceptor]:
    """Returns the interceptors of both ports, the outermost first."""
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
