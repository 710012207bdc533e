"""The figures that a store keeps of its work."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

from telwerkd.domain.ids import Micros
from telwerkd.process.figures import SECONDS, SIZES, Histogram, Labels

_CAPITAL = re.compile("(?<!^)(?=[A-Z])")


class Written(NamedTuple):
    """The result of a committed transaction."""

    results: list[Any]
    """The results of its commands."""
    seconds: float
    refolded: Sequence[int]
    """The number of events of each conversation that was folded again."""


class OpenTimers(NamedTuple):
    """The limits of live conversations that are not settled."""

    open: int
    due: int
    """How many of them are due."""
    earliest: Micros | None
    """The earliest of all."""


class StoreFigures:
    """The transactions of a store. For the event loop's thread only."""

    def __init__(self) -> None:
        self.seconds: dict[Labels, Histogram] = {}
        """Durations of transactions, by their first command, such as `ingest_batch`."""
        self._names: dict[type, Labels] = {}
        self.refolded = Histogram(SIZES)
        self.retries = Counter[Labels]()
        """The number of retries, by the purpose of the connection pool."""
        self.writer_restarts = 0
        self.writer_pid: int | None = None
        """The process id of the writer process; None without one."""

    def note(self, command: object, written: Written) -> None:
        """Counts a committed transaction under the name of its command."""
        kind = type(command)
        if kind not in self._names:
            self._names[kind] = (_CAPITAL.sub("_", kind.__name__).lower(),)
            self.seconds[self._names[kind]] = Histogram(SECONDS)
        self.seconds[self._names[kind]].observe(written.seconds)
        for events in written.refolded:
            self.refolded.observe(events)
