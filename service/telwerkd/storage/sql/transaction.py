"""One account's part of a database transaction: the SQL, the same for every database but for many rows at once."""

from typing import TypeVar

from telwerkd.application.ports import Command
from telwerkd.domain.conversation.state import CURRENT_RULES
from telwerkd.domain.errors import Reason, UnavailableError
from telwerkd.storage.sql.account_rows import AccountRows
from telwerkd.storage.sql.audit_rows import AuditRows
from telwerkd.storage.sql.conversation_rows import ConversationRows
from telwerkd.storage.sql.counter_queries import CounterQueries
from telwerkd.storage.sql.counter_rows import CounterRows
from telwerkd.storage.sql.display_name_rows import DisplayNameRows

T = TypeVar("T")

_RETRY_SECONDS = 10.0


class AccountTransaction(AccountRows, DisplayNameRows, ConversationRows, CounterQueries, CounterRows, AuditRows):
    """`telwerkd.application.ports.Transaction` over a connection in a transaction. Each role has a module."""

    def run(self, command: Command[T]) -> T:
        """Runs a command and returns its result.

        Raises:
            UnavailableError: a newer program counts the account, by rules that this one does not know.
        """
        account = self.account()
        if max(account.rules_version, account.rules_target) > CURRENT_RULES:
            raise UnavailableError(
                Reason.RULES_UNKNOWN,
                f"account {self.account_id!r} is counted by version {account.rules_target} of the rules, and this "
                f"server knows {CURRENT_RULES}: a newer one has to write to it",
                _RETRY_SECONDS,
            )
        return command.run(self)
