"""Moving deltas of a measure into its chunks, in transactions of bounded size."""

from dataclasses import dataclass
from typing import NamedTuple

from telwerkd.application.commands.chunk_merging import MergingTransaction, compact
from telwerkd.application.ports import Command
from telwerkd.domain.counting.measures import Measure
from telwerkd.process.monotonic_clock import monotonic


class Compacted(NamedTuple):
    """The result of a compaction."""

    moved: int
    """The number of delta entries moved."""
    seconds: float
    """Without its commit. What that takes, the sync of a slow disk above all, is much the same for a small one, so that
    smaller ones would make it worse; and others wait for it as behind any other transaction."""


@dataclass(frozen=True, slots=True)
class Compact(Command[Compacted]):
    """Moves deltas of a measure into its chunks, oldest first. No answer changes."""

    measure: Measure
    entries_max: int
    """About how many delta entries are read."""
    chunks_max: int
    """About how many chunks are written."""

    def run(self, tx: MergingTransaction) -> Compacted:
        """Returns what was moved, and how long it took."""
        begun = monotonic()
        return Compacted(compact(tx, self.measure, self.entries_max, self.chunks_max), monotonic() - begun)
