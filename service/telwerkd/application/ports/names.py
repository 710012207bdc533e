"""The port of an account's distinct names, which are limited."""

from typing import Protocol

from telwerkd.application.ports.rows import Names


class NamesView(Protocol):
    """Reads distinct names."""

    def names(self) -> dict[int, set[str]]:
        """Returns the account's distinct names by family."""

    def names_of_family(self, family: int) -> list[str]:
        """Returns the account's distinct names of one family, in any order."""


class NameWrites(Protocol):
    """Writes distinct names."""

    def add_names(self, names: Names) -> None:
        """Adds names that are not there yet."""

    def free_names(self, names: Names) -> None:
        """Removes names, and records that, so that caches of names are dropped."""
