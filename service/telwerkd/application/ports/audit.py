"""All of an account."""

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from telwerkd.application.ports.rows import Conversation, Damage, Filed, Report, StoredChunk
from telwerkd.domain.conversation.state import State
from telwerkd.domain.counting.counters import ChunkKey
from telwerkd.domain.counting.deltas import DeltaEntry
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import ConversationId


class AuditView(Protocol):
    """Reads all of an account, one thing after the other, never in memory at once."""

    # Without `damaged`, what is damaged raises `DamagedRowError`; with it, that is told of it, and the rest is read.

    def conversation_count(self) -> int:
        """How many conversations the account has."""

    def every_base(self) -> Iterator[State]:
        """What the purged events of each conversation led to, where any were."""

    def every_conversation(self, damaged: Report | None = None) -> Iterator[Filed]:
        """All conversations with their events, one after the other."""

    def check_settings(self, damaged: Report) -> None:
        """Reads every version of every widget's settings, only to tell of what is damaged."""

    def check_rest(self, damaged: Report) -> None:
        """Reads display names and what is left of erased conversations, only to tell of what is damaged."""

    def every_name(self, damaged: Report) -> Iterator[tuple[int, str]]:
        """All distinct names, each after its family."""

    def every_chunk_version(self, damaged: Report) -> Iterator[tuple[Measure, int]]:
        """Measure and number of every chunk that has a version."""

    def every_chunk(self, damaged: Report | None = None) -> Iterator[tuple[ChunkKey, bytes]]:
        """All chunks, one after the other."""

    def every_base_chunk(self, damaged: Report | None = None) -> Iterator[tuple[Measure, StoredChunk]]:
        """All facts that no event explains any more."""

    def every_delta(self, damaged: Report | None = None) -> Iterator[tuple[Measure, DeltaEntry]]:
        """All that is counted but not yet in chunks."""


class RepairPort(Protocol):
    """What a repair needs beside what others write."""

    def mendable(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Those of the conversations whose row is readable as far as their log does not give it."""

    def discard(self, damages: Iterable[Damage]) -> None:
        """Removes damaged rows of what follows from others: counters, deltas, names and chunks' versions.

        What they counted must be added.
        """

    def renew_chunk_versions(self, chunks: Iterable[tuple[Measure, int]]) -> None:
        """Gives chunks, by measure and number, a version that none of them ever had."""
