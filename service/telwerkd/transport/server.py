"""The gRPC server: services, health, reflection and limits of connections."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import grpc
import grpc.aio
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

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
from telwerkd.transport.grpc import inflating
from telwerkd.transport.services import health, reflection
from telwerkd.transport.services.admin import AdminService
from telwerkd.transport.services.health import HealthService
from telwerkd.transport.services.ingestion import IngestionService
from telwerkd.transport.services.kpi import KpiService
from telwerkd.transport.services.settings import SettingsService

_OWN = (ingestion_service_pb2, kpi_service_pb2, settings_service_pb2, admin_service_pb2)
_STANDARD = (health_pb2, reflection_pb2)

SERVICES: Final[Sequence[ServiceDescriptor]] = tuple(
    service for module in (*_OWN, *_STANDARD) for service in module.DESCRIPTOR.services_by_name.values()
)
"""All that the server has, health and reflection included."""

SERVICE_NAMES = tuple(name.full_name for module in _OWN for name in module.DESCRIPTOR.services_by_name.values())

# A bound on streams that are opened and reset without end. Far above what a busy client has at once: the streams of
# calls that were answered together still count while their callers' next ones arrive, and with a bound of 100 a client
# with 64 callers was refused some (RST_STREAM, REFUSED_STREAM).
_CONCURRENT_STREAMS_MAX = 1_000
# Calls of one method that have come and that the gate has not seen yet. By default gRPC refuses some by chance beyond
# 1,000, and all beyond 3,000, whoever they are of: as CANCELLED, without a word, where the gate would serve them or
# name a bound.
_UNSEEN_CALLS_MAX = 5_000
_REPLY_BYTES_MAX = 64 * 2**20
_KEEPALIVE_MS = 30_000
_INT32_MAX = 2**31 - 1


@dataclass(frozen=True)
class ConnectionLimits:
    """How many connections there may be, and for how long."""

    connections_max: int
    handshake_seconds: float
    idle_seconds: float
    age_seconds: float
    """Then it is asked to end. gRPC's core varies it by a tenth, so that not all clients come anew at once."""
    grace_seconds: float
    """After so long again it is cut."""

    def options(self) -> list[tuple[str, int]]:
        """Returns the limits as options of gRPC's core."""
        return [
            ("grpc.max_allowed_incoming_connections", self.connections_max),
            ("grpc.server_handshake_timeout_ms", _milliseconds(self.handshake_seconds)),
            ("grpc.max_connection_idle_ms", _milliseconds(self.idle_seconds)),
            ("grpc.max_connection_age_ms", _milliseconds(self.age_seconds)),
            ("grpc.max_connection_age_grace_ms", _milliseconds(self.grace_seconds)),
        ]


def _milliseconds(seconds: float) -> int:
    return max(1, min(int(seconds * 1_000), _INT32_MAX))


class Services(NamedTuple):
    """The services of the contract."""

    ingestion: IngestionService
    kpi: KpiService
    settings: SettingsService
    admin: AdminService

    def register(self, server: Any) -> None:
        """Registers the services with a `grpc.aio.Server`, or an object with the same interface."""
        ingestion_service_pb2_grpc.add_IngestionServiceServicer_to_server(self.ingestion, server)
        kpi_service_pb2_grpc.add_KpiServiceServicer_to_server(self.kpi, server)
        settings_service_pb2_grpc.add_SettingsServiceServicer_to_server(self.settings, server)
        admin_service_pb2_grpc.add_AdminServiceServicer_to_server(self.admin, server)


def make_server(
    services: Services,
    health_service: HealthService,
    interceptors: Sequence[grpc.aio.ServerInterceptor],
    message_bytes_max: int,
    connections: ConnectionLimits,
    *,
    shares_port: bool = False,
) -> grpc.aio.Server:
    """Returns a server with everything registered, not yet bound to a port. Workers share one port."""
    server = grpc.aio.server(
        interceptors=interceptors,
        options=[
            ("grpc.so_reuseport", int(shares_port)),
            ("grpc.max_concurrent_streams", _CONCURRENT_STREAMS_MAX),
            ("grpc.server.max_pending_requests", _UNSEEN_CALLS_MAX),
            ("grpc.server.max_pending_requests_hard_limit", _UNSEEN_CALLS_MAX),
            ("grpc.max_receive_message_length", message_bytes_max),
            inflating.OPTION,
            ("grpc.max_send_message_length", _REPLY_BYTES_MAX),
            ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", _KEEPALIVE_MS // 3),
            ("grpc.keepalive_permit_without_calls", 1),
            *connections.options(),
        ],
    )
    services.register(server)
    health_pb2_grpc.add_HealthServicer_to_server(health_service, server)
    reflection.enable(server, (*SERVICE_NAMES, health.SERVICE_NAME))
    return server
