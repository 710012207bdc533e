"""One account's part of a database transaction: the SQL, the same for every database but for many rows at once."""

from typing import Any

import sqlalchemy as sa

from telwerkd.application.ports import Account
from telwerkd.domain.ids import AccountId
from telwerkd.storage.sql.account_rows import AccountRows
from telwerkd.storage.sql.audit_rows import AuditRows
from telwerkd.storage.sql.conversation_rows import ConversationRows
from telwerkd.storage.sql.counter_queries import CounterQueries
from telwerkd.storage.sql.counter_rows import CounterRows
from telwerkd.storage.sql.event_log import EventLog


class AccountTransaction(AccountRows, ConversationRows, EventLog, CounterQueries, CounterRows, AuditRows):
    """`telwerkd.application.ports.Transaction` over a connection in a transaction. Each role has a module."""

    def __init__(
        self, connection: sa.Connection, account: AccountId, row: Account | None = None, recalled: Any = None
    ) -> None:
        super().__init__(connection, account, row)
        self._recalled = recalled
        self.remembered: tuple[Any, int] = (None, 0)
        """What is to be recalled once this transaction is committed, and its weight; None if nothing new is."""

    def recall(self) -> Any:
        """What the last transaction of the account left, as far as the store knows."""
        return self._recalled

    def remember(self, kept: Any, weight: int = 1) -> None:
        """Leaves something for the next."""
        self.remembered = kept, weight
