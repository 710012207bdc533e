"""The SQL of one account's transaction, the same for every database but for bulk statements."""

from telwerkd.storage.sql.account_rows import AccountRows
from telwerkd.storage.sql.audit_rows import AuditRows
from telwerkd.storage.sql.conversation_rows import ConversationRows
from telwerkd.storage.sql.counter_queries import CounterQueries
from telwerkd.storage.sql.counter_rows import CounterRows
from telwerkd.storage.sql.display_name_rows import DisplayNameRows


class AccountTransaction(AccountRows, DisplayNameRows, ConversationRows, CounterQueries, CounterRows, AuditRows):
    """`telwerkd.application.ports.Transaction` over a connection in a transaction. Each kind of rows has a module."""
