"""Holding an address before gRPC binds it: what is wrong is said in a sentence, and no socket of another is taken."""

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
    """Makes sure that `address` can be listened on; a Unix socket's path is this server's alone until the end.

    Raises:
        StartupError: it cannot; the text says why.
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
    """Binds for a moment. A name may stand for several addresses, of which gRPC takes what it can."""
    failures = []
    places = resolved(address)
    for family, place in places:
        try:
            _check_bind(address, family, place)
        except StartupError as error:
            if isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.EADDRINUSE:
                raise
            failures.append(error)
    if len(failures) == len(places):
        raise failures[0]


class Place(NamedTuple):
    """One of the addresses that the name of a host stands for, as the system has it."""

    family: int
    address: tuple[Any, ...]


def resolved(address: TcpAddress) -> list[Place]:
    """What the name of a host stands for. Raises StartupError."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise StartupError(
            f"cannot listen on {address}: no address is known for {address.host} ({error.strerror})"
        ) from error
    return [Place(family, place) for family, _, _, _, place in found]


def _check_bind(address: Address, family: int, place: tuple[Any, ...] | str) -> None:
    try:
        with socket.socket(family, socket.SOCK_STREAM) as trial:
            if family != socket.AF_UNIX:
                trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)  # as gRPC does
            trial.bind(place)
    except OSError as error:
        raise cannot_listen(address, error) from error


def cannot_listen(address: Address, error: OSError) -> StartupError:
    """The sentence for an error of the system."""
    if error.errno == errno.EACCES and isinstance(address, TcpAddress):
        why = _PRIVILEGED
    else:
        why = _SENTENCES.get(error.errno or 0, error.strerror or str(error))
    return StartupError(f"cannot listen on {address}: {why}")


@contextmanager
def _lock(address: UnixAddress) -> Iterator[None]:
    """Two servers that start at once cannot both find nobody listening.

    The file stays: whoever deleted it could delete the one that another has just locked.
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
