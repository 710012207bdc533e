"""What transactions leave in memory for the next ones of their account."""

from typing import Any

from telwerkd.domain.ids import AccountId

_ACCOUNTS_MAX = 1_000


class Memory:
    """What is remembered of the accounts that wrote last."""

    def __init__(self) -> None:
        self._kept: dict[AccountId, Any] = {}

    def of(self, account: AccountId) -> Any:
        """What is remembered of an account; None if nothing is."""
        return self._kept.get(account)

    def keep(self, account: AccountId, remembered: Any) -> None:
        """Remembers what a transaction left that is committed now, if it left anything."""
        if remembered is None:
            return
        self._kept.pop(account, None)
        self._kept[account] = remembered
        if len(self._kept) > _ACCOUNTS_MAX:
            del self._kept[next(iter(self._kept))]
