"""Checks that the addresses of a server's ports differ."""

from collections.abc import Iterator
from itertools import combinations
from typing import NamedTuple

from telwerkd.server.settings.settings import Settings
from telwerkd.transport.endpoint.address import Address, collide, parse
from telwerkd.transport.security.tls import StartupError


class Collision(NamedTuple):
    """Two settings with colliding addresses."""

    names: tuple[str, str]
    text: str
    is_fatal: bool
    """False for a collision with the default of `http_listen`: the server then starts without HTTP."""


def collisions(settings: Settings) -> Iterator[Collision]:
    """Yields all collisions."""
    addresses = [(name, getattr(settings, name)) for name in ("listen", "http_listen", "probe_listen")]
    given = [(name, parse(text)) for name, text in addresses if text]
    for (one, first), (other, second) in combinations(given, 2):
        if collide(first, second):
            text = f"{one} ({first}) and {other} ({second}) are the same address: each port needs one of its own"
            is_fatal = "http_listen" not in {one, other} or "http_listen" in settings.model_fields_set
            yield Collision((one, other), text, is_fatal)


def check_ports(settings: Settings) -> None:
    """Raises StartupError if ports that were asked for have the same address."""
    for collision in collisions(settings):
        if collision.is_fatal:
            raise StartupError(collision.text)


def http_address(settings: Settings) -> Address:
    """Returns the address of HTTP. Raises StartupError if it collides with another port's."""
    for collision in collisions(settings):
        if "http_listen" in collision.names:
            raise StartupError(collision.text)
    return parse(settings.http_listen)
