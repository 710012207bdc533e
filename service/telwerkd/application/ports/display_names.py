"""The port of display names, which are personal data (docs/security.md)."""

from collections.abc import Collection, Mapping
from typing import Protocol

from telwerkd.domain.display_names import NameKey, NameKind


class DisplayNamesView(Protocol):
    """Reads display names."""

    def display_names_of(self, keys: Collection[NameKey]) -> dict[NameKey, str]:
        """Returns the names of those things that have one."""

    def display_names_after(self, kind: NameKind, after: str, limit: int) -> list[tuple[NameKey, str]]:
        """Returns up to `limit` names of a kind, ordered by the bytes of their ids, after the id `after`."""

    def display_name_count(self) -> int:
        """Returns how many names the account has, of all kinds."""


class DisplayNameWrites(Protocol):
    """Writes display names."""

    def put_display_names(self, names: Mapping[NameKey, str]) -> None:
        """Stores names, replacing earlier ones."""

    def remove_display_names(self, keys: Collection[NameKey]) -> None:
        """Removes names."""

    def remove_all_display_names(self) -> None:
        """Removes every name of the account."""
