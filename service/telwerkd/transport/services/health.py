"""The standard health service (`grpc.health.v1.Health`), for probes and load balancers.

Written here, not taken from `grpcio-health-checking`, whose messages and stubs it uses: there one watcher that does
not read blocks the state for all others and for the shutdown, because a reply is written while a lock is held. Here a
change is noted for each watcher and waits for none of them; a watcher that reads nothing is cut off.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import grpc
import grpc.aio
import msgspec
from grpc_health.v1 import health_pb2, health_pb2_grpc

from telwerkd.domain.errors import QuotaExceededError, Reason, UnavailableError
from telwerkd.transport.grpc.peers import host_of
from telwerkd.transport.services.stalling import write_within

LIVENESS, READINESS = "liveness", "readiness"
"""Names for probes beside the services' own: the process lives; it can do its work."""

SERVICE_NAME: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN

_LAST_REPLY_SECONDS = 0.2
"""How long a watcher may take to read that the server drains."""
_RETRY_SECONDS = 5.0

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_Status: TypeAlias = int


class Health:
    """The statuses of all services, and their watchers. All start as NOT_SERVING."""

    def __init__(self, service_names: Sequence[str]) -> None:
        self._services = ("", READINESS, *service_names)
        self.statuses: dict[str, _Status] = dict.fromkeys((LIVENESS, *self._services), _NOT_SERVING)
        self.is_draining = False
        self._watchers = set[Watcher]()

    def live(self) -> None:
        """Sets the liveness service to SERVING."""
        self._set([LIVENESS], _SERVING)

    def ready(self, *, serving: bool) -> None:
        """Sets the services to SERVING or, while the database does not answer, to NOT_SERVING."""
        self._set(self._services, _SERVING if serving else _NOT_SERVING)

    def drain(self) -> None:
        """Sets all services to NOT_SERVING, for good, and ends the watches."""
        self._set(list(self.statuses), _NOT_SERVING)
        self.is_draining = True
        for watcher in self._watchers:
            watcher.changed.set()

    @property
    def not_ready_because(self) -> str | None:
        """Returns why the services are not ready, in words for people; None while they are."""
        if self.is_draining:
            return "the server is stopping"
        return None if self.statuses[READINESS] == _SERVING else "the database does not answer"

    @contextmanager
    def watching(self, service: str) -> Iterator["Watcher"]:
        """Registers a watcher of a service for the block; of an unknown service too, with status SERVICE_UNKNOWN."""
        watcher = Watcher(service, self.statuses.get(service, _SERVICE_UNKNOWN), asyncio.Event())
        watcher.changed.set()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

    def _set(self, names: Sequence[str], status: _Status) -> None:
        if self.is_draining:
            return
        self.statuses.update(dict.fromkeys(names, status))
        for watcher in self._watchers:
            if watcher.service in names and watcher.status != status:
                watcher.status = status
                watcher.changed.set()


@dataclass(eq=False)
class Watcher:
    """One open `Watch`. It has the latest status only: a slow reader skips earlier ones."""

    service: str
    status: _Status
    changed: asyncio.Event


class WatchLimits(msgspec.Struct, frozen=True):
    """How many may watch, and how long one may go unread; the names are those of the settings."""

    health_watches_max: int
    health_watches_per_peer_max: int
    watch_stall_seconds: float


class HealthService(health_pb2_grpc.HealthServicer):  # type: ignore[misc]  # it ships no types
    """`grpc.health.v1.Health`."""

    def __init__(self, health: Health, limits: WatchLimits) -> None:
        self._health = health
        self._limits = limits
        self._by_host = Counter[str]()

    async def Check(self, request: health_pb2.HealthCheckRequest, context: _Context) -> health_pb2.HealthCheckResponse:
        """Returns the status of a service; NOT_FOUND for an unknown one, as the protocol has it."""
        status = self._health.statuses.get(request.service)
        if status is None:
            # Not an abort, whose error would keep the call: whoever probes a wrong name does so for ever.
            context.set_code(grpc.StatusCode.NOT_FOUND)
            context.set_details("the health of no such service is known")
        return health_pb2.HealthCheckResponse(status=status)

    async def List(
        self,
        request: health_pb2.HealthListRequest,
        context: _Context,
    ) -> health_pb2.HealthListResponse:
        """Returns the status of every service."""
        of = health_pb2.HealthCheckResponse
        return health_pb2.HealthListResponse(
            statuses={name: of(status=status) for name, status in self._health.statuses.items()}
        )

    async def Watch(self, request: health_pb2.HealthCheckRequest, context: _Context) -> None:
        """Streams the status, now and after each change, until the server drains; that status is the last."""
        with self._counted(host_of(context.peer())), self._health.watching(request.service) as watcher:
            sent: _Status | None = None
            # Also one that was told something else in the very moment in which the server began to drain.
            while not (self._health.is_draining and watcher.status == sent):
                await watcher.changed.wait()
                watcher.changed.clear()
                if watcher.status == sent:
                    continue
                sent = watcher.status
                seconds = _LAST_REPLY_SECONDS if self._health.is_draining else self._limits.watch_stall_seconds
                await write_within(context, health_pb2.HealthCheckResponse(status=sent), seconds)

    @contextmanager
    def _counted(self, host: str) -> Iterator[None]:
        limits = self._limits
        if self._by_host[host] >= limits.health_watches_per_peer_max:
            raise QuotaExceededError(
                "health_watches_per_peer_max",
                f"{limits.health_watches_per_peer_max} watches of health are open from this address "
                "(health_watches_per_peer_max)",
                _RETRY_SECONDS,
            )
        if self._health.watchers >= limits.health_watches_max:
            raise UnavailableError(
                Reason.OVERLOADED,
                f"{limits.health_watches_max} watches of health are open (health_watches_max)",
                _RETRY_SECONDS,
            )
        self._by_host[host] += 1
        try:
            yield
        finally:
            self._by_host[host] -= 1
            if not self._by_host[host]:
                del self._by_host[host]
