"""The counters: chunks, and the deltas that are not in them yet."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from telwerkd.application.ports.rows import ChunkSelector, StoredChunk
from telwerkd.domain.counting.counters import KeyParts
from telwerkd.domain.counting.deltas import DeltaEntries
from telwerkd.domain.counting.measures import Measure


class CountersView(Protocol):
    """What is read of the counters for answers."""

    def cells(self, selector: ChunkSelector, /) -> list[StoredChunk]:
        """The chunks that a selector names."""

    def chunk_versions(self, measure: Measure, first_chunk: int, last_chunk: int, /) -> dict[int, int]:
        """The chunks of a measure in a range that ever held anything, each with a number that grows when it changes."""

    def filed(self, measure: Measure) -> tuple[int, int]:
        """How many transactions filed what `deltas` gives, and how many entries it has. None of them is read for it."""

    def deltas(self, measure: Measure) -> DeltaEntries:
        """What is counted of a measure but not yet in its chunks."""


class CounterWrites(Protocol):
    """What compaction and corrections read and write of the counters, by key."""

    def delta_sizes(self, measure: Measure, rows_max: int) -> list[tuple[int, int]]:
        """The oldest deltas of a measure: the version under which each is filed, and how many entries it has."""

    def deltas_until(self, measure: Measure, version: int) -> DeltaEntries:
        """The deltas of a measure that are filed under versions up to one."""

    def replace_deltas(self, measure: Measure, version: int, pieces: Sequence[DeltaEntries]) -> None:
        """Replaces what `deltas_until` gives by pieces, at most as many as the version, to be read first."""

    def remove_deltas(self) -> None:
        """Removes all deltas of all measures."""

    def chunk_bytes(self, keys: Sequence[KeyParts]) -> list[int]:
        """How many bytes `chunks` gives of each."""

    def chunks(self, keys: Sequence[KeyParts]) -> list[bytes]:
        """The cells of chunks, whose keys are sorted; empty where there is none."""

    def put_chunks(self, keys: Sequence[KeyParts], cells: Sequence[bytes]) -> None:
        """Stores whole chunks, whose keys are sorted; removes those that are empty."""

    def bump_chunk_versions(self, changed: Iterable[KeyParts]) -> None:
        """Tells readers that chunks have changed."""
