"""The composition root: everything that runs is made and ended here. Tests start this same root."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import grpc.aio

from telwerkd.application.account_settings import AccountSettings
from telwerkd.application.clock import Clock
from telwerkd.application.ingest import Ingest, settle_due
from telwerkd.application.ports import Store
from telwerkd.application.query import Queries
from telwerkd.config import Settings
from telwerkd.domain.errors import UnavailableError
from telwerkd.storage.schema import prepare
from telwerkd.storage.sqlite import SqliteStore
from telwerkd.transport.access import check_exposure
from telwerkd.transport.auth import AuthInterceptor, Keyring
from telwerkd.transport.errors import ErrorInterceptor
from telwerkd.transport.server import Health, make_server
from telwerkd.transport.services import IngestionService, KpiService, SettingsService
from telwerkd.transport.tls import StartupError, TlsFiles, server_credentials

log = logging.getLogger(__name__)

SETTLE_EVERY_SECONDS = 0.5
"""How often limits that fell due are looked for; the rules ask for two seconds at most."""

_PING_EVERY_SECONDS = 2.0


class Running(NamedTuple):
    """A server that takes calls."""

    address: str
    """Host and the port it is bound to."""


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    """A server, from ready to stopped. Leaving it drains: running calls end, and what was submitted is stored.

    Raises:
        StartupError: it cannot run so; the text says what to do.
        SchemaError: the database is not one that this program can use.
    """
    tls = settings.tls_cert is not None
    check_exposure(
        settings.listen,
        tls=tls,
        auth=settings.keys_file is not None,
        allow_plaintext=settings.insecure_plaintext,
        allow_no_auth=settings.insecure_no_auth,
    )
    prepare(settings.database)
    store = SqliteStore(settings.database)
    clock = Clock()
    ingest = Ingest(store, settings.ingest_limits)
    limits = settings.event_limits
    interceptors: list[grpc.aio.ServerInterceptor] = [ErrorInterceptor()]
    if settings.keys_file is not None:
        interceptors.append(AuthInterceptor(Keyring(settings.keys_file)))
    server, health = make_server(
        IngestionService(ingest, clock, limits),
        KpiService(Queries(store, clock, settings.query_limits), limits),
        SettingsService(AccountSettings(store), clock, limits),
        interceptors,
        settings.message_bytes_max,
    )
    port = _bind(server, settings)
    committing = asyncio.create_task(ingest.run(), name="group commit")
    watching = [
        asyncio.create_task(_settle(store, clock), name="limits"),
        asyncio.create_task(_watch_database(store, health), name="readiness"),
    ]
    try:
        await server.start()
        await health.live()
        await health.ready(serving=True)
        yield Running(f"{settings.listen.rpartition(':')[0]}:{port}")
    finally:
        await health.draining()
        await server.stop(settings.grace_seconds)
        ingest.close()
        await committing
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        store.close()


def _bind(server: grpc.aio.Server, settings: Settings) -> int:
    tls = _tls_files(settings)
    try:
        if tls is None:
            return server.add_insecure_port(settings.listen)
        return server.add_secure_port(settings.listen, server_credentials(tls))
    except RuntimeError:
        raise StartupError(
            f"cannot listen on {settings.listen}: it is no address of this machine, or another program listens there"
        ) from None


def _tls_files(settings: Settings) -> TlsFiles | None:
    if settings.tls_cert is None and settings.tls_key is None and settings.tls_client_ca is None:
        return None
    if settings.tls_cert is None or settings.tls_key is None:
        raise StartupError("TLS needs both --tls-cert and --tls-key")
    return TlsFiles(settings.tls_cert, settings.tls_key, settings.tls_client_ca)


async def _settle(store: Store, clock: Clock) -> None:
    """Notices limits that pass, also those that passed while no server ran."""
    while True:
        try:
            while await settle_due(store, clock.now()):
                pass
        except UnavailableError as error:
            log.warning("limits wait: %s", error)
        except Exception:
            log.exception("limits wait: a defect")
        await asyncio.sleep(SETTLE_EVERY_SECONDS)


async def _watch_database(store: Store, health: Health) -> None:
    """Readiness follows the database; liveness does not."""
    while True:
        await asyncio.sleep(_PING_EVERY_SECONDS)
        try:
            await store.ping()
        except UnavailableError:
            await health.ready(serving=False)
        else:
            await health.ready(serving=True)
