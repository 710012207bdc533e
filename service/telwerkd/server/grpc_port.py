"""The gRPC port: binding, and its address."""

from dataclasses import replace

import grpc.aio

from telwerkd.server.settings.settings import Settings
from telwerkd.transport.endpoint.address import Address, TcpAddress, parse
from telwerkd.transport.security.tls import StartupError, server_credentials


def address_of(listen: str, port: int) -> str:
    """Returns the listening address, with the actual port in place of 0."""
    address = parse(listen)
    return str(replace(address, port=port)) if isinstance(address, TcpAddress) else listen


def host_and_port(address: Address, port: int | None = None) -> tuple[str, int | None]:
    """Returns host and port (by default the address's own); for a Unix socket its path and None."""
    return (address.host, port or address.port) if isinstance(address, TcpAddress) else (address.path, None)


def bind(server: grpc.aio.Server, settings: Settings) -> int:
    """Binds a server to its address, and returns the port.

    Raises:
        StartupError: the address cannot be listened on, or the certificates cannot be used.
    """
    tls = settings.tls_files
    try:
        if tls is None:
            return server.add_insecure_port(settings.listen)
        return server.add_secure_port(settings.listen, server_credentials(tls))
    except RuntimeError:
        raise StartupError(
            f"cannot listen on {settings.listen}: it is no address of this machine, or another program listens there"
        ) from None
