"""Listening sockets."""

import errno
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from telwerkd.transport.endpoint.address import Address, TcpAddress
from telwerkd.transport.endpoint.binding import cannot_listen, held, resolved
from telwerkd.transport.security.tls import StartupError

_BACKLOG: Final = 1_024
"""Connections that wait to be accepted."""


@contextmanager
def bound(address: Address, *, shares_port: bool = False) -> Iterator[tuple[Address, Sequence[socket.socket]]]:
    """Binds sockets on all addresses of a host for the block; yields the address with its port, and the sockets.

    Raises:
        StartupError: no address can be bound, or another program listens on one; the text says why.
    """
    with ExitStack() as stack:
        # It binds for a moment, so that two servers on one port are told from two addresses of one name.
        stack.enter_context(held(address, shares_port=shares_port))
        if isinstance(address, TcpAddress):
            sockets = _of_host(address, shares_port=shares_port)
            address = replace(address, port=sockets[0].getsockname()[1])
        else:
            sockets = [_bound(address, socket.AF_UNIX, address.for_socket, shares_port=False)]
            if not address.is_abstract:
                stack.callback(partial(Path(address.path).unlink, missing_ok=True))
        for one in sockets:
            stack.callback(one.close)
        yield address, sockets


def _of_host(address: TcpAddress, *, shares_port: bool) -> list[socket.socket]:
    """Returns sockets on all addresses of a host's name, on one port; addresses that the machine lacks are left out."""
    sockets: list[socket.socket] = []
    failure: StartupError | None = None
    for family, socket_address in resolved(address):
        port = sockets[0].getsockname()[1] if sockets else socket_address[1]
        try:
            sockets.append(
                _bound(address, family, (socket_address[0], port, *socket_address[2:]), shares_port=shares_port)
            )
        except StartupError as error:
            failure = error
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
                break
    else:
        if sockets:
            return sockets
    for one in sockets:
        one.close()
    raise failure or StartupError(f"cannot listen on {address}: no address is known for {address.host}")


def _bound(
    address: Address, family: int, socket_address: tuple[object, ...] | str, *, shares_port: bool
) -> socket.socket:
    # By this protocol asyncio knows a socket whose small packets must not wait for others (Nagle): that takes 40 ms.
    one = socket.socket(family, socket.SOCK_STREAM, 0 if family == socket.AF_UNIX else socket.IPPROTO_TCP)
    try:
        if family != socket.AF_UNIX:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # as gRPC does
        if shares_port:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.settimeout(0)
        one.bind(socket_address)
        # At once: until it listens, another program could bind it as well.
        one.listen(_BACKLOG)
    except OSError as error:
        one.close()
        raise cannot_listen(address, error) from error
    return one
