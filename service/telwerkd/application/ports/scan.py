"""All of an account."""

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
        """How many conversations the account has."""

    def every_base(self) -> Iterator[State]:
        """What the purged events of each conversation led to, where any were."""

    def every_conversation(self, damaged: Report | None = None) -> Iterator[Filed]:
        """All conversations with their events, one after the other."""

    def every_chunk(self, damaged: Report | None = None) -> Iterator[tuple[ChunkKey, bytes]]:
        """All chunks, one after the other."""

    def every_base_chunk(self, damaged: Report | None = None) -> Iterator[tuple[Measure, StoredChunk]]:
        """All facts that no event explains any more."""

    def every_delta(self, damaged: Report | None = None) -> Iterator[tuple[Measure, DeltaEntry]]:
        """All that is counted but not yet in chunks."""

    def counted_names(self) -> Iterator[tuple[int, str]]:
        """The names that the counters have, by family, some of them several times."""
