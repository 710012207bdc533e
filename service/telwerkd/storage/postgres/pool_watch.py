"""What is known of a pool of connections: what it is for, what its transactions met, and whether they end."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy.ext.asyncio import AsyncConnection

from telwerkd.process.monotonic_clock import monotonic
from telwerkd.storage.unavailable import Outage

log = logging.getLogger(__name__)


class PoolWatch:
    """Watches over a pool of so many connections."""

    def __init__(self, work: str, connections: int) -> None:
        self.label = (work,)
        self.outage = Outage(log, work)
        self._connections = connections
        self._in_use = dict[AsyncConnection, float]()
        """With the instant since which each is."""

    @contextmanager
    def using(self, connection: AsyncConnection) -> Iterator[None]:
        """A connection has a transaction meanwhile."""
        self._in_use[connection] = monotonic()
        try:
            yield
        finally:
            del self._in_use[connection]

    def stands_still(self, seconds: float) -> bool:
        """Whether all of the pool's connections are in use, each of them for so long."""
        return len(self._in_use) >= self._connections and max(self._in_use.values()) < monotonic() - seconds

    def cut(self, before: float) -> None:
        """Cuts the connections that have been in use since before an instant; what they were at is met by an error."""
        for connection, since in list(self._in_use.items()):
            if since < before and not (connection.closed or connection.invalidated):
                _driver_of(connection).terminate()


def _driver_of(connection: AsyncConnection) -> Any:
    proxied = connection.sync_connection
    assert proxied is not None  # noqa: S101  # it is open
    return proxied.connection.driver_connection
