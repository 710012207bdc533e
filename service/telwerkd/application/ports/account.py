"""The port of an account's row."""

from typing import Protocol

from telwerkd.application.ports.rows import Account
from telwerkd.domain.ids import Micros


class AccountView(Protocol):
    """What is read of an account itself."""

    def account(self) -> Account:
        """Returns the account's row; version 0 if nothing was ever stored."""


class AccountWrites(AccountView, Protocol):
    """What reads and changes an account itself."""

    def put_time_zone(self, time_zone: str) -> None:
        """Sets the account's time zone."""

    def put_names_max(self, names_max: int | None) -> None:
        """Sets the account's own bound on distinct names; None takes the one of the settings."""

    def put_rules(self, version: int, target: int, rules_max: int | None, known_from: Micros) -> None:
        """Sets the versions of the rules that the account is counted by, see `Account`."""

    def note_removed(self, instant: Micros) -> None:
        """Records the instant of a purge or erasure; an earlier instant than the recorded one is ignored."""

    def bump_version(self, accepted: Micros | None = None) -> None:
        """Raises the account's version. To be called before `add_deltas`, which is filed under the new version.

        `accepted` is the instant at which events were accepted, if any were; it never runs backwards.
        """
