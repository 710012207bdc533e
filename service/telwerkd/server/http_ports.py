"""The HTTP ports: binding, contents, and start and stop together with the server."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import Final

import grpc.aio

from telwerkd.application.sharing.memory_budget import MemoryBudget
from telwerkd.server.settings.port_addresses import http_address
from telwerkd.server.settings.settings import Settings
from telwerkd.transport.endpoint.address import Address, TcpAddress, parse, reachable
from telwerkd.transport.endpoint.sockets import bound
from telwerkd.transport.http.app import App, Site, probes_alone
from telwerkd.transport.http.calls import BodyLimits, ConnectCalls
from telwerkd.transport.http.json_requests import JsonRequests
from telwerkd.transport.http.methods import Methods
from telwerkd.transport.http.origins import Origins
from telwerkd.transport.http.page import BUILT, NOT_BUILT, Page, PageError, is_built
from telwerkd.transport.http.probes import Exposition, Probes
from telwerkd.transport.http.server import HttpServer
from telwerkd.transport.security.grants import Credentials
from telwerkd.transport.security.tls import StartupError, server_context
from telwerkd.transport.server import Services
from telwerkd.transport.services.health import Health

log = logging.getLogger(__name__)

HTTP_IS_OFF: Final = "HTTP is off: %s; give another port (http_listen), or an empty one if HTTP is not wanted"


@dataclass(frozen=True)
class BoundPort:
    """An address with its actual port, and the sockets bound to it."""

    address: Address
    sockets: Sequence[socket]


@dataclass(frozen=True)
class BoundPorts:
    """The ports of a server, as far as it has them."""

    http: BoundPort | None
    probes: BoundPort | None

    @property
    def http_address(self) -> str | None:
        """The address for calls; None without one."""
        return None if self.http is None else str(self.http.address)

    @property
    def probe_address(self) -> str | None:
        """The address of the probes' own port; None without one."""
        return None if self.probes is None else str(self.probes.address)


@contextmanager
def bound_ports(settings: Settings, *, shares_port: bool) -> Iterator[BoundPorts]:
    """The ports of HTTP, bound. The default port is done without if it is taken, for nobody asked for it.

    Raises:
        StartupError: one that was asked for cannot be bound.
    """
    with ExitStack() as stack:
        http = probes = None
        if settings.http_listen:
            try:
                address = http_address(settings)
                http = BoundPort(*stack.enter_context(bound(address, shares_port=shares_port)))
            except StartupError as error:
                if "http_listen" in settings.model_fields_set:
                    raise
                log.warning(HTTP_IS_OFF, error)
        if settings.probe_listen:
            probes = BoundPort(*stack.enter_context(bound(parse(settings.probe_listen), shares_port=shares_port)))
        yield BoundPorts(http, probes)


class HttpPorts:
    """The HTTP servers on the bound ports."""

    def __init__(
        self,
        settings: Settings,
        ports: BoundPorts,
        services: Services,
        interceptors: Sequence[grpc.aio.ServerInterceptor],
        health: Health,
        budget: MemoryBudget,
        credentials: Credentials | None,
        exposition: Exposition,
        page_folder: Path,
    ) -> None:
        self._site = self._probes = None
        self._calls: ConnectCalls | None = None
        self._ports = ports
        limits = settings.http_limits
        if ports.probes is not None:
            alone = App(probes_alone(Probes(health, exposition, None)))
            self._probes = HttpServer(alone, limits, None)
        if ports.http is None:
            return
        methods = Methods(interceptors)
        services.register(methods)
        self._calls = ConnectCalls(
            methods,
            JsonRequests(settings.event_limits, settings.request_bytes_max),
            BodyLimits(settings.message_bytes_max, settings.request_bytes_max),
            budget,
        )
        origins = Origins(ports.http.address, settings.http_hosts or (), settings.http_origins or ())
        probes = Probes(health, exposition, credentials) if ports.probes is None else None
        tls = None if settings.tls_files is None else server_context(settings.tls_files)
        site = Site(origins, self._calls, probes, _page(settings, page_folder))
        self._site = HttpServer(App(site.answer), limits, tls)

    async def start(self) -> None:
        """Listens."""
        for server, port in ((self._site, self._ports.http), (self._probes, self._ports.probes)):
            if server is not None and port is not None:
                await server.start(port.sockets)

    async def stop(self, grace_seconds: float) -> None:
        """Stops accepting calls, and ends open ones within the grace period."""
        if self._site is not None:
            await self._site.stop(grace_seconds)
        if self._calls is not None:
            self._calls.close()

    async def stop_probes(self) -> None:
        """Stops the probes' server, which answers until the server has stopped."""
        if self._probes is not None:
            await self._probes.stop(0)


def _page(settings: Settings, folder: Path) -> Page:
    """Returns the web page, or a text page if it is off or was not built. Raises StartupError."""
    if not settings.http_page:
        return Page.none(settings.reply_stall_seconds)
    try:
        return Page.read(folder, settings.reply_stall_seconds)
    except (PageError, OSError) as error:
        raise StartupError(f"{error}; http_page = false goes on without it") from None


def warn_of_no_page(settings: Settings) -> None:
    """Logs a warning if the web page is enabled but was not built."""
    if settings.http_listen and settings.http_page and not is_built(BUILT):
        log.warning("http: %s", NOT_BUILT)


def start_lines(settings: Settings, address: str, http_address: str | None, probe_address: str | None) -> str:
    """Returns the lines for standard output at the start, which show actual ports; that of gRPC first."""
    lines = [f"Telwerk listens on {address}"]
    lines += [] if http_address is None else [f"Telwerk serves HTTP on {http_address}"]
    lines += [] if probe_address is None else [f"Telwerk serves probes on {probe_address}"]
    url = None if http_address is None else _page_url(settings, parse(http_address))
    lines += [] if url is None else [f"Telwerk's page is at {url}"]
    return "\n".join(lines)


def _page_url(settings: Settings, http: Address) -> str | None:
    """Returns the web page's URL for a browser on this machine; None without a page on a TCP port."""
    if not settings.http_page or not is_built(BUILT) or not isinstance(http, TcpAddress):
        return None
    return f"{'http' if settings.tls_files is None else 'https'}://{reachable(http)}/"
