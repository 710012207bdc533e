"""Through which HTTP proxy a connection goes, if any.

grpc reads the proxy from the environment by itself. The same is decided here beforehand, for two reasons: what runs on
this machine is never reached through a proxy, and an error can name the proxy that was on the way.
"""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote, urlsplit

_VARIABLES: Final = ("grpc_proxy", "https_proxy", "http_proxy")
"""Those that grpc reads, the first that is set counts; it reads none in capitals."""

_EXCEPTIONS: Final = ("no_grpc_proxy", "no_proxy")
_LOCAL_SCHEMES: Final = ("unix:", "unix-abstract:", "vsock:")
_NAME_SCHEMES: Final = ("dns:", "ipv4:", "ipv6:")
_LOCAL_NAME: Final = re.compile(
    r"(.*\.)?localhost|ip6-(localhost|loopback)|localhost[46]?\.localdomain[46]?|localhost[46]"
)
"""Of loopback: what is reserved (RFC 6761), and what the hosts files of Debian and Fedora have besides."""


@dataclass(frozen=True)
class Proxy:
    """A proxy, and the variable of the environment that names it. Never with its credentials."""

    address: str
    variable: str

    def __str__(self) -> str:
        return f"the proxy {self.address}, which the variable {self.variable} names"


def proxy_of(target: str, environment: Mapping[str, str] = os.environ) -> Proxy | None:
    """The proxy for a target of grpc (`host:port`, `dns:///host:port`, `unix:path`); None where none is used."""
    variable = next((name for name in _VARIABLES if name in environment), None)
    if variable is None or is_local(target):
        return None
    address = _address_of(environment[variable])
    if not address or _is_excepted(host_of(target), environment):
        return None
    return Proxy(address, variable)


def is_local(target: str) -> bool:
    """Whether a target is on this machine by its name alone: loopback, or a socket of the file system."""
    if target.startswith(_LOCAL_SCHEMES):
        return True
    host = host_of(target).rstrip(".").lower()
    if _LOCAL_NAME.fullmatch(host):
        return True
    address = _ip(host)
    if address is None:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return bool(mapped.is_loopback or mapped.is_unspecified)


def host_of(target: str) -> str:
    """The host of a target, without its scheme, port and brackets."""
    text = unquote(target)
    for scheme in _NAME_SCHEMES:
        if text.startswith(scheme):
            text = text.removeprefix(scheme).rpartition("/")[2]
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text if text.count(":") > 1 else text.partition(":")[0]


def _address_of(url: str) -> str:
    """`host:port` of a proxy's URL; empty where grpc would not use it."""
    try:
        parts = urlsplit(url)
        return parts.netloc.rpartition("@")[2] if parts.scheme == "http" and parts.hostname else ""
    except ValueError:
        return ""


def _is_excepted(host: str, environment: Mapping[str, str]) -> bool:
    listed = next((environment[name] for name in _EXCEPTIONS if name in environment), "")
    return any(_matches(host, entry.strip()) for entry in listed.split(",") if entry.strip())


def _matches(host: str, entry: str) -> bool:
    if host.lower().endswith(entry.lower()):
        return True
    address = _ip(host)
    try:
        return address is not None and "/" in entry and address in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return False


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
