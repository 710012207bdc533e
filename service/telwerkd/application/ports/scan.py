"""The port of scans over all rows of an account."""

from collections.abc import Iterator
from typing import Protocol

from telwerkd.application.ports.account import AccountView
from telwerkd.application.ports.rows import Filed, Report, StoredChunk
from telwerkd.domain.conversation.state import State
from telwerkd.domain.counting.counters import ChunkKey
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.measures import Measure


class ScanView(AccountView, Protocol):
    """Reads all of an account, one thing after the other, never in memory at once."""

    # Without `damaged`, what is damaged raises `DamagedRowError`; with it, that is told of it, and the rest is read.

    def conversation_count(self) -> int:
        """Returns how many conversations the account has."""

    def every_base(self) -> Iterator[State]:
        """Yields the base state of each conversation that has one."""

    def every_conversation(self, damaged: Report | None = None) -> Iterator[Filed]:
        """Yields all conversations with their events."""

    def every_chunk(self, damaged: Report | None = None) -> Iterator[tuple[ChunkKey, bytes]]:
        """Yields all chunks."""

    def every_base_chunk(self, damaged: Report | None = None) -> Iterator[tuple[Measure, StoredChunk]]:
        """Yields all chunks of base facts."""

    def every_delta(self, damaged: Report | None = None) -> Iterator[tuple[Measure, DeltaEntry]]:
        """Yields all delta entries."""

    def counted_names(self) -> Iterator[tuple[int, str]]:
        """Yields the names in the counters' keys, each after its family, some repeatedly."""
