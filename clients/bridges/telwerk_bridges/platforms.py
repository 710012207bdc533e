"""The platforms that a bridge knows."""

from collections.abc import Mapping
from typing import Final

from telwerk_bridges import chatwoot, livechat, userlike
from telwerk_bridges.platform import PlatformType

PLATFORMS: Final[Mapping[str, PlatformType]] = {one.name: one for one in (chatwoot.TYPE, userlike.TYPE, livechat.TYPE)}
"""By name; the order is that of documents and messages."""
