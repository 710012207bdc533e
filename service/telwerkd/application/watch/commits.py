"""The times at which versions of watched accounts were committed, as far as this server knows."""

from collections.abc import Mapping

from telwerkd.domain.ids import AccountId
from telwerkd.process.monotonic_clock import monotonic

_VERSIONS_MAX = 64
"""Versions of an account whose times are kept. One comes with each look, so a watch that is later than that is late by
more than ten seconds, which is all that the last range of its histogram says."""


class Commits:
    """The times of commits, by the versions that polls find.

    A commit does not report its version. But each poll finds all commits before its beginning; so commits between the
    beginnings of two polls made the version that the second finds. A commit of another server is dated to the beginning
    of the poll that finds it.
    """

    def __init__(self) -> None:
        self._looking_since = monotonic()
        self._before: dict[AccountId, float] = {}
        """The time of each account's first commit before the running poll."""
        self._since: dict[AccountId, float] = {}
        """The first commit since it began."""
        self._times: dict[AccountId, dict[int, float]] = {}

    def committed(self, account: AccountId) -> None:
        """Records that this server has committed events of the account."""
        self._since.setdefault(account, monotonic())

    def begin_look(self) -> None:
        """Records the beginning of a poll."""
        self._looking_since = monotonic()
        # Those of a look that failed are still there, and earlier.
        self._before = {**self._since, **self._before}
        self._since = {}

    def end_look(self, earlier: Mapping[AccountId, int], found: Mapping[AccountId, int]) -> None:
        """Records the versions that the poll found; the poll before it found the `earlier` ones.

        If none is new, the commits had been found before they were acknowledged.
        """
        times: dict[AccountId, dict[int, float]] = {}
        for account, version in found.items():
            of_account = times[account] = self._times.get(account, {})
            if earlier.get(account, 0) < version:
                of_account[version] = self._before.get(account, self._looking_since)
                if len(of_account) > _VERSIONS_MAX:
                    del of_account[next(iter(of_account))]
        self._times, self._before = times, {}

    def since(self, account: AccountId, seen: int) -> float | None:
        """Returns when the first version after `seen` was committed; None if no poll has found one."""
        return next((time for version, time in self._times.get(account, {}).items() if version > seen), None)
