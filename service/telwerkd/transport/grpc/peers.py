"""The identity of a peer for limits: its host, or its network."""

import ipaddress
from functools import lru_cache
from urllib.parse import unquote

_CACHED_MAX = 4_096
_V6_NETWORK_BITS = 64
"""One customer of a provider has at least so many addresses: counted one by one, they would be no bound."""


@lru_cache(_CACHED_MAX)
def _network_of(host: str) -> str:
    try:
        address = ipaddress.IPv6Address(unquote(host).strip("[]").partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return f"ipv4:{address.ipv4_mapped}"
    return f"ipv6:{ipaddress.IPv6Network((address, _V6_NETWORK_BITS), strict=False)}"


def host_of(peer: str) -> str:
    """Returns a peer without its port, from gRPC's form: `ipv4:192.0.2.1:5000`, `ipv6:%5B2001:db8::1%5D:5000`, `unix:`.

    An IPv6 address counts as its /64 network. All clients of a Unix socket are one peer, as are those of a proxy.
    """
    if peer.startswith("ipv4:"):
        return peer.rpartition(":")[0]
    if peer.startswith("ipv6:"):
        return _network_of(peer.removeprefix("ipv6:").rpartition(":")[0])
    return peer.partition(":")[0]
