"""The composition root: everything that runs is made and ended here. Tests start this same root."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import NamedTuple

import grpc.aio

from telwerkd.application.account_settings import AccountSettings
from telwerkd.application.answering import Queries
from telwerkd.application.clock import Clock
from telwerkd.application.explain import Explanations
from telwerkd.application.ingest import Ingest
from telwerkd.application.memory_budget import MemoryBudget
from telwerkd.application.ports import Store
from telwerkd.application.readers import Readers
from telwerkd.application.rollup_cache import RollupCache
from telwerkd.application.upkeep import Compaction, purge_old, settle_due
from telwerkd.application.watching import Watches
from telwerkd.config import Settings
from telwerkd.domain.errors import UnavailableError
from telwerkd.storage.location import PostgresUrl
from telwerkd.storage.opening import opened, prepare
from telwerkd.transport.access import check_exposure
from telwerkd.transport.answer_cache import AnswerCache
from telwerkd.transport.auth import AuthInterceptor, Keyring
from telwerkd.transport.errors import ErrorInterceptor
from telwerkd.transport.kpi_service import KpiService
from telwerkd.transport.server import Health, make_server
from telwerkd.transport.services import AdminService, IngestionService, SettingsService
from telwerkd.transport.tls import StartupError, server_credentials

log = logging.getLogger(__name__)

SETTLE_EVERY_SECONDS = 0.5
"""How often limits that fell due are looked for; the rules ask for two seconds at most."""

_COMPACT_EVERY_SECONDS = 0.5
_PING_EVERY_SECONDS = 2.0
_PURGE_EVERY_SECONDS = 3_600.0
_STORE_SECONDS = 30.0
"""What storing the rest may take when the server stops; a database that has gone must not keep it for ever."""


POSTGRES_ID_BYTES_MAX = 512
"""An entry of an index has at most 2,704 bytes there, and the longest key has four ids."""


class Running(NamedTuple):
    """A server that takes calls."""

    address: str
    """Host and the port it is bound to."""


@asynccontextmanager
async def running(settings: Settings, *, is_worker: bool = False) -> AsyncIterator[Running]:
    """A server, from ready to stopped. Leaving it drains: running calls end, and what was submitted is stored.

    A worker shares its port with others, and leaves the schema to the process that started it.

    Raises:
        StartupError: it cannot run so; the text says what to do.
        SchemaError: the database is not one that this program can use.
    """
    check(settings)
    if not is_worker:
        await prepare(settings.database)
    async with (
        opened(settings.database, serving=True) as store,
        _serving(settings, store, shares_port=is_worker) as server,
    ):
        yield server


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
async def _serving(settings: Settings, store: Store, *, shares_port: bool) -> AsyncIterator[Running]:
    clock = Clock()
    ingest = Ingest(store, settings.ingest_limits)
    limits = settings.event_limits
    draining = asyncio.Event()
    readers = Readers(store, settings.waiting_queries_per_account_max)
    queries = Queries(store, readers, settings.query_limits, RollupCache(settings.rollup_cache_bytes_max))
    memory = MemoryBudget(settings.memory_bytes_max)
    watches = Watches(store, queries, memory, settings.watches_max, settings.watches_per_account_max)
    interceptors: list[grpc.aio.ServerInterceptor] = [ErrorInterceptor()]
    if settings.keys_file is not None:
        interceptors.append(AuthInterceptor(Keyring(settings.keys_file)))
    server, health = make_server(
        IngestionService(ingest, clock, limits, draining),
        KpiService(
            queries,
            watches,
            Explanations(readers, clock),
            clock,
            limits,
            AnswerCache(settings.answer_cache_bytes_max),
            settings.watch_stall_seconds,
            draining,
        ),
        SettingsService(AccountSettings(store, readers), clock, limits),
        AdminService(store, clock, limits),
        interceptors,
        settings.message_bytes_max,
        shares_port=shares_port,
    )
    port = _bind(server, settings)
    committing = asyncio.create_task(ingest.run(), name="group commit")
    watching = [
        asyncio.create_task(_settle(store, clock), name="limits"),
        asyncio.create_task(_compact(store), name="compaction"),
        asyncio.create_task(watches.run(), name="watches"),
        asyncio.create_task(_watch_database(store, health), name="readiness"),
    ]
    if settings.retention_days is not None:
        watching.append(asyncio.create_task(_purge(store, clock, settings.retention_days), name="retention"))
    try:
        await health.ready(serving=False)
        await server.start()
        await health.live()
        await health.ready(serving=True)
        yield Running(_address(settings.listen, port))
    finally:
        await health.draining()
        draining.set()
        await server.stop(settings.grace_seconds)
        ingest.close()
        _, late = await asyncio.wait({committing}, timeout=_STORE_SECONDS)
        if late:
            log.error("what was submitted was not stored within %.0f s; whether it will be is unknown", _STORE_SECONDS)
            committing.cancel()
        else:
            committing.result()
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)


def _address(listen: str, port: int) -> str:
    host, _, asked = listen.rpartition(":")
    return f"{host}:{port}" if asked.isdigit() else listen


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


async def _settle(store: Store, clock: Clock) -> None:
    """Notices limits that pass, also those that passed while no server ran."""
    while True:
        with _carrying_on("limits"):
            while await settle_due(store, clock.now()):
                pass
        await asyncio.sleep(SETTLE_EVERY_SECONDS)


async def _compact(store: Store) -> None:
    """Packs what was counted into chunks."""
    compaction = Compaction(store)
    while True:
        with _carrying_on("compaction"):
            while await compaction.run_once():
                pass
        await asyncio.sleep(_COMPACT_EVERY_SECONDS)


async def _purge(store: Store, clock: Clock, retention_days: int) -> None:
    """Purges what is older than the retention."""
    while True:
        with _carrying_on("retention"):
            await purge_old(store, clock.now(), retention_days)
        await asyncio.sleep(_PURGE_EVERY_SECONDS)


@contextmanager
def _carrying_on(what: str) -> Iterator[None]:
    """Upkeep that fails is tried again at its next turn; nothing is lost meanwhile."""
    try:
        yield
    except UnavailableError as error:
        log.warning("%s: %s", what, error)
    except Exception:
        log.exception("%s: a defect", what)


async def _watch_database(store: Store, health: Health) -> None:
    """Readiness follows the database; liveness does not."""
    while True:
        await asyncio.sleep(_PING_EVERY_SECONDS)
        try:
            await store.ping()
        except Exception as error:  # noqa: BLE001  # whatever it is, the services cannot do their work
            log.warning("not ready: %s", error)
            await health.ready(serving=False)
        else:
            await health.ready(serving=True)
