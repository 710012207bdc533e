"""The gRPC server: services, health, reflection and the channel's limits."""

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import grpc.aio
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from telwerk.v1 import (
    admin_service_pb2,
    admin_service_pb2_grpc,
    ingestion_service_pb2,
    ingestion_service_pb2_grpc,
    kpi_service_pb2,
    kpi_service_pb2_grpc,
    settings_service_pb2,
    settings_service_pb2_grpc,
)
from telwerkd.transport import reflection
from telwerkd.transport.kpi_service import KpiService
from telwerkd.transport.services import AdminService, IngestionService, SettingsService

LIVENESS, READINESS = "liveness", "readiness"
"""Names for probes beside the services' own: the process lives; it can do its work."""

SERVICE_NAMES = tuple(
    descriptor.services_by_name[name].full_name
    for descriptor, name in (
        (ingestion_service_pb2.DESCRIPTOR, "IngestionService"),
        (kpi_service_pb2.DESCRIPTOR, "KpiService"),
        (settings_service_pb2.DESCRIPTOR, "SettingsService"),
        (admin_service_pb2.DESCRIPTOR, "AdminService"),
    )
)

# A bound on streams that are opened and reset without end. Far above what a busy client has at once: the streams of
# calls that were answered together still count while their callers' next ones arrive, and with a bound of 100 a client
# with 64 callers was refused some (RST_STREAM, REFUSED_STREAM).
_CONCURRENT_STREAMS_MAX = 1_000
_REPLY_BYTES_MAX = 64 * 2**20
_KEEPALIVE_MS = 30_000
_LAST_WORD_SECONDS = 0.2


def make_server(
    ingestion: IngestionService,
    kpi: KpiService,
    settings: SettingsService,
    admin: AdminService,
    interceptors: Sequence[grpc.aio.ServerInterceptor],
    message_bytes_max: int,
    *,
    shares_port: bool = False,
) -> tuple[grpc.aio.Server, "Health"]:
    """A server with everything registered, not yet bound to a port. Workers share one: each takes some connections."""
    server = grpc.aio.server(
        interceptors=interceptors,
        options=[
            ("grpc.so_reuseport", int(shares_port)),
            ("grpc.max_concurrent_streams", _CONCURRENT_STREAMS_MAX),
            ("grpc.max_receive_message_length", message_bytes_max),
            ("grpc.max_send_message_length", _REPLY_BYTES_MAX),
            ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", _KEEPALIVE_MS // 3),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
    )
    ingestion_service_pb2_grpc.add_IngestionServiceServicer_to_server(ingestion, server)
    kpi_service_pb2_grpc.add_KpiServiceServicer_to_server(kpi, server)
    settings_service_pb2_grpc.add_SettingsServiceServicer_to_server(settings, server)
    admin_service_pb2_grpc.add_AdminServiceServicer_to_server(admin, server)
    servicer = _HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(servicer, server)
    reflection.enable(server, (*SERVICE_NAMES, health.SERVICE_NAME))
    return server, Health(servicer)


class _HealthServicer(health.aio.HealthServicer):  # type: ignore[misc]  # it ships no types
    """The library's, but watches end when the server drains: they would hold up its stop for the whole grace."""

    def __init__(self) -> None:
        super().__init__()
        self.draining = asyncio.Event()

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: Any) -> None:  # noqa: N802
        """Tells of changes until the server drains, and of that last."""
        watching = asyncio.create_task(super().Watch(request, context))
        draining = asyncio.create_task(self.draining.wait())
        try:
            await asyncio.wait({watching, draining}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({watching}, timeout=_LAST_WORD_SECONDS)
        finally:
            watching.cancel()
            draining.cancel()


class Health:
    """What the probes are told. Call `ready` before the server starts: until then the library says SERVING."""

    def __init__(self, servicer: _HealthServicer) -> None:
        self._servicer = servicer

    async def live(self) -> None:
        """The process lives."""
        await self._servicer.set(LIVENESS, health_pb2.HealthCheckResponse.SERVING)

    async def ready(self, *, serving: bool) -> None:
        """The services can do their work, or cannot: the database does not answer, or the server is starting."""
        response = health_pb2.HealthCheckResponse
        for name in ("", READINESS, *SERVICE_NAMES):
            await self._servicer.set(name, response.SERVING if serving else response.NOT_SERVING)

    async def draining(self) -> None:
        """For good: no new work may come."""
        await self._servicer.enter_graceful_shutdown()
        self._servicer.draining.set()
