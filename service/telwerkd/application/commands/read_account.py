"""Reading an account's row after all writes that are pending before it."""

from dataclasses import dataclass

from telwerkd.application.ports import Account, AccountView, Command


@dataclass(frozen=True, slots=True)
class ReadAccount(Command[Account]):
    """Reads the account's row after what was written before, also by callers that have gone meanwhile."""

    def run(self, tx: AccountView) -> Account:
        """Returns it."""
        return tx.account()
