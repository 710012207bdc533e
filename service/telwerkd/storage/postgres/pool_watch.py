"""The state of a connection pool: its purpose, its outage, and how long its transactions have been running."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from telwerkd.process.monotonic_clock import monotonic
from telwerkd.storage.unavailable import Outage

log = logging.getLogger(__name__)


class PoolWatch:
    """Tracks which connections of a pool are in a transaction, and since when."""

    def __init__(self, work: str, connections: int) -> None:
        self.label = (work,)
        self.outage = Outage(log, work)
        self._connections = connections
        self._in_use = dict[AsyncConnection, float]()
        """The connections in use, each with the instant since which it is."""

    @contextmanager
    def using(self, connection: AsyncConnection) -> Iterator[None]:
        """Marks a connection as in a transaction for the block."""
        self._in_use[connection] = monotonic()
        try:
            yield
        finally:
            del self._in_use[connection]

    def stands_still(self, seconds: float) -> bool:
        """Whether all of the pool's connections are in use, each of them for so long."""
        return len(self._in_use) >= self._connections and max(self._in_use.values()) < monotonic() - seconds

    def cut(self, before: float) -> None:
        """Terminates the connections that have been in use since before an instant; their transactions fail."""
        for connection, since in list(self._in_use.items()):
            if since < before and not (connection.closed or connection.invalidated):
                _driver_of(connection).terminate()


def _driver_of(connection: AsyncConnection) -> Any:
    proxied = connection.sync_connection
    assert proxied is not None  # noqa: S101  # it is open
    return proxied.connection.driver_connection
