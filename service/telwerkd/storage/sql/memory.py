"""A cache, per account, of objects that one transaction keeps for the next."""

from typing import Any

from telwerkd.domain.ids import AccountId

_ACCOUNTS_MAX = 1_000

_WEIGHT_MAX = 500_000
"""In names, of all accounts together: some 50 MB. As many hot conversations as an account may have weigh 200,000, so
that two such accounts are remembered. The account that wrote last is remembered whatever it weighs."""


class Memory:
    """A cache of one object per account, bounded in accounts and weight; drops what was written longest ago first."""

    def __init__(self) -> None:
        self._kept: dict[AccountId, tuple[Any, int]] = {}
        self._weight = 0

    def of(self, account: AccountId) -> Any:
        """Returns the cached object of an account; None if there is none."""
        kept = self._kept.get(account)
        return None if kept is None else kept[0]

    def keep(self, account: AccountId, remembered: Any, weight: int = 1) -> None:
        """Caches what a committed transaction passed to `remember`; None keeps the earlier object."""
        if remembered is None:
            return
        self._forget(account)
        self._kept[account] = remembered, weight
        self._weight += weight
        while len(self._kept) > 1 and (len(self._kept) > _ACCOUNTS_MAX or self._weight > _WEIGHT_MAX):
            self._forget(next(iter(self._kept)))

    def _forget(self, account: AccountId) -> None:
        _, weight = self._kept.pop(account, (None, 0))
        self._weight -= weight
