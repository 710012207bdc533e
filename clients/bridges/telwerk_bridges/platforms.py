"""The platforms that a bridge knows."""

from collections.abc import Mapping
from typing import Final

from telwerk_bridges import chatwoot, livechat, rocketchat, userlike, zammad
from telwerk_bridges.platform import PlatformType

_TYPES: Final = (chatwoot.TYPE, userlike.TYPE, livechat.TYPE, rocketchat.TYPE, zammad.TYPE)
PLATFORMS: Final[Mapping[str, PlatformType]] = {one.name: one for one in _TYPES}
"""By name; the order is that of documents and messages."""
