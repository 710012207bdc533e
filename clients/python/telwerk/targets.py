"""What grpc is told of an address: a server, or several that share the calls."""

import ipaddress
import json
import re
from typing import Final

_SCHEMES: Final = {4: "ipv4:", 6: "ipv6:"}
_NAME_SCHEME: Final = "dns:"
_IP_AND_PORT: Final = re.compile(r"((?P<v4>[0-9.]+)|\[(?P<v6>[0-9A-Fa-f:.]+)\]):[0-9]{1,5}")


def addresses_of(address: str) -> list[str]:
    """The addresses that stand in one, with commas between them."""
    return [part.strip() for part in address.split(",")]


def target_of(address: str) -> str:
    """The target for grpc.

    Raises:
        ValueError: several addresses, and not all of them `IPv4:port`, or all `[IPv6]:port`.
    """
    addresses = addresses_of(address)
    if len(addresses) == 1:
        return address
    versions = {_version(one) for one in addresses}
    scheme = _SCHEMES.get(versions.pop() or 0)
    if versions or scheme is None:
        raise ValueError(
            f"{address!r}: several addresses must all be IPv4:port, or all [IPv6]:port; where the servers have names, "
            "give them one name and connect to dns:///name:port"
        )
    return scheme + ",".join(addresses)


def is_balanced(address: str) -> bool:
    """Whether calls are shared by several servers: those named, or all that one name (`dns:`) leads to."""
    return len(addresses_of(address)) > 1 or address.startswith(_NAME_SCHEME)


def balanced(service_config: str) -> str:
    """The service config with which calls go to all servers in turn, and to none that is away."""
    return json.dumps({"loadBalancingConfig": [{"round_robin": {}}], **json.loads(service_config)})


def _version(address: str) -> int | None:
    """4 or 6 of an IP address with a port; None of anything else."""
    found = _IP_AND_PORT.fullmatch(address)
    if found is None:
        return None
    try:
        return ipaddress.ip_address(found["v4"] or found["v6"]).version
    except ValueError:
        return None
