"""The port of counters: chunks, and the delta entries that are not in them yet."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from telwerkd.application.ports.rows import ChunkSelector, StoredChunk
from telwerkd.domain.counting.counters import KeyParts
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.measures import Measure


class CountersView(Protocol):
    """The reads of queries."""

    def cells(self, selector: ChunkSelector, /) -> list[StoredChunk]:
        """Returns the stored chunks of a selector."""

    def chunk_versions(self, measure: Measure, first_chunk: int, last_chunk: int, /) -> dict[int, int]:
        """The chunks of a measure in a range that ever held anything, each with a number that grows when it changes."""

    def filed(self, measure: Measure) -> tuple[int, int]:
        """Returns the number of rows and of entries behind `deltas`, without reading these."""

    def deltas(self, measure: Measure) -> DeltaEntries:
        """Returns the delta entries of a measure."""


class CounterWrites(Protocol):
    """The reads and writes of compaction and corrections, by key."""

    def delta_sizes(self, measure: Measure, rows_max: int) -> list[tuple[int, int]]:
        """Returns version and number of entries of the oldest delta rows of a measure."""

    def deltas_until(self, measure: Measure, version: int) -> DeltaEntries:
        """Returns the delta entries of a measure that are filed under versions up to this one."""

    def replace_deltas(self, measure: Measure, version: int, pieces: Sequence[DeltaEntries]) -> None:
        """Replaces the rows of `deltas_until` by pieces, at most as many as the version, which are read first."""

    def remove_deltas(self) -> None:
        """Removes all deltas of all measures."""

    def chunk_bytes(self, keys: Sequence[KeyParts]) -> list[int]:
        """Returns the size in bytes of the cells of each chunk."""

    def chunks(self, keys: Sequence[KeyParts]) -> list[bytes]:
        """Returns the cells of chunks, whose keys are sorted; empty bytes for a chunk that is not stored."""

    def put_chunks(self, keys: Sequence[KeyParts], cells: Sequence[bytes]) -> None:
        """Stores whole chunks, whose keys are sorted; removes those that are empty."""

    def bump_chunk_versions(self, changed: Iterable[KeyParts]) -> None:
        """Raises the versions of changed chunks, so that cached rollups of them expire."""
