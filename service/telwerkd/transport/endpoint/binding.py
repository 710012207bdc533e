"""Checks an address before gRPC binds it: errors are plain sentences, and no other server's socket is replaced."""

import errno
import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

from telwerkd.transport.endpoint.address import Address, TcpAddress, UnixAddress
from telwerkd.transport.security.tls import StartupError

_CONNECT_SECONDS = 3.0
_PRIVILEGED = "a port below 1024 needs a right of its own (CAP_NET_BIND_SERVICE)"
_SENTENCES = {
    errno.EADDRINUSE: "another program listens there",
    errno.EADDRNOTAVAIL: "it is no address of this machine",
    errno.EAFNOSUPPORT: "this machine does not have that kind of network",
}


@contextmanager
def held(address: Address, *, shares_port: bool = False) -> Iterator[None]:
    """Checks that a server can listen on `address`; locks a Unix socket's path for the block.

    Raises:
        StartupError: the address cannot be used; the text says why.
    """
    if isinstance(address, TcpAddress):
        if not shares_port:
            _check_tcp(address)
        yield
    elif address.is_abstract:
        _check_bind(address, socket.AF_UNIX, address.for_socket)
        yield
    else:
        with _lock(address):
            _clear(address)
            yield


def _check_tcp(address: TcpAddress) -> None:
    """Binds a host's addresses for a moment. A name may have several, of which gRPC binds those that it can."""
    failures = []
    found = resolved(address)
    for family, socket_address in found:
        try:
            _check_bind(address, family, socket_address)
        except StartupError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
                raise
            failures.append(error)
    if len(failures) == len(found):
        raise failures[0]


class SocketAddress(NamedTuple):
    """One of the addresses of a host's name, as the socket functions expect it."""

    family: int
    address: tuple[Any, ...]


def resolved(address: TcpAddress) -> list[SocketAddress]:
    """Returns the addresses of a host's name. Raises StartupError."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartupError(
            f"cannot listen on {address}: no address is known for {address.host} ({error.strerror})"
        ) from error
    return [SocketAddress(family, socket_address) for family, _, _, _, socket_address in found]


def _check_bind(address: Address, family: int, socket_address: tuple[Any, ...] | str) -> None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            if family != socket.AF_UNIX:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # as gRPC does
            trial.bind(socket_address)
    except OSError as error:
        raise cannot_listen(address, error) from error


def cannot_listen(address: Address, error: OSError) -> StartupError:
    """Returns the error for a failure of the operating system to bind, in a plain sentence."""
    if error.errno == errno.EACCES and isinstance(address, TcpAddress):
        why = _PRIVILEGED
    else:
        why = _SENTENCES.get(error.errno or 0, error.strerror or str(error))
    return StartupError(f"cannot listen on {address}: {why}")


@contextmanager
def _lock(address: UnixAddress) -> Iterator[None]:
    """Locks a Unix socket's path for the block, so that of two servers that start at once only one binds it.

    The lock file is not deleted: that could delete the one that another server has just locked.
    """
    try:
        file = os.open(f"{address.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise cannot_listen(address, error) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartupError(f"cannot listen on {address}: another server listens there") from error
        yield
    finally:
        os.close(file)


def _clear(address: UnixAddress) -> None:
    """Removes the socket that a server left that was killed; anything else is left alone."""
    path = Path(address.path)
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise StartupError(f"cannot listen on {address}: a file is there that is no socket")
    except FileNotFoundError:
        _check_bind(address, socket.AF_UNIX, address.for_socket)
        path.unlink(missing_ok=True)
        return
    except OSError as error:
        raise cannot_listen(address, error) from error
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        trial.settimeout(_CONNECT_SECONDS)
        try:
            trial.connect(address.for_socket)
        except ConnectionRefusedError:
            with suppress(FileNotFoundError):
                path.unlink()
            return
        except OSError as error:
            raise cannot_listen(address, error) from error
    raise StartupError(f"cannot listen on {address}: another program listens there")
