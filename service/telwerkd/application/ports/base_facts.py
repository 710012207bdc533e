"""The facts that no event explains any more: those of purged events, and of erased conversations whose counts stay."""

from collections.abc import Collection, Sequence
from typing import Protocol

from telwerkd.application.ports.rows import StoredChunk
from telwerkd.domain.counting.counters import KeyParts
from telwerkd.domain.counting.measures import Measure


class BaseFactsView(Protocol):
    """What is read of them."""

    def base_cells(self, measure: Measure, first_chunk: int, last_chunk: int) -> list[StoredChunk]:
        """The facts of a measure that no event explains any more, uncut."""


class BaseFactWrites(Protocol):
    """What adds to them and takes of them, by key."""

    def base_chunk_bytes(self, keys: Sequence[KeyParts]) -> list[int]:
        """As `chunk_bytes`, of the facts that no event explains any more."""

    def base_chunks(self, keys: Sequence[KeyParts]) -> list[bytes]:
        """As `chunks`, of the facts that no event explains any more."""

    def put_base_chunks(self, keys: Sequence[KeyParts], cells: Sequence[bytes]) -> None:
        """As `put_chunks`, of the facts that no event explains any more."""

    def take_base_chunks(self, measures: Collection[Measure], limit: int) -> list[tuple[Measure, StoredChunk]]:
        """Removes at most `limit` chunks of the facts of measures that no event explains any more, and returns them."""
