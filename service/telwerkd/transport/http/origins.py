"""Checks of the headers `Origin` and `Host`: only configured origins may call, and only under known host names.

A browser sends any page's requests, to 127.0.0.1 too. It sends the page's origin, and in a DNS rebinding attack the
attacker's host name as `Host`.
"""

import ipaddress
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

from telwerkd.transport.endpoint.address import Address, TcpAddress
from telwerkd.transport.security.access import is_loopback

_WEB: Final = {"http": 80, "https": 443}
"""Schemes, and the ports that go without saying."""


def host_name(text: str) -> str:
    """Returns a host of the settings as it is compared, without a port. Raises ValueError."""
    name = _name(text.strip())
    if not name or "/" in name or "*" in name:
        raise ValueError(f"{text!r} is no name of a host")
    return name


def origin(text: str) -> str:
    """Returns an origin as browsers write it. Raises ValueError."""
    parts = urlsplit(text.strip())
    if parts.scheme not in _WEB or not parts.netloc or "*" in text or parts.path.strip("/") or parts.query:
        raise ValueError(f"{text!r} is no origin: give https://host or https://host:port")
    return f"{parts.scheme}://{parts.netloc.lower()}"


class Origins:
    """Decides by the headers `Host` and `Origin` whether a request is refused."""

    def __init__(self, listen: Address, hosts: Collection[str], origins: Collection[str]) -> None:
        self._is_local = not isinstance(listen, TcpAddress)
        own = {listen.host.lower()} if isinstance(listen, TcpAddress) and not listen.is_wildcard else set[str]()
        self._hosts = own | set(hosts)
        self._origins = frozenset(origins)

    def refusal(self, host: str | None, sender: str | None, local: str) -> str | None:
        """Returns why a request is refused, in a sentence; None if it is not. `local` is the server's own address."""
        if not self._is_local and not self._is_known(host or "", local):
            return f"the Host {_shown(host)} is not one of this server's (http_hosts)"
        if sender is not None and not self.is_named(sender) and not _is_of(sender, host or ""):
            return f"web pages of {_shown(sender)} may not call this server (http_origins)"
        return None

    def is_named(self, sender: str) -> bool:
        """Whether a setting lets pages of this origin call."""
        return sender in self._origins

    def _is_known(self, host: str, local: str) -> bool:
        name = _name(host)
        if is_loopback(f"[{name}]:0" if ":" in name else f"{name}:0") or name in self._hosts:
            return True
        try:
            return ipaddress.ip_address(name) == _address(local)
        except ValueError:
            return False


def _name(host: str) -> str:
    """Returns a host in lower case without its port and brackets."""
    if host.startswith("["):
        name, closed, rest = host[1:].partition("]")
        return name.lower() if closed and (not rest or (rest[0] == ":" and rest[1:].isdigit())) else ""
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdigit() else host).lower()


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Returns an IP address; an IPv4-mapped IPv6 one as IPv4."""
    address = ipaddress.ip_address(text)
    return (address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None) or address


def _is_of(sender: str, host: str) -> bool:
    """Whether an origin is the request's own host; a default port, which origins omit, is ignored."""
    scheme, _, netloc = sender.partition("://")
    own = host.lower()
    return scheme in _WEB and netloc.lower() in {own, own.removesuffix(f":{_WEB[scheme]}")}


def _shown(text: str | None) -> str:
    return "that is missing" if not text else ascii(text[:100])
