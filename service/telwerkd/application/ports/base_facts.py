"""The port of base facts: those of purged events, and of erased conversations whose counts are kept."""

from collections.abc import Collection, Sequence
from typing import Protocol

from telwerkd.application.ports.rows import StoredChunk
from telwerkd.domain.counting.counters import KeyParts
from telwerkd.domain.counting.measures import Measure


class BaseFactsView(Protocol):
    """Reads base facts."""

    def base_cells(self, measure: Measure, first_chunk: int, last_chunk: int) -> list[StoredChunk]:
        """Returns the chunks of base facts of a measure, of the finest grouping."""


class BaseFactWrites(Protocol):
    """Reads and writes chunks of base facts by key."""

    def base_chunk_bytes(self, keys: Sequence[KeyParts]) -> list[int]:
        """Returns the sizes of chunks of base facts, as `chunk_bytes`."""

    def base_chunks(self, keys: Sequence[KeyParts]) -> list[bytes]:
        """Returns the cells of chunks of base facts, as `chunks`."""

    def put_base_chunks(self, keys: Sequence[KeyParts], cells: Sequence[bytes]) -> None:
        """Stores chunks of base facts, as `put_chunks`."""

    def take_base_chunks(self, measures: Collection[Measure], limit: int) -> list[tuple[Measure, StoredChunk]]:
        """Removes at most `limit` chunks of the facts of measures that no event explains any more, and returns them."""
