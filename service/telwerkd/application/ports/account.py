"""An account's own row."""

from typing import Protocol

from telwerkd.application.ports.rows import Account
from telwerkd.domain.ids import Micros


class AccountView(Protocol):
    """What is read of an account itself."""

    def account(self) -> Account:
        """The account's row; version 0 if nothing was ever stored."""


class AccountWrites(AccountView, Protocol):
    """What reads and changes an account itself."""

    def put_time_zone(self, time_zone: str) -> None:
        """Sets the account's time zone."""

    def put_names_max(self, names_max: int | None) -> None:
        """Sets the account's own bound on distinct names; None takes the one of the settings."""

    def put_rules(self, version: int, target: int, rules_max: int | None, known_from: Micros) -> None:
        """Sets the versions of the rules that the account is counted by, see `Account`."""

    def note_removed(self, instant: Micros) -> None:
        """Says that something was purged or erased at an instant, which is not before any that was said."""

    def bump_version(self, accepted: Micros | None = None) -> None:
        """Tells readers that the account has changed. Before `add_deltas`, which is filed under the new version.

        Where events were accepted, also when: not before any instant that was said.
        """
