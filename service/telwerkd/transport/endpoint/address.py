"""Addresses to listen on, and to ask: `host:port`, `[v6]:port`, `unix:path`, `unix-abstract:name`, and nothing else.

gRPC itself accepts invalid ports: 99999 becomes 34463, -1 becomes 65535, and a missing one 443.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, TypeAlias

DEFAULT_LISTEN: Final = "127.0.0.1:50051"
DEFAULT_HTTP_LISTEN: Final = "127.0.0.1:50080"

_FORMS = "give host:port, [IPv6]:port, unix:path or unix-abstract:name"
_PORT_MAX = 65_535
_PORT_DIGITS_MAX = 5
_UNIX_BYTES_MAX = 107
"""What fits into `sockaddr_un`, with the zero byte before or after it."""
_HOST_NAME = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?:\.(?!-)[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104  # compared, not bound
# gRPC reads a Unix address as a URI: these would not stand for themselves.
_URI_CHARACTERS = frozenset("%?#\0")


class AddressError(ValueError):
    """A text is no address; the error's text says why."""


@dataclass(frozen=True)
class TcpAddress:
    """A host, by name or by number and without brackets, and a port; port 0 takes a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_wildcard(self) -> bool:
        """Whether the address stands for every address of the machine."""
        return self.host in _WILDCARDS


@dataclass(frozen=True)
class UnixAddress:
    """A Unix socket by its path, or an abstract one by its name (Linux)."""

    path: str
    is_abstract: bool = False

    def __str__(self) -> str:
        return f"unix-abstract:{self.path}" if self.is_abstract else f"unix:{self.path}"

    @property
    def for_socket(self) -> str:
        """Returns the address as Python's `socket` expects it."""
        return f"\0{self.path}" if self.is_abstract else self.path


Address: TypeAlias = TcpAddress | UnixAddress


def parse(text: str) -> Address:
    """Returns the address of a text.

    Raises:
        AddressError: the text is no address.
    """
    for scheme, is_abstract in (("unix:", False), ("unix-abstract:", True)):
        if text.startswith(scheme):
            return _unix(text, text.removeprefix(scheme), is_abstract=is_abstract)
    host, colon, port = text.rpartition(":")
    if not colon or host.startswith("[") != host.endswith("]"):
        raise AddressError(f"{text!r} has no port: {_FORMS}")
    if not (port.isascii() and port.isdigit() and len(port) <= _PORT_DIGITS_MAX and int(port) <= _PORT_MAX):
        raise AddressError(f"{text!r}: a port is a number from 0 to {_PORT_MAX}, and {port!r} is none")
    return TcpAddress(_host(text, host), int(port))


def _host(text: str, host: str) -> str:
    if host.startswith("["):
        try:
            ipaddress.IPv6Address(host[1:-1])
        except ValueError:
            raise AddressError(f"{text!r}: {host} is no IPv6 address") from None
        return host[1:-1]
    if ":" in host:
        raise AddressError(f"{text!r}: an IPv6 address stands in brackets; {_FORMS}")
    if not host:
        raise AddressError(f"{text!r} names no host: 127.0.0.1 is this machine alone, 0.0.0.0 and [::] all networks")
    # A name that ends in a number is none: the system reads it as an IPv4 address, in forms that nobody expects.
    if host.rstrip(".").rpartition(".")[2].isdigit():
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise AddressError(f"{text!r}: {host} is no IPv4 address") from None
    elif not _HOST_NAME.fullmatch(host):
        raise AddressError(f"{text!r}: {host!r} is no name of a host; {_FORMS}")
    return host


def _unix(text: str, path: str, *, is_abstract: bool) -> UnixAddress:
    if not is_abstract and path.startswith("//"):
        if not path.startswith("///"):
            raise AddressError(f"{text!r}: with slashes, a path is absolute: unix:///path")
        path = path[2:]
    if not path:
        raise AddressError(f"{text!r} names no socket: {_FORMS}")
    if _URI_CHARACTERS & set(path):
        raise AddressError(f"{text!r}: the name of a socket must not have the characters % ? #")
    if len(path.encode(errors="surrogateescape")) > _UNIX_BYTES_MAX:
        raise AddressError(f"{text!r}: the name of a socket has at most {_UNIX_BYTES_MAX} bytes")
    return UnixAddress(path, is_abstract)


def normal(text: str) -> str:
    """Returns a text's address in canonical form. Raises AddressError."""
    return str(parse(text))


def normal_or_none(text: str) -> str:
    """Returns a text's address in canonical form; an empty text, for no port, unchanged. Raises AddressError."""
    return normal(text) if text else ""


def collide(one: Address, other: Address) -> bool:
    """Whether a server cannot listen on both. Two names of one host are not known as such."""
    if not isinstance(one, TcpAddress) or not isinstance(other, TcpAddress):
        return one == other
    if one.port != other.port or one.port == 0:
        return False
    hosts = one.host.lower().rstrip("."), other.host.lower().rstrip(".")
    if hosts[0] == hosts[1] or "::" in hosts:  # which is a wildcard of IPv4 too
        return True
    if one.is_wildcard or other.is_wildcard:
        return not any(":" in host for host in hosts)
    return "localhost" in hosts and bool({"127.0.0.1", "::1"} & set(hosts))


def reachable(address: Address) -> Address:
    """Returns the address under which this machine reaches a server that listens on `address`.

    Raises:
        AddressError: the port is 0, so that only the server knows it.
    """
    if isinstance(address, UnixAddress):
        return address
    if address.port == 0:
        raise AddressError(f"{address} takes a free port, and which one is not known here: give the server's address")
    # A wildcard of IPv6 is one of IPv4 too: gRPC opens it for both.
    return TcpAddress("127.0.0.1", address.port) if address.is_wildcard else address
