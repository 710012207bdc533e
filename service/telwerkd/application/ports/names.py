"""The distinct names of an account, which are bounded."""

from typing import Protocol

from telwerkd.application.ports.rows import Names


class NamesView(Protocol):
    """What is read of distinct names."""

    def names(self) -> dict[int, set[str]]:
        """The account's distinct names by family."""

    def names_of_family(self, family: int) -> list[str]:
        """The account's distinct names of one family, in any order."""


class NameWrites(Protocol):
    """What changes distinct names."""

    def add_names(self, names: Names) -> None:
        """Adds names that are not there yet."""

    def free_names(self, names: Names) -> None:
        """Removes names, and tells everyone who remembers them."""
