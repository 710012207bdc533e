"""The ports of the application to storage.

A read is a function of a view of an account. A write is a command (`telwerkd.application.commands`), whose `run` gets a
transaction: the store runs it in its driver's thread, process or greenlet, commits, and only then returns its result.

Each role has a Protocol, in the module of its name; who needs one takes no more than that, who needs several composes
them beside itself. `transaction` has what several users share, and all of them together, which is what stores hand out:
`Snapshot` and `Transaction`. `store` runs them, itself a composition of roles; `rows` is what they read and write, and
`figures` what is counted of that.
"""

from telwerkd.application.ports.account import AccountView, AccountWrites
from telwerkd.application.ports.audit import AuditView, RepairPort
from telwerkd.application.ports.base_facts import BaseFactsView, BaseFactWrites
from telwerkd.application.ports.cache import CachePort
from telwerkd.application.ports.conversations import ConversationsPort
from telwerkd.application.ports.counters import CountersView, CounterWrites
from telwerkd.application.ports.display_names import DisplayNamesView, DisplayNameWrites
from telwerkd.application.ports.figures import OpenTimers, StoreFigures, Written
from telwerkd.application.ports.ingest import IngestPort
from telwerkd.application.ports.log import LogView
from telwerkd.application.ports.names import NamesView, NameWrites
from telwerkd.application.ports.recount import RecountPort
from telwerkd.application.ports.retention import RetentionPort
from telwerkd.application.ports.rows import (
    Account,
    AnswerVersion,
    ChunkSelector,
    Conversation,
    Damage,
    DamagedRowError,
    EventKey,
    Filed,
    Names,
    Report,
    SettingsBytes,
    StoredChunk,
    as_damage,
)
from telwerkd.application.ports.scan import ScanView
from telwerkd.application.ports.settings import OpeningHoursView, SettingsView, SettingsWrites, WidgetsView
from telwerkd.application.ports.store import (
    AccountsStore,
    Command,
    PingedStore,
    ReadsInline,
    ReadStore,
    ReadWriteStore,
    Store,
    UpkeepStore,
    WriteScheduling,
    WriteStore,
)
from telwerkd.application.ports.timers import TimersPort, TimersView
from telwerkd.application.ports.transaction import (
    AnswerView,
    FoldingTransaction,
    Pausing,
    RemovalTransaction,
    Snapshot,
    Transaction,
)

__all__ = [
    "Account",
    "AccountView",
    "AccountWrites",
    "AccountsStore",
    "AnswerVersion",
    "AnswerView",
    "AuditView",
    "BaseFactWrites",
    "BaseFactsView",
    "CachePort",
    "ChunkSelector",
    "Command",
    "Conversation",
    "ConversationsPort",
    "CounterWrites",
    "CountersView",
    "Damage",
    "DamagedRowError",
    "DisplayNameWrites",
    "DisplayNamesView",
    "EventKey",
    "Filed",
    "FoldingTransaction",
    "IngestPort",
    "LogView",
    "NameWrites",
    "Names",
    "NamesView",
    "OpenTimers",
    "OpeningHoursView",
    "Pausing",
    "PingedStore",
    "ReadStore",
    "ReadWriteStore",
    "ReadsInline",
    "RecountPort",
    "RemovalTransaction",
    "RepairPort",
    "Report",
    "RetentionPort",
    "ScanView",
    "SettingsBytes",
    "SettingsView",
    "SettingsWrites",
    "Snapshot",
    "Store",
    "StoreFigures",
    "StoredChunk",
    "TimersPort",
    "TimersView",
    "Transaction",
    "UpkeepStore",
    "WidgetsView",
    "WriteScheduling",
    "WriteStore",
    "Written",
    "as_damage",
]
