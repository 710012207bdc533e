"""What reads and what writes of one account, composed of its roles."""

from typing import Protocol

from telwerkd.application.ports.account import AccountView, AccountWrites
from telwerkd.application.ports.audit import AuditView, RepairPort
from telwerkd.application.ports.counters import CountersView, CounterWrites
from telwerkd.application.ports.display_names import DisplayNamesView, DisplayNameWrites
from telwerkd.application.ports.ingest import IngestPort
from telwerkd.application.ports.log import LogView
from telwerkd.application.ports.retention import RetentionPort
from telwerkd.application.ports.rows import Account, ChunkSelector, StoredChunk
from telwerkd.application.ports.timers import TimersPort, TimersView
from telwerkd.domain.conversation.settings import WidgetVersion
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import Micros, WidgetId


class AnswerView(Protocol):
    """The counters of one account, as answers read them."""

    def account(self) -> Account:
        """See `AccountView`."""

    def widget_versions(self) -> dict[WidgetId, list[WidgetVersion]]:
        """See `AccountView`."""

    def earliest_due(self) -> Micros | None:
        """See `TimersView`."""

    def cells(self, selector: ChunkSelector, /) -> list[StoredChunk]:
        """See `CountersView`."""

    def chunk_versions(self, measure: Measure, first_chunk: int, last_chunk: int, /) -> dict[int, int]:
        """See `CountersView`."""

    def filed(self, measure: Measure) -> tuple[int, int]:
        """See `CountersView`."""

    def deltas(self, measure: Measure) -> DeltaEntries:
        """See `CountersView`."""


class Snapshot(AccountView, DisplayNamesView, LogView, TimersView, CountersView, AuditView, Protocol):
    """A consistent view of one account."""

    def pause(self) -> None:
        """Lets other tasks of the thread run. Work that computes for long calls it every few milliseconds."""


class Transaction(
    Snapshot,
    AccountWrites,
    DisplayNameWrites,
    IngestPort,
    TimersPort,
    CounterWrites,
    RetentionPort,
    RepairPort,
    Protocol,
):
    """One account's part of a transaction that writes. What it reads stays true until the commit."""
