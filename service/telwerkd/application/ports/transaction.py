"""Views and transactions of one account, composed of roles."""

from typing import Protocol

from telwerkd.application.ports.account import AccountView, AccountWrites
from telwerkd.application.ports.audit import AuditView, RepairPort
from telwerkd.application.ports.base_facts import BaseFactsView, BaseFactWrites
from telwerkd.application.ports.cache import CachePort
from telwerkd.application.ports.conversations import ConversationsPort
from telwerkd.application.ports.counters import CountersView, CounterWrites
from telwerkd.application.ports.display_names import DisplayNamesView, DisplayNameWrites
from telwerkd.application.ports.ingest import IngestPort
from telwerkd.application.ports.log import LogView
from telwerkd.application.ports.names import NamesView, NameWrites
from telwerkd.application.ports.recount import RecountPort
from telwerkd.application.ports.retention import RetentionPort
from telwerkd.application.ports.scan import ScanView
from telwerkd.application.ports.settings import OpeningHoursView, SettingsView, SettingsWrites, WidgetsView
from telwerkd.application.ports.timers import TimersPort, TimersView


class Pausing(Protocol):
    """The role of long computations within a transaction."""

    def pause(self) -> None:
        """Yields to other tasks of the thread. Long computations call it every few milliseconds."""


class AnswerView(AccountView, WidgetsView, TimersView, CountersView, Protocol):
    """The counters of one account, as answers read them."""


class FoldingTransaction(AccountWrites, OpeningHoursView, LogView, ConversationsPort, Pausing, Protocol):
    """The reads and writes of folding conversations, and counting the changes."""


class RemovalTransaction(FoldingTransaction, RetentionPort, BaseFactWrites, Protocol):
    """The reads and writes of removing events, and keeping their counts."""


class Snapshot(
    ScanView,
    AuditView,
    AccountView,
    WidgetsView,
    OpeningHoursView,
    SettingsView,
    NamesView,
    DisplayNamesView,
    LogView,
    TimersView,
    CountersView,
    BaseFactsView,
    Pausing,
    Protocol,
):
    """A consistent view of one account. Readers declare the roles that they need, not this type."""


class Transaction(
    Snapshot,
    AccountWrites,
    SettingsWrites,
    NameWrites,
    DisplayNameWrites,
    ConversationsPort,
    CachePort,
    IngestPort,
    TimersPort,
    CounterWrites,
    BaseFactWrites,
    RetentionPort,
    RecountPort,
    RepairPort,
    Protocol,
):
    """One account's part of a write transaction. Its reads are not changed by others until the commit.

    A command declares the roles that it needs, not this type.
    """
