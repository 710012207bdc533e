"""The composition root: everything that runs is made and ended here. Tests start this same root."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from time import monotonic
from typing import NamedTuple

import grpc.aio

from telwerkd.application.clock import Clock
from telwerkd.application.explain import Explanations
from telwerkd.application.failures import carrying_on
from telwerkd.application.ingest.group_commit import Ingest
from telwerkd.application.memory_budget import MemoryBudget
from telwerkd.application.ports import Store
from telwerkd.application.query.rollup_cache import RollupCache
from telwerkd.application.query.runner import Queries
from telwerkd.application.readers import Readers
from telwerkd.application.settings import AccountSettings
from telwerkd.application.upkeep.freeing import NameKeeper
from telwerkd.application.upkeep.stored_time import StoredTime
from telwerkd.application.upkeep.upkeep import Compaction, purge_old, settle_due
from telwerkd.application.watch.watches import Watches
from telwerkd.domain.errors import UnavailableError
from telwerkd.server.background import Background
from telwerkd.server.settings import Settings
from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.open_store import opened, prepare
from telwerkd.transport.codec.fields import FieldReader
from telwerkd.transport.endpoint.address import TcpAddress, parse
from telwerkd.transport.endpoint.binding import held
from telwerkd.transport.grpc.errors import ErrorInterceptor
from telwerkd.transport.grpc.gate import GateInterceptor
from telwerkd.transport.grpc.replies import Replies
from telwerkd.transport.grpc.requests import RequestInterceptor
from telwerkd.transport.security.access import check_exposure
from telwerkd.transport.security.auth import AuthInterceptor, Keyring
from telwerkd.transport.security.tls import StartupError, server_credentials
from telwerkd.transport.server import SERVICE_NAMES, make_server
from telwerkd.transport.services.admin import AdminService
from telwerkd.transport.services.answer_cache import AnswerCache
from telwerkd.transport.services.health import Health, HealthService
from telwerkd.transport.services.ingestion import IngestionService
from telwerkd.transport.services.kpi import KpiService
from telwerkd.transport.services.settings import SettingsService

log = logging.getLogger(__name__)

SETTLE_EVERY_SECONDS = 0.5
"""How often limits that fell due are looked for; the rules ask for two seconds at most."""

_LISTEN_EVERY_SECONDS = 5.0
"""How often a doubted clock is told what other servers have stored."""

_COMPACT_EVERY_SECONDS = 0.5
_FREE_NAMES_EVERY_SECONDS = 1.0
_PING_EVERY_SECONDS = 2.0
_PING_SECONDS = 15.0
"""What an answer may take, before the database counts as away."""
_PURGE_EVERY_SECONDS = 3_600.0
_STORE_SECONDS = 10.0
"""What storing the rest may take when the server stops; a database that has gone must not keep it for ever."""


POSTGRES_ID_BYTES_MAX = 512
"""An entry of an index has at most 2,704 bytes there, and the longest key has four ids."""


class NotStoredError(Exception):
    """The server stopped, and some of what was submitted may not be stored. None of that was acknowledged."""


class Running(NamedTuple):
    """A server that takes calls."""

    address: str
    """Host and the port it is bound to."""
    failed: asyncio.Event
    """Set when the server must end, because a part of it died."""


@asynccontextmanager
async def running(settings: Settings, *, is_worker: bool = False, clock: Clock | None = None) -> AsyncIterator[Running]:
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
            opened(settings.database, serving=True, writer_stall_seconds=settings.writer_stall_seconds) as store,
            _serving(settings, store, clock or Clock(), shares_port=is_worker) as server,
        ):
            served = True
            yield server
    except UnavailableError as error:
        if not served:
            raise
        raise NotStoredError(str(error)) from error


def check(settings: Settings) -> None:
    """Raises StartupError if a server must not run so."""
    if isinstance(settings.database, PostgresUrl) and settings.id_bytes_max > POSTGRES_ID_BYTES_MAX:
        raise StartupError(
            f"id_bytes_max is {settings.id_bytes_max}, "
            f"and the keys of PostgreSQL take ids of {POSTGRES_ID_BYTES_MAX} bytes at most"
        )
    check_exposure(
        settings.listen,
        tls=settings.tls_files is not None,
        auth=settings.keys_file is not None,
        allow_plaintext=settings.insecure_plaintext,
        allow_no_auth=settings.insecure_no_auth,
    )


@asynccontextmanager
async def _serving(settings: Settings, store: Store, clock: Clock, *, shares_port: bool) -> AsyncIterator[Running]:
    resumed = asyncio.Event()
    names = NameKeeper(store)
    ingest = Ingest(store, settings.ingest_limits, names.notice)
    limits = settings.event_limits
    fields = FieldReader(limits.id_bytes_max, limits.url_bytes_max)
    budget = MemoryBudget(settings.memory_bytes_max)
    draining = asyncio.Event()
    readers = Readers(store, settings.waiting_queries_per_account_max)
    queries = Queries(store, readers, settings.query_limits, RollupCache(settings.rollup_cache_bytes_max))
    watches = Watches(store, queries, budget, settings.watches_max, settings.watches_per_account_max)
    interceptors: list[grpc.aio.ServerInterceptor] = [
        GateInterceptor(settings.gate_limits),
        ErrorInterceptor(Replies(budget, settings.reply_stall_seconds)),
    ]
    if settings.keys_file is not None:
        interceptors.append(AuthInterceptor(Keyring(settings.keys_file)))
    interceptors.append(RequestInterceptor(settings.request_limits, limits, budget))
    health = Health(SERVICE_NAMES)
    server = make_server(
        IngestionService(ingest, clock, limits, fields, draining),
        KpiService(
            queries,
            watches,
            Explanations(store, readers, clock),
            clock,
            fields,
            AnswerCache(settings.answer_cache_bytes_max),
            settings.watch_stall_seconds,
            draining,
        ),
        SettingsService(AccountSettings(store, readers), clock, fields),
        AdminService(store, clock, fields, names),
        HealthService(health, settings.watch_limits),
        interceptors,
        settings.message_bytes_max,
        settings.connection_limits,
        shares_port=shares_port,
    )
    background = Background()
    with held(parse(settings.listen), shares_port=shares_port):
        port = _bind(server, settings)
        committing = background.start(ingest.run(), "group commit", returns=True)
        background.start(_settle(store, clock, resumed), "limits")
        background.start(_compact(store), "compaction")
        background.start(_free_names(names), "names")
        background.start(watches.run(), "watches")
        background.start(_watch_database(store, health), "readiness")
        if settings.retention_days is not None:
            background.start(_purge(store, clock, resumed, settings.retention_days), "retention")
        try:
            await server.start()
            health.live()
            health.ready(serving=True)
            yield Running(_address(settings.listen, port), background.failed)
        finally:
            health.drain()
            draining.set()
            await server.stop(settings.grace_seconds)
            try:
                await _store_rest(ingest, committing)
            finally:
                await background.end()


async def _store_rest(ingest: Ingest, committing: "asyncio.Task[None]") -> None:
    """Returns when what was submitted is stored. Raises NotStoredError."""
    ingest.close()
    _, late = await asyncio.wait({committing}, timeout=_STORE_SECONDS)
    if late:
        raise NotStoredError(
            f"{ingest.unstored_events} events were not stored within {_STORE_SECONDS:g} s of the grace's end; whether "
            "they will be is unknown, and none of them was acknowledged"
        )


def _address(listen: str, port: int) -> str:
    address = parse(listen)
    return str(replace(address, port=port)) if isinstance(address, TcpAddress) else listen


def _bind(server: grpc.aio.Server, settings: Settings) -> int:
    tls = settings.tls_files
    try:
        if tls is None:
            return server.add_insecure_port(settings.listen)
        return server.add_secure_port(settings.listen, server_credentials(tls))
    except RuntimeError:
        raise StartupError(
            f"cannot listen on {settings.listen}: it is no address of this machine, or another program listens there"
        ) from None


async def _settle(store: Store, clock: Clock, resumed: asyncio.Event) -> None:
    """Notices limits that pass, also those that passed while no server ran, once the clock is held against the past."""
    stored, listens_at = StoredTime(store, clock), monotonic()
    while True:
        with carrying_on("limits"):
            if not resumed.is_set():
                await stored.resume()
                resumed.set()
            if clock.is_doubted and monotonic() >= listens_at:
                listens_at = monotonic() + _LISTEN_EVERY_SECONDS
                await stored.listen()
            while await settle_due(store, clock.trusted()):
                pass
        await asyncio.sleep(SETTLE_EVERY_SECONDS)


async def _compact(store: Store) -> None:
    """Packs what was counted into chunks."""
    compaction = Compaction(store)
    while True:
        with carrying_on("compaction"):
            while await compaction.run_once():
                pass
        await asyncio.sleep(_COMPACT_EVERY_SECONDS)


async def _free_names(names: NameKeeper) -> None:
    """Frees the names that nothing uses any more, of accounts that need it."""
    while True:
        with carrying_on("names"):
            await names.run_once()
        await asyncio.sleep(_FREE_NAMES_EVERY_SECONDS)


async def _purge(store: Store, clock: Clock, resumed: asyncio.Event, retention_days: int) -> None:
    """Purges what is older than the retention."""
    await resumed.wait()
    while True:
        with carrying_on("retention"):
            await purge_old(store, clock.deletable(), retention_days)
        await asyncio.sleep(_PURGE_EVERY_SECONDS)


async def _watch_database(store: Store, health: Health) -> None:
    """Readiness follows whether a write could be committed; liveness does not. The log tells of changes."""
    was_ready = True
    while True:
        await asyncio.sleep(_PING_EVERY_SECONDS)
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await store.ping()
        except Exception as error:  # noqa: BLE001  # whatever it is, the services cannot do their work
            if was_ready:
                log.warning("not ready: %s", error or f"the database did not answer within {_PING_SECONDS:.0f} s")
            was_ready = False
        else:
            if not was_ready:
                log.warning("ready again")
            was_ready = True
        health.ready(serving=was_ready)
