"""The ports of audit and repair."""

from collections.abc import Collection, Iterable, Iterator
from typing import Protocol

from telwerkd.application.ports.rows import Conversation, Damage, Report
from telwerkd.domain.counting.measures import Measure
from telwerkd.domain.ids import ConversationId


class AuditView(Protocol):
    """The reads of an audit beside `ScanView`."""

    def check_settings(self, damaged: Report) -> None:
        """Checks every version of every widget's settings, and reports the damaged ones."""

    def check_rest(self, damaged: Report) -> None:
        """Checks display names and tombstones, and reports the damaged ones."""

    def every_name(self, damaged: Report) -> Iterator[tuple[int, str]]:
        """Yields all distinct names, each after its family."""

    def every_chunk_version(self, damaged: Report) -> Iterator[tuple[Measure, int]]:
        """Yields measure and number of every chunk that has a version."""


class RepairPort(Protocol):
    """The writes of a repair that no other command has."""

    def mendable(self, ids: Collection[ConversationId]) -> dict[ConversationId, Conversation]:
        """Returns those conversations whose rows are readable in every column that their log cannot restore."""

    def discard(self, damages: Iterable[Damage]) -> None:
        """Removes damaged rows of what follows from others: counters, deltas, names and chunks' versions.

        What they counted must be added.
        """

    def renew_chunk_versions(self, chunks: Iterable[tuple[Measure, int]]) -> None:
        """Gives chunks, by measure and number, a version that none of them ever had, so that caches of them expire."""
