"""What reads and what writes of one account, composed of its roles."""

from typing import Protocol

from telwerkd.application.ports.account import AccountView, AccountWrites
from telwerkd.application.ports.audit import AuditView, RepairPort
from telwerkd.application.ports.base_facts import BaseFactsView, BaseFactWrites
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
    """What work that computes for long needs, whatever it reads or writes."""

    def pause(self) -> None:
        """Lets other tasks of the thread run. Work that computes for long calls it every few milliseconds."""


class AnswerView(AccountView, WidgetsView, TimersView, CountersView, Protocol):
    """The counters of one account, as answers read them."""


class FoldingTransaction(AccountWrites, OpeningHoursView, LogView, ConversationsPort, Pausing, Protocol):
    """What it takes to fold conversations over their logs, and to count what that changes."""


class RemovalTransaction(FoldingTransaction, RetentionPort, BaseFactWrites, Protocol):
    """What it takes to take events away, and to keep what they counted."""


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
    """A consistent view of one account. Who reads it names the roles that it needs, not this."""


class Transaction(
    Snapshot,
    AccountWrites,
    SettingsWrites,
    NameWrites,
    DisplayNameWrites,
    ConversationsPort,
    IngestPort,
    TimersPort,
    CounterWrites,
    BaseFactWrites,
    RetentionPort,
    RecountPort,
    RepairPort,
    Protocol,
):
    """One account's part of a transaction that writes. What it reads stays true until the commit.

    A command names the roles that it needs, not this.
    """
