"""Exposure to the network: refused without TLS and API keys, unless flags allow it explicitly.

Also which locations of token signing keys are safe.
"""

import ipaddress
from typing import Final
from urllib.parse import urlsplit

from telwerkd.transport.security.tls import StartupError

ALLOW_PLAINTEXT_FLAG: Final = "--insecure-plaintext"
ALLOW_NO_AUTH_FLAG: Final = "--insecure-no-auth"

_LOOPBACK_V4 = ipaddress.IPv4Network("127.0.0.0/8")


def check_exposure(address: str, *, tls: bool, auth: bool, allow_plaintext: bool, allow_no_auth: bool) -> None:
    """Checks that an address reachable from other machines has TLS and API keys, or flags that allow it without.

    Raises:
        StartupError: one is missing. The text names every missing flag at once.
    """
    if is_loopback(address):
        return
    wrongs = []
    if not tls and not allow_plaintext:
        wrongs.append(
            "without TLS, everyone on the way can read and change what is sent: "
            f"give --tls-cert and --tls-key, or {ALLOW_PLAINTEXT_FLAG} if a proxy or a private network protects it"
        )
    if not auth and not allow_no_auth:
        wrongs.append(
            "without API keys, everyone who reaches it can read and change every account: "
            f"give --keys-file, or the settings jwt_, or {ALLOW_NO_AUTH_FLAG} if something else decides who reaches it"
        )
    if wrongs:
        raise StartupError("\n".join([f"{address} can be reached from other machines:", *(f"  - {w}" for w in wrongs)]))


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches `address`, in gRPC's form: 127.0.0.0/8, ::1, localhost, and Unix sockets.

    Wildcards and all other names are not, and neither is what cannot be understood.
    """
    if address.startswith(("unix:", "unix-abstract:")):
        return True
    host = _host(address)
    if host.lower() == "localhost":
        return True
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return False
    return ip in _LOOPBACK_V4 if isinstance(ip, ipaddress.IPv4Address) else ip == ipaddress.IPv6Address("::1")


def _host(address: str) -> str:
    """Returns the host of `host:port`, `[host]:port`, or either with gRPC's `ipv4:`, `ipv6:`, `dns:///` before it."""
    for scheme in ("ipv4:", "ipv6:", "dns:///", "dns:"):
        address = address.removeprefix(scheme)
    if address.startswith("["):
        return address[1:].partition("]")[0]
    # More than one colon and no brackets: a bare IPv6 address.
    return address if address.count(":") > 1 else address.partition(":")[0]


def is_url(location: str) -> bool:
    """Whether the location of a key set is a URL, not a file."""
    return "://" in location


def checked_location(location: str) -> str:
    """Returns the location of a key set: a file's path, or a URL that is safe from tampering. Raises ValueError."""
    if not is_url(location):
        return location
    url = urlsplit(location)
    if url.scheme not in {"https", "http"} or not url.hostname:
        raise ValueError("must be the path of a file, or a URL with https://")
    if url.username is not None or url.password is not None:
        raise ValueError("must have no user name or password in it")
    if url.scheme == "http" and not is_local(location):
        raise ValueError("must be a URL with https://: whoever changes the answer of another can make tokens")
    return location


def is_local(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    return is_loopback(f"[{host}]" if ":" in host else host)
