"""What the application needs from storage.

What reads is a function over a `Snapshot`. What writes is a command (`telwerkd.application.commands`), whose `run` gets
a `Transaction`: the store runs it where its database driver lives, commits, and only then returns its result.

By role: `account`, `display_names`, `log`, `ingest`, `timers`, `counters`, `retention`, `audit`; `transaction` composes
them, `store` runs them, `rows` is what they read and write, and `figures` what is counted of that.
"""

from telwerkd.application.ports.figures import OpenTimers, StoreFigures, Written
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
)
from telwerkd.application.ports.store import Command, ReadsInline, Store, WriteScheduling
from telwerkd.application.ports.transaction import AnswerView, Snapshot, Transaction

__all__ = [
    "Account",
    "AnswerVersion",
    "AnswerView",
    "ChunkSelector",
    "Command",
    "Conversation",
    "Damage",
    "DamagedRowError",
    "EventKey",
    "Filed",
    "Names",
    "OpenTimers",
    "ReadsInline",
    "Report",
    "SettingsBytes",
    "Snapshot",
    "Store",
    "StoreFigures",
    "StoredChunk",
    "Transaction",
    "WriteScheduling",
    "Written",
]
